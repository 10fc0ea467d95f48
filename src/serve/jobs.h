/* SPDX-License-Identifier: MIT */
/*
 * Work that may block or take long (digests, codecs, listings), on helper threads.
 *
 *   ring thread               helper threads              ring thread
 *   jobs_submit() --queue--> job->run() --outbox, wake--> job_outbox_take()
 *
 * A ring thread embeds `struct job` as the first member of a struct of its own, submits it, and
 * gets it back through its outbox, exactly once, whether it ran or not. In between the job
 * belongs to the pool, and all the ring thread may do with it is job_cancel(). One pool serves all
 * ring threads; each of them has an outbox.
 *
 * The threads can be replaced by others, with other rights, while they work: jobs_renew().
 *
 * Low jobs (compressing files) run on a thread of their own that only gets processor and disk time
 * that nobody else wants. It shares no lock with anybody, so whoever waits never waits for it.
 */
#ifndef QUOIT_SERVE_JOBS_H
#define QUOIT_SERVE_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct job {
	/* Set by the submitter; everything else is zero. */
	void (*run)(struct job *job); /* on a helper thread; leaves `result`, and looks at `cancel` often */
	bool low;

	_Atomic bool cancel; /* written by job_cancel() alone */
	int result;          /* what run() left; -ECANCELED when it was not called */

	struct job *next; /* in what job_outbox_take() returns; the pool's before that */
	struct job_outbox *outbox;
};

/* Where the finished jobs of one thread, the owner, gather. */
struct job_outbox {
	_Atomic(struct job *) finished; /* the last one first */
	_Atomic uint32_t in_flight;     /* submitted, and still touched by the pool */
	uint32_t pending;               /* submitted, and not taken yet; for the owner alone */
	int wake_fd;
};

/*
 * `wake_fd`: an eventfd of the owner, who closes it after job_outbox_deinit(). One is added to it whenever
 * the outbox becomes non-empty, not for every job; so read it first and take then.
 */
void job_outbox_init(struct job_outbox *outbox, int wake_fd);

/* Nothing may be pending: cancel, and take until `pending` is 0. Waits for a helper that is just leaving. */
void job_outbox_deinit(struct job_outbox *outbox);

/* All finished jobs, linked by `next`, in the order in which they finished; NULL when there are none. */
struct job *job_outbox_take(struct job_outbox *outbox);

struct jobs;

/* Starts no thread yet: what needs no helper has none, unless jobs_start() is called. At most `threads` (>=
 * 1), and one for low jobs. */
int jobs_create(unsigned threads, struct jobs **ret_jobs, struct fault *fault);

/*
 * Start all threads now, that for low jobs only if `low`, and call `begin` once in each of them before its
 * first job. A thread has the rights of the one that started it, so this is how helpers get rights that ring
 * threads have given up. What `begin` refuses is returned with its sentence; then the pool is to be
 * destroyed.
 */
typedef int jobs_begin(void *context, bool low, struct fault *fault);
int jobs_start(struct jobs *jobs, bool low, jobs_begin *begin, void *context, struct fault *fault);

/*
 * New threads in place of those that there are, each with its `begin`; the queues stay. The ones of before
 * take no job any more, end after the one that they are at, and are not waited for. Low jobs still run one at
 * a time. From the thread that made the pool. On failure -errno with a sentence, and all is as before.
 */
int jobs_renew(struct jobs *jobs, jobs_begin *begin, void *context, struct fault *fault);

/*
 * Waits for the jobs that run (cancel them before), hands those that wait to their outboxes as cancelled, and
 * ends the threads. Nobody submits any more; the outboxes are still there, and are taken from afterwards.
 */
void jobs_destroy(struct jobs *jobs);

/*
 * From the thread that owns `outbox`. Jobs begin in the order in which they come, low ones in an order of
 * their own. Takes no memory and waits for nothing but a short lock, or, while threads are still missing, the
 * start of one. 0, or a negative errno when there is no thread and none can be started: the job is the
 * caller's, as before.
 */
int jobs_submit(struct jobs *jobs, struct job *job, struct job_outbox *outbox);

/*
 * From the owner, while the job is pending. One that has not begun comes back, in its turn, without having
 * run; one that runs sees `cancel`; one that has finished stays as it is.
 */
void job_cancel(struct job *job);

#endif
