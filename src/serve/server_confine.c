/* SPDX-License-Identifier: MIT */
/*
 * Least privilege of a server: which folders its threads need, who they are, and what to say of it.
 *
 * Called by serve/server_start in the order of a start (the user is looked for before anything is made for
 * it, and become when the addresses are bound), by a reload, and by quoit_confinement(). io/confine does
 * what is of a thread. What is of the process is done only where it was asked for: the user by its
 * option, core dumps by theirs or by a program that has said that the process is the server's.
 *
 * A root that is reached by a symbolic link is usually deployed by switching that link, so the folder
 * that holds what the link names is readable as well: the next one will lie there, too.
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

/* Roots of sites, which are theirs, and behind them what was opened here. */
struct folders {
	int *fd;
	unsigned count;
	unsigned borrowed;
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

/* What the option `readable` names. */
static int add_readable(struct folders *folders, const char *list, struct fault *fault)
{
	while (*list) {
		size_t size = strcspn(list, ",");
		char path[PATH_MAX];
		int fd;

		snprintf(path, sizeof(path), "%.*s", (int)size, list);
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return fault_set(fault, -errno,
					 "--readable: the folder %s cannot be opened: %s; leave it out", path,
					 strerror(errno));
		add(folders, fd);
		list += size + (list[size] == ',');
	}
	return 0;
}

static unsigned count_items(const char *list)
{
	unsigned count = 1;

	for (; *list; list++)
		count += *list == ',';
	return count;
}

static int open_folders(const struct server *server, struct folders *folders, struct fault *fault)
{
	const struct sites *sites = server->sites;

	folders->fd = mem_alloc_zeroed(2 * sites->count + count_items(server->config.readable) + 1,
				       sizeof(*folders->fd));
	if (!folders->fd)
		return fault_set(fault, -ENOMEM, "no memory");
	for (unsigned i = 0; i < sites->count; i++)
		add(folders, sites->site[i]->root);
	folders->borrowed = folders->count;
	for (unsigned i = 0; i < sites->count; i++)
		add(folders, open_link_holder(sites->site[i]->options.root));
	if (follows_links(sites))
		add(folders, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	return add_readable(folders, server->config.readable, fault);
}

static void close_folders(struct folders *folders)
{
	while (folders->count > folders->borrowed)
		close(folders->fd[--folders->count]);
	mem_free(folders->fd);
}

/* The threads */

static int create_confine(struct server *server)
{
	struct folders folders = { .fd = NULL };
	int error = open_folders(server, &folders, &server->fault);
	struct confine_setup setup = {
		.landlock = (enum confine_mode)server->config.landlock,
		.seccomp = (enum confine_mode)server->config.seccomp,
		.folder = folders.fd,
		.folder_count = folders.count,
		.everywhere = follows_links(server->sites),
		.written = compress_folder(server->compressor),
	};

	if (error == 0)
		error = confine_create(&setup, &server->confine, &server->fault);
	close_folders(&folders);
	return error;
}

static int begin_helper(void *context, bool low, struct fault *fault)
{
	const struct server *server = context;
	enum confine_role role = low ? CONFINE_LOW : CONFINE_HELPER;
	int error = confine_files(server->confine, role, fault);

	return error < 0 ? error : confine_calls(server->confine, role, fault);
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
	error = create_confine(server);
	if (error < 0)
		return error;
	return jobs_start(server->jobs, server->compressor != NULL, begin_helper, server, &server->fault);
}

void server_unconfine(struct server *server)
{
	confine_destroy(server->confine);
	server->confine = NULL;
	confine_user_deinit(&server->user);
	text_clear(&server->confinement);
}

int server_check_covered(struct server *server, const struct sites *sites)
{
	if (follows_links(sites) && !confine_reads_everywhere(server->confine))
		return fault_set(&server->fault, -EACCES,
				 "symlinks is follow now, and what links lead to cannot be read: the threads "
				 "have given that up; quoit upgrade, or a restart, starts others");
	for (unsigned i = 0; i < sites->count; i++)
		if (!confine_covers(server->confine, sites->site[i]->root))
			return fault_set(
				&server->fault, -EACCES,
				"root %s lies outside of what the threads may still read; quoit upgrade, or "
				"a "
				"restart, starts others, or let --readable name a folder above it from the "
				"start",
				sites->site[i]->options.root);
	return 0;
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
