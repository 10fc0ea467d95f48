/* SPDX-License-Identifier: MIT */
/*
 * A worker's side of the helper threads: what it has given away, and who waits for it.
 *
 * Whoever needs a helper embeds `struct work` as the first member of a struct of its own. All
 * functions here are for the worker's thread.
 */
#ifndef QUOIT_SERVE_WORK_H
#define QUOIT_SERVE_WORK_H

#include "serve/conn.h"
#include "serve/jobs.h"

struct work {
	struct job job; /* set job.run and job.low; the rest is zero */
	/* It is over, or was cancelled (job.result): take the result, free the work. */
	void (*done)(struct worker *worker, struct work *work);
	struct conn *waiting; /* resumed after done() */
	struct work *next;    /* of the worker */
	struct work **link;
};

/* 0, or -errno: there is no helper, and the work is the caller's as before. */
int work_start(struct worker *worker, struct work *work);

/* The connection goes to RESOLVING until the work is done. */
void work_wait(struct worker *worker, struct conn *conn, struct work *work);

/* The eventfd was written: finished works, if any, are done. */
void work_on_wake(struct worker *worker);

/* At the end of a worker: they come back soon. */
void work_cancel_all(struct worker *worker);

static inline bool work_is_pending(const struct job_outbox *outbox)
{
	return outbox->pending > 0;
}

#endif
