/* SPDX-License-Identifier: MIT */
/*
 * A session: one server from its start to its end, its clients, and all that happens meanwhile.
 *
 * The server's worker runs in a thread of its own, as always, but only one thread is ever active: the worker
 * goes on when the main thread waits for its end, and the world moves inside the worker's wait.
 */
#ifndef QUOIT_TESTS_SIM_SESSION_H
#define QUOIT_TESTS_SIM_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_CLIENTS 8

struct client;
struct worker;

/* The one there is. */
const struct worker *session_worker(void);
struct client *session_client(unsigned index); /* NULL behind the last */

/* Called by the engine. */

/* The first wait: until the server has started. */
void session_park(void);
/* The world moves, in at most so much time. */
void session_step(uint64_t time_ms);
/* When the session wants to move the next time; UINT64_MAX: when something else does. */
uint64_t session_next_ms(void);
/* Does a client wait to be accepted? */
bool session_queued(void);
/* The descriptor of the one who waits longest. */
int session_accept(void);
/* Does the server count one more connection that it had no slot for? */
bool session_has_refused(void);
/* Who has not connected yet comes too late. */
void session_refuse(void);
/* The server has closed its end. */
void session_on_close(struct client *client);

/* The server has said that nothing more comes from it. */
void session_on_end_of(struct client *client);

/* Called by the thread of the worker, when it ends. */
void session_on_end(void);

#endif
