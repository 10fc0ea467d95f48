/* SPDX-License-Identifier: MIT */
/*
 * What the peer of a full socket takes: enough to go on, too little, or nothing.
 *
 * A connection is watched from the moment at which its socket is full until all that is queued has been
 * handed to the kernel. Counted are the bytes that the peer has acknowledged (for a unix socket: read), not
 * those that the kernel has taken: its buffer is some megabytes, and room in it is told of only when a third
 * is free, so who reads slowly would seem to read nothing for minutes.
 *
 *   full --> look ------> look ------> look ------> look        each --send-time / 4
 *            |<----------- a period: --send-time --------->|    less than --send-rate in it: SLOW
 *                         |<-- no byte in four looks in a row, wherever they begin: STALLED
 *
 * Acknowledged is what has come into the peer's receive buffer. One that is full takes no further byte before
 * a good part of it was read: 64 KiB on the loopback interface, 1/16 of it elsewhere.
 */
#ifndef QUOIT_SERVE_PROGRESS_H
#define QUOIT_SERVE_PROGRESS_H

#include "serve/conn.h"

enum progress {
	PROGRESS_FINE,
	PROGRESS_SLOW,
	PROGRESS_STALLED,
};

/* The socket is full: watch, unless it is watched already. */
void progress_watch(struct worker *worker, struct conn *conn);

/* The kernel has taken so many bytes. */
static inline void progress_add(struct conn *conn, uint64_t size)
{
	uint64_t balance = conn->balance + size;

	conn->balance = balance < UINT32_MAX ? (uint32_t)balance : UINT32_MAX;
}

/* It is time to look. With PROGRESS_FINE the deadline is that of the next look. */
enum progress progress_look(struct worker *worker, struct conn *conn);

#endif
