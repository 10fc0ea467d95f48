/* SPDX-License-Identifier: MIT */
/*
 * What travels with an operation and comes back with its completion: the 64-bit tag.
 *
 *    63      56 55            32 31                             0
 *   +----------+----------------+--------------------------------+
 *   | op kind  |   generation   |             index              |
 *   +----------+----------------+--------------------------------+
 *     enum op    of the slot      of the connection, fetch or listener
 *
 * The generation is counted up when a slot is freed. A completion whose generation is not the
 * slot's belongs to a former life and is dropped, so a late completion can never touch the
 * next connection in the same slot.
 */
#ifndef QUOIT_IO_OP_H
#define QUOIT_IO_OP_H

#include <stdint.h>

enum op {
	OP_NONE, /* nobody waits for it: closes and cancels */
	OP_ACCEPT,
	OP_RECV,
	OP_SEND,
	OP_WRITABLE,
	OP_WARM, /* a read that brings cold file pages into memory */
	OP_OPEN,
	OP_READ,
	OP_WAKE,      /* another thread wrote the worker's eventfd */
	OP_ZERO_COPY, /* both completions of a zero-copy send; index: of serve/zero_copy's own slot */
};

#define OP_GENERATION_MASK UINT32_C(0xffffff)

static inline uint64_t op_tag(enum op op, uint32_t generation, uint32_t index)
{
	return (uint64_t)op << 56 | (uint64_t)(generation & OP_GENERATION_MASK) << 32 | index;
}

static inline enum op op_kind(uint64_t tag)
{
	return (enum op)(tag >> 56);
}

static inline uint32_t op_generation(uint64_t tag)
{
	return (uint32_t)(tag >> 32) & OP_GENERATION_MASK;
}

static inline uint32_t op_index(uint64_t tag)
{
	return (uint32_t)tag;
}

#endif
