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
#include "base/text.h"
#include "io/confine_user.h"
#include "io/listen.h"
#include "quoit.h"
#include "serve/config.h"
#include "serve/flag_list.h"
#include "site/site.h"

struct addresses;
struct compressor;
struct confine;
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
	struct config_file *file;           /* of the last start or reload; NULL: there was none */
	struct listen_inherited *inherited; /* for the next start */
	unsigned inherited_count;
	bool is_draining;
	uint64_t asked_ms; /* when the workers were asked whether they go round; 0: nobody is */
	unsigned hold_ms;  /* draining: how long handshakes that have begun are waited for */
	struct worker **worker;
	unsigned worker_count;
	sem_t worker_started;
	struct jobs *jobs;
	struct compressor *compressor;
	struct addresses *addresses; /* NULL: --address-connections is off */
	char root_text[PATH_MAX];
	char value_text[VALUE_SIZE_MAX]; /* of quoit_value() */
	bool owns_process;               /* quoit_own_process() */
	struct confine_user user;        /* of the option, with a group list while it runs */
	struct confine *confine;         /* NULL while it does not run */
	struct confine *helpers_confine; /* of helpers that have replaced the first ones; NULL: none have */
	struct text confinement;         /* what quoit_confinement() says */

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

/* Have every worker do this (WORKER_DRAIN ...). */
void server_command(struct server *server, unsigned command);

/* Note what the default site's root is really called, for quoit_root(). */
void server_note_root(struct server *server);

/* Back to "not started": end the workers and helpers, close what is open. */
void server_shut_down(struct server *server);

/* Listen on every address, with what was inherited where it fits. 0, or -errno with a sentence. */
int server_open_listeners(struct server *server);
/* The start has succeeded: the listeners are this server's, and what else was inherited is closed. */
void server_claim_listeners(struct server *server);
void server_drop_inherited(struct server *server);
/* What the worker accepts from. False: no memory. */
bool server_share_listeners(struct server *server, struct worker *worker);
/* Before the workers drain: nobody else comes in but who is on the way. */
void server_refuse_connections(struct server *server);

/* The option `user`, when there is a plan: may that user enter the roots? 0, or -errno with a sentence. */
int server_find_user(struct server *server);
/* With everything bound and open: become that user, make what threads enter, start the helpers. The same. */
int server_confine(struct server *server);
/* The threads have ended. */
void server_unconfine(struct server *server);
/* The workers run: put it into words. */
void server_describe_confinement(struct server *server);
/*
 * Before these are published: find out which of their roots the workers may not read (is_delegated), and see
 * to it that helpers may, by replacing them where needed. 0, or -errno with a sentence and all as before.
 */
int server_cover(struct server *server, struct sites *sites);
/* Once published: may who opens beneath its root still do so? A folder can be moved to where nobody may. */
bool server_covers(const struct server *server, const struct site *site);

/* Make the soft limit on descriptors as high as it may be. */
void server_raise_descriptors(void);

#endif
