/* SPDX-License-Identifier: MIT */
/*
 * The server behind struct quoit: what workers ask of it, and what the files of the public API share.
 *
 * It belongs to the thread of the embedding program, except for what is behind the lock.
 */
#ifndef QUOIT_SERVE_SERVER_H
#define QUOIT_SERVE_SERVER_H

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "base/fault.h"
#include "io/listen.h"
#include "quoit.h"
#include "serve/config.h"
#include "serve/flag_list.h"
#include "site/site.h"

struct compressor;
struct jobs;
struct plan;
struct worker;

/* The public object is the server. */
struct server {
	struct flag_list flags; /* as they were set */
	struct config config;   /* of the last start; defaults before the first */
	uint64_t asked[4];      /* its threads, files, connections and engine, before they were fitted */
	struct fault fault;
	bool started;
	bool start_failed; /* the next --listen set replaces those before */

	struct listener listener[CONFIG_LISTEN_MAX];
	unsigned listener_count;
	struct worker **worker;
	unsigned worker_count;
	sem_t worker_started;
	struct jobs *jobs;
	struct compressor *compressor;
	char root_text[PATH_MAX];

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t worker_ended;
	unsigned running;
	struct sites *sites; /* one reference; NULL while it does not run */
};

static inline struct server *server_of(const struct quoit *quoit)
{
	return (struct server *)quoit;
}

/* What is to be served now: a reference, for the caller to release. Any thread. */
struct sites *server_sites(struct server *server);

/* A worker has ended. Its thread only. */
void server_on_worker_end(struct server *server);

/* A plan of what was set and of the file; else the fault says what is wrong, and -errno as plan_make(). */
int server_make_plan(struct server *server, struct plan *ret_plan);

/* Note what the default site's root is really called, for quoit_root(). */
void server_note_root(struct server *server);

/* Back to "not started": end the workers and helpers, close what is open. */
void server_shut_down(struct server *server);

/* Make the soft limit on descriptors as high as it may be. */
void server_raise_descriptors(void);

#endif
