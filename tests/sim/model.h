/* SPDX-License-Identifier: MIT */
/*
 * The model: what a client may be sent, and when a connection may end.
 *
 * It is told of every byte that the socket takes and of every end, and fails the session at the first that
 * should not be.
 */
#ifndef QUOIT_TESTS_SIM_MODEL_H
#define QUOIT_TESTS_SIM_MODEL_H

struct client;

/* More has come from the server. */
void model_receive(struct client *client);
/* The server has ended its side. */
void model_end(const struct client *client);
/* The server has begun to close the connection: what it receives from now on does not count. */
void model_closing(struct client *client);
/* It has closed it. */
void model_close(struct client *client);
/* The session is over for this client, and nothing was in its way any more: is something missing? */
void model_finish(const struct client *client);

#endif
