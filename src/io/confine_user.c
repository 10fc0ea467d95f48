/* SPDX-License-Identifier: MIT */
/*
 * Finds a user, checks what it may reach, becomes it; see confine_user.h.
 *
 * Called by serve/ when the addresses are bound and the folders open. The C library's setresuid() and
 * its like change all threads of the process; the bare system calls change the one that makes them,
 * which is how a folder can be looked at as another user without becoming it.
 *
 * Threads that may not change their user any more would make the C library end the process in such a
 * call, so it is made before there are any (serve/server_start).
 *
 * References: credentials(7), setresuid(2), nptl(7).
 */
#include "io/confine_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#define RECORD_SIZE 65536 /* of a line of the user or group data base, with its members */
#define GROUPS_MAX 65536  /* the kernel's NGROUPS_MAX */

/* Finding */

static bool read_number(const char *text, unsigned *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*ret_number = (unsigned)number;
	return *text >= '0' && *text <= '9' && !*end && number < UINT_MAX;
}

/* A name, or a number, which needs no entry in the data base when a group is given, too. */
static bool find_user(const char *text, bool has_group, struct confine_user *user)
{
	char *record = mem_alloc(RECORD_SIZE);
	struct passwd entry, *found = NULL;
	unsigned number;

	if (record && getpwnam_r(text, &entry, record, RECORD_SIZE, &found) == 0 && !found &&
	    read_number(text, &number))
		(void)getpwuid_r(number, &entry, record, RECORD_SIZE, &found);
	if (found) {
		user->uid = found->pw_uid;
		user->gid = found->pw_gid;
		snprintf(user->name, sizeof(user->name), "%s", found->pw_name);
	} else if (has_group && read_number(text, &number)) {
		user->uid = number;
		snprintf(user->name, sizeof(user->name), "%s", text);
		found = &entry;
	}
	mem_free(record);
	return found != NULL;
}

static bool find_group(const char *text, gid_t *ret_gid)
{
	char *record = mem_alloc(RECORD_SIZE);
	struct group entry, *found = NULL;
	unsigned number;

	if (record)
		(void)getgrnam_r(text, &entry, record, RECORD_SIZE, &found);
	if (found)
		*ret_gid = found->gr_gid;
	else if (read_number(text, &number))
		*ret_gid = number;
	mem_free(record);
	return found || read_number(text, &number);
}

/* The user's own groups, and the one that was given. */
static int list_groups(struct confine_user *user)
{
	int count = 64;

	for (;;) {
		gid_t *group = mem_resize(user->group, (size_t)count * sizeof(*group));

		if (!group)
			return -ENOMEM;
		user->group = group;
		user->group_count = count;
		if (getgrouplist(user->name, user->gid, group, &user->group_count) >= 0)
			return 0;
		if (count >= GROUPS_MAX)
			return -E2BIG;
		count = user->group_count > count ? user->group_count : 2 * count;
	}
}

/* Nothing to do: as after an upgrade in place, whose first version became this user. */
static bool is_current(const struct confine_user *user)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	if (getresuid(&real, &effective, &saved) < 0 ||
	    getresgid(&real_group, &effective_group, &saved_group) < 0)
		return false;
	return real == user->uid && effective == user->uid && saved == user->uid && real_group == user->gid &&
	       effective_group == user->gid && saved_group == user->gid;
}

int confine_user_find(const char *text, struct confine_user *ret_user, struct fault *fault)
{
	struct confine_user user = { .group = NULL };
	const char *colon = strchr(text, ':');
	char name[64];
	int error;

	snprintf(name, sizeof(name), "%.*s", (int)(colon ? colon - text : (ptrdiff_t)strlen(text)), text);
	if (!find_user(name, colon && colon[1], &user))
		return fault_set(fault, -EINVAL, "--user: there is no user %s; name one of getent passwd",
				 name);
	if (colon && !find_group(colon + 1, &user.gid))
		return fault_set(fault, -EINVAL, "--user: there is no group %s; name one of getent group",
				 colon + 1);
	user.is_current = is_current(&user);
	if (!user.is_current && geteuid() != 0)
		return fault_set(fault, -EPERM,
				 "--user: only root can become %s; start as root, or leave the option out",
				 user.name);
	error = list_groups(&user);
	if (error < 0) {
		confine_user_deinit(&user);
		return fault_set(fault, error, "--user: the groups of %s cannot be found: %s", user.name,
				 strerror(-error));
	}
	*ret_user = user;
	return 0;
}

