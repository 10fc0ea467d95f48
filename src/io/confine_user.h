/* SPDX-License-Identifier: MIT */
/*
 * Becoming another user for good, and what that user may do.
 *
 * Of the whole process, unlike the rest of io/confine. Whether the user may reach a folder is asked before,
 * on a thread that is that user for a moment and then ends: a refusal leaves the process as it was.
 */
#ifndef QUOIT_IO_CONFINE_USER_H
#define QUOIT_IO_CONFINE_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

struct confine_user {
	char name[64]; /* "www-data" */
	uid_t uid;
	gid_t gid;
	gid_t *group; /* all of them, owned */
	int group_count;
	bool is_current; /* the process is this user already */
};

/*
 * `text` is "USER" or "USER:GROUP", names or numbers. -EINVAL: there is no such user or group; -EPERM: only
 * root can become another user, and this is not root. With a sentence.
 */
int confine_user_find(const char *text, struct confine_user *ret_user, struct fault *fault);
void confine_user_deinit(struct confine_user *user);

/*
 * May the user enter this folder, and with `writes` write in it? -EACCES with a sentence that begins with
 * `what` ("root"), names the folder that is in the way, and the cure.
 */
int confine_user_check(const struct confine_user *user, const char *what, const char *path, bool writes,
		       struct fault *fault);

/* Make the folder for the user where there is none. Failure shows when it is used. */
void confine_user_make_folder(const struct confine_user *user, const char *path);

/* For good: it has been tried to get back. -errno with a sentence. */
int confine_user_become(const struct confine_user *user, struct fault *fault);

#endif
