/* SPDX-License-Identifier: MIT */
/*
 * The helper threads, their queues, and the outboxes of those they work for.
 *
 * Ring threads submit and take; nothing here knows what a job does. Jobs that are not low wait in
 * a list under a lock, which is held for a few instructions and only by threads of ordinary
 * priority. That is not enough for the low thread: it can be preempted anywhere, for as long
 * as the machine is busy, and a lock that it held would hold up a ring thread for that long. So
 * what it shares with others are two stacks without locks, one to it and one from it (job_stack.h).
 *
 * The threads are a crew. A crew can be replaced: the new one begins aside, and takes over once all of
 * it has begun. Low jobs are not for two at a time: the new low thread joins the old one before it
 * takes anything.
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
#include "serve/job_stack.h"

/*
 * The deepest of what runs here, brotli at quality 11, was measured at 22 KiB. Said explicitly because
 * the C library's own choice lies between 128 KiB and whatever ulimit -s says.
 */
#define STACK_SIZE ((size_t)256 * 1024)

enum crew_state {
	CREW_BEGINS,
	CREW_WORKS,
	CREW_IS_OVER, /* another one has taken over */
};

/* The threads of a pool. */
struct crew {
	struct jobs *jobs;
	struct crew *before; /* which it has replaced, until all of that has ended; the pool's maker's */

	_Atomic enum crew_state state; /* changed under the lock; low threads read it without */
	unsigned started;
	bool low_started;
	pthread_t low_thread;

	struct crew *low_before;    /* whose low thread is to be joined first; NULL: there is none */
	_Atomic bool low_is_joined; /* by its successor, which touches this crew no more */

	jobs_begin *begin; /* NULL: nothing is given up */
	void *begin_context;
	struct fault *begin_fault;
	int begin_error;

	pthread_t thread[]; /* thread_max of the pool */
};

struct jobs {
	pthread_mutex_t lock; /* of what follows, up to `low`; no low thread takes it */
	pthread_cond_t queued;
	pthread_cond_t settled; /* a crew's state has changed */
	struct job *first, **last;
	unsigned waiting;  /* jobs in the queue */
	unsigned idle;     /* threads that wait for one */
	struct crew *crew; /* that works */

	_Atomic(struct job *) low; /* the last one first; the low thread takes */
	sem_t low_queued;          /* posted when `low` becomes non-empty */
	struct job *low_taken;     /* the oldest first; of the low thread, and handed on to its successor */

	sem_t begun; /* posted by each thread of a crew that begins; they do so one after the other */

	_Atomic bool stopping;
	unsigned thread_max; /* of a crew */
	cpu_set_t cpus;      /* of the thread that made the pool */
	bool cpus_known;
};

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
	struct job *jobs = job_stack_take(&outbox->finished);

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
	if (job_stack_push(&outbox->finished, job))
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

static bool begin_thread(struct crew *crew, bool low)
{
	int error;

	if (!crew->begin)
		return true;
	error = crew->begin(crew->begin_context, low, crew->begin_fault);
	crew->begin_error = error;
	sem_post(&crew->jobs->begun);
	return error == 0;
}

