/* SPDX-License-Identifier: MIT */
/*
 * The control plane behind include/quoit.h: options, listeners, workers, reload, end.
 *
 * Called by the embedding program (src/cli is one) on its own thread; there is no thread for
 * it. It shares three things with the workers: the constant configuration, their command
 * words, and the descriptor of the root, which is behind a lock because it changes on reload.
 */
#include "serve/server.h"

#include <errno.h>
#include <fcntl.h>
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
#include "base/mem.h"
#include "http/scan.h"
#include "quoit.h"
#include "serve/config.h"
#include "serve/worker.h"

/* The public object is the server. */
struct server {
	struct config config;
	struct fault fault;
	bool started;
	bool start_failed; /* the next --listen set replaces those before */

	struct listener listener[CONFIG_LISTEN_MAX];
	unsigned listener_count;
	struct worker **worker;
	unsigned worker_count;
	sem_t worker_started;
	char root_text[PATH_MAX];

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t worker_ended;
	unsigned running;
	int root;
};

static struct server *server_of(const struct quoit *quoit)
{
	return (struct server *)quoit;
}

const char *quoit_version(void)
{
	return QUOIT_VERSION;
}

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
	server->root = -1;
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
	if (strcmp(name, "listen") == 0) {
		struct listen_address address;
		int error = listen_parse(value, &address, &server->fault);

		if (error < 0)
			return error;
		if (server->start_failed)
			config_cut_listen(&server->config, 0);
		server->start_failed = false;
	}
	return config_set(&server->config, name, value, &server->fault);
}

int quoit_option(unsigned index, struct quoit_option *ret_option)
{
	static _Thread_local struct config_option option;

	if (config_option(index, &option) < 0)
		return -ENOENT;
	*ret_option = (struct quoit_option){ option.name, option.value, option.fallback, option.sentence };
	return 0;
}

int server_root(struct server *server)
{
	int fd;

	pthread_mutex_lock(&server->lock);
	fd = fcntl(server->root, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		fd = -errno;
	pthread_mutex_unlock(&server->lock);
	return fd;
}

void server_on_worker_end(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	check(server->running > 0);
	server->running--;
	pthread_cond_signal(&server->worker_ended);
	pthread_mutex_unlock(&server->lock);
}

static int open_root(struct server *server)
{
	const char *root = server->config.root;
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0 && errno == EACCES) {
		close(fd);
		fd = -1;
		errno = EACCES;
	}
	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
		return fault_set(&server->fault, -ENOENT,
				 "the folder to serve, %s, does not exist; give another ROOT", root);
	case ENOTDIR:
		return fault_set(&server->fault, -ENOTDIR,
				 "%s is not a folder; give the folder it is in as ROOT", root);
	case EACCES:
		return fault_set(&server->fault, -EACCES,
				 "no permission to open %s; grant it read and search permission", root);
	default:
		return fault_set(&server->fault, -errno, "%s cannot be opened: %s", root, strerror(errno));
	}
}

/* Make the soft limit on descriptors as high as it may be; connections must fit into it. */
static int fit_descriptors(struct server *server)
{
	struct config *config = &server->config;
	struct rlimit limit;
	uint64_t reserved;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Per worker: ring, eventfd, root, listeners; in all: standard streams, a few spare ones. */
	reserved = config->threads * (3 + config->listen_count) + 16;
	if (limit.rlim_cur < reserved + 16)
		return fault_set(&server->fault, -EMFILE,
				 "the limit on open files is %llu; %llu threads need at least %llu: raise it "
				 "(ulimit -n, "
				 "LimitNOFILE=) or use fewer --threads",
				 (unsigned long long)limit.rlim_cur, (unsigned long long)config->threads,
				 (unsigned long long)reserved + 16);
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
		pthread_mutex_lock(&server->lock);
		server->running++;
		pthread_mutex_unlock(&server->lock);
	}
	return 0;
}

