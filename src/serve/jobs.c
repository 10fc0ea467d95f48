/* SPDX-License-Identifier: MIT */
/*
 * The helper threads, their queues, and the outboxes of those they work for.
 *
 * Ring threads submit and take; nothing here knows what a job does. Jobs that are not low wait in
 * a list under a lock, which is held for a few instructions and only by threads of ordinary
 * priority. That is not enough for the low thread: it can be preempted anywhere, for as long
 * as the machine is busy, and a lock that it held would hold up a ring thread for that long. So
 * what it shares with others are two stacks without locks, one to it and one from it:
 *
 *   push   link in front of the first one, with a compare-and-swap
 *   take   exchange the whole list for nothing, then turn it around: the oldest first
 *
 * Nothing is ever taken from the middle, so a node that comes back at the same address harms
 * nothing. Whoever made a stack non-empty wakes the one who takes from it.
 */
#include "serve/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

/*
 * The deepest of what runs here, brotli at quality 11, was measured at 22 KiB. Said explicitly because
 * the C library's own choice lies between 128 KiB and whatever ulimit -s says.
 */
#define STACK_SIZE ((size_t)256 * 1024)

struct jobs {
	pthread_mutex_t lock; /* of what follows, up to `low`; the low thread never takes it */
	pthread_cond_t queued;
	struct job *first, **last;
	unsigned waiting; /* jobs in the queue */
	unsigned idle;    /* threads that wait for one */
	unsigned started, thread_max;
	bool low_started;

	_Atomic(struct job *) low; /* the last one first; the low thread takes */
	sem_t low_queued;          /* posted when `low` becomes non-empty */
	pthread_t low_thread;

	jobs_begin *begin; /* of jobs_start(), which waits for one thread after the other */
	void *begin_context;
	struct fault *begin_fault;
	int begin_error;
	sem_t begun;

	_Atomic bool stopping;
	cpu_set_t cpus; /* of the thread that made the pool */
	bool cpus_known;
	pthread_t thread[];
};

/* True when the stack was empty. */
static bool push(_Atomic(struct job *) *stack, struct job *job)
{
	struct job *top = atomic_load_explicit(stack, memory_order_relaxed);

	do
		job->next = top;
	while (!atomic_compare_exchange_weak_explicit(stack, &top, job, memory_order_release,
						      memory_order_relaxed));
	return !top;
}

/* Everything, the oldest first. */
static struct job *take(_Atomic(struct job *) *stack)
{
	struct job *job = atomic_exchange_explicit(stack, NULL, memory_order_acquire);
	struct job *oldest = NULL;

	while (job) {
		struct job *older = job->next;

		job->next = oldest;
		oldest = job;
		job = older;
	}
	return oldest;
}

void job_outbox_init(struct job_outbox *outbox, int wake_fd)
{
	memset(outbox, 0, sizeof(*outbox));
	outbox->wake_fd = wake_fd;
}

void job_outbox_deinit(struct job_outbox *outbox)
{
	static const struct timespec moment = { .tv_nsec = 100000 };

	check(outbox->pending == 0);
	/* Everything has come back, so what is left is a helper between its push and its last touch. */
	while (atomic_load_explicit(&outbox->in_flight, memory_order_acquire) > 0)
		nanosleep(&moment, NULL);
}

struct job *job_outbox_take(struct job_outbox *outbox)
{
	struct job *jobs = take(&outbox->finished);

	for (struct job *job = jobs; job; job = job->next)
		outbox->pending--;
	return jobs;
}

void job_cancel(struct job *job)
{
	atomic_store_explicit(&job->cancel, true, memory_order_relaxed);
}

/* Run it or not, and give it back. The count is the last that is touched of the outbox, which may be gone
 * then. */
