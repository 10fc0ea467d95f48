/* SPDX-License-Identifier: MIT */
/*
 * serve/jobs: threads are replaced by others while they work, and nothing is lost, held up or left behind.
 *
 * The pool and its gate are in jobs_stage.h. What its threads begin with here is to count: 1 for each,
 * 100 for one for low jobs. Made to run under the thread sanitizer as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "jobs_stage.h"

#define DONE 7
#define STORM_THREADS 4
#define STORM_JOBS 2000
#define STORM_AT_ONCE 64

struct task {
	struct job job;
	_Atomic int runs;
};

static _Atomic int threads_begun;
static int refused_kind; /* 1: threads for ordinary jobs, 100: for low ones */

static void run_plain(struct job *job)
{
	atomic_fetch_add(&((struct task *)job)->runs, 1);
	job->result = DONE;
}

static void run_gated(struct job *job)
{
	wait_at_gate();
	run_plain(job);
}

static void run_slow(struct job *job)
{
	usleep(20000);
	run_plain(job);
}

static int begin_thread(void *context, bool low, struct fault *fault)
{
	int kind = low ? 100 : 1;

	(void)context;
	atomic_fetch_add(&threads_begun, kind);
	return refused_kind == kind ? fault_set(fault, -EACCES, "refused") : 0;
}

static int renew(void)
{
	static struct fault fault;

	return jobs_renew(stage.jobs, begin_thread, NULL, &fault);
}

static void begin(unsigned threads)
{
	struct fault fault;

	threads_begun = 0;
	refused_kind = 0;
	stage_begin(threads);
	assert_int_equal(jobs_start(stage.jobs, true, begin_thread, NULL, &fault), 0);
	assert_int_equal(threads_begun, 100 + (int)threads);
}

static struct task make(void (*run)(struct job *), bool low)
{
	return (struct task){ .job = { .run = run, .low = low } };
}

static void submit(struct task *task)
{
	assert_int_equal(jobs_submit(stage.jobs, &task->job, &stage.outbox), 0);
}

static void expect_done(struct task *task)
{
	submit(task);
	assert_ptr_equal(receive(&stage.outbox), task);
	assert_int_equal(task->job.result, DONE);
}

static unsigned thread_count(void)
{
	struct stat folder;

	assert_int_equal(stat("/proc/self/task", &folder), 0);
	return (unsigned)folder.st_nlink;
}

/* Those that have been joined may be seen for a moment longer. */
static void await_threads(unsigned count)
{
	for (int i = 0; i < TIMEOUT_MS && thread_count() > count; i++)
		usleep(1000);
	assert_true(thread_count() <= count);
}

