/* SPDX-License-Identifier: MIT */
/*
 * The control plane behind include/quoit.h: options, listeners, workers, end.
 *
 * Called by the embedding program (src/cli is one) on its own thread; there is no thread for
 * it. What is set is kept as text, so that a reload can read the file anew and apply the same flags. It
 * shares with the workers: the constant configuration, their command words, the helpers, and the
 * sites, which are behind a lock because they change on reload.
 */
#include "serve/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "quoit.h"
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

void server_note_root(struct server *server)
{
	const char *root = server->sites->site[0]->options.root;

	if (!realpath(root, server->root_text))
		snprintf(server->root_text, sizeof(server->root_text), "%s", root);
}

void server_command(struct server *server, unsigned command)
{
	for (unsigned i = 0; i < server->worker_count; i++)
		worker_command(server->worker[i], command);
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

void quoit_drain(struct quoit *quoit)
{
	struct server *server = server_of(quoit);

	if (!server->is_draining)
		server_refuse_connections(server);
	server->is_draining = true;
	server_command(server, WORKER_DRAIN);
}

void quoit_stop(struct quoit *quoit)
{
	struct server *server = server_of(quoit);

	server->is_draining = true; /* the workers close the listeners: they are not to be touched any more */
	server_command(server, WORKER_STOP);
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
	server_shut_down(server);
	sem_destroy(&server->worker_started);
	pthread_cond_destroy(&server->worker_ended);
	pthread_mutex_destroy(&server->lock);
	server_drop_inherited(server);
	text_deinit(&server->confinement);
	config_deinit(&server->config);
	flag_list_deinit(&server->flags);
	mem_free(server);
}
