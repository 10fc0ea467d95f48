/* SPDX-License-Identifier: MIT */
/*
 * SEND_ZC: sends from registered memory that the kernel does not copy.
 *
 * A part of the io_uring engine, called by serve/zero_copy through io/ring.h. The table of registered
 * memory is made empty, and its places are filled and cleared one by one; clearing one does not wait
 * for the sends that still use it, since each of them holds the pages itself (tests/kernel shows it).
 *
 * The send is tried once, at submission, like any other of ours (MSG_DONTWAIT). What it cannot do is be
 * quiet: the kernel refuses to skip its completion, and posts a second one, the notification, when
 * nobody needs the memory any more. That one is asked to say whether the kernel copied: without the report a
 * path that copies could not be told from one that does not, so a kernel that does not know it has no
 * zero copy for us.
 */
#include "io/uring_zero_copy.h"

#include <limits.h>
#include <sys/uio.h>

#include "base/check.h"
#include "io/uring.h"

_Static_assert(COMPLETION_NOTIFICATION == IORING_CQE_F_NOTIF && IORING_NOTIF_USAGE_ZC_COPIED == 1U << 31,
	       "completion_was_copied() reads a notification's result by its sign");

/*
 * Does the kernel know IORING_SEND_ZC_REPORT_USAGE (6.2)? A ring says so by a feature of 6.3, which is
 * nearer than any other; asking with a send would leave completions for the worker to meet.
 */
static bool has_reports(void)
{
	struct io_uring_params params = { 0 };
	int ring = abi_setup(1, &params);

	if (ring < 0)
		return false;
	close(ring);
	return params.features & IORING_FEAT_REG_REG_RING;
}

static int start(struct ring *ring, unsigned count)
{
	struct io_uring_rsrc_register table = { .nr = count, .flags = IORING_RSRC_REGISTER_SPARSE };

	if (!has_reports())
		return -EOPNOTSUPP;
	return abi_register(uring_of(ring)->fd, IORING_REGISTER_BUFFERS2, &table, sizeof(table));
}

static int set_memory(struct ring *ring, unsigned place, const void *base, size_t size)
{
	struct iovec memory = { .iov_base = (void *)base, .iov_len = size };
	struct io_uring_rsrc_update2 update = { .offset = place, .data = (uintptr_t)&memory, .nr = 1 };
	int result;

	stats_add(ring->stats, COUNTER_calls, 1);
	result = abi_register(uring_of(ring)->fd, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update));
	return result < 0 ? result : 0;
}

static void submit_send(struct ring *ring, uint64_t tag, int fd, unsigned place, const void *base,
			size_t size)
{
	struct uring *uring = uring_of(ring);

	check(size <= UINT_MAX);
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_SEND_ZC,
		.flags = uring->socket_flags,
		.ioprio = IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE,
		.fd = fd,
		.addr = (uintptr_t)base,
		.len = (unsigned)size,
		.msg_flags = MSG_DONTWAIT,
		.buf_index = (uint16_t)place,
		.user_data = tag,
	};
	uring_push(uring);
}

const struct ring_zero_copy uring_zero_copy = {
	.start = start,
	.set_memory = set_memory,
	.submit_send = submit_send,
};