static void *helper(void *argument)
{
	struct crew *crew = argument;
	struct jobs *jobs = crew->jobs;

	settle(jobs, "quoit-helper");
	if (!begin_thread(crew, false))
		return NULL;
	pthread_mutex_lock(&jobs->lock);
	while (crew->state == CREW_BEGINS)
		pthread_cond_wait(&jobs->settled, &jobs->lock);
	while (crew->state == CREW_WORKS) {
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

static void join_low(struct crew *crew)
{
	if (!crew || !crew->low_started)
		return;
	pthread_join(crew->low_thread, NULL);
	atomic_store_explicit(&crew->low_is_joined, true, memory_order_release);
}

static void *low_helper(void *argument)
{
	struct crew *crew = argument;
	struct jobs *jobs = crew->jobs;

	settle(jobs, "quoit-low");
	become_low();
	if (!begin_thread(crew, true))
		return NULL;
	join_low(crew->low_before); /* two at a time would write the same file */
	while (crew->state == CREW_WORKS) {
		/* Read first: it is set after the last push, so what is empty then stays empty. */
		bool stopping = atomic_load_explicit(&jobs->stopping, memory_order_acquire);
		struct job *job = jobs->low_taken ? jobs->low_taken : job_stack_take(&jobs->low);

		if (job) {
			jobs->low_taken = job->next;
			finish(jobs, job);
		} else if (!stopping) {
			while (sem_wait(&jobs->low_queued) < 0)
				check(errno == EINTR);
		} else {
			break;
		}
	}
	return NULL;
}

/* Signals belong to the program's own threads. */
static int start(pthread_t *ret_thread, void *(*body)(void *), struct crew *crew)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int error;

	if (pthread_attr_init(&attributes) != 0)
		return -ENOMEM;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(ret_thread, &attributes, body, crew);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

/* Under the lock. One more thread when this job would have to wait; without one it waits for those that there
 * are. */
static int need_thread(struct jobs *jobs)
{
	struct crew *crew = jobs->crew;
	int error;

	if (jobs->waiting < jobs->idle || crew->started == jobs->thread_max)
		return 0;
	error = start(&crew->thread[crew->started], helper, crew);
	if (error == 0)
		crew->started++;
	return crew->started > 0 ? 0 : error;
}

static int need_low_thread(struct jobs *jobs)
{
	struct crew *crew;
	int error = 0;

	pthread_mutex_lock(&jobs->lock);
	crew = jobs->crew;
	if (!crew->low_started) {
		error = start(&crew->low_thread, low_helper, crew);
		if (error == 0) /* never written again: its successor reads it without the lock */
			crew->low_started = true;
	}
	pthread_mutex_unlock(&jobs->lock);
	return error;
}

/* The thread that was just started. */
static int wait_for_begin(struct crew *crew, int error, struct fault *fault)
{
	if (error < 0)
		return fault_set(fault, error, "a helper thread cannot be started: %s; use fewer --helpers",
				 strerror(-error));
	while (sem_wait(&crew->jobs->begun) < 0)
		check(errno == EINTR);
	return crew->begin_error;
}

/* The low one last: when it has begun, all have. */
static int start_crew(struct crew *crew, bool low, jobs_begin *begin, void *context, struct fault *fault)
{
	int error = 0;

	crew->begin = begin;
	crew->begin_context = context;
	crew->begin_fault = fault;
	while (crew->started < crew->jobs->thread_max && error == 0) {
		error = start(&crew->thread[crew->started], helper, crew);
		crew->started += error == 0;
		error = wait_for_begin(crew, error, fault);
	}
	if (error == 0 && low) {
		error = start(&crew->low_thread, low_helper, crew);
		crew->low_started = error == 0;
		error = wait_for_begin(crew, error, fault);
	}
	return error;
}

int jobs_start(struct jobs *jobs, bool low, jobs_begin *begin, void *context, struct fault *fault)
{
	check(jobs->crew->started == 0 && !jobs->crew->low_started);
	return start_crew(jobs->crew, low, begin, context, fault);
}

/* Another crew */

static struct crew *create_crew(struct jobs *jobs)
{
	struct crew *crew = mem_alloc_zeroed(1, sizeof(*crew) + jobs->thread_max * sizeof(crew->thread[0]));

	if (crew)
		crew->jobs = jobs;
	return crew;
}

/* True when all of it has ended, and been joined; `wait` until then. Low ones are joined by who comes after.
 */
static bool join_crew(struct crew *crew, bool wait)
{
	while (crew->started > 0) {
		pthread_t last = crew->thread[crew->started - 1];

		if ((wait ? pthread_join(last, NULL) : pthread_tryjoin_np(last, NULL)) != 0)
			return false;
		crew->started--;
	}
	return !crew->low_started || atomic_load_explicit(&crew->low_is_joined, memory_order_acquire);
}

/* Give back a crew, and those before it, as far as they have ended. */
static void reap(struct crew **at, bool wait)
{
	while (*at) {
		struct crew *crew = *at;

		if (join_crew(crew, wait)) {
			*at = crew->before;
			mem_free(crew);
		} else {
			at = &crew->before;
		}
	}
}

/* `from` works no more, or never will; `to` works from now on, unless it is NULL. */
static void hand_over(struct jobs *jobs, struct crew *from, struct crew *to)
{
	pthread_mutex_lock(&jobs->lock);
	if (to) {
		to->before = from;
		to->state = CREW_WORKS; /* first: its low thread goes on as soon as the other one has ended */
		jobs->crew = to;
	}
	from->state = CREW_IS_OVER;
	pthread_cond_broadcast(&jobs->settled);
	pthread_cond_broadcast(&jobs->queued);
	pthread_mutex_unlock(&jobs->lock);
	sem_post(&jobs->low_queued);
}

int jobs_renew(struct jobs *jobs, jobs_begin *begin, void *context, struct fault *fault)
{
	struct crew *before = jobs->crew, *crew = create_crew(jobs);
	bool low;
	int error;

	if (!crew)
		return fault_set(fault, -ENOMEM, "no memory for new helper threads");
	pthread_mutex_lock(&jobs->lock);
	low = before->low_started;
	pthread_mutex_unlock(&jobs->lock);
	crew->low_before = low ? before : NULL;
	error = start_crew(crew, low, begin, context, fault);
	if (error < 0) {
		hand_over(jobs, crew, NULL);
		join_low(crew);
		reap(&crew, true);
		return error;
	}
	hand_over(jobs, before, crew);
	reap(&crew->before, false);
	return 0;
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
	if (job_stack_push(&jobs->low, job))
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
	struct jobs *jobs = mem_alloc_zeroed(1, sizeof(*jobs));

	check(threads > 0);
	if (jobs) {
		jobs->thread_max = threads;
		jobs->crew = create_crew(jobs);
	}
	if (!jobs || !jobs->crew) {
		mem_free(jobs);
		return fault_set(fault, -ENOMEM, "no memory for %u helper threads; use fewer", threads);
	}
	jobs->crew->state = CREW_WORKS;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->queued, NULL);
	pthread_cond_init(&jobs->settled, NULL);
	sem_init(&jobs->low_queued, 0, 0);
	sem_init(&jobs->begun, 0, 0);
	jobs->last = &jobs->first;
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
	sem_post(&jobs->low_queued);
	join_low(jobs->crew);
	reap(&jobs->crew, true);
	check(!jobs->first && !jobs->low_taken && !atomic_load_explicit(&jobs->low, memory_order_relaxed));
	sem_destroy(&jobs->low_queued);
	sem_destroy(&jobs->begun);
	pthread_cond_destroy(&jobs->settled);
	pthread_cond_destroy(&jobs->queued);
	pthread_mutex_destroy(&jobs->lock);
	mem_free(jobs);
}
