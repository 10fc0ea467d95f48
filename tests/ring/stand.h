/* SPDX-License-Identifier: MIT */
/*
 * What every test of the seam io/ring.h needs: a ring of the engine under test, a listener, clients, and
 * short waits.
 *
 * The engine is the program's first argument, and a test must not ask which it is: what differs between
 * two engines is no part of the contract. Where io_uring, or a switch of it, is refused the program ends
 * with 77, which meson shows as skipped. Clients are plain blocking sockets; the server's side of a
 * connection is what the ring has accepted, and is touched through the ring alone.
 */
#ifndef QUOIT_TESTS_RING_STAND_H
#define QUOIT_TESTS_RING_STAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "io/ring.h"

enum {
	PATIENCE_MS = 5000,   /* for what must come: only used up by a failing test */
	QUIET_MS = 60,        /* for what must not come: used up by every passing test */
	TURNS_QUIET_MAX = 20, /* in which nothing comes, during QUIET_MS */
	BUFFERS = 16,
	BUFFER_SIZE = 256,
	BACKLOG_MAX = 512,
	SOCKET_BUFFER = 32 * 1024, /* of both sides, so that a socket is soon full */
};

static struct ring_options options = {
	.kind = RING_EPOLL,
	.entries = 64,
	.completions = 256,
	.buffers = BUFFERS,
	.buffer_size = BUFFER_SIZE,
	.sockets = 128,
};
static struct stats stats;
static struct ring *ring;
static int listener;
static struct sockaddr_in address;

/* What came while something else was waited for. */
static struct completion backlog[BACKLOG_MAX];
static unsigned backlog_count;

static inline uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static inline void set_option(int fd, int option, int value)
{
	assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)), 0);
}

static inline int before(void **state)
{
	socklen_t size = sizeof(address);
	struct fault fault;

	(void)state;
	assert_int_equal(ring_create(&options, &ring, &fault), 0);
	backlog_count = 0;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(listener >= 0);
	set_option(listener, SO_SNDBUF, SOCKET_BUFFER); /* which the accepted ones inherit */
	address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	return 0;
}

static inline int after(void **state)
{
	(void)state;
	ring_destroy(ring);
	close(listener);
	return 0;
}

static inline int connect_client(void)
{
	struct timeval timeout = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	set_option(fd, SO_RCVBUF, SOCKET_BUFFER);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
	/* An engine may interrupt its thread to say that something has completed; the connection is made
	 * then, too. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		assert_int_equal(errno, EINTR);
		assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, PATIENCE_MS), 1);
	}
	return fd;
}

/* A cancel or a close that failed may say so, with tag 0, and to nobody (io/op.h). */
static inline void keep(const struct completion *batch, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (batch[i].tag == 0)
			continue;
		assert_true(backlog_count < BACKLOG_MAX);
		backlog[backlog_count++] = batch[i];
	}
}

/* One wait; what it brings is in the backlog. */
static inline unsigned turn(uint64_t timeout_ms)
{
	const struct completion *batch;
	unsigned count = ring_wait(ring, timeout_ms, &batch);

	keep(batch, count);
	return count;
}

/* The first of the backlog with this tag, taken out; false: there is none. */
static inline bool take(uint64_t tag, struct completion *ret_completion)
{
	for (unsigned i = 0; i < backlog_count; i++) {
		if (backlog[i].tag != tag)
			continue;
		*ret_completion = backlog[i];
		memmove(&backlog[i], &backlog[i + 1], (backlog_count - i - 1) * sizeof(backlog[0]));
		backlog_count--;
		return true;
	}
	return false;
}

static inline struct completion expect(uint64_t tag)
{
	uint64_t end = now_ms() + PATIENCE_MS;
	struct completion completion = { 0 };

	while (!take(tag, &completion)) {
		if (now_ms() > end)
			fail_msg("no completion with tag %llu came", (unsigned long long)tag);
		turn(PATIENCE_MS);
	}
	return completion;
}

/* The last completion of an operation. */
static inline int32_t expect_end(uint64_t tag)
{
	struct completion completion = expect(tag);

	assert_false(completion.flags & COMPLETION_MORE);
	return completion.result;
}

