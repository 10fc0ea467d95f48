/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the epoll engine: from an event, or without one, to a completion.
 *
 * Called by ring_epoll.c. Each socket is registered once, for edges of input; edges of room are added
 * when it was full for the first time (before that a unix socket would tell of each read of its peer).
 *
 * The one hard thing is to lose no edge, since none comes twice. An edge of input that nobody waits for
 * is remembered in the slot until a receive finds nothing: events are hints, calls decide. Room is waited
 * for seldom, so whoever begins to asks the kernel (EPOLL_CTL_MOD tells of what is there already, too),
 * and edges that come before are of no interest.
 */
#include "io/ring_epoll.h"

#include <errno.h>

#include "base/check.h"

#define RECV_ROUNDS 8    /* buffers that one socket fills in a turn: an upload must not hold up the others */
#define ACCEPT_ROUNDS 64 /* connections of one listener in a turn */

/* How epoll has been asked about a descriptor. */
enum watched {
	WATCHED_NOT,
	WATCHED_INPUT,
	WATCHED_BOTH,
	WATCHED_LISTENER,
	WATCHED_ONCE,
};

/*
 * EPOLLPRI: where urgent data lies a receive stops short, though more follows. Listeners are not told of
 * edges, since what a turn leaves must be told again; and of workers that share one (a unix socket) only
 * one is woken for a connection.
 */
static const uint32_t watched_events[] = {
	[WATCHED_INPUT] = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET,
	[WATCHED_BOTH] = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLOUT | EPOLLET,
	[WATCHED_LISTENER] = EPOLLIN | EPOLLEXCLUSIVE,
	[WATCHED_ONCE] = EPOLLIN | EPOLLONESHOT,
};

void epoll_end(struct epoll *epoll, int fd, enum side side, int32_t result)
{
	struct slot *slot = &epoll->slots.slot[fd];

	epoll_complete(epoll, slot->armed[side].tag, result, 0);
	epoll_slots_disarm(&epoll->slots, fd, side);
	if (slot->watched != WATCHED_LISTENER)
		return;
	/* As long as it is watched it may be this worker that is woken for a connection, and no other. */
	epoll_count_call(epoll);
	check(epoll_ctl(epoll->fd, EPOLL_CTL_DEL, fd, NULL) == 0);
	slot->watched = WATCHED_NOT;
}

static void add_ready(struct epoll *epoll, int fd)
{
	struct slot *slot = &epoll->slots.slot[fd];

	if (slot->ready)
		return;
	slot->ready = true;
	slot->next_ready = 0;
	if (epoll->ready_last)
		epoll->slots.slot[epoll->ready_last - 1].next_ready = (uint32_t)fd + 1;
	else
		epoll->ready_first = (uint32_t)fd + 1;
	epoll->ready_last = (uint32_t)fd + 1;
}

static int take_ready(struct epoll *epoll)
{
	int fd = (int)epoll->ready_first - 1;
	struct slot *slot = &epoll->slots.slot[fd];

	slot->ready = false;
	epoll->ready_first = slot->next_ready;
	if (!epoll->ready_first)
		epoll->ready_last = 0;
	return fd;
}

/*
 * Have epoll tell of the descriptor; what is there already is told as well. 0 or -errno, ENOSPC (the
 * user's share of kernel memory for this is used up) being one kind of no memory.
 */
static int watch(struct epoll *epoll, int fd, enum watched how)
{
	struct slot *slot = &epoll->slots.slot[fd];
	struct epoll_event event = { .events = watched_events[how], .data.fd = fd };
	int operation = slot->watched == WATCHED_NOT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	epoll_count_call(epoll);
	if (epoll_ctl(epoll->fd, operation, fd, &event) < 0)
		return errno == ENOSPC ? -ENOMEM : -errno;
	slot->watched = (uint8_t)how;
	return 0;
}

/*
 * Arm it on a descriptor that is, from now on, watched like this. False: it has failed already. A socket
 * that is watched has its input in the slot; everything else is asked for anew.
 */
