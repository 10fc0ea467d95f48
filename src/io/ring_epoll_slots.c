/* SPDX-License-Identifier: MIT */
/*
 * The table of ring_epoll_slots.h: an array that doubles, and chains of what has tags that hash alike.
 *
 * Called by ring_epoll alone. A chain links places, not pointers, because the array moves: place
 * 2 * fd + side + 1, and 0 for the end. There are as many buckets as slots, so chains are short:
 * arming and ending an operation are a few instructions each beside the system call that they go with.
 */
#include "io/ring_epoll_slots.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define CAPACITY_MIN 256

static struct armed *at_place(const struct epoll_slots *slots, uint32_t place)
{
	return &slots->slot[(place - 1) / SIDES].armed[(place - 1) % SIDES];
}

/* Tags differ in a few bits here and there; the multiplication brings all of them to the upper half. */
static uint32_t *bucket_of(const struct epoll_slots *slots, uint64_t tag)
{
	uint32_t hash = (uint32_t)((tag * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	return &slots->bucket[hash & (slots->capacity - 1)];
}

static void link_place(struct epoll_slots *slots, uint32_t place)
{
	struct armed *armed = at_place(slots, place);
	uint32_t *bucket = bucket_of(slots, armed->tag);

	armed->next = *bucket;
	*bucket = place;
}

static bool grow(struct epoll_slots *slots, uint32_t wanted)
{
	uint32_t before = slots->capacity;
	uint32_t capacity = before ? before : CAPACITY_MIN;
	uint32_t *bucket;
	struct slot *slot;

	while (capacity < wanted)
		capacity *= 2;
	slot = mem_resize(slots->slot, capacity * sizeof(*slot));
	if (!slot)
		return false;
	slots->slot = slot;
	memset(slot + before, 0, (capacity - before) * sizeof(*slot));
	bucket = mem_resize(slots->bucket, capacity * sizeof(*bucket));
	if (!bucket)
		return false;
	slots->bucket = bucket;
	slots->capacity = capacity;
	memset(bucket, 0, capacity * sizeof(*bucket));
	for (uint32_t place = 1; place <= before * SIDES; place++)
		if (at_place(slots, place)->kind != ARMED_NOTHING)
			link_place(slots, place);
	return true;
}

void epoll_slots_deinit(struct epoll_slots *slots)
{
	mem_free(slots->slot);
	mem_free(slots->bucket);
	memset(slots, 0, sizeof(*slots));
}

struct slot *epoll_slots_need(struct epoll_slots *slots, int fd)
{
	check(fd >= 0);
	if ((uint32_t)fd >= slots->capacity && !grow(slots, (uint32_t)fd + 1))
		return NULL;
	return &slots->slot[fd];
}

void epoll_slots_arm(struct epoll_slots *slots, int fd, enum side side, enum armed_kind kind, uint64_t tag)
{
	struct armed *armed = &slots->slot[fd].armed[side];

	check(armed->kind == ARMED_NOTHING);
	armed->kind = kind;
	armed->tag = tag;
	link_place(slots, (uint32_t)fd * SIDES + side + 1);
}

void epoll_slots_disarm(struct epoll_slots *slots, int fd, enum side side)
{
	uint32_t place = (uint32_t)fd * SIDES + side + 1;
	struct armed *armed = at_place(slots, place);
	uint32_t *link = bucket_of(slots, armed->tag);

	check(armed->kind != ARMED_NOTHING);
	while (*link != place)
		link = &at_place(slots, *link)->next;
	*link = armed->next;
	armed->kind = ARMED_NOTHING;
}

bool epoll_slots_find(const struct epoll_slots *slots, uint64_t tag, int *ret_fd, enum side *ret_side)
{
	uint32_t place = slots->capacity > 0 ? *bucket_of(slots, tag) : 0;

	while (place != 0 && at_place(slots, place)->tag != tag)
		place = at_place(slots, place)->next;
	if (place == 0)
		return false;
	*ret_fd = (int)((place - 1) / SIDES);
	*ret_side = (enum side)((place - 1) % SIDES);
	return true;
}
