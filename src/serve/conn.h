/* SPDX-License-Identifier: MIT */
/*
 * A connection: a slot in its worker's table, and a state machine.
 *
 *   accept --> READING <------------- keep-alive -----------+
 *                | request complete                         |
 *                +--> RESOLVING (only on a miss) --+        |
 *                v                                 v        |
 *              answers queued, one send per turn; taken whole: still READING
 *                |                        | taken in part, or a file follows
 *                | last answer            v
 *                |                     SENDING -- all taken --+--> READING
 *                v                        | last answer
 *            LINGERING <------------------+      said everything; the peer closes first
 *                |   error, timeout, end of stream: from any state
 *                v
 *             CLOSING   waits until no operation is in flight, then FREE, generation + 1
 *
 * conn_set_state() is the one writer of the state. An idle connection is this struct and
 * nothing else: no buffer, no stash, no flight.
 */
#ifndef QUOIT_SERVE_CONN_H
#define QUOIT_SERVE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "http/body.h"
#include "io/timer.h"
#include "site/asset.h"

struct worker;
struct flight;
struct parts;

enum conn_state {
	CONN_FREE,
	CONN_READING,
	CONN_RESOLVING,
	CONN_SENDING,
	CONN_LINGERING,
	CONN_CLOSING,
};

enum awaits {
	AWAITS_FILE,     /* what the request's path stands for */
	AWAITS_FALLBACK, /* what the site's fallback stands for */
	AWAITS_PAGE,     /* an error page */
	AWAITS_WORK,     /* something a helper makes: then ask again */
};

struct conn {
	struct timer timer; /* the deadline of the current state; must be first */
	int fd;
	uint32_t index;      /* in the table */
	uint32_t generation; /* of the slot (io/op.h) */
	uint8_t state;       /* enum conn_state */
	uint8_t epoch;       /* of the worker, when something came last */

	bool recv_armed;     /* a multishot receive is in the kernel */
	bool recv_paused;    /* ... and was cancelled because enough is stashed */
	bool writable_armed; /* a poll is in the kernel */
	bool warming;        /* a read of cold file pages is in the kernel */
	bool starved;        /* ... and nothing can be sent before it ends */
	bool cold;           /* such a read was needed: so the next turn's pages are read while one is sent */
	bool file_is_whole;  /* all of the file is sent, not a range of it */
	bool file_is_same;   /* the file was looked at in this turn */
	bool watched;        /* the socket was full: what the peer takes is looked at (serve/progress.h) */
	bool queued;         /* in the worker's list of connections with something to send */
	bool ready;          /* in the worker's list of connections whose turn goes on */
	bool peer_ended;     /* end of stream received: the peer sends nothing more */
	bool close_after;    /* what is queued is the last answer */
	bool body_active;    /* the stash holds the head of a request whose body is being read off */
	bool body_done;      /* the body of the request at the start of the stash has been read off */
	bool served;         /* at least one request was answered */
	bool zero_copying;   /* a send without a copy has no result yet (serve/zero_copy.h) */
	uint8_t zero_copy_path; /* that module's: where this connection's bytes leave */

	/* Input that could not be handled yet. NULL when there is none. */
	uint8_t *stash;
	uint32_t stash_size;
	uint32_t stash_capacity;
	uint16_t body_refusal; /* what its request is to be refused with, when the answers before it have left
				*/
	uint8_t body_method;   /* enum method: of the request whose body is being read off */
	bool turned_away;      /* its address has too many: it is answered 429 and counts as that */
	uint32_t address;      /* its place in serve/address.h; 0: it is not counted */
	struct body body;

	/* RESOLVING: the list it waits in, and what it waits for. */
	struct conn **wait;
	struct conn *next_waiting;
	uint8_t awaits;   /* enum awaits */
	bool is_fallback; /* `resolved` is the site's fallback */

	/* While watched: private to serve/progress.c. */
	uint8_t quiet;    /* looks in a row that found no byte taken */
	uint8_t looks;    /* since the period began */
	uint32_t balance; /* what waited for the peer when the period began, and what was added since */
	uint32_t taken;   /* of it, at the last look */

	uint32_t reloads; /* of the worker, when the wait began */
	/* What was waited for, kept until its request is answered: references. */
	struct asset *resolved; /* what the name stands for */
	struct asset *page;     /* the page of the status that came of it */

	/* Output of this turn: one piece here, several in a flight (serve/send.h). */
	const uint8_t *out;
	uint32_t out_size;
	int32_t send_result; /* of the quiet send: 0 whole, else its completion */
	struct asset *out_asset;
	struct flight *flight;
	struct conn *next_queued;
	struct conn *next_ready;

	/*
	 * A body that comes from a file, or without a copy from memory, behind the output above: bytes
	 * file_at up to file_end.
	 */
	struct asset *file;
	uint64_t file_at;
	uint64_t file_end;
	uint64_t warm_end;    /* the pages up to here were in memory when they were last looked at ... */
	uint64_t warming_end; /* ... and up to here when the read under way has ended */
	struct parts *parts;  /* of a multipart answer, what is still to be sent (serve/parts.h) */
};

_Static_assert(sizeof(struct conn) <= 256, "an idle connection costs at most 256 bytes");

struct conn_table {
	struct conn *conn; /* `capacity` slots, address space only until used */
	uint32_t capacity;
	uint32_t limit; /* at this many nothing more is accepted; beyond are slots for what was already on its
			   way */
	uint32_t touched; /* slots ever used */
	uint32_t open;
	uint32_t *free; /* stack of freed slots, last freed first: its memory is warm */
	uint32_t free_count;
};

/* False: no memory. */
bool conn_table_init(struct conn_table *table, uint32_t limit, uint32_t spare);
void conn_table_deinit(struct conn_table *table);

/* The connection a completion belongs to; NULL when that connection is gone. */
static inline struct conn *conn_find(struct conn_table *table, uint32_t index, uint32_t generation)
{
	struct conn *conn = &table->conn[index];

	check(index < table->touched);
	return conn->state != CONN_FREE && conn->generation == generation ? conn : NULL;
}

/* Take over an accepted socket: a slot, the first deadline, an armed receive. NULL: the table is full. */
struct conn *conn_open(struct worker *worker, int fd);

void conn_set_state(struct conn *conn, enum conn_state state);

void conn_arm_recv(struct worker *worker, struct conn *conn);
void conn_arm_writable(struct worker *worker, struct conn *conn);

/* Wait in this list, RESOLVING, until whoever owns the list calls receive_resume(). */
void conn_wait(struct worker *worker, struct conn *conn, struct conn **list);

/* Give up all it holds, end its operations; free when the last one has ended. Any state but FREE. */
void conn_close(struct worker *worker, struct conn *conn);

/* Everything is sent: say so (FIN), then wait for the peer's own close. */
void conn_linger(struct worker *worker, struct conn *conn);

/* An operation ended, or a list let go of it: free a CLOSING connection that nothing holds any more. */
void conn_settle_close(struct worker *worker, struct conn *conn);

/* There is no memory for it, or what it waits for does not come: 503 and the end. May be in any state. */
void conn_exhausted(struct worker *worker, struct conn *conn);

/* Just opened, and one too many of its address: 429 and the end. */
void conn_turn_away(struct worker *worker, struct conn *conn);

/* The deadline passed. */
void conn_on_timer(struct worker *worker, struct conn *conn);

/* No request under way, nothing to send. */
bool conn_is_idle(const struct conn *conn);

#endif
