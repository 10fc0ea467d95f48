/* SPDX-License-Identifier: MIT */
/*
 * serve/jobs: whatever is submitted comes back once, in order, and holds nobody up.
 *
 * The pool and its gate are in jobs_stage.h. Made to run under the thread sanitizer as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jobs_stage.h"

#define STORM_THREADS 4
#define STORM_JOBS 2000
#define STORM_AT_ONCE 64

/* A job that tells where it ran. */
struct task {
	struct job job;
	_Atomic int runs;
	char thread[16];
	sigset_t blocked;
	cpu_set_t cpus;
	int policy, nice;
};

static void run_plain(struct job *job)
{
	struct task *task = (struct task *)job;

	atomic_fetch_add(&task->runs, 1);
	pthread_getname_np(pthread_self(), task->thread, sizeof(task->thread));
	pthread_sigmask(SIG_BLOCK, NULL, &task->blocked);
	sched_getaffinity(0, sizeof(task->cpus), &task->cpus);
	task->policy = sched_getscheduler(0);
	task->nice = getpriority(PRIO_PROCESS, 0);
	job->result = 7;
}

/* Tells that it has begun, and waits to be let go. */
static void run_gated(struct job *job)
{
	wait_at_gate();
	run_plain(job);
}

static void run_until_cancelled(struct job *job)
{
	sem_post(&stage.begun);
	while (!atomic_load(&job->cancel))
		sched_yield();
	job->result = -ECANCELED;
}

static void run_slow(struct job *job)
{
	usleep(20000);
	job->result = 7;
}

static struct task make(void (*run)(struct job *), bool low)
{
	struct task task;

	memset(&task, 0, sizeof(task));
	task.job.run = run;
	task.job.low = low;
	return task;
}

static void submit(struct task *task)
{
	assert_int_equal(jobs_submit(stage.jobs, &task->job, &stage.outbox), 0);
}

/* Exactly these come back next, in this order. */
static void expect(unsigned count, struct task *const task[])
{
	struct job *job = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (!job)
			job = receive(&stage.outbox);
		assert_ptr_equal(job, task[i]);
		job = job->next;
	}
	assert_null(job);
}

static void expect_one(struct task *task)
{
	expect(1, &task);
}

static unsigned thread_count(void)
{
	struct stat folder;

	assert_int_equal(stat("/proc/self/task", &folder), 0);
	return (unsigned)folder.st_nlink;
}

static void a_pool_without_jobs_has_no_threads(void **state)
{
	struct task task = make(run_plain, false);
	unsigned before = thread_count();

	(void)state;
	stage_begin(4);
	assert_int_equal(thread_count(), before);
	submit(&task);
	assert_true(thread_count() > before);
	expect_one(&task);
	assert_int_equal(task.job.result, 7);
	end();
}

static void there_are_no_more_threads_than_allowed(void **state)
{
	struct task gated[3], plain = make(run_plain, false);

	(void)state;
	stage_begin(3);
	for (unsigned i = 0; i < 3; i++) {
		gated[i] = make(run_gated, false);
		submit(&gated[i]);
	}
	/* All three begin, so each has a thread; the fourth job has none. */
	await_begun(3);
	submit(&plain);
	assert_int_equal(atomic_load(&plain.runs), 0);
	sem_post(&stage.gate);
	receive_until(2);
	assert_int_equal(atomic_load(&plain.runs), 1);
	sem_post(&stage.gate);
	sem_post(&stage.gate);
	receive_until(0);
	end();
}

static void jobs_begin_in_the_order_in_which_they_come(void **state)
{
	struct task task[100], *all[100];

	(void)state;
	for (int low = 0; low < 2; low++) {
		stage_begin(1);
		for (int i = 0; i < 100; i++) {
			task[i] = make(run_plain, low);
			all[i] = &task[i];
			submit(all[i]);
		}
		expect(100, all);
		assert_int_equal(stage.outbox.pending, 0);
		end();
	}
}