static bool arm(struct epoll *epoll, int fd, enum armed_kind kind, uint64_t tag, enum watched how)
{
	struct slot *slot = epoll_slots_need(&epoll->slots, fd);
	int error = slot ? 0 : -ENOMEM;

	epoll_count_submission(epoll);
	if (error == 0 && (slot->watched == WATCHED_NOT || how != WATCHED_INPUT))
		error = watch(epoll, fd, how);
	if (error < 0) {
		epoll_complete(epoll, tag, error, 0);
		return false;
	}
	epoll_slots_arm(&epoll->slots, fd, kind >= ARMED_WRITABLE ? SIDE_OUTPUT : SIDE_INPUT, kind, tag);
	return true;
}

/* Accepts */

void epoll_submit_accept(struct ring *ring, uint64_t tag, int listener)
{
	arm(epoll_of(ring), listener, ARMED_ACCEPT, tag, WATCHED_LISTENER);
}

void epoll_submit_accept_one(struct ring *ring, uint64_t tag, int listener)
{
	arm(epoll_of(ring), listener, ARMED_ACCEPT_ONE, tag, WATCHED_LISTENER);
}

static void accept_queued(struct epoll *epoll, int listener, const struct armed *armed)
{
	for (unsigned round = 0; round < ACCEPT_ROUNDS; round++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		epoll_count_call(epoll);
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0 || armed->kind == ARMED_ACCEPT_ONE) {
			epoll_end(epoll, listener, SIDE_INPUT, fd < 0 ? -errno : fd);
			return;
		}
		epoll_complete(epoll, armed->tag, fd, COMPLETION_MORE);
	}
}

/* Receives */

void epoll_submit_recv(struct ring *ring, uint64_t tag, int fd)
{
	struct epoll *epoll = epoll_of(ring);

	if (arm(epoll, fd, ARMED_RECV, tag, WATCHED_INPUT) && epoll->slots.slot[fd].may_receive)
		add_ready(epoll, fd);
}

static ssize_t receive_into(struct epoll *epoll, int fd, uint16_t buffer)
{
	const struct ring *ring = &epoll->ring;
	ssize_t size;

	do {
		epoll_count_call(epoll);
		size = recv(fd, ring->buffers + (size_t)buffer * ring->buffer_size, ring->buffer_size,
			    MSG_DONTWAIT);
	} while (size < 0 && errno == EINTR);
	return size < 0 ? -errno : size;
}

/* Until the socket has no more, or its turn is over: then it is in the list again. */
static void receive(struct epoll *epoll, int fd, struct slot *slot)
{
	for (unsigned round = 0; round < RECV_ROUNDS && epoll->buffer_free_count > 0; round++) {
		uint16_t buffer = epoll->buffer_free[epoll->buffer_free_count - 1];
		ssize_t size = receive_into(epoll, fd, buffer);

		if (size == -EAGAIN) {
			slot->may_receive = false;
			slot->reads_to_end = false;
			return;
		}
		if (size <= 0) {
			epoll_end(epoll, fd, SIDE_INPUT, (int32_t)size);
			return;
		}
		epoll->buffer_free_count--;
		epoll_complete(epoll, slot->armed[SIDE_INPUT].tag, (int32_t)size,
			       COMPLETION_BUFFER | COMPLETION_MORE | (uint32_t)buffer << 16);
		/* Less than there was room for: that was all, and what comes later has an edge of its own. */
		if ((size_t)size < epoll->ring.buffer_size && !slot->reads_to_end) {
			slot->may_receive = false;
			return;
		}
	}
	add_ready(epoll, fd);
}

/* One turn for each that is in the list now. Without a free buffer the rest has its turn first the next time.
 */
