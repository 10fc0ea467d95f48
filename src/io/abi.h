/* SPDX-License-Identifier: MIT */
/*
 * The kernel interface of io_uring as the engine uses it: liburing's header, what its version 2.3
 * (Debian 12) lacks, and the three system calls.
 *
 * Each thing names the kernel that brought it; whether the running kernel has it is found at start.
 * What is a macro in newer headers is guarded by #ifndef; what is an enumerator or a struct there has a
 * name of its own here, ABI_ or abi_, since no build check can see those. Source:
 * include/uapi/linux/io_uring.h.
 *
 * liburing's functions are not used: its 2.3 maps an index array that a ring without one does not have,
 * and knows no registered waits. The calls return -errno, as all else here.
 */
#ifndef QUOIT_IO_ABI_H
#define QUOIT_IO_ABI_H

#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.6: no index array; the entry at a place of the queue is the one that is taken. */
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

/* Linux 6.12: a wait for several completions ends with fewer after a minimum time. */
#ifndef IORING_FEAT_MIN_TIMEOUT
#define IORING_FEAT_MIN_TIMEOUT (1U << 15)
#endif

/* Linux 6.15: a waiting worker is idle, not waiting for a disk ("wa" in top). */
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif

/* Linux 6.13: the argument of an enter is an offset into registered memory. */
#ifndef IORING_ENTER_EXT_ARG_REG
#define IORING_ENTER_EXT_ARG_REG (1U << 6)
#endif

/* Linux 6.12: a receive buffer is used piece by piece. */
#ifndef IORING_CQE_F_BUF_MORE
#define IORING_CQE_F_BUF_MORE (1U << 4)
#endif

/* Linux 6.2: the notification of a SEND_ZC says whether the kernel copied. */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

/* Linux 6.3: calls to register go by a registered ring, too. */
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13)
#endif

enum {
	ABI_OP_FIXED_FD_INSTALL = 54,    /* Linux 6.8: a direct descriptor becomes a real one as well */
	ABI_REGISTER_NAPI = 27,          /* Linux 6.9 */
	ABI_REGISTER_MEM_REGION = 34,    /* Linux 6.13; for waits only while the ring is disabled */
	ABI_REGION_IS_OURS = 1,          /* abi_region.flags: the memory is the caller's */
	ABI_REGION_HOLDS_WAITS = 1,      /* abi_region_register.flags */
	ABI_WAIT_HAS_TIMEOUT = 1,        /* abi_wait.flags */
	ABI_BUFFER_RING_INCREMENTAL = 2, /* Linux 6.12; abi_buffer_ring.flags */
};

/* io_uring_getevents_arg; its third member was padding before Linux 6.12. */
struct abi_enter_argument {
	uint64_t signals;
	uint32_t signals_size;
	uint32_t min_wait_us;
	uint64_t timeout; /* address of a __kernel_timespec, or 0 */
};

/* io_uring_reg_wait: the same in registered memory. */
struct abi_wait {
	struct __kernel_timespec timeout;
	uint32_t min_wait_us;
	uint32_t flags;
	uint64_t signals;
	uint32_t signals_size;
	uint32_t reserved[7];
};

/* io_uring_region_desc */
struct abi_region {
	uint64_t address; /* page-aligned, whole pages */
	uint64_t size;
	uint32_t flags;
	uint32_t id;
	uint64_t mmap_offset;
	uint64_t reserved[4];
};

/* io_uring_mem_region_reg */
struct abi_region_register {
	uint64_t region; /* address of a struct abi_region */
	uint64_t flags;
	uint64_t reserved[2];
};

/* io_uring_buf_reg; `flags` was padding before Linux 6.4. */
struct abi_buffer_ring {
	uint64_t address;
	uint32_t entries;
	uint16_t group;
	uint16_t flags;
	uint64_t reserved[3];
};

/* io_uring_napi */
struct abi_napi {
	uint32_t busy_poll_us;
	uint8_t prefer_busy_poll;
	uint8_t opcode;
	uint8_t padding[2];
	uint32_t parameter;
	uint32_t reserved;
};

_Static_assert(sizeof(struct abi_enter_argument) == sizeof(struct io_uring_getevents_arg) &&
		       sizeof(struct abi_buffer_ring) == sizeof(struct io_uring_buf_reg) &&
		       sizeof(struct abi_wait) == 64 && sizeof(struct abi_region) == 64 &&
		       sizeof(struct abi_region_register) == 32 && sizeof(struct abi_napi) == 16,
	       "the kernel's sizes");

static inline int abi_setup(unsigned entries, struct io_uring_params *params)
{
	long result = syscall(__NR_io_uring_setup, entries, params);

	return result < 0 ? -errno : (int)result;
}

static inline int abi_register(int ring, unsigned opcode, const void *argument, unsigned count)
{
	long result = syscall(__NR_io_uring_register, ring, opcode, argument, count);

	return result < 0 ? -errno : (int)result;
}

/* Once per turn of a worker, so without a way through the C library where the instruction is known. */
static inline int abi_enter(unsigned ring, unsigned submit, unsigned wait, unsigned flags,
			    const void *argument, size_t size)
{
#if defined(__x86_64__) && defined(__LP64__)
	register uint64_t argument4 __asm__("r10") = flags;
	register const void *argument5 __asm__("r8") = argument;
	register size_t argument6 __asm__("r9") = size;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"((long)__NR_io_uring_enter), "D"((uint64_t)ring), "S"((uint64_t)submit),
			   "d"((uint64_t)wait), "r"(argument4), "r"(argument5), "r"(argument6)
			 : "rcx", "r11", "memory");
	return (int)result;
#else
	long result = syscall(__NR_io_uring_enter, ring, submit, wait, flags, argument, size);

	return result < 0 ? -errno : (int)result;
#endif
}

#endif
