/* SPDX-License-Identifier: MIT */
/*
 * A pool of helpers and an owner with an outbox, for the tests of serve/jobs.
 *
 * Jobs are held fast with a gate: a job that tells that it has begun and runs until the test lets it go.
 * Waiting is bounded: what should come and does not fails after TIMEOUT_MS. Include it behind cmocka.h.
 */
#ifndef QUOIT_TESTS_JOBS_STAGE_H
#define QUOIT_TESTS_JOBS_STAGE_H

#include <poll.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "serve/jobs.h"

#define TIMEOUT_MS 20000

struct stage {
	struct jobs *jobs;
	struct job_outbox outbox;
	int wake_fd;
	sem_t begun, gate;
};

static struct stage stage;

static inline void stage_begin(unsigned threads)
{
	struct fault fault;

	assert_int_equal(jobs_create(threads, &stage.jobs, &fault), 0);
	stage.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(stage.wake_fd >= 0);
	job_outbox_init(&stage.outbox, stage.wake_fd);
	sem_init(&stage.begun, 0, 0);
	sem_init(&stage.gate, 0, 0);
}

static inline void end(void)
{
	job_outbox_deinit(&stage.outbox);
	jobs_destroy(stage.jobs);
	close(stage.wake_fd);
	sem_destroy(&stage.begun);
	sem_destroy(&stage.gate);
}

/* In a job: tell that it runs, and wait to be let go. */
static inline void wait_at_gate(void)
{
	sem_post(&stage.begun);
	sem_wait(&stage.gate);
}

static inline void await_begun(unsigned count)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT_MS / 1000;
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(sem_timedwait(&stage.begun, &until), 0);
}

/* As a worker does it: wake up, read, take. Returns the list. */
static inline struct job *receive(struct job_outbox *outbox)
{
	struct pollfd wake = { .fd = outbox->wake_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&wake, 1, TIMEOUT_MS) != 1 || read(outbox->wake_fd, &count, sizeof(count)) != sizeof(count))
		return NULL;
	return job_outbox_take(outbox);
}

static inline void receive_until(unsigned pending)
{
	while (stage.outbox.pending > pending)
		assert_non_null(receive(&stage.outbox));
}

#endif
