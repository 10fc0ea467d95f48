/* SPDX-License-Identifier: MIT */
/*
 * seccomp(2): which system calls a thread may still make; the lists are in confine_calls.def.
 *
 * A filter is compiled once, by libseccomp and on the control plane's thread, and loaded by each thread
 * with one call. What is not on the list fails with EPERM; a call of another architecture's
 * interface ends the process.
 */
#ifndef QUOIT_IO_CONFINE_SECCOMP_H
#define QUOIT_IO_CONFINE_SECCOMP_H

#include <stdbool.h>

#include "io/confine.h"

struct sock_filter;

struct confine_filter {
	struct sock_filter *instruction; /* NULL: none */
	unsigned short count;
};

/* NULL, or why there can be none: static memory. */
const char *confine_seccomp_lacks(void);

/* 0 or -errno. */
int confine_seccomp_compile(enum confine_role role, struct confine_filter *ret_filter);
void confine_seccomp_free(struct confine_filter *filter);

/* For the calling thread, which has no_new_privs. 0 or -errno. */
int confine_seccomp_load(const struct confine_filter *filter);

#endif
