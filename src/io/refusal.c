/* SPDX-License-Identifier: MIT */
/*
 * Turns the errno of a refused io_uring_setup(2) into a cause and a cure.
 *
 * One errno has several causes: EPERM is what the sysctl says, what a container's seccomp
 * filter says, and what a security module says; ENOMEM may be the machine's memory or a limit. So
 * the places where each would be visible are read: /proc/sys/kernel/io_uring_disabled (Linux 6.6),
 * /proc/self/status (Seccomp, CapEff), the limit itself. Called when creating a ring failed, at start.
 */
#include "io/refusal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#define SECCOMP_FILTERS 2 /* what "Seccomp:" says of a process with filters */

/* The number behind the first `prefix` that begins a line of the file, or -1. */
static long long number_in_file(const char *path, const char *prefix, int base)
{
	char line[256], *end;
	long long number = -1;
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	while (number < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		number = strtoll(line + strlen(prefix), &end, base);
		if (end == line + strlen(prefix))
			number = -1;
	}
	fclose(file);
	return number;
}

static bool has_filters(void)
{
	return number_in_file("/proc/self/status", "Seccomp:", 10) == SECCOMP_FILTERS;
}

static int explain_permission(struct fault *fault, int error)
{
	int disabled = (int)number_in_file("/proc/sys/kernel/io_uring_disabled", "", 10);

	if (disabled > 0)
		return fault_set(
			fault, error,
			"io_uring is refused: kernel.io_uring_disabled is %d; set it to 0 (sysctl -w "
			"kernel.io_uring_disabled=0)%s",
			disabled, disabled == 1 ? " or add this user to kernel.io_uring_group" : "");
	if (has_filters())
		return fault_set(
			fault, error,
			"io_uring is refused by a seccomp filter, as containers have by default; run the "
			"container with a profile that allows io_uring_setup, io_uring_enter and "
			"io_uring_register, a service with a SystemCallFilter= that has @aio");
	return fault_set(fault, error,
			 "io_uring is refused (%s); look for a security module's denial in the kernel log",
			 strerror(-error));
}

static int explain_absence(struct fault *fault, int error)
{
	if (has_filters())
		return fault_set(fault, error,
				 "io_uring is refused: the kernel has none, or a seccomp filter says so; it "
				 "needs Linux "
				 "6.1 or newer, and in a container a profile that allows io_uring_setup, "
				 "io_uring_enter and io_uring_register");
	return fault_set(fault, error,
			 "this kernel has no io_uring; it needs Linux 6.1 or newer built with "
			 "CONFIG_IO_URING");
}

/* Does RLIMIT_MEMLOCK hold for this process? */
static bool is_limited(const struct rlimit *limit)
{
	long long capabilities = number_in_file("/proc/self/status", "CapEff:", 16);

	return limit->rlim_cur != RLIM_INFINITY &&
	       (capabilities < 0 || !(capabilities & 1LL << CAP_IPC_LOCK));
}

static int explain_memory(struct fault *fault, int error)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && is_limited(&limit))
		return fault_set(
			fault, error,
			"io_uring is refused: its rings do not fit into the limit on locked memory, which is "
			"%llu KiB; raise it (ulimit -l, LimitMEMLOCK=) or use fewer --threads or a smaller "
			"--ring-entries",
			(unsigned long long)limit.rlim_cur / 1024);
	return fault_set(fault, error,
			 "no memory for a ring; use fewer --threads or a smaller --ring-entries");
}

int refusal_explain(struct fault *fault, int error)
{
	struct utsname kernel;

	switch (-error) {
	case EPERM:
	case EACCES:
		return explain_permission(fault, error);
	case ENOSYS:
		return explain_absence(fault, error);
	case EINVAL:
	case EOPNOTSUPP:
		return fault_set(fault, -ENOSYS,
				 "this kernel's io_uring is too old; it needs Linux 6.1 or newer, this is %s",
				 uname(&kernel) == 0 ? kernel.release : "unknown");
	case ENOMEM:
		return explain_memory(fault, error);
	case EMFILE:
	case ENFILE:
		return fault_set(
			fault, error,
			"no descriptor is free for a ring; raise the limit on open files (ulimit -n, "
			"LimitNOFILE=) or use fewer --threads");
	default:
		return fault_set(fault, error, "a ring cannot be created: %s", strerror(-error));
	}
}

bool refusal_leaves_epoll(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOSYS || error == -ENOMEM;
}