static void finish(struct jobs *jobs, struct job *job)
{
	struct job_outbox *outbox = job->outbox;
	uint64_t one = 1;

	if (atomic_load_explicit(&jobs->stopping, memory_order_relaxed) ||
	    atomic_load_explicit(&job->cancel, memory_order_relaxed))
		job->result = -ECANCELED;
	else
		job->run(job);
	if (push(&outbox->finished, job))
		check(write(outbox->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
	atomic_fetch_sub_explicit(&outbox->in_flight, 1, memory_order_release);
}

/*
 * The first job may come from a ring thread that is bound to a processor; its helper would inherit that, and
 * take turns with it. Where setting it is refused, that is how it stays.
 */
static void settle(const struct jobs *jobs, const char *name)
{
	pthread_setname_np(pthread_self(), name);
	if (jobs->cpus_known)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(jobs->cpus), &jobs->cpus);
}

static bool begin_thread(struct jobs *jobs, bool low)
{
	int error;

	if (!jobs->begin)
		return true;
	error = jobs->begin(jobs->begin_context, low, jobs->begin_fault);
	jobs->begin_error = error;
	sem_post(&jobs->begun);
	return error == 0;
}

static void *helper(void *argument)
{
	struct jobs *jobs = argument;

	settle(jobs, "quoit-helper");
	if (!begin_thread(jobs, false))
		return NULL;
	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		struct job *job = jobs->first;

		if (job) {
			jobs->first = job->next;
			if (!jobs->first)
				jobs->last = &jobs->first;
			jobs->waiting--;
			pthread_mutex_unlock(&jobs->lock);
			finish(jobs, job);
			pthread_mutex_lock(&jobs->lock);
		} else if (!atomic_load_explicit(&jobs->stopping, memory_order_relaxed)) {
			jobs->idle++;
			pthread_cond_wait(&jobs->queued, &jobs->lock);
			jobs->idle--;
		} else {
			break;
		}
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

/*
 * SCHED_IDLE needs no privilege, and the kernel derives the idle class for disk time from it. Where a
 * sandbox refuses it, there is the niceness. Both are of this thread: on Linux, 0 means the caller.
 */
static void become_low(void)
{
	static const struct sched_param none;

	(void)setpriority(PRIO_PROCESS, 0, 19);
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
}

static void *low_helper(void *argument)
{
	struct jobs *jobs = argument;

	settle(jobs, "quoit-low");
	become_low();
	if (!begin_thread(jobs, true))
		return NULL;
	for (;;) {
		/* Read first: it is set after the last push, so what is empty then stays empty. */
		bool stopping = atomic_load_explicit(&jobs->stopping, memory_order_acquire);
		struct job *job = take(&jobs->low);

		if (!job && stopping)
			return NULL;
		if (!job)
			while (sem_wait(&jobs->low_queued) < 0)
				check(errno == EINTR);
		while (job) {
			struct job *next = job->next;

			finish(jobs, job);
			job = next;
		}
	}
}

/* Signals belong to the program's own threads. */
static int start(pthread_t *ret_thread, void *(*body)(void *), struct jobs *jobs)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int error;

	if (pthread_attr_init(&attributes) != 0)
		return -ENOMEM;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(ret_thread, &attributes, body, jobs);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

/* Under the lock. One more thread when this job would have to wait; without one it waits for those that there
 * are. */
static int need_thread(struct jobs *jobs)
{
	int error;

	if (jobs->waiting < jobs->idle || jobs->started == jobs->thread_max)
		return 0;
	error = start(&jobs->thread[jobs->started], helper, jobs);
	if (error == 0)
		jobs->started++;
	return jobs->started > 0 ? 0 : error;
}

static int need_low_thread(struct jobs *jobs)
{
	int error = 0;

	pthread_mutex_lock(&jobs->lock);
	if (!jobs->low_started)
		error = start(&jobs->low_thread, low_helper, jobs);
	jobs->low_started = error == 0;
	pthread_mutex_unlock(&jobs->lock);
	return error;
}

/* The thread that was just started. */
static int wait_for_begin(struct jobs *jobs, int error, struct fault *fault)
{
	if (error < 0)
		return fault_set(fault, error, "a helper thread cannot be started: %s; use fewer --helpers",
				 strerror(-error));
	while (sem_wait(&jobs->begun) < 0)
		check(errno == EINTR);
	return jobs->begin_error;
}

int jobs_start(struct jobs *jobs, bool low, jobs_begin *begin, void *context, struct fault *fault)
{
	int error = 0;

	check(jobs->started == 0 && !jobs->low_started);
	jobs->begin = begin;
	jobs->begin_context = context;
	jobs->begin_fault = fault;
	while (jobs->started < jobs->thread_max && error == 0) {
		error = start(&jobs->thread[jobs->started], helper, jobs);
		jobs->started += error == 0;
		error = wait_for_begin(jobs, error, fault);
	}
	if (error == 0 && low) {
		error = start(&jobs->low_thread, low_helper, jobs);
		jobs->low_started = error == 0;
		error = wait_for_begin(jobs, error, fault);
	}
	return error;
}

static void enter(struct job *job, struct job_outbox *outbox)
{
	job->outbox = outbox;
	job->next = NULL;
	outbox->pending++;
	atomic_fetch_add_explicit(&outbox->in_flight, 1, memory_order_relaxed);
}

static int submit_low(struct jobs *jobs, struct job *job, struct job_outbox *outbox)
{
	int error = need_low_thread(jobs);

	if (error < 0)
		return error;
	enter(job, outbox);
	if (push(&jobs->low, job))
		sem_post(&jobs->low_queued);
	return 0;
}

int jobs_submit(struct jobs *jobs, struct job *job, struct job_outbox *outbox)
{
	int error;

	check(job->run && !atomic_load_explicit(&jobs->stopping, memory_order_relaxed));
	if (job->low)
		return submit_low(jobs, job, outbox);
	pthread_mutex_lock(&jobs->lock);
	error = need_thread(jobs);
	if (error == 0) {
		enter(job, outbox);
		*jobs->last = job;
		jobs->last = &job->next;
		jobs->waiting++;
		pthread_cond_signal(&jobs->queued);
	}
	pthread_mutex_unlock(&jobs->lock);
	return error;
}

int jobs_create(unsigned threads, struct jobs **ret_jobs, struct fault *fault)
{
	struct jobs *jobs;

	check(threads > 0);
	jobs = mem_alloc_zeroed(1, sizeof(*jobs) + threads * sizeof(jobs->thread[0]));
	if (!jobs)
		return fault_set(fault, -ENOMEM, "no memory for %u helper threads; use fewer", threads);
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->queued, NULL);
	sem_init(&jobs->low_queued, 0, 0);
	sem_init(&jobs->begun, 0, 0);
	jobs->last = &jobs->first;
	jobs->thread_max = threads;
	jobs->cpus_known = sched_getaffinity(0, sizeof(jobs->cpus), &jobs->cpus) == 0;
	*ret_jobs = jobs;
	return 0;
}

void jobs_destroy(struct jobs *jobs)
{
	if (!jobs)
		return;
	pthread_mutex_lock(&jobs->lock);
	atomic_store_explicit(&jobs->stopping, true, memory_order_release);
	pthread_cond_broadcast(&jobs->queued);
	pthread_mutex_unlock(&jobs->lock);
	for (unsigned i = 0; i < jobs->started; i++)
		pthread_join(jobs->thread[i], NULL);
	if (jobs->low_started) {
		sem_post(&jobs->low_queued);
		pthread_join(jobs->low_thread, NULL);
	}
	check(!jobs->first && !atomic_load_explicit(&jobs->low, memory_order_relaxed));
	sem_destroy(&jobs->low_queued);
	sem_destroy(&jobs->begun);
	pthread_cond_destroy(&jobs->queued);
	pthread_mutex_destroy(&jobs->lock);
	mem_free(jobs);
}