/* What new threads may do and old ones may not does not wait for the old ones, nor does who brings them. */
static void new_threads_take_over_at_once(void **state)
{
	struct task gated[3], plain = make(run_plain, false);

	(void)state;
	begin(2);
	for (int i = 0; i < 3; i++) {
		gated[i] = make(run_gated, i == 2);
		submit(&gated[i]);
	}
	await_begun(3);
	assert_int_equal(renew(), 0);
	assert_int_equal(threads_begun, 204);
	expect_done(&plain);
	for (int i = 0; i < 3; i++)
		sem_post(&stage.gate);
	receive_until(0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(gated[i].job.result, DONE);
	end();
}

/* Two at a time would write the same file. */
static void low_jobs_run_one_at_a_time_whoever_runs_them(void **state)
{
	struct task task[4];

	(void)state;
	begin(1);
	task[0] = make(run_gated, true);
	submit(&task[0]);
	await_begun(1);
	for (int i = 1; i < 4; i++) {
		task[i] = make(run_plain, true);
		submit(&task[i]);
		assert_int_equal(renew(), 0);
	}
	usleep(50000);
	for (int i = 1; i < 4; i++)
		assert_int_equal(atomic_load(&task[i].runs), 0);
	sem_post(&stage.gate);
	receive_until(0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(task[i].job.result, DONE);
	end();
}

/* What the old one had taken already, and not begun, is the new one's. */
static void low_jobs_keep_their_order(void **state)
{
	struct task task[6];
	unsigned count = 0;

	(void)state;
	begin(1);
	task[0] = make(run_gated, true);
	submit(&task[0]);
	await_begun(1);
	for (int i = 1; i < 6; i++) {
		task[i] = make(i == 2 ? run_gated : run_plain, true);
		submit(&task[i]);
	}
	sem_post(&stage.gate);
	await_begun(1); /* the list with the others has been taken */
	assert_int_equal(renew(), 0);
	sem_post(&stage.gate);
	while (count < 6)
		for (struct job *job = receive(&stage.outbox); job; job = job->next)
			assert_ptr_equal(job, &task[count++]);
	end();
}

/* The pool may be asked for new threads as often as a folder is built. */
static void threads_that_were_replaced_are_gone(void **state)
{
	unsigned before = thread_count();

	(void)state;
	begin(2);
	for (int i = 0; i < 50; i++) {
		struct task task = make(run_plain, i % 2);

		assert_int_equal(renew(), 0);
		expect_done(&task);
	}
	assert_int_equal(threads_begun, 51 * 102);
	await_threads(before + 3);
	end();
	await_threads(before);
}

static void new_threads_that_cannot_begin_change_nothing(void **state)
{
	unsigned before = thread_count();
	struct fault fault;

	(void)state;
	begin(2);
	for (int refuse = 1; refuse <= 100; refuse += 99) {
		refused_kind = refuse;
		assert_int_equal(jobs_renew(stage.jobs, begin_thread, NULL, &fault), -EACCES);
		assert_string_equal(fault.text, "refused");
		await_threads(before + 3);
		for (int low = 0; low < 2; low++) {
			struct task task = make(run_plain, low);

			expect_done(&task);
		}
	}
	end();
}

/* Also when the end comes while threads of several generations are at work. */
static void the_end_waits_for_all_that_were_replaced(void **state)
{
	struct task task[40];
	unsigned count = 0;

	(void)state;
	begin(2);
	for (unsigned i = 0; i < 40; i++) {
		task[i] = make(run_slow, i % 2);
		submit(&task[i]);
		if (i % 8 == 0)
			assert_int_equal(renew(), 0);
	}
	jobs_destroy(stage.jobs);
	stage.jobs = NULL;
	for (struct job *job = job_outbox_take(&stage.outbox); job; job = job->next)
		count++;
	assert_int_equal(count, 40);
	end();
}

struct submitter {
	pthread_t thread;
	struct task task[STORM_JOBS];
	bool failed;
};

static void collect(struct submitter *submitter, struct job_outbox *outbox)
{
	struct job *job = receive(outbox);

	submitter->failed = submitter->failed || !job;
	for (; job; job = job->next)
		if (job->result != DONE || atomic_load(&((struct task *)job)->runs) != 1)
			submitter->failed = true;
}

static void *storm(void *argument)
{
	struct submitter *submitter = argument;
	struct job_outbox outbox;
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	job_outbox_init(&outbox, wake_fd);
	for (unsigned i = 0; i < STORM_JOBS; i++) {
		submitter->task[i] = make(run_plain, i % 4 == 0);
		if (jobs_submit(stage.jobs, &submitter->task[i].job, &outbox) != 0)
			submitter->failed = true;
		while (outbox.pending > STORM_AT_ONCE && !submitter->failed)
			collect(submitter, &outbox);
	}
	while (outbox.pending > 0 && !submitter->failed)
		collect(submitter, &outbox);
	job_outbox_deinit(&outbox);
	close(wake_fd);
	return NULL;
}

static void every_job_is_run_once_while_threads_are_replaced(void **state)
{
	static struct submitter submitter[STORM_THREADS];

	(void)state;
	begin(3);
	for (unsigned i = 0; i < STORM_THREADS; i++)
		assert_int_equal(pthread_create(&submitter[i].thread, NULL, storm, &submitter[i]), 0);
	for (unsigned i = 0; i < 30; i++) {
		usleep(1000);
		assert_int_equal(renew(), 0);
	}
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		pthread_join(submitter[i].thread, NULL);
		assert_false(submitter[i].failed);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_threads_take_over_at_once),
		cmocka_unit_test(low_jobs_run_one_at_a_time_whoever_runs_them),
		cmocka_unit_test(low_jobs_keep_their_order),
		cmocka_unit_test(threads_that_were_replaced_are_gone),
		cmocka_unit_test(new_threads_that_cannot_begin_change_nothing),
		cmocka_unit_test(the_end_waits_for_all_that_were_replaced),
		cmocka_unit_test(every_job_is_run_once_while_threads_are_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
