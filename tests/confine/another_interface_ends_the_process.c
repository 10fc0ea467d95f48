/* SPDX-License-Identifier: MIT */
/*
 * A filter that knows the numbers of one interface is no way around by another: whoever calls through it
 * ends.
 *
 * On x86-64 there are two more, of 32-bit programs (int 0x80) and x32 (a bit in the number). A process for
 * each, and for each list, loads the filter, shows that an ordinary call still works, and calls. Exit 77:
 * there are no other interfaces here, or no filters.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/confine_seccomp.h"

#define FINE 7 /* how a process ends that was not ended */

#ifdef __x86_64__

#define GETPID_32 20
#define X32_BIT 0x40000000L

static long call_32(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"((long)GETPID_32) : "memory");
	return result;
}

static long call_x32(void)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(X32_BIT | SYS_getpid) : "rcx", "r11", "memory");
	return result;
}

static long call_64(void)
{
	return syscall(SYS_getpid);
}

/* How a process ends that does this with the filter of that role; or without one. */
static int end_of(long (*body)(void), const struct confine_filter *filter)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (filter &&
		    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || confine_seccomp_load(filter) < 0))
			_exit(1);
		body();
		_exit(FINE);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

static unsigned try_role(enum confine_role role)
{
	struct confine_filter filter;
	unsigned failures = 0;
	int status;

	if (confine_seccomp_compile(role, &filter) < 0) {
		fprintf(stderr, "role %d: the filter cannot be made\n", role);
		return 1;
	}
	status = end_of(call_64, &filter);
	failures += !WIFEXITED(status) || WEXITSTATUS(status) != FINE;
	status = end_of(call_x32, &filter);
	failures += !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS;
	/* A kernel without 32-bit programs ends it by itself. */
	status = end_of(call_32, NULL);
	if (WIFEXITED(status)) {
		status = end_of(call_32, &filter);
		failures += !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS;
	}
	if (failures > 0)
		fprintf(stderr, "role %d: %u of three calls end otherwise than they should\n", role,
			failures);
	confine_seccomp_free(&filter);
	return failures;
}

int main(void)
{
	unsigned failures = 0;
#ifndef QUOIT_SANITIZED
	const char *lacks = confine_seccomp_lacks();

	if (lacks) {
		printf("skipped: %s\n", lacks);
		return 77;
	}
#endif
	for (int role = 0; role < CONFINE_ROLES; role++)
		failures += try_role(role);
	return failures > 0;
}

#else

int main(void)
{
	printf("skipped: this architecture has one interface\n");
	return 77;
}

#endif