void confine_user_deinit(struct confine_user *user)
{
	mem_free(user->group);
	user->group = NULL;
}

/* Looking, as that user */

struct look {
	const struct confine_user *user;
	const char *path;
	bool writes;
	int error;
	char closed[PATH_MAX]; /* the first folder that cannot be entered; "" when it is not on the way */
};

static int become_in_thread(const struct confine_user *user)
{
	if (syscall(SYS_setgroups, user->group_count, user->group) < 0 ||
	    syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
	    syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

static bool may(const char *path, int rights)
{
	return faccessat(AT_FDCWD, path, rights, AT_EACCESS) == 0;
}

/* Of /a/b/c the first of /, /a, /a/b, /a/b/c that cannot be entered. */
static void find_closed(struct look *look, const char *path)
{
	for (const char *end = path; end && *path == '/'; end = *end ? strchrnul(end + 1, '/') : NULL) {
		snprintf(look->closed, sizeof(look->closed), "%.*s", end == path ? 1 : (int)(end - path),
			 path);
		if (!may(look->closed, X_OK))
			return;
	}
	look->closed[0] = 0;
}

static void *look_at(void *argument)
{
	struct look *look = argument;

	look->error = look->user->is_current ? 0 : become_in_thread(look->user);
	if (look->error < 0)
		return NULL;
	if (may(look->path, look->writes ? R_OK | W_OK | X_OK : X_OK))
		return NULL;
	look->error = -errno;
	if (look->error == -EACCES)
		find_closed(look, look->path);
	return NULL;
}

static int look(struct look *look)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, look_at, look);

	if (error == 0)
		pthread_join(thread, NULL);
	return error != 0 ? -error : look->error;
}

/* Whose it is and what it allows, as one sees it with ls. */
static void describe_folder(const char *path, char *out, size_t size)
{
	struct stat status;

	*out = 0;
	if (stat(path, &status) == 0)
		snprintf(out, size, " (owner %u, group %u, mode %04o)", status.st_uid, status.st_gid,
			 status.st_mode & 07777);
}

int confine_user_check(const struct confine_user *user, const char *what, const char *path, bool writes,
		       struct fault *fault)
{
	char real[PATH_MAX], state[64];
	struct look named = { .user = user, .path = path, .writes = writes };
	struct look resolved = { .user = user, .path = real, .writes = writes };
	int error = look(&named);

	if (error == 0)
		return 0;
	/* The way that is in the name may be open and lead, by a link, to one that is not. */
	if (error == -EACCES && realpath(path, real) && look(&resolved) < 0)
		memcpy(named.closed, resolved.closed, sizeof(named.closed));
	if (error == -EACCES && *named.closed) {
		describe_folder(named.closed, state, sizeof(state));
		return fault_set(fault, error,
				 "%s %s: %s may not enter the folder %s%s; allow it (chmod o+x %s), or give "
				 "another %s or --user",
				 what, path, user->name, named.closed, state, named.closed, what);
	}
	return fault_set(fault, error, "%s %s: %s may not %s it: %s; allow it, or give another %s or --user",
			 what, path, user->name, writes ? "write in" : "enter", strerror(-error), what);
}

void confine_user_make_folder(const struct confine_user *user, const char *path)
{
	if (mkdir(path, 0700) == 0 && chown(path, user->uid, user->gid) < 0)
		rmdir(path);
}

/* Becoming */

static int refuse_way_back(const struct confine_user *user, struct fault *fault)
{
	struct confine_user now = *user;

	if (!is_current(&now))
		return fault_set(fault, -EPERM, "--user: the process is not %s alone afterwards", user->name);
	if (user->uid != 0 && (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0))
		return fault_set(fault, -EPERM,
				 "--user: the process could become root again; start it without the "
				 "capabilities to do so, or without --user");
	return 0;
}

int confine_user_become(const struct confine_user *user, struct fault *fault)
{
	if (user->is_current)
		return 0;
	if (setgroups((size_t)user->group_count, user->group) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0)
		return fault_set(fault, -errno,
				 "--user: the process may not become %s: %s; a container needs the "
				 "capabilities SETUID and SETGID for that",
				 user->name, strerror(errno));
	return refuse_way_back(user, fault);
}
