/* SPDX-License-Identifier: MIT */
/* A body that comes from a file: straight from the page cache to the socket, a bounded turn at a time. */
#ifndef QUOIT_SERVE_BODY_FILE_H
#define QUOIT_SERVE_BODY_FILE_H

#include "http/range.h"
#include "serve/conn.h"

enum body_file_result {
	BODY_FILE_DONE,      /* all bytes are taken */
	BODY_FILE_TURN_OVER, /* others first, then more */
	BODY_FILE_FULL,      /* the socket is full */
	BODY_FILE_COLD,      /* pages are being read; send_on_warm() follows */
	BODY_FILE_BROKEN,    /* truncated, changed, or the peer is gone: the connection cannot go on */
};

/* The body of `asset` (which has a descriptor) from range.first to range.last. Takes a reference. */
void body_file_begin(struct conn *conn, struct asset *asset, const struct range *range);

/* The read has ended. True when body_file_turn() had answered BODY_FILE_COLD, and is to be called again. */
bool body_file_on_warm(struct conn *conn);

/* Send until the turn, the socket or the file ends. */
enum body_file_result body_file_turn(struct worker *worker, struct conn *conn);

#endif