void epoll_receive_ready(struct epoll *epoll)
{
	uint32_t last = epoll->ready_last;

	while (last && epoll->buffer_free_count > 0) {
		int fd = take_ready(epoll);
		struct slot *slot = &epoll->slots.slot[fd];

		/* It may have been paused, or closed, since it was added. */
		if (slot->armed[SIDE_INPUT].kind == ARMED_RECV)
			receive(epoll, fd, slot);
		if ((uint32_t)fd + 1 == last)
			break;
	}
}

/* Sends and room */

static void settle_send(struct epoll *epoll, uint64_t tag, ssize_t sent, size_t size)
{
	if (sent != (ssize_t)size)
		epoll_complete(epoll, tag, sent < 0 ? -errno : (int32_t)sent, 0);
}

void epoll_submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size)
{
	struct epoll *epoll = epoll_of(ring);
	ssize_t sent;

	epoll_count_submission(epoll);
	epoll_count_call(epoll);
	sent = send(fd, base, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	settle_send(epoll, tag, sent, size);
}

void epoll_submit_send_gather(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message)
{
	struct epoll *epoll = epoll_of(ring);
	size_t size = 0;
	ssize_t sent;

	for (size_t i = 0; i < message->msg_iovlen; i++)
		size += message->msg_iov[i].iov_len;
	epoll_count_submission(epoll);
	epoll_count_call(epoll);
	sent = sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
	settle_send(epoll, tag, sent, size);
}

/* There is room, or the socket has failed, which the next send will tell. */
static void say_writable(struct epoll *epoll, int fd, const struct slot *slot)
{
	const struct armed *armed = &slot->armed[SIDE_OUTPUT];

	if (armed->kind == ARMED_EDGES)
		epoll_complete(epoll, armed->tag, EPOLLOUT, COMPLETION_MORE);
	else if (armed->kind == ARMED_WRITABLE)
		epoll_end(epoll, fd, SIDE_OUTPUT, EPOLLOUT);
}

void epoll_submit_writable(struct ring *ring, uint64_t tag, int fd)
{
	arm(epoll_of(ring), fd, ARMED_WRITABLE, tag, WATCHED_BOTH);
}

void epoll_submit_writable_edges(struct ring *ring, uint64_t tag, int fd)
{
	arm(epoll_of(ring), fd, ARMED_EDGES, tag, WATCHED_BOTH);
}

/* The kernel is asked anew each time: it completes as long as it is true. */
void epoll_submit_readable(struct ring *ring, uint64_t tag, int fd)
{
	arm(epoll_of(ring), fd, ARMED_READABLE, tag, WATCHED_ONCE);
}

/* Events and ends */

void epoll_on_event(struct epoll *epoll, int fd, uint32_t events)
{
	struct slot *slot = &epoll->slots.slot[fd];
	const struct armed *input = &slot->armed[SIDE_INPUT];

	if (slot->watched == WATCHED_LISTENER) {
		accept_queued(epoll, fd, input);
		return;
	}
	if (slot->watched == WATCHED_ONCE) {
		if (input->kind == ARMED_READABLE) /* else it was cancelled */
			epoll_end(epoll, fd, SIDE_INPUT, (int32_t)events);
		return;
	}
	if (events & ~(uint32_t)EPOLLOUT) {
		slot->may_receive = true;
		slot->reads_to_end |= (events & ~(uint32_t)(EPOLLIN | EPOLLOUT)) != 0;
		if (input->kind == ARMED_RECV)
			add_ready(epoll, fd);
	}
	if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		say_writable(epoll, fd, slot);
}

void epoll_forget(struct epoll *epoll, int fd)
{
	struct slot *slot;

	if (fd < 0 || (uint32_t)fd >= epoll->slots.capacity)
		return;
	slot = &epoll->slots.slot[fd];
	/* Nothing is closed under an operation. A place in the list of ready ones stays. */
	check(slot->armed[SIDE_INPUT].kind == ARMED_NOTHING &&
	      slot->armed[SIDE_OUTPUT].kind == ARMED_NOTHING);
	slot->watched = WATCHED_NOT;
	slot->may_receive = false;
	slot->reads_to_end = false;
}
