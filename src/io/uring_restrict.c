/* SPDX-License-Identifier: MIT */
/*
 * Leaves a ring what the server uses, and nothing else (IORING_REGISTER_RESTRICTIONS, Linux 5.10).
 *
 * Called by uring_setup.c with a ring that was made disabled, when all has been registered with it; the ring
 * is enabled behind that and never again restricted less. A seccomp filter does not see what goes through a
 * ring, so without this a ring would open a way around it: to sockets, to other files, to removing them. The
 * check is a bit of a map for each entry, in the kernel.
 *
 * What is asked for here is what ring_uring.c, uring_direct.c and uring_zero_copy.c write into entries;
 * tests/confine submits all others.
 */
#include <stdbool.h>

#include "io/uring.h"

struct list {
	struct io_uring_restriction rule[24];
	unsigned count;
};

static void add(struct list *list, uint16_t kind, uint8_t value)
{
	/* What is allowed is one member of a union, whose others are as wide. */
	list->rule[list->count++] = (struct io_uring_restriction){ .opcode = kind, .sqe_op = value };
}

static void add_operations(struct list *list, const struct ring_options *options)
{
	static const uint8_t operations[] = {
		IORING_OP_ACCEPT,  IORING_OP_RECV,         IORING_OP_SEND,
		IORING_OP_SENDMSG, IORING_OP_POLL_ADD,     IORING_OP_OPENAT2,
		IORING_OP_READ,    IORING_OP_ASYNC_CANCEL, IORING_OP_CLOSE,
	};

	for (unsigned i = 0; i < sizeof(operations); i++)
		add(list, IORING_RESTRICTION_SQE_OP, operations[i]);
	if (options->zero_copy)
		add(list, IORING_RESTRICTION_SQE_OP, IORING_OP_SEND_ZC);
	if (options->tuning.direct) {
		add(list, IORING_RESTRICTION_SQE_OP, IORING_OP_FILES_UPDATE);
		add(list, IORING_RESTRICTION_SQE_OP, ABI_OP_FIXED_FD_INSTALL);
	}
}

static void add_registrations(struct list *list, const struct ring_options *options)
{
	add(list, IORING_RESTRICTION_REGISTER_OP, IORING_UNREGISTER_RING_FDS);
	if (!options->zero_copy)
		return;
	add(list, IORING_RESTRICTION_REGISTER_OP, IORING_REGISTER_BUFFERS2);
	add(list, IORING_RESTRICTION_REGISTER_OP, IORING_REGISTER_BUFFERS_UPDATE);
}

int uring_restrict(struct uring *uring, const struct ring_options *options)
{
	struct list list = { .count = 0 };
	uint8_t flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;

	add_operations(&list, options);
	add_registrations(&list, options);
	add(&list, IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
	    options->tuning.direct ? flags | IOSQE_FIXED_FILE : flags);
	return abi_register(uring->fd, IORING_REGISTER_RESTRICTIONS, list.rule, list.count);
}
