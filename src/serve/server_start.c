/* SPDX-License-Identifier: MIT */
/*
 * Starts a server, and takes it back to "not started".
 *
 * Called by quoit_start() and quoit_destroy(), on the embedding program's thread. Everything is made
 * in the order in which it is needed (plan, descriptors, helpers, listeners, workers), and a failure at any
 * point gives back what was made before it. Workers start one after the other, so that the first can
 * find out for all of them whether there is a ring.
 */
#include "serve/server.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/scan.h"
#include "io/refusal.h"
#include "quoit.h"
#include "serve/accept.h"
#include "serve/address.h"
#include "serve/compress.h"
#include "serve/config.h"
#include "serve/config_file.h"
#include "serve/plan.h"
#include "serve/worker.h"

/* Make the soft limit on descriptors as high as it may be. */
void server_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Roots, cached files and connections must fit into the limit. */
static int fit_descriptors(struct server *server)
{
	struct config *config = &server->config;
	struct rlimit limit;
	uint64_t reserved, aside = 2 * server->sites->count + 8;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	/*
	 * Per worker: ring or epoll, two eventfds, listeners and a copy of each for an upgrade; in all:
	 * roots, twice in a reload, standard streams, helpers; what a reload has open
	 * aside, or commands and an upgrade's channel.
	 */
	reserved = config->threads * (3 + 2 * config->listen_count) + 2 * server->inherited_count +
		   2 * server->sites->count + 16 + (aside > 13 ? aside : 13);
	if (limit.rlim_cur < reserved + 16)
		return fault_set(
			&server->fault, -EMFILE,
			"the limit on open files is %llu; %llu threads and %u roots need at least %llu: "
			"raise it (ulimit -n, LimitNOFILE=) or use fewer --threads",
			(unsigned long long)limit.rlim_cur, (unsigned long long)config->threads,
			server->sites->count, (unsigned long long)reserved + 16);
	/* Half of what is left at the most for cached files, the rest for connections. */
	if (config->files > (limit.rlim_cur - reserved) / 2)
		config->files = (limit.rlim_cur - reserved) / 2;
	if (config->connections > limit.rlim_cur - reserved - config->files)
		config->connections = limit.rlim_cur - reserved - config->files;
	return 0;
}

/* The n-th processor that this process may run on. */
static int nth_cpu(const cpu_set_t *set, unsigned n)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, set) && n-- == 0)
			return cpu;
	return -1;
}

static struct worker *create_worker(struct server *server, unsigned index, int cpu)
{
	struct worker *worker = mem_alloc_aligned(sizeof(*worker), _Alignof(struct worker));

	if (!worker)
		return NULL;
	worker->server = server;
	worker->jobs = server->jobs;
	worker->compressor = server->compressor;
	worker->addresses = server->addresses;
	worker->config = &server->config;
	worker->index = index;
	worker->cpu = cpu;
	worker->started = &server->worker_started;
	if (server_share_listeners(server, worker))
		return worker;
	mem_free(worker);
	return NULL;
}

/* The first worker finds out which engine there is, and the others take the same. */
static void settle_engine(struct server *server, const struct worker *first)
{
	if (server->config.engine != RING_AUTO)
		return;
	server->config.engine = first->start_fault.text[0] ? RING_EPOLL : RING_URING;
	if (server->config.engine == RING_EPOLL)
		log_warning("%s; serving with epoll", first->start_fault.text);
}

static int start_workers(struct server *server, const cpu_set_t *cpus)
{
	unsigned count = (unsigned)server->config.threads;
	bool is_pinned = count <= (unsigned)CPU_COUNT(cpus);

	server->worker = mem_alloc_zeroed(count, sizeof(*server->worker));
	if (!server->worker)
		return fault_set(&server->fault, -ENOMEM, "no memory");
	for (unsigned i = 0; i < count; i++) {
		struct worker *worker = create_worker(server, i, is_pinned ? nth_cpu(cpus, i) : -1);
		int error;

		if (!worker)
			return fault_set(&server->fault, -ENOMEM,
					 "no memory for %u workers; use fewer --threads", count);
		error = worker_start(worker);
		if (error < 0) {
			mem_free(worker->accepts);
			mem_free(worker);
			return fault_set(&server->fault, error,
					 "a thread cannot be started: %s; use fewer --threads",
					 strerror(-error));
		}
		server->worker[server->worker_count++] = worker;
		while (sem_wait(&server->worker_started) < 0)
			continue;
		if (worker->start_error < 0) {
			server->fault = worker->start_fault;
			return worker->start_error;
		}
		settle_engine(server, worker);
		pthread_mutex_lock(&server->lock);
		server->running++;
		pthread_mutex_unlock(&server->lock);
	}
	return 0;
}

