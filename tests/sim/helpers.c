/* SPDX-License-Identifier: MIT */
/*
 * Stands in for the threads of serve/jobs; the outboxes are the real ones.
 *
 * jobs_submit() only notes the job. That several run at a time shows to the worker as results that come in
 * any order, so any job that waits may be the next one to be done.
 */
#include "helpers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "wrap.h"
#include "world.h"

#define JOBS_MAX 256

static struct job *waiting[JOBS_MAX];
static unsigned waiting_count;

void helpers_begin(void)
{
	waiting_count = 0;
}

bool helpers_are_idle(void)
{
	return waiting_count == 0;
}

/* No threads. */
int __wrap_jobs_start(struct jobs *jobs, bool low, void *begin, void *context, struct fault *fault)
{
	(void)jobs, (void)low, (void)begin, (void)context, (void)fault;
	return 0;
}

int __wrap_jobs_submit(struct jobs *jobs, struct job *job, struct job_outbox *outbox)
{
	(void)jobs;
	if (world_happens(CHANCE_job_refused)) {
		world.memory_failed_step = world.step;
		return -EAGAIN;
	}
	world_check(waiting_count < JOBS_MAX, "too many jobs");
	job->outbox = outbox;
	job->next = NULL;
	outbox->pending++;
	atomic_fetch_add(&outbox->in_flight, 1);
	waiting[waiting_count++] = job;
	return 0;
}

static void run(struct job *job)
{
	struct job_outbox *outbox = job->outbox;
	uint64_t one = 1;

	if (atomic_load(&job->cancel))
		job->result = -ECANCELED;
	else
		job->run(job);
	world_log("job: %d", job->result);
	if (job->result < 0)
		world.file_failed_step = world.step;
	job->next = atomic_load(&outbox->finished);
	atomic_store(&outbox->finished, job);
	if (!job->next)
		__wrap_write(outbox->wake_fd, &one, sizeof(one));
	atomic_fetch_sub(&outbox->in_flight, 1);
}

void helpers_step(bool all)
{
	while (waiting_count > 0) {
		unsigned index = (unsigned)world_below(waiting_count);
		struct job *job = waiting[index];

		if (!all && world_happens(CHANCE_delay))
			return;
		waiting[index] = waiting[--waiting_count];
		world_next();
		run(job);
	}
}
