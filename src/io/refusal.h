/* SPDX-License-Identifier: MIT */
/* Why does this machine refuse a ring, and what cures it? */
#ifndef QUOIT_IO_REFUSAL_H
#define QUOIT_IO_REFUSAL_H

#include <stdbool.h>

#include "base/fault.h"

/*
 * Explain the negative errno of io_uring_setup(2) in one sentence that names the cause (no
 * kernel support, sysctl kernel.io_uring_disabled, a container's seccomp filter, a limit) and
 * the cure. Returns `error`, or -ENOSYS when the kernel is
 * too old.
 */
int refusal_explain(struct fault *fault, int error);

/*
 * Is this what refusal_explain() returns where io_uring is not to be had, and epoll may be? Not of a
 * limit that would meet epoll as well, nor of options that are wrong.
 */
bool refusal_leaves_epoll(int error);

#endif
