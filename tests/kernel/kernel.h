/* SPDX-License-Identifier: MIT */
/*
 * What every kernel contract test needs: a ring like the server's, a loopback connection, and
 * short waits.
 *
 * A test here holds the kernel to one promise that the server relies on; the file name is the
 * promise. No code of the server is linked. Where the running kernel lacks the feature the
 * whole program ends with 77, which meson shows as skipped; a promise that is broken fails.
 *
 * Two kinds of "now": kernel_take() looks only at memory, so it finds what was posted before
 * io_uring_submit() returned; kernel_wait() enters the kernel and lets deferred work run.
 */
#ifndef QUOIT_TESTS_KERNEL_KERNEL_H
#define QUOIT_TESTS_KERNEL_KERNEL_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <liburing.h>

enum {
	KERNEL_WAIT_MS = 3000, /* for what must come: generous, it is only used up by a failing test */
	KERNEL_QUIET_MS = 50,  /* for what must not come: short, it is used up by every passing test */
};

/* The part of a completion that is ours once the ring's entry is given back. */
struct completion {
	uint64_t user_data;
	int32_t result;
	uint32_t flags; /* IORING_CQE_F_* */
};

/* Both ends of one loopback connection: the server's as the server has it, the client's blocking. */
struct kernel_pair {
	int server; /* accepted, O_NONBLOCK, TCP_NODELAY */
	int client; /* its reads and writes give up after KERNEL_WAIT_MS */
};

_Noreturn static inline void kernel_skip(const char *why, int error)
{
	fprintf(stderr, "skipped: %s: %s\n", why, strerror(error));
	exit(77);
}

/* The flags of the server's rings; a kernel without them (before 6.1) has no server. */
static inline void kernel_ring_init(struct io_uring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
	};
	int error = io_uring_queue_init_params(64, ring, &params);

	if (error < 0)
		kernel_skip("no ring with SINGLE_ISSUER, DEFER_TASKRUN and SUBMIT_ALL", -error);
}

/* A prepared sqe needs nothing more than its name; submits it alone. */
static inline void kernel_submit(struct io_uring *ring, struct io_uring_sqe *sqe, uint64_t user_data)
{
	sqe->user_data = user_data;
	assert_int_equal(io_uring_submit(ring), 1);
}

/* The next completion that is already in the ring's memory; false when there is none. No system call. */
static inline bool kernel_take(struct io_uring *ring, struct completion *ret_completion)
{
	struct io_uring_cqe *cqe;

	if (io_uring_cq_ready(ring) == 0)
		return false;
	assert_int_equal(io_uring_peek_cqe(ring, &cqe), 0);
	*ret_completion = (struct completion){ cqe->user_data, cqe->res, cqe->flags };
	io_uring_cqe_seen(ring, cqe);
	return true;
}

static inline bool kernel_wait_ms(struct io_uring *ring, int timeout_ms, struct completion *ret_completion)
{
	struct __kernel_timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000LL };
	struct io_uring_cqe *cqe;
	int error = io_uring_wait_cqe_timeout(ring, &cqe, &timeout);

	if (error == -ETIME)
		return false;
	assert_int_equal(error, 0);
	return kernel_take(ring, ret_completion);
}

/* What the submission before it must have posted. */
static inline struct completion kernel_take_at_once(struct io_uring *ring)
{
	struct completion completion = { 0 };

	if (!kernel_take(ring, &completion))
		fail_msg("nothing was posted when io_uring_submit() returned");
	return completion;
}

static inline struct completion kernel_wait(struct io_uring *ring)
{
	struct completion completion = { 0 };

	if (!kernel_wait_ms(ring, KERNEL_WAIT_MS, &completion))
		fail_msg("no completion came");
	return completion;
}

static inline void kernel_assert_quiet(struct io_uring *ring)
{
	struct completion completion;

	if (kernel_wait_ms(ring, KERNEL_QUIET_MS, &completion))
		fail_msg("unexpected completion: user_data %llu, result %d, flags %#x",
			 (unsigned long long)completion.user_data, completion.result, completion.flags);
}

/* Wait with poll(2) until one of `events`, or an error, shows on `fd`. */
static inline short kernel_poll(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	assert_int_equal(poll(&pollfd, 1, KERNEL_WAIT_MS), 1);
	return pollfd.revents;
}

static inline void kernel_set_option(int fd, int level, int option, int value)
{
	assert_int_equal(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

/* A listener on 127.0.0.1, on `*port` or, when that is 0, on a free one that is written there. */
static inline int kernel_listen(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	kernel_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	kernel_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* `buffer_size` bounds what the client takes without reading; 0 leaves it to the kernel. */
static inline int kernel_connect(uint16_t port, int buffer_size)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval timeout = { .tv_sec = KERNEL_WAIT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	if (buffer_size > 0)
		kernel_set_option(fd, SOL_SOCKET, SO_RCVBUF, buffer_size);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
	/* The end of a ring before this one may interrupt its thread; the connection is made then, too. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		assert_int_equal(errno, EINTR);
		assert_true(kernel_poll(fd, POLLOUT) & POLLOUT);
	}
	return fd;
}

/* A connection; with `buffer_size` set, one that a few times as many unread bytes fill. */
static inline struct kernel_pair kernel_pair_make(int buffer_size)
{
	struct kernel_pair pair;
	uint16_t port = 0;
	int listener = kernel_listen(&port);

	pair.client = kernel_connect(port, buffer_size);
	pair.server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(pair.server >= 0);
	if (buffer_size > 0)
		kernel_set_option(pair.server, SOL_SOCKET, SO_SNDBUF, buffer_size);
	close(listener);
	return pair;
}

static inline void kernel_pair_close(struct kernel_pair *pair)
{
	close(pair->server);
	close(pair->client);
}

static inline void kernel_write_all(int fd, const void *data, size_t size)
{
	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static inline void kernel_read_all(int fd, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = recv(fd, (uint8_t *)data + done, size - done, 0);

		if (count <= 0)
			fail_msg("%zu of %zu bytes, then %s", done, size,
				 count ? strerror(errno) : "the end");
		done += (size_t)count;
	}
}

/* Bytes that differ at every place a short count could shift them to. */
static inline void kernel_pattern(uint8_t *data, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

#endif
