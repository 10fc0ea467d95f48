/* SPDX-License-Identifier: MIT */
/* The body of a multipart/byteranges answer: the ranges of one asset in turn, and the text between them. */
#ifndef QUOIT_SERVE_PARTS_H
#define QUOIT_SERVE_PARTS_H

#include "http/multipart.h"
#include "serve/conn.h"
#include "site/answer.h"

struct parts {
	struct asset *asset; /* one reference */
	struct ranges ranges;
	struct multipart multipart;
	unsigned next; /* the range to be sent next */
};

/* For an answer with is_parts. NULL: no memory. */
struct parts *parts_create(const struct answer *answer);

/*
 * Queue the next part, when nothing else is queued: its head, and its bytes or the file they come from. The
 * last one takes the closing delimiter along, and conn->parts is NULL then, unless that has to follow a
 * file. False: no memory.
 */
bool parts_queue_next(struct worker *worker, struct conn *conn);

void parts_drop(struct worker *worker, struct conn *conn);

#endif
