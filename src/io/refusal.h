/* SPDX-License-Identifier: MIT */
/* Why does this machine refuse a ring, and what cures it? */
#ifndef QUOIT_IO_REFUSAL_H
#define QUOIT_IO_REFUSAL_H

#include "base/fault.h"

/*
 * Explain the negative errno of io_uring_setup(2) in one sentence that names the cause (no
 * kernel support, sysctl kernel.io_uring_disabled, a container's seccomp filter, a limit) and
 * the cure. Returns `error`, or -ENOSYS when the kernel is
 * too old.
 */
int refusal_explain(struct fault *fault, int error);

#endif
