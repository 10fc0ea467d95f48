/* SPDX-License-Identifier: MIT */
/*
 * The control plane behind include/quoit.h: options, listeners, workers, reload, end.
 *
 * Called by the embedding program (src/cli is one) on its own thread; there is no thread for
 * it. What is set is kept as text, so that a reload can read the file anew and apply the same flags. It
 * shares with the workers: the constant configuration, their command words, the helpers, and the
 * sites, which are behind a lock because they change on reload.
 */
#include "serve/server.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/scan.h"
#include "io/refusal.h"
#include "quoit.h"
#include "serve/compress.h"
#include "serve/config.h"
#include "serve/flag_list.h"
#include "serve/plan.h"
#include "serve/worker.h"

struct quoit *quoit_create(void)
{
	struct server *server = mem_alloc_zeroed(1, sizeof(*server));
	pthread_condattr_t attributes;

	if (!server)
		return NULL;
	if (config_init(&server->config) < 0) {
		mem_free(server);
		return NULL;
	}
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&server->worker_ended, &attributes);
	pthread_condattr_destroy(&attributes);
	sem_init(&server->worker_started, 0, 0);
	return (struct quoit *)server;
}

int quoit_set(struct quoit *quoit, const char *name, const char *value)
{
	struct server *server = server_of(quoit);

	if (server->started)
		return fault_set(&server->fault, -EBUSY, "--%s cannot be changed while the server runs",
				 name);
	if (server->start_failed && strcmp(name, "listen") == 0)
		flag_list_remove(&server->flags, "listen");
	server->start_failed = false;
	return flag_list_add(&server->flags, name, value, &server->fault);
}

struct sites *server_sites(struct server *server)
{
	struct sites *sites;

	pthread_mutex_lock(&server->lock);
	sites = server->sites;
	sites_ref(sites);
	pthread_mutex_unlock(&server->lock);
	return sites;
}

void server_on_worker_end(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	check(server->running > 0);
	server->running--;
	pthread_cond_signal(&server->worker_ended);
	pthread_mutex_unlock(&server->lock);
}

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
	uint64_t reserved;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	/* Per worker: ring or epoll, two eventfds, listeners; in all: roots, twice in a reload, standard
	 * streams, helpers.
	 */
	reserved = config->threads * (3 + config->listen_count) + 2 * server->sites->count + 16;
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

static int open_listeners(struct server *server)
{
	struct config *config = &server->config;

	for (unsigned i = 0; i < config->listen_count; i++) {
		struct listen_address address;
		int error = listen_parse(config->listen_text[i], &address, &server->fault);

		if (error == 0)
			error = listen_open(&address, (unsigned)config->threads, (int)config->backlog,
					    &server->listener[i], &server->fault);
		if (error < 0)
			return error;
		server->listener_count++;
	}
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
	worker->accepts = mem_alloc_zeroed(server->listener_count, sizeof(*worker->accepts));
	if (!worker->accepts) {
		mem_free(worker);
		return NULL;
	}
	worker->server = server;
	worker->jobs = server->jobs;
	worker->compressor = server->compressor;
	worker->config = &server->config;
	worker->index = index;
	worker->cpu = cpu;
	worker->started = &server->worker_started;
	for (unsigned i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listener[i];

		worker->accepts[i].is_shared = listener->is_shared;
		worker->accepts[i].fd = &listener->fd[listener->is_shared ? 0 : index];
	}
	worker->accept_count = server->listener_count;
	return worker;
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
static void shut_down(struct server *server)
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
	compress_destroy(server->compressor);
	server->compressor = NULL;
	if (server->sites)
		worker_release_sites(server->sites);
	server->sites = NULL;
	server->running = 0;
	server->started = false;
}

static void note_root(struct server *server)
{
	const char *root = server->sites->site[0]->options.root;

	if (!realpath(root, server->root_text))
		snprintf(server->root_text, sizeof(server->root_text), "%s", root);
}

