/* SPDX-License-Identifier: MIT */
/*
 * The floor over readiness: epoll, recv, send (floor.h).
 *
 * A connection is watched by edges, once for its life: a receive that does not fill the buffer has
 * emptied the socket, so a request costs one recv, one send and its share of an epoll_wait. The
 * hard thing is an end of stream that arrives together with data, since no further edge comes for it:
 * EPOLLRDHUP tells, and then reading goes on until the end is met.
 */
#include "floor.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS 512
#define ENDED (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

static struct floor responder;
static uint8_t matched[FLOOR_FDS];
static uint8_t buffer[16 * 1024];

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data = { .fd = fd } };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void accept_all(int epoll)
{
	int fd;

	while ((fd = accept4(responder.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		matched[fd] = 0;
		watch(epoll, fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(1, "cannot accept, raise `ulimit -n` or use fewer connections");
}

/* False: the connection is of no more use. */
static bool answer(int fd, unsigned owed)
{
	while (owed > 0) {
		unsigned copies = owed < responder.copies ? owed : responder.copies;
		size_t size = copies * responder.answer_size;
		ssize_t sent = send(fd, responder.answers, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent != (ssize_t)size) {
			responder.cut += sent >= 0 || errno == EAGAIN;
			return false;
		}
		owed -= copies;
	}
	return true;
}

static void serve(int fd, bool ended)
{
	ssize_t size;

	do {
		size = recv(fd, buffer, sizeof(buffer), 0);
		if (size < 0 && errno == EAGAIN)
			return;
		if (size <= 0 || !answer(fd, floor_count(buffer, (size_t)size, &matched[fd]))) {
			close(fd);
			return;
		}
	} while (ended || size == (ssize_t)sizeof(buffer));
}

int main(int argc, char **argv)
{
	static struct epoll_event events[EVENTS];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	floor_start(&responder, argc, argv);
	watch(epoll, responder.listener, EPOLLIN);
	watch(epoll, responder.signals, EPOLLIN);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == responder.signals)
				floor_end(&responder);
			if (fd == responder.listener)
				accept_all(epoll);
			else
				serve(fd, events[i].events & ENDED);
		}
	}
}