/* Its connection is gone, or its file has changed: it comes back, and has not run. */
static void a_job_that_is_cancelled_in_the_queue_does_not_run(void **state)
{
	struct task gated, waiting;

	(void)state;
	for (int low = 0; low < 2; low++) {
		stage_begin(1);
		gated = make(run_gated, low);
		waiting = make(run_plain, low);
		submit(&gated);
		await_begun(1);
		submit(&waiting);
		job_cancel(&waiting.job);
		sem_post(&stage.gate);
		expect(2, (struct task *const[]){ &gated, &waiting });
		assert_int_equal(gated.job.result, 7);
		assert_int_equal(waiting.job.result, -ECANCELED);
		assert_int_equal(atomic_load(&waiting.runs), 0);
		end();
	}
}

static void a_job_that_runs_sees_that_it_is_cancelled(void **state)
{
	struct task task = make(run_until_cancelled, false);

	(void)state;
	stage_begin(1);
	submit(&task);
	await_begun(1);
	job_cancel(&task.job);
	expect_one(&task);
	assert_int_equal(task.job.result, -ECANCELED);
	end();
}

/* Compression takes seconds. Digests and listings, for which clients wait, go past it. */
static void a_low_job_holds_up_nobody(void **state)
{
	struct task low = make(run_gated, true), plain = make(run_plain, false);

	(void)state;
	stage_begin(1);
	submit(&low);
	await_begun(1);
	submit(&plain);
	expect_one(&plain);
	assert_string_equal(plain.thread, "quoit-helper");
	assert_int_equal(plain.policy, sched_getscheduler(0));
	sem_post(&stage.gate);
	expect_one(&low);
	assert_string_equal(low.thread, "quoit-low");
	assert_true(low.policy == SCHED_IDLE || low.nice == 19);
	end();
}

/* One wake-up, however many finish until the worker comes; then the next one again. */
static void a_worker_is_woken_once_for_what_it_takes_at_once(void **state)
{
	struct task task[10];
	uint64_t count;

	(void)state;
	stage_begin(1);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 10; i++) {
			task[i] = make(i < 9 ? run_plain : run_gated, false);
			submit(&task[i]);
		}
		await_begun(1); /* the last one has begun, so the others are in the outbox */
		assert_int_equal(read(stage.wake_fd, &count, sizeof(count)), sizeof(count));
		assert_int_equal(count, 1);
		sem_post(&stage.gate);
		for (struct job *job = job_outbox_take(&stage.outbox); job; job = job->next)
			assert_int_equal(job->result, 7);
		if (stage.outbox.pending > 0)
			expect_one(&task[9]);
		assert_int_equal(read(stage.wake_fd, &count, sizeof(count)), -1);
	}
	end();
}

/*
 * Neither its signals, nor the processor to which the worker that submits first is bound: the two would take
 * turns there.
 */
static void a_helper_inherits_nothing_from_its_submitter(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ, SIGUSR1 };
	struct task task = make(run_plain, false);
	cpu_set_t before, one;
	sigset_t own;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	stage_begin(1);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	submit(&task);
	pthread_sigmask(SIG_BLOCK, NULL, &own);
	expect_one(&task);
	sched_setaffinity(0, sizeof(before), &before);
	assert_true(CPU_EQUAL(&task.cpus, &before));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_int_equal(sigismember(&task.blocked, signals[i]), 1);
		assert_int_equal(sigismember(&own, signals[i]), 0);
	}
	end();
}

/* Nothing is lost at the end either: whoever owns the memory of a job has to get it back. */
static void what_waits_at_the_end_comes_back_cancelled(void **state)
{
	struct task task[100];
	unsigned count = 0, cancelled = 0;

	(void)state;
	stage_begin(2);
	for (unsigned i = 0; i < 100; i++) {
		task[i] = make(run_slow, i % 2);
		submit(&task[i]);
	}
	jobs_destroy(stage.jobs);
	stage.jobs = NULL;
	for (struct job *job = job_outbox_take(&stage.outbox); job; job = job->next, count++)
		cancelled += job->result == -ECANCELED;
	assert_int_equal(count, 100);
	assert_true(cancelled > 0);
	end();
}

