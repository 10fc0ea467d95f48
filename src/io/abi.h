/* SPDX-License-Identifier: MIT */
/*
 * Kernel interface constants that liburing 2.3 (Debian 12) lacks, for ring_uring.c alone.
 *
 * All of them are macros in newer kernel headers, so the #ifndef is the build check. Each
 * names the kernel that brought it; whether the running kernel has it is found at start.
 * Source: include/uapi/linux/io_uring.h.
 */
#ifndef QUOIT_IO_ABI_H
#define QUOIT_IO_ABI_H

#include <liburing.h>

/* Linux 6.15: a waiting worker is idle, not waiting for a disk ("wa" in top). */
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif

/* Linux 6.12: a receive buffer is used piece by piece. */
#ifndef IORING_CQE_F_BUF_MORE
#define IORING_CQE_F_BUF_MORE (1U << 4)
#endif

#endif
