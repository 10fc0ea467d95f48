/* SPDX-License-Identifier: MIT */
/*
 * Gives work to the helpers and takes it back.
 *
 * Called by fetch (digests for tags, listings), making (digests and plain forms that a request asks
 * for) and compress. Who waits is resumed only after the result is in its place, in the order in which
 * they came last first; each then asks again, and finds it there.
 */
#include "serve/work.h"

#include "serve/receive.h"
#include "serve/worker.h"

int work_start(struct worker *worker, struct work *work)
{
	int error = jobs_submit(worker->jobs, &work->job, &worker->outbox);

	if (error < 0)
		return error;
	work->next = worker->works;
	work->link = &worker->works;
	if (work->next)
		work->next->link = &work->next;
	worker->works = work;
	return 0;
}

void work_wait(struct worker *worker, struct conn *conn, struct work *work)
{
	conn->awaits = AWAITS_WORK;
	conn_wait(worker, conn, &work->waiting);
}

static void finish(struct worker *worker, struct work *work)
{
	struct conn *conn = work->waiting;

	*work->link = work->next;
	if (work->next)
		work->next->link = work->link;
	for (struct conn *each = conn; each; each = each->next_waiting)
		each->wait = NULL;
	work->done(worker, work);
	while (conn) {
		struct conn *next = conn->next_waiting;

		conn->next_waiting = NULL;
		receive_resume(worker, conn);
		conn = next;
	}
}

void work_on_wake(struct worker *worker)
{
	struct job *job = job_outbox_take(&worker->outbox);

	while (job) {
		struct job *next = job->next;

		finish(worker, (struct work *)job);
		job = next;
	}
}

void work_cancel_all(struct worker *worker)
{
	for (struct work *work = worker->works; work; work = work->next)
		job_cancel(&work->job);
}