int server_make_plan(struct server *server, struct plan *ret_plan)
{
	struct problems problems = { .problem = NULL };
	int error = plan_make(&server->flags, ret_plan, &problems);

	if (error < 0)
		plan_fault(&problems, &server->flags, error, &server->fault);
	problems_deinit(&problems);
	return error;
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
	note_root(server);
	error = fit_descriptors(server);
	if (error == 0 && sites_want_precompress(server->sites)) {
		error = compress_check_place(config, server->sites, &server->fault);
		if (error == 0)
			error = compress_create(config, &server->compressor, &server->fault);
	}
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
		error = open_listeners(server);
	if (error == 0)
		error = start_workers(server, &cpus);
	if (error < 0)
		shut_down(server);
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
	server->started = error == 0;
	server->start_failed = error < 0;
	return error;
}

const char *quoit_address(const struct quoit *quoit, unsigned index)
{
	const struct server *server = server_of(quoit);

	return index < server->listener_count ? server->listener[index].address.text : NULL;
}

const char *quoit_root(const struct quoit *quoit)
{
	return server_of(quoit)->root_text;
}

unsigned quoit_threads(const struct quoit *quoit)
{
	return server_of(quoit)->worker_count;
}

const char *quoit_engine(const struct quoit *quoit)
{
	static const char *const names[] = {
		[RING_AUTO] = "auto", [RING_URING] = "io_uring", [RING_EPOLL] = "epoll"
	};

	return names[server_of(quoit)->config.engine];
}

static void command_all(struct server *server, unsigned command)
{
	for (unsigned i = 0; i < server->worker_count; i++)
		worker_command(server->worker[i], command);
}

/* What is not of a site stays as it was at the start: say so to whoever has changed it in the file. */
static void warn_of_differences(const struct server *server, const struct plan *plan)
{
	struct config asked = server->config;
	int row = -1;

	asked.threads = server->asked[0];
	asked.files = server->asked[1];
	asked.connections = server->asked[2];
	asked.engine = server->asked[3];
	while ((row = config_find_difference(&asked, &plan->config, (unsigned)(row + 1))) >= 0)
		log_warning("%s has changed in the configuration; that takes effect at the next start",
			    config_name((unsigned)row));
	if (!server->compressor && sites_want_precompress(plan->sites))
		log_warning("precompress is new in the configuration; that takes effect at the next start");
}

int quoit_reload(struct quoit *quoit)
{
	struct server *server = server_of(quoit);
	struct sites *old;
	struct plan plan;
	int error;

	if (!server->started)
		return fault_set(&server->fault, -EINVAL, "the server does not run");
	error = server_make_plan(server, &plan);
	if (error < 0)
		return error;
	if (server->compressor) {
		/* The folder is that of the start, the roots are new. */
		error = compress_check_place(&server->config, plan.sites, &server->fault);
		if (error < 0) {
			plan_deinit(&plan);
			return error;
		}
	}
	warn_of_differences(server, &plan);
	pthread_mutex_lock(&server->lock);
	old = server->sites;
	server->sites = plan.sites;
	pthread_mutex_unlock(&server->lock);
	plan.sites = NULL;
	plan_deinit(&plan);
	worker_release_sites(old);
	note_root(server);
	command_all(server, WORKER_RELOAD);
	return 0;
}

void quoit_drain(struct quoit *quoit)
{
	command_all(server_of(quoit), WORKER_DRAIN);
}

void quoit_stop(struct quoit *quoit)
{
	command_all(server_of(quoit), WORKER_STOP);
}

int quoit_join(struct quoit *quoit, unsigned timeout_ms)
{
	struct server *server = server_of(quoit);
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&server->lock);
	while (server->running > 0 && error == 0)
		error = pthread_cond_timedwait(&server->worker_ended, &server->lock, &until);
	error = server->running > 0 ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&server->lock);
	return error;
}

const char *quoit_error(const struct quoit *quoit)
{
	return server_of(quoit)->fault.text;
}

void quoit_destroy(struct quoit *quoit)
{
	struct server *server = server_of(quoit);

	if (!server)
		return;
	shut_down(server);
	sem_destroy(&server->worker_started);
	pthread_cond_destroy(&server->worker_ended);
	pthread_mutex_destroy(&server->lock);
	config_deinit(&server->config);
	flag_list_deinit(&server->flags);
	mem_free(server);
}
