/* SPDX-License-Identifier: MIT */
/*
 * What the files of the epoll engine share: ring_epoll.c (life, completions, the wait) and
 * ring_epoll_sockets.c (what is armed, and what becomes of events). For them alone.
 */
#ifndef QUOIT_IO_RING_EPOLL_H
#define QUOIT_IO_RING_EPOLL_H

#include <stdint.h>
#include <sys/epoll.h>

#include "base/stats.h"
#include "io/ring.h"
#include "io/ring_epoll_slots.h"

#define EPOLL_EVENTS_MAX 512 /* of one epoll_wait; what is beyond comes with the next, others first */

struct epoll_files;

struct epoll_batch {
	struct completion *completion;
	unsigned count;
	unsigned capacity;
};

struct epoll {
	struct ring ring;
	int fd;
	struct epoll_slots slots;
	struct epoll_files *files;

	struct epoll_batch collected; /* for the next wait to hand out */
	struct epoll_batch handed_out;
	uint16_t *buffer_free; /* a stack: the buffer that is warm is on top */
	unsigned buffer_free_count;
	uint32_t ready_first, ready_last; /* to receive from: descriptor + 1; 0: none */

	struct epoll_event event[EPOLL_EVENTS_MAX];
};

static inline struct epoll *epoll_of(struct ring *ring)
{
	return (struct epoll *)ring;
}

static inline void epoll_count_call(struct epoll *epoll)
{
	stats_add(epoll->ring.stats, COUNTER_calls, 1);
}

static inline void epoll_count_submission(struct epoll *epoll)
{
	stats_add(epoll->ring.stats, COUNTER_submissions, 1);
}

/* For the next wait to hand out. */
void epoll_complete(struct epoll *epoll, uint64_t tag, int32_t result, uint32_t flags);

/* Submissions, as ring.h tells. */
void epoll_submit_accept(struct ring *ring, uint64_t tag, int listener);
void epoll_submit_accept_one(struct ring *ring, uint64_t tag, int listener);
void epoll_submit_recv(struct ring *ring, uint64_t tag, int fd);
void epoll_submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size);
void epoll_submit_send_gather(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message);
void epoll_submit_writable(struct ring *ring, uint64_t tag, int fd);
void epoll_submit_writable_edges(struct ring *ring, uint64_t tag, int fd);
void epoll_submit_readable(struct ring *ring, uint64_t tag, int fd);

/* What epoll_wait has said of a descriptor. */
void epoll_on_event(struct epoll *epoll, int fd, uint32_t events);
/* One turn for each socket that has, or may have, something to receive. */
void epoll_receive_ready(struct epoll *epoll);
/* The last completion of what is armed there. */
void epoll_end(struct epoll *epoll, int fd, enum side side, int32_t result);
/* The descriptor is about to be closed. */
void epoll_forget(struct epoll *epoll, int fd);

#endif