/* Back to "not started": end the workers and helpers, close what is open. */
void server_shut_down(struct server *server)
{
	for (unsigned i = 0; i < server->worker_count; i++) {
		worker_command(server->worker[i], WORKER_STOP);
		pthread_join(server->worker[i]->thread, NULL);
	}
	/* A helper that did not end in time still uses its worker's outbox. */
	if (server->jobs)
		jobs_destroy(server->jobs);
	server->jobs = NULL;
	for (unsigned i = 0; i < server->worker_count; i++) {
		close(server->worker[i]->wake_fd);
		mem_free(server->worker[i]->accepts);
		mem_free(server->worker[i]);
	}
	mem_free(server->worker);
	server->worker = NULL;
	server->worker_count = 0;
	for (unsigned i = 0; i < server->listener_count; i++)
		listen_close(&server->listener[i]);
	server->listener_count = 0;
	address_destroy(server->addresses);
	server->addresses = NULL;
	server_unconfine(server);
	compress_destroy(server->compressor);
	server->compressor = NULL;
	if (server->sites)
		worker_release_sites(server->sites);
	server->sites = NULL;
	config_file_destroy(server->file);
	server->file = NULL;
	server->running = 0;
	server->started = false;
	server->is_draining = false;
}

/* `engine`: this one, whatever the configuration says; RING_AUTO: what it says. */
static int prepare(struct server *server, enum ring_kind engine, cpu_set_t *ret_cpus)
{
	struct config *config = &server->config;
	struct plan plan;
	int error;

	server_raise_descriptors();
	error = server_make_plan(server, &plan);
	if (error < 0)
		return error;
	config_deinit(config);
	*config = plan.config;
	server->sites = plan.sites;
	server->file = plan.file;
	server->asked[0] = config->threads;
	server->asked[1] = config->files;
	server->asked[2] = config->connections;
	server->asked[3] = config->engine;
	if (engine != RING_AUTO)
		config->engine = engine;
	CPU_ZERO(ret_cpus);
	if (sched_getaffinity(0, sizeof(*ret_cpus), ret_cpus) < 0)
		CPU_SET(0, ret_cpus);
	if (config->threads == 0)
		config->threads = (uint64_t)CPU_COUNT(ret_cpus);
	server_note_root(server);
	error = fit_descriptors(server);
	if (error == 0)
		error = server_find_user(server);
	if (error == 0 && sites_want_precompress(server->sites)) {
		error = compress_check_place(config, server->sites, &server->fault);
		if (error == 0)
			error = compress_create(config, &server->compressor, &server->fault);
	}
	/* Each worker has its share of connections, rounded up. */
	if (error == 0 && config->address_connections > 0)
		error = address_create(config->address_connections,
				       config->connections + config->threads * (1 + ACCEPT_SPARE),
				       config->address_exempt, &server->addresses, &server->fault);
	if (error == 0)
		error = jobs_create((unsigned)config->helpers, &server->jobs, &server->fault);
	scan_init(SCAN_BEST);
	return error;
}

static int start(struct server *server, enum ring_kind engine)
{
	cpu_set_t cpus;
	int error = prepare(server, engine, &cpus);

	if (error == 0)
		error = server_open_listeners(server);
	if (error == 0)
		error = server_confine(server);
	if (error == 0)
		error = start_workers(server, &cpus);
	if (error < 0)
		server_shut_down(server);
	return error;
}

/* There was a ring for the first workers, but none for all: a limit was reached. */
static bool may_take_epoll(const struct server *server, int error)
{
	return refusal_leaves_epoll(error) && server->asked[3] == RING_AUTO &&
	       server->config.engine == RING_URING;
}

int quoit_start(struct quoit *quoit)
{
	struct server *server = server_of(quoit);
	struct fault refusal;
	int error;

	if (server->started)
		return fault_set(&server->fault, -EBUSY, "the server runs already");
	server->config.engine = RING_AUTO;
	error = start(server, RING_AUTO);
	if (error < 0 && may_take_epoll(server, error)) {
		refusal = server->fault;
		error = start(server, RING_EPOLL);
		if (error == 0)
			log_warning("%s; serving with epoll", refusal.text);
	}
	if (error == 0) {
		server_claim_listeners(server);
		server_describe_confinement(server);
	}
	server->started = error == 0;
	server->start_failed = error < 0;
	return error;
}