/* Back to "not started": end the workers, close what is open. */
static void shut_down(struct server *server)
{
	for (unsigned i = 0; i < server->worker_count; i++) {
		struct worker *worker = server->worker[i];

		worker_command(worker, WORKER_STOP);
		pthread_join(worker->thread, NULL);
		close(worker->wake_fd);
		mem_free(worker->accepts);
		mem_free(worker);
	}
	mem_free(server->worker);
	server->worker = NULL;
	server->worker_count = 0;
	for (unsigned i = 0; i < server->listener_count; i++)
		listen_close(&server->listener[i]);
	server->listener_count = 0;
	if (server->root >= 0)
		close(server->root);
	server->root = -1;
	server->running = 0;
	server->started = false;
}

static int prepare(struct server *server, cpu_set_t *ret_cpus)
{
	struct config *config = &server->config;
	int error = config_check(config, &server->fault);

	if (error < 0)
		return error;
	if (config->listen_count == 0) {
		error = config_set(config, "listen", config->listen, &server->fault);
		if (error < 0)
			return error;
	}
	CPU_ZERO(ret_cpus);
	if (sched_getaffinity(0, sizeof(*ret_cpus), ret_cpus) < 0)
		CPU_SET(0, ret_cpus);
	if (config->threads == 0)
		config->threads = (uint64_t)CPU_COUNT(ret_cpus);
	error = fit_descriptors(server);
	if (error < 0)
		return error;
	server->root = open_root(server);
	if (server->root < 0)
		return server->root;
	if (!realpath(config->root, server->root_text))
		snprintf(server->root_text, sizeof(server->root_text), "%s", config->root);
	scan_init(SCAN_BEST);
	return 0;
}

int quoit_start(struct quoit *quoit)
{
	struct server *server = server_of(quoit);
	struct config before = server->config;
	cpu_set_t cpus;
	int error;

	if (server->started)
		return fault_set(&server->fault, -EBUSY, "the server runs already");
	error = prepare(server, &cpus);
	if (error == 0)
		error = open_listeners(server);
	if (error == 0)
		error = start_workers(server, &cpus);
	server->started = error == 0;
	if (error == 0)
		return 0;
	shut_down(server);
	/* What prepare() filled in for this start is not what was asked for. */
	config_cut_listen(&server->config, before.listen_count);
	server->config.threads = before.threads;
	server->config.files = before.files;
	server->config.connections = before.connections;
	server->start_failed = true;
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
	return server_of(quoit)->config.engine;
}

static void command_all(struct server *server, unsigned command)
{
	for (unsigned i = 0; i < server->worker_count; i++)
		worker_command(server->worker[i], command);
}

int quoit_reload(struct quoit *quoit)
{
	struct server *server = server_of(quoit);
	int root, old;

	if (!server->started)
		return fault_set(&server->fault, -EINVAL, "the server does not run");
	root = open_root(server);
	if (root < 0)
		return root;
	pthread_mutex_lock(&server->lock);
	old = server->root;
	server->root = root;
	pthread_mutex_unlock(&server->lock);
	close(old);
	if (!realpath(server->config.root, server->root_text))
		snprintf(server->root_text, sizeof(server->root_text), "%s", server->config.root);
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

int quoit_counter(const struct quoit *quoit, const char *name, uint64_t *ret_value)
{
	const struct server *server = server_of(quoit);
	enum counter_id id = stats_find(name);
	uint64_t sum = 0;

	if (id == COUNTER_COUNT)
		return -ENOENT;
	for (unsigned i = 0; i < server->worker_count; i++)
		sum += stats_read(&server->worker[i]->stats, id);
	*ret_value = sum;
	return 0;
}

const char *quoit_counter_name(unsigned index, const char **ret_sentence)
{
	if (index >= COUNTER_COUNT)
		return NULL;
	*ret_sentence = stats_sentence((enum counter_id)index);
	return stats_name((enum counter_id)index);
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
	mem_free(server);
}