/* Nor may the wait return with nothing, again and again: that would use up a processor. */
static inline void expect_nothing(void)
{
	uint64_t end = now_ms() + QUIET_MS;
	unsigned turns = 0;

	for (uint64_t now = now_ms(); now < end && backlog_count == 0; now = now_ms()) {
		turn(end - now);
		assert_true(++turns <= TURNS_QUIET_MAX);
	}
	if (backlog_count > 0)
		fail_msg("an unexpected completion: tag %llu, result %d, flags %#x",
			 (unsigned long long)backlog[0].tag, backlog[0].result, backlog[0].flags);
}

/* The bytes that came with a completion; its buffer goes back. */
static inline size_t take_bytes(const struct completion *completion, uint8_t *out)
{
	if (!(completion->flags & COMPLETION_BUFFER))
		return 0;
	if (completion->result > 0)
		memcpy(out, ring_bytes(ring, completion), (size_t)completion->result);
	ring_bytes_return(ring, completion);
	return completion->result > 0 ? (size_t)completion->result : 0;
}

/* Receive exactly this; armed again when it ends, as it does where buffers are short. It stays armed. */
static inline void expect_bytes(uint64_t tag, int fd, const uint8_t *bytes, size_t size)
{
	uint8_t got[BUFFER_SIZE];

	for (size_t done = 0; done < size;) {
		struct completion completion = expect(tag);
		size_t count = take_bytes(&completion, got);

		assert_true(count <= size - done);
		assert_memory_equal(got, bytes + done, count);
		done += count;
		if (completion.flags & COMPLETION_MORE)
			continue;
		assert_true(completion.result > 0 || completion.result == -ENOBUFS);
		ring_submit_recv(ring, tag, fd);
	}
}

/* A connection: the client's descriptor, and what the ring accepted for it. */
struct pair {
	int client;
	int server;
};

#define TAG_PAIR UINT64_C(0xfee1)

static inline struct pair make_pair(void)
{
	struct pair pair = { .client = connect_client() };

	ring_submit_accept_one(ring, TAG_PAIR, listener);
	pair.server = expect_end(TAG_PAIR);
	assert_true(pair.server >= 0);
	return pair;
}

static inline void close_pair(struct pair *pair)
{
	ring_submit_close_socket(ring, pair->server);
	turn(0);
	if (pair->client >= 0)
		close(pair->client);
}

static inline void write_all(int fd, const void *data, size_t size)
{
	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static inline void read_all(int fd, uint8_t *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = recv(fd, data + done, size - done, 0);

		if (count <= 0)
			fail_msg("%zu of %zu bytes, then %s", done, size,
				 count < 0 ? strerror(errno) : "the end");
		done += (size_t)count;
	}
}

/* The peer vanishes: what comes to the other side is a reset. */
static inline void reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}

/* Bytes that differ at every place to which a lost or doubled piece could move them. */
static inline uint8_t *make_bytes(size_t size)
{
	uint8_t *bytes = malloc(size);
	uint32_t seed = 7;

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	return bytes;
}

/* The arguments: the engine, and switches of io_uring's (io/ring.def). */
static inline void choose_engine(int count, char **arguments)
{
	struct fault fault = { .text = "" };
	int error;

	if (count < 2 || count > 3) {
		fprintf(stderr, "usage: %s io_uring|epoll [SWITCH=VALUE,...]\n", arguments[0]);
		exit(2);
	}
	options.kind = strcmp(arguments[1], "io_uring") == 0 ? RING_URING : RING_EPOLL;
	options.stats = &stats;
	ring_tuning_init(&options.tuning);
	error = count == 3 ? ring_tuning_set(&options.tuning, arguments[2], &fault) : 0;
	if (error == 0)
		error = ring_create(&options, &ring, &fault);
	if (error < 0) {
		fprintf(stderr, "%s\n", fault.text);
		exit(options.kind == RING_URING && error != -EINVAL ? 77 : 1);
	}
	if (strcmp(ring_name(ring), arguments[1]) != 0) {
		fprintf(stderr, "%s is the engine, not %s\n", ring_name(ring), arguments[1]);
		exit(1);
	}
	ring_destroy(ring);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

#endif
