/* SPDX-License-Identifier: MIT */
/*
 * What the epoll engine knows of each descriptor: what is armed on it, and what was heard of it.
 *
 * A table indexed by the descriptor. At most two operations are armed on one, one that waits for
 * input and one that waits for room. An armed operation is also found by its tag, for a cancel.
 * Growing moves the table: a slot is valid until the next epoll_slots_need().
 */
#ifndef QUOIT_IO_RING_EPOLL_SLOTS_H
#define QUOIT_IO_RING_EPOLL_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

enum side {
	SIDE_INPUT,
	SIDE_OUTPUT,
	SIDES,
};

enum armed_kind {
	ARMED_NOTHING,
	ARMED_RECV,
	ARMED_ACCEPT,
	ARMED_ACCEPT_ONE,
	ARMED_READABLE,
	ARMED_WRITABLE, /* once */
	ARMED_EDGES,    /* each time */
};

struct armed {
	uint64_t tag;
	uint32_t next; /* of the same bucket */
	uint32_t kind; /* enum armed_kind */
};

struct slot {
	struct armed armed[SIDES];
	uint32_t next_ready;
	uint8_t watched;       /* how epoll has been asked about it */
	bool ready : 1;        /* in the list of those to receive from */
	bool may_receive : 1;  /* there may be bytes: it was heard, and not yet found otherwise */
	bool reads_to_end : 1; /* a short receive is not the last one */
};

struct epoll_slots {
	struct slot *slot; /* `capacity` of them */
	uint32_t *bucket;  /* as many; what is armed, by its tag */
	uint32_t capacity; /* a power of two, or 0 */
};

/* All zero is an empty table. */
void epoll_slots_deinit(struct epoll_slots *slots);

/* The slot of a descriptor, made if need be. NULL: no memory. */
struct slot *epoll_slots_need(struct epoll_slots *slots, int fd);

/* The slot must be there, and nothing be armed on that side of it. */
void epoll_slots_arm(struct epoll_slots *slots, int fd, enum side side, enum armed_kind kind, uint64_t tag);
/* It has ended. */
void epoll_slots_disarm(struct epoll_slots *slots, int fd, enum side side);

/* Where the operation with this tag is armed; false: nowhere. */
bool epoll_slots_find(const struct epoll_slots *slots, uint64_t tag, int *ret_fd, enum side *ret_side);

#endif
