/* SPDX-License-Identifier: MIT */
/*
 * Least privilege of a server: which folders its threads need, who they are, and what to say of it.
 *
 * Called by serve/server_start in the order of a start (the user is looked for before anything is made for
 * it, and become when the addresses are bound), by a reload, and by quoit_confinement(). io/confine does
 * what is of a thread. What is of the process is done only where it was asked for: the user by its
 * option, core dumps by theirs or by a program that has said that the process is the server's.
 *
 * What workers may read is settled at start, since a thread can only give up more. A root that comes later
 * and lies elsewhere is helpers' work: they hold no connection, so others take their place that may read it,
 * and open for the workers (serve/fetch_steps). What workers open themselves is quicker, so, where a
 * root is reached by a symbolic link, which is usually switched in a deployment, the folder that holds
 * what the link names is readable from the start: the next one will lie there, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/confine.h"
#include "io/ring.h"
#include "quoit.h"
#include "serve/compress.h"
#include "serve/jobs.h"
#include "serve/server.h"

/* What threads are to read: roots of sites, which are theirs, and what was opened here. */
struct folders {
	int *fd;
	unsigned count;
	int *opened;
	unsigned opened_count;
};

/* The user */

int server_find_user(struct server *server)
{
	const struct config *config = &server->config;
	struct fault *fault = &server->fault;
	int error = *config->user ? confine_user_find(config->user, &server->user, fault) : 0;

	if (error < 0 || !*config->user)
		return error;
	for (unsigned i = 0; i < server->sites->count && error == 0; i++)
		error = confine_user_check(&server->user, "root", server->sites->site[i]->options.root, false,
					   fault);
	if (error < 0 || !sites_want_precompress(server->sites))
		return error;
	confine_user_make_folder(&server->user, config->compress_folder);
	return confine_user_check(&server->user, "compress-folder", config->compress_folder, true, fault);
}

/* Core dumps */

static bool has_core_dumps(const struct server *server)
{
	return server->config.core_dumps ||
	       (!server->owns_process &&
		server->config.origin[CONFIG_ROW_SERVER(SERVER_OPTION_core_dumps)] == CONFIG_DEFAULT);
}

/*
 * A limit of 0 is not heeded by a dump into a pipe, as systemd-coredump and apport take it; 1 is (core(5)).
 * Not dumpable, the process cannot be attached to by its user's other processes either, nor can a leak
 * sanitizer attach to it.
 */
static void set_core_dumps(const struct server *server)
{
	bool is_on = server->config.core_dumps;
	struct rlimit limit;

	if (!is_on && has_core_dumps(server))
		return; /* the program's own affair */
	if (getrlimit(RLIMIT_CORE, &limit) == 0 && (!is_on || limit.rlim_cur == 1)) {
		limit.rlim_cur = is_on || limit.rlim_max == 0 ? limit.rlim_max : 1;
		(void)setrlimit(RLIMIT_CORE, &limit);
	}
#ifndef QUOIT_SANITIZED
	(void)prctl(PR_SET_DUMPABLE, is_on, 0, 0, 0);
#endif
}

/* Folders */

/* The folder that holds the target of the last link on the way to the root; -1: there is no link. */
static int open_link_holder(const char *root)
{
	char path[PATH_MAX], target[PATH_MAX];
	size_t size = strlen(root);
	struct stat status;

	if (size >= sizeof(path))
		return -1;
	memcpy(path, root, size + 1);
	for (; size > 0; path[size] = 0) {
		while (size > 1 && path[size - 1] == '/')
			path[--size] = 0;
		if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode) && realpath(path, target)) {
			char *name = strrchr(target, '/');

			/* Never all there is: such a root is another start's to change. */
			*name = 0;
			return *target ? open(target, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		}
		while (size > 0 && path[size - 1] != '/')
			size--;
		if (size == 1)
			break;
	}
	return -1;
}

static bool follows_links(const struct sites *sites)
{
	for (unsigned i = 0; i < sites->count; i++)
		if (sites->site[i]->options.symlinks == SYMLINKS_FOLLOW)
			return true;
	return false;
}

static void add(struct folders *folders, int fd)
{
	if (fd >= 0)
		folders->fd[folders->count++] = fd;
}

static void add_opened(struct folders *folders, int fd)
{
	add(folders, fd);
	if (fd >= 0)
		folders->opened[folders->opened_count++] = fd;
}

static int add_sites(struct folders *folders, const struct sites *sites, struct fault *fault)
{
	int all;

	for (unsigned i = 0; i < sites->count; i++) {
		add(folders, sites->site[i]->root);
		add_opened(folders, open_link_holder(sites->site[i]->options.root));
	}
	if (!follows_links(sites))
		return 0;
	all = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (all < 0)
		return fault_set(fault, -errno, "/ cannot be opened, for links to lead anywhere: %s",
				 strerror(errno));
	add_opened(folders, all);
	return 0;
}

/* At most of this many sites, of two sets. False: no memory. */
static bool folders_init(struct folders *folders, unsigned sites)
{
	size_t opened_max = sites + 2;

	*folders = (struct folders){ .fd = mem_alloc_zeroed(opened_max + sites, sizeof(*folders->fd)) };
	folders->opened = folders->fd ? mem_alloc_zeroed(opened_max, sizeof(*folders->opened)) : NULL;
	return folders->opened;
}

static void folders_deinit(struct folders *folders)
{
	while (folders->opened_count > 0)
		close(folders->opened[--folders->opened_count]);
	mem_free(folders->opened);
	mem_free(folders->fd);
}