/* In a process that may not have another thread. Returns its exit status; 77 when that cannot be arranged. */
static int submit_without_threads(void)
{
	struct rlimit none = { 0, 0 };
	struct task task = make(run_plain, false);

	stage_begin(1);
	if (setrlimit(RLIMIT_NPROC, &none) < 0 || (getuid() == 0 && setresuid(65534, 65534, 65534) < 0))
		return 77;
	for (int low = 0; low < 2; low++) {
		task.job.low = low;
		if (jobs_submit(stage.jobs, &task.job, &stage.outbox) != -EAGAIN)
			return 1;
		if (stage.outbox.pending != 0 || job_outbox_take(&stage.outbox))
			return 2;
	}
	end();
	return 0;
}

/* The request is answered 503 then; the job is the caller's as before. */
static void a_thread_that_cannot_be_started_fails_the_submit(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(submit_without_threads());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

struct submitter {
	struct jobs *jobs;
	pthread_t thread;
	uint64_t random;
	unsigned returned;
	bool failed;
};

static void collect(struct submitter *submitter, struct job_outbox *outbox)
{
	struct job *job = receive(outbox), *next;

	if (!job)
		submitter->failed = true;
	for (; job; job = next) {
		struct task *task = (struct task *)job;

		next = job->next;
		/* Run once, or cancelled and not run. */
		if (atomic_load(&task->runs) != (job->result == 7 ? 1 : 0))
			submitter->failed = true;
		free(task);
		submitter->returned++;
	}
}

/* A worker with an outbox of its own, which ends while others go on. */
static void *storm(void *argument)
{
	struct submitter *submitter = argument;
	struct job_outbox outbox;
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	job_outbox_init(&outbox, wake_fd);
	for (unsigned i = 0; i < STORM_JOBS; i++) {
		struct task *task = malloc(sizeof(*task));

		if (!task)
			abort();
		submitter->random = submitter->random * 6364136223846793005u + 1442695040888963407u;
		*task = make(run_plain, submitter->random >> 62 == 0);
		if (jobs_submit(submitter->jobs, &task->job, &outbox) != 0)
			submitter->failed = true;
		if (submitter->random >> 59 == 7)
			job_cancel(&task->job);
		while (outbox.pending > STORM_AT_ONCE && !submitter->failed)
			collect(submitter, &outbox);
	}
	while (outbox.pending > 0 && !submitter->failed)
		collect(submitter, &outbox);
	job_outbox_deinit(&outbox);
	close(wake_fd);
	return NULL;
}

static void every_job_of_many_submitters_comes_back_once(void **state)
{
	struct submitter submitter[STORM_THREADS];
	struct fault fault;
	struct jobs *jobs;

	(void)state;
	assert_int_equal(jobs_create(3, &jobs, &fault), 0);
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		submitter[i] = (struct submitter){ .jobs = jobs, .random = i };
		assert_int_equal(pthread_create(&submitter[i].thread, NULL, storm, &submitter[i]), 0);
	}
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		pthread_join(submitter[i].thread, NULL);
		assert_false(submitter[i].failed);
		assert_int_equal(submitter[i].returned, STORM_JOBS);
	}
	jobs_destroy(jobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* The first one, because it forks: that is nothing for a process that has had threads. */
		cmocka_unit_test(a_thread_that_cannot_be_started_fails_the_submit),
		cmocka_unit_test(a_pool_without_jobs_has_no_threads),
		cmocka_unit_test(there_are_no_more_threads_than_allowed),
		cmocka_unit_test(jobs_begin_in_the_order_in_which_they_come),
		cmocka_unit_test(a_job_that_is_cancelled_in_the_queue_does_not_run),
		cmocka_unit_test(a_job_that_runs_sees_that_it_is_cancelled),
		cmocka_unit_test(a_low_job_holds_up_nobody),
		cmocka_unit_test(a_worker_is_woken_once_for_what_it_takes_at_once),
		cmocka_unit_test(a_helper_inherits_nothing_from_its_submitter),
		cmocka_unit_test(what_waits_at_the_end_comes_back_cancelled),
		cmocka_unit_test(every_job_of_many_submitters_comes_back_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
