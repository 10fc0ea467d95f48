/* SPDX-License-Identifier: MIT */
/*
 * Makes Landlock rule sets; see confine_landlock.h.
 *
 * Called by io/confine. By system calls, since the C library has no functions for them; what the header of
 * an older kernel lacks is defined here with the version that brought it. A right that is
 * handled and not granted is refused, so each version's new rights are handled as soon as they are
 * known: what a kernel does not know it would refuse as a whole (EINVAL).
 *
 * References: landlock(7), Documentation/userspace-api/landlock.rst.
 */
#include "io/confine_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/confine.h"

#ifndef LANDLOCK_ACCESS_FS_REFER /* version 2, Linux 5.19 */
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE /* version 3, Linux 6.2 */
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP /* version 4, Linux 6.7 */
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV /* version 5, Linux 6.10 */
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET /* version 6, Linux 6.12 */
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

/* struct landlock_ruleset_attr; it has grown, and a kernel takes no more of it than it knows. */
struct handled {
	uint64_t files;
	uint64_t net;    /* from version 4 on */
	uint64_t scopes; /* from version 6 on */
};

#define FILES_1                                                                                              \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |         \
	 LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |      \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |          \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |       \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |      \
	 LANDLOCK_ACCESS_FS_TRUNCATE)

static struct handled handled_by(int version)
{
	struct handled handled = { .files = FILES_1 };

	if (version >= 2)
		handled.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		handled.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 4)
		handled.net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
	if (version >= 5)
		handled.files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	if (version >= 6)
		handled.scopes = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
	return handled;
}

static size_t size_for(int version)
{
	return version >= 6   ? sizeof(struct handled)
	       : version >= 4 ? offsetof(struct handled, scopes)
			      : offsetof(struct handled, net);
}

int confine_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : (int)version;
}

static int allow(int ruleset, int folder, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = folder };

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

/* A sanitizer's report names functions: for that it reads the program and its libraries, or runs one that
 * does. */
static int allow_sanitizer(int ruleset)
{
	int error = 0;
#ifdef QUOIT_SANITIZED
	int everything = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	error = everything < 0 ? -errno : allow(ruleset, everything, READS | LANDLOCK_ACCESS_FS_EXECUTE);
	if (everything >= 0)
		close(everything);
#else
	(void)ruleset;
#endif
	return error;
}

int confine_landlock_create(const struct confine_setup *setup, int version, int writes)
{
	struct handled handled = handled_by(version);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, size_for(version), 0);
	uint64_t written = READS | (writes ? WRITES & handled.files : 0);
	int error;

	if (ruleset < 0)
		return -errno;
	error = allow_sanitizer(ruleset);
	for (unsigned i = 0; i < setup->folder_count && error == 0; i++)
		error = allow(ruleset, setup->folder[i], READS);
	if (error == 0 && setup->written >= 0)
		error = allow(ruleset, setup->written, written);
	if (error < 0) {
		close(ruleset);
		return error;
	}
	return ruleset;
}

int confine_landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
