/* SPDX-License-Identifier: MIT */
/*
 * The thread of a worker, around its loop: where it runs, what it is made of, its end.
 *
 * Started by serve/server_start. The ring is made here and not before, since it belongs to the thread that
 * made it. What cannot be made is a sentence in start_fault, and the server does not start.
 */
#include "serve/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/confine.h"
#include "serve/accept.h"
#include "serve/compress.h"
#include "serve/fetch.h"
#include "serve/send.h"
#include "serve/server.h"
#include "serve/zero_copy.h"

/* How far back a failed check tells what the worker did. */
#define TELL_EVENTS 64

static void drop_asset(void *context, struct asset *asset)
{
	worker_drop_asset(context, asset);
}

/* Only pin when every worker gets a processor of its own. */
static void pin(struct worker *worker)
{
	cpu_set_t set;

	if (worker->cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	/* Refused in some containers; then the scheduler places it. */
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0)
		worker->cpu = -1;
}

static void name(const struct worker *worker)
{
	char text[16];

	snprintf(text, sizeof(text), "quoit-w%u", worker->index);
	pthread_setname_np(pthread_self(), text);
}

/* What is given up when all is made; of a ring whose kernel's thread submits, files before, as it keeps them.
 */
static int confine(struct worker *worker, bool has_given_up_files, struct fault *fault)
{
	const struct confine *confine = worker->server->confine;
	enum confine_role role =
		worker->ring->engine == &ring_uring ? CONFINE_WORKER_URING : CONFINE_WORKER_EPOLL;
	int error = has_given_up_files ? 0 : confine_files(confine, role, fault);

	return error < 0 ? error : confine_calls(confine, role, fault);
}

static int init(struct worker *worker, struct fault *fault)
{
	const struct config *config = worker->config;
	uint64_t threads = config->threads;
	struct ring_options options = {
		.kind = (enum ring_kind)config->engine,
		.entries = (unsigned)config->ring_entries,
		.completions = (unsigned)config->ring_completions,
		.buffers = (unsigned)config->buffers,
		.buffer_size = (unsigned)config->buffer_size,
		/* Beside those that may be open, a multishot accept takes full queues before it is stopped.
		 */
		.sockets = (unsigned)(config->connections / threads + 1 +
				      (config->backlog + 1) * worker->accept_count + ACCEPT_SPARE),
		.zero_copy = config->zero_copy > 0,
		.stats = &worker->stats,
	};
	uint64_t seed;
	int error;

	worker->zero_copy_size = UINT64_MAX;
	ring_tuning_init(&options.tuning);
	error = ring_tuning_set(&options.tuning, config->ring, fault);
	if (error < 0)
		return error;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return fault_set(fault, -errno, "no random number from the kernel: %s", strerror(errno));
	worker->limits = (struct http1_limits){
		.head_size_max = (uint32_t)config->head_size,
		.target_size_max = (uint32_t)config->target_size,
		.fields_max = (uint32_t)config->fields,
	};
	worker_read_clock(worker);
	timer_wheel_init(&worker->wheel, worker->clock.monotonic_ms);
	worker->queued_tail = &worker->queued;
	worker->ready_tail = &worker->ready;
	worker->sites = server_sites(worker->server);
	job_outbox_init(&worker->outbox, worker->wake_fd);
	worker->compress_folder = compress_folder(worker->compressor);
	if (worker->compressor) {
		worker->compress_tried = mem_alloc_zeroed(WORKER_COMPRESS_TRIED, sizeof(uint64_t));
		if (!worker->compress_tried)
			return fault_set(fault, -ENOMEM, "no memory for a worker");
	}
	if (!cache_init(&worker->cache, config->memory / threads, (uint32_t)(config->files / threads + 1),
			seed) ||
	    !recall_init(&worker->recall, config->recall) ||
	    !pages_init(&worker->pages, worker->sites->site[0], worker->date_s) ||
	    !conn_table_init(&worker->conns, (uint32_t)((config->connections + threads - 1) / threads),
			     ACCEPT_SPARE))
		return fault_set(fault, -ENOMEM,
				 "no memory for a worker; use fewer --threads or --connections");
	worker->cache.drop = drop_asset;
	worker->cache.context = worker;
	if (options.tuning.sqpoll)
		error = confine_files(worker->server->confine, CONFINE_WORKER_URING, fault);
	if (error == 0)
		error = ring_create(&options, &worker->ring, fault);
	if (error == 0 && !zero_copy_init(worker))
		return fault_set(fault, -ENOMEM, "no memory for a worker");
	return error < 0 ? error : confine(worker, options.tuning.sqpoll, fault);
}

/*
 * Give everything back. A disk that did not answer until the end of the stop may still write
 * into what was read for: then that memory, and what hangs on it, is left to the process's end. So
 * is a body that has left without a copy and that its client did not acknowledge until then.
 */
static void deinit(struct worker *worker)
{
	const struct completion *batch;
	bool quiet = !worker->ring || worker_is_quiet(worker);

	if (quiet) {
		cache_deinit(&worker->cache);
		fetch_deinit(worker);
	}
	if (worker->ring)
		ring_wait(worker->ring, 0, &batch); /* the closes that are still queued */
	zero_copy_deinit(worker);
	ring_destroy(worker->ring);
	pages_deinit(&worker->pages);
	recall_deinit(&worker->recall);
	send_free_flights(worker);
	text_deinit(&worker->joined);
	mem_free(worker->compress_tried);
	if (worker->sites)
		worker_release_sites(worker->sites);
	if (quiet) {
		job_outbox_deinit(&worker->outbox);
		conn_table_deinit(&worker->conns);
		mem_unreserve(worker->cold, worker->config->turn);
	}
}

/* One of this worker's checks has failed: what came before it. */
static void tell(void *context)
{
	const struct worker *worker = context;
	char line[RECORDER_LINE];
	int size = snprintf(line, sizeof(line),
			    "quoit: worker %u, %llu requests, %u connections; its last events:\n",
			    worker->index, (unsigned long long)stats_read(&worker->stats, COUNTER_requests),
			    worker->conns.open);

	if (size > 0 && write(STDERR_FILENO, line, (size_t)size) > 0)
		recorder_print(&worker->recorder, TELL_EVENTS, worker->clock.monotonic_ms, "quoit: ");
}

static void *thread(void *argument)
{
	struct worker *worker = argument;

	check_set_witness(tell, worker);
	pin(worker);
	name(worker);
	worker->start_error = init(worker, &worker->start_fault);
	if (worker->start_error < 0) {
		deinit(worker);
		atomic_store_explicit(&worker->ended, true, memory_order_release);
		sem_post(worker->started);
		return NULL;
	}
	sem_post(worker->started);
	worker_run(worker);
	deinit(worker);
	atomic_store_explicit(&worker->ended, true, memory_order_release);
	server_on_worker_end(worker->server);
	return NULL;
}

int worker_start(struct worker *worker)
{
	sigset_t all, before;
	int error;

	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0)
		return -errno;
	/* Signals belong to the program's own threads; SIGPIPE (sendfile has no flag against it) to nobody.
	 */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, thread, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		close(worker->wake_fd);
		worker->wake_fd = -1;
	}
	return -error;
}
