/* SPDX-License-Identifier: MIT */
/*
 * Turns the errno of a refused io_uring_setup(2) into a cause and a cure.
 *
 * One errno has several causes: EPERM is what the sysctl says, what a container's seccomp
 * filter says, and what a security module says. So the places where each would be visible are
 * read: /proc/sys/kernel/io_uring_disabled (Linux 6.6) and the Seccomp line of
 * /proc/self/status. Called once, at start, when creating a ring failed.
 */
#include "io/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

/* The number behind `prefix` in the file, or -1. */
static int number_in_file(const char *path, const char *prefix)
{
	char line[256];
	int number = -1;
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	while (number < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, prefix, strlen(prefix)) == 0 &&
		    sscanf(line + strlen(prefix), "%d", &number) != 1)
			number = -1;
	fclose(file);
	return number;
}

static int explain_permission(struct fault *fault, int error)
{
	int disabled = number_in_file("/proc/sys/kernel/io_uring_disabled", "");

	if (disabled > 0)
		return fault_set(
			fault, error,
			"io_uring is refused: kernel.io_uring_disabled is %d; set it to 0 (sysctl -w "
			"kernel.io_uring_disabled=0)%s",
			disabled, disabled == 1 ? " or add this user to kernel.io_uring_group" : "");
	if (number_in_file("/proc/self/status", "Seccomp:") == 2)
		return fault_set(
			fault, error,
			"io_uring is refused by a seccomp filter, as containers have by default; run the "
			"container "
			"with a profile that allows io_uring_setup, io_uring_enter and io_uring_register");
	return fault_set(fault, error,
			 "io_uring is refused (%s); look for a security module's denial in the kernel log",
			 strerror(-error));
}

int refusal_explain(struct fault *fault, int error)
{
	struct utsname kernel;
	struct rlimit limit;

	switch (-error) {
	case EPERM:
	case EACCES:
		return explain_permission(fault, error);
	case ENOSYS:
		return fault_set(fault, error,
				 "this kernel has no io_uring; it needs Linux 6.1 or newer built with "
				 "CONFIG_IO_URING");
	case EINVAL:
	case EOPNOTSUPP:
		return fault_set(fault, -ENOSYS,
				 "this kernel's io_uring is too old; it needs Linux 6.1 or newer, this is %s",
				 uname(&kernel) == 0 ? kernel.release : "unknown");
	case ENOMEM:
		if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
			return fault_set(fault, error,
					 "no memory for a ring: the limit on locked memory is %llu KiB; "
					 "raise it (ulimit -l, "
					 "LimitMEMLOCK=) or use fewer --threads or a smaller --ring-entries",
					 (unsigned long long)limit.rlim_cur / 1024);
		return fault_set(fault, error,
				 "no memory for a ring; use fewer --threads or a smaller --ring-entries");
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
