/* SPDX-License-Identifier: MIT */
/*
 * What may change while the server runs: sites by a reload, roots by a link that is switched; and a look
 * at whether the workers are well.
 *
 * Called by the embedding program, on its thread. A new set of sites is built aside, with its roots open,
 * is checked, and is published with one pointer; what fails on the way changes nothing. The sites of
 * before go when the last request that began in them is over, so a download ends with the version
 * that it began with.
 *
 * The one hard thing: a root that has moved means other files, but not another configuration. Someone may
 * be editing that file at this moment. So it is kept as it was read, and the sites are made of it again.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "quoit.h"
#include "serve/compress.h"
#include "serve/config_file.h"
#include "serve/plan.h"
#include "serve/server.h"
#include "serve/worker.h"

#define TEND_MIN_MS 50

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

/* Have the threads that run serve these, once they are published. */
static int prepare_sites(struct server *server, struct sites *sites)
{
	int error = 0;

	/* The folder is that of the start, the roots are new. */
	if (server->compressor)
		error = compress_check_place(&server->config, sites, &server->fault);
	return error < 0 ? error : server_cover(server, sites);
}

/* Takes the plan's sites. */
static void publish(struct server *server, struct plan *plan)
{
	struct sites *old;

	pthread_mutex_lock(&server->lock);
	old = server->sites;
	server->sites = plan->sites;
	pthread_mutex_unlock(&server->lock);
	plan->sites = NULL;
	worker_release_sites(old);
	server_note_root(server);
	server_command(server, WORKER_RELOAD);
}

int quoit_reload(struct quoit *quoit)
{
	struct server *server = server_of(quoit);
	struct plan plan;
	int error;

	if (!server->started)
		return fault_set(&server->fault, -EINVAL, "the server does not run");
	error = server_make_plan(server, &plan);
	if (error < 0)
		return error;
	error = prepare_sites(server, plan.sites);
	if (error == 0) {
		warn_of_differences(server, &plan);
		publish(server, &plan);
		config_file_destroy(server->file);
		server->file = plan.file;
		plan.file = NULL;
	}
	plan_deinit(&plan);
	return error;
}

/*
 * Does the path lead elsewhere by now, or was the folder taken along to where it may not be read? While the
 * path leads nowhere somebody is in the midst of switching it.
 */
static bool root_has_moved(const struct server *server, const struct site *site)
{
	struct stat open, now;

	if (fstat(site->root, &open) < 0 || stat(site->options.root, &now) < 0)
		return false;
	return open.st_dev != now.st_dev || open.st_ino != now.st_ino || !server_covers(server, site);
}

static bool roots_have_moved(const struct server *server)
{
	for (unsigned i = 0; i < server->sites->count; i++)
		if (root_has_moved(server, server->sites->site[i]))
			return true;
	return false;
}

static int follow_roots(struct server *server)
{
	struct problems problems = { .problem = NULL };
	struct plan plan;
	int error = plan_make_again(&server->flags, server->file, &plan, &problems);

	if (error < 0)
		plan_fault(&problems, &server->flags, error, &server->fault);
	problems_deinit(&problems);
	if (error < 0)
		return error;
	error = prepare_sites(server, plan.sites);
	if (error == 0)
		publish(server, &plan);
	plan_deinit(&plan);
	return error;
}

int quoit_tend(struct quoit *quoit, unsigned *ret_again_ms)
{
	struct server *server = server_of(quoit);
	uint64_t again = server->config.fresh / 2;
	int error;

	/* Twice within the time that something may be old, so that it never is older. */
	*ret_again_ms = (unsigned)(again > TEND_MIN_MS ? again : TEND_MIN_MS);
	if (!server->started || server->is_draining || !roots_have_moved(server))
		return 0;
	error = follow_roots(server);
	return error < 0 ? error : 1;
}

/* Has the worker not yet seen what it was asked? */
static bool is_asked(const struct worker *worker)
{
	return !atomic_load_explicit(&worker->ended, memory_order_acquire) &&
	       atomic_load_explicit(&worker->commands, memory_order_relaxed) & WORKER_ANSWER;
}

unsigned quoit_stall(struct quoit *quoit)
{
	struct server *server = server_of(quoit);
	struct clock clock;

	clock_read(&clock);
	for (unsigned i = 0; i < server->worker_count; i++)
		if (is_asked(server->worker[i]))
			return (unsigned)(clock.monotonic_ms - server->asked_ms);
	server->asked_ms = clock.monotonic_ms;
	server_command(server, WORKER_ANSWER);
	return 0;
}
