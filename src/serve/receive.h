/* SPDX-License-Identifier: MIT */
/*
 * From received bytes to answers.
 *
 * Requests are parsed where they arrived, in the receive buffer. Only what cannot be handled
 * yet is copied into the connection's stash: the start of a request, or requests behind an
 * answer that is not yet sent.
 */
#ifndef QUOIT_SERVE_RECEIVE_H
#define QUOIT_SERVE_RECEIVE_H

#include "http/http1.h"
#include "io/ring.h"
#include "serve/conn.h"

void receive_on_recv(struct worker *worker, struct conn *conn, const struct completion *completion);

/* The file system has answered, or the output has left: go on with what is stashed. */
void receive_resume(struct worker *worker, struct conn *conn);

/* Answer with an error page and close: the bytes that follow are not looked at. */
void receive_refuse(struct worker *worker, struct conn *conn, enum method method, unsigned status);

/* Forget the stash and what was resolved. */
void receive_drop(struct worker *worker, struct conn *conn);

#endif
