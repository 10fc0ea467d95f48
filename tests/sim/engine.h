/* SPDX-License-Identifier: MIT */
/*
 * The simulated engine: io/ring.h over the simulated kernel.
 *
 * It keeps what the contract promises and nothing more: everything that an engine may do (any order, any
 * delay, short counts, errors) is done by some session. Its wait is where the world moves.
 */
#ifndef QUOIT_TESTS_SIM_ENGINE_H
#define QUOIT_TESTS_SIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/op.h"
#include "io/ring.h"

enum kind {
	KIND_ACCEPT,
	KIND_RECV,
	KIND_WRITABLE,
	KIND_EDGES,
	KIND_READABLE,
	KIND_OPEN,
	KIND_READ,
};

/* An operation in the kernel. */
struct operation {
	enum kind kind;
	uint64_t tag;
	int fd;
	bool is_multishot;
	bool is_cancelled;
	bool is_over; /* its last completion is made */
	uint64_t due_ms;
	const char *path;
	struct open_how how;
	uint8_t *base;
	uint64_t size, offset;
	uint8_t *torn; /* of a read: what the first half was when it began */
	uint64_t torn_size;
};

/* Before each session; the ring itself is made by the server's thread. */
void engine_begin(void);
/* Is an operation of this kind with this tag in the kernel, or about to be? */
bool engine_has(enum op op, uint32_t generation, uint32_t index);
/* Of the current wait; counts up. */
uint64_t engine_wait(void);
/* All buffers are the kernel's, but for those of the batch that is being handled. */
void engine_check_buffers(void);
/* The earliest time at which something that is in the kernel may complete; UINT64_MAX: none. */
uint64_t engine_due_ms(void);

#endif