/* The threads */

/* For who reads these sites, and those of before (NULL: there are none), whose requests are to be finished.
 */
static int create_confine(struct server *server, const struct sites *sites, const struct sites *before,
			  struct confine **ret_confine)
{
	struct folders folders;
	struct confine_setup setup = {
		.landlock = (enum confine_mode)server->config.landlock,
		.seccomp = (enum confine_mode)server->config.seccomp,
		.everywhere = follows_links(sites) || (before && follows_links(before)),
		.written = compress_folder(server->compressor),
		.before = server->confine,
	};
	int error = -ENOMEM;

	if (folders_init(&folders, sites->count + (before ? before->count : 0)))
		error = add_sites(&folders, sites, &server->fault);
	else
		fault_set(&server->fault, error, "no memory");
	if (error == 0 && before)
		error = add_sites(&folders, before, &server->fault);
	setup.folder = folders.fd;
	setup.folder_count = folders.count;
	if (error == 0)
		error = confine_create(&setup, ret_confine, &server->fault);
	folders_deinit(&folders);
	return error;
}

/* The helpers' is the workers', until the first of them are replaced. */
static struct confine *helpers_confine(const struct server *server)
{
	return server->helpers_confine ? server->helpers_confine : server->confine;
}

static int begin_helper(void *context, bool low, struct fault *fault)
{
	const struct confine *confine = context;
	enum confine_role role = low ? CONFINE_LOW : CONFINE_HELPER;
	int error = confine_files(confine, role, fault);

	return error < 0 ? error : confine_calls(confine, role, fault);
}

/* What a library would read on its first use by a thread that may not: openssl.cnf, and what it names. */
static void load_configurations(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}

static int become_user(struct server *server)
{
	if (!*server->config.user)
		return 0;
	if (!server->user.is_current && confine_is_in_use())
		return fault_set(
			&server->fault, -EBUSY,
			"--user: another server of this program runs, whose threads cannot become %s any "
			"more; start the one with the option first",
			server->user.name);
	return confine_user_become(&server->user, &server->fault);
}

int server_confine(struct server *server)
{
	int error = become_user(server);

	if (error < 0)
		return error;
	set_core_dumps(server);
	load_configurations();
	error = create_confine(server, server->sites, NULL, &server->confine);
	if (error < 0)
		return error;
	return jobs_start(server->jobs, server->compressor != NULL, begin_helper, server->confine,
			  &server->fault);
}

void server_unconfine(struct server *server)
{
	confine_destroy(server->helpers_confine);
	confine_destroy(server->confine);
	server->helpers_confine = NULL;
	server->confine = NULL;
	confine_user_deinit(&server->user);
	text_clear(&server->confinement);
}

static bool covers(const struct confine *confine, const struct site *site)
{
	if (site->options.symlinks == SYMLINKS_FOLLOW)
		return confine_reads_everywhere(confine);
	return confine_covers(confine, site->root);
}

static int replace_helpers(struct server *server, const struct sites *sites)
{
	struct confine *confine;
	int error = create_confine(server, sites, server->sites, &confine);

	if (error < 0)
		return error;
	error = jobs_renew(server->jobs, begin_helper, confine, &server->fault);
	if (error < 0) {
		confine_destroy(confine);
		return error;
	}
	confine_destroy(server->helpers_confine);
	server->helpers_confine = confine;
	return 0;
}

int server_cover(struct server *server, struct sites *sites)
{
	bool are_covered = true;

	for (unsigned i = 0; i < sites->count; i++) {
		struct site *site = sites->site[i];

		site->is_delegated = !covers(server->confine, site);
		are_covered = are_covered && covers(helpers_confine(server), site);
	}
	return are_covered ? 0 : replace_helpers(server, sites);
}

bool server_covers(const struct server *server, const struct site *site)
{
	return covers(helpers_confine(server), site) && (site->is_delegated || covers(server->confine, site));
}

/* What to say */

static void add_item(struct text *list, const char *format, const char *argument)
{
	text_format(list, "%s", list->size > 0 ? ", " : "");
	text_format(list, format, argument);
}

static void describe_ring(const struct server *server, struct text *given_up, struct text *kept)
{
	struct ring_tuning tuning;
	struct fault fault;

	ring_tuning_init(&tuning);
	if (server->config.engine != RING_URING || ring_tuning_set(&tuning, server->config.ring, &fault) < 0)
		return;
	if (tuning.restrictions)
		add_item(given_up, "%s", "ring restrictions");
	else
		add_item(kept, "%s", "ring restrictions (--ring restrictions=off)");
}

void server_describe_confinement(struct server *server)
{
	struct text kept = TEXT_EMPTY, *given_up = &server->confinement;

	text_clear(given_up);
	confine_describe(server->confine, given_up, &kept);
	describe_ring(server, given_up, &kept);
	if (!has_core_dumps(server))
		add_item(given_up, "%s", "no core dumps");
	else
		add_item(&kept, "core dumps (%s)",
			 server->config.core_dumps ? "--core-dumps on" : "left to the program");
	if (*server->config.user)
		add_item(given_up, "user %s", server->user.name);
	else if (geteuid() == 0)
		add_item(&kept, "%s", "user (started as root without --user)");
	if (kept.size > 0)
		text_format(given_up, "; not: %s", text_string(&kept));
	text_deinit(&kept);
}

const char *quoit_confinement(const struct quoit *quoit)
{
	return text_string(&server_of(quoit)->confinement);
}

void quoit_own_process(struct quoit *quoit)
{
	server_of(quoit)->owns_process = true;
}
