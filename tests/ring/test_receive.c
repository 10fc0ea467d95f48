/* SPDX-License-Identifier: MIT */
/*
 * Accepting and receiving, as io/ring.h promises it of every engine (stand.h).
 */
#include "stand.h"

#include <fcntl.h>
#include <sys/eventfd.h>

enum {
	TAG_ACCEPT = 1,
	TAG_RECV,
	TAG_OTHER,
	TAG_READABLE,
	TAG_MANY = 1000,
};

/* Deadlines of connections hang on it. */
static void a_wait_ends_in_time(void **state)
{
	uint64_t begin = now_ms(), waited;

	(void)state;
	assert_int_equal(turn(0), 0);
	assert_true(now_ms() - begin < QUIET_MS);
	begin = now_ms();
	assert_int_equal(turn(QUIET_MS), 0);
	waited = now_ms() - begin;
	assert_true(waited >= QUIET_MS - 1 && waited < PATIENCE_MS);
}

/* One completion for each that connects, until it is cancelled; what comes then stays in the queue. */
static void a_multishot_accept_takes_all_until_it_is_cancelled(void **state)
{
	int client[3], server[3];

	(void)state;
	ring_submit_accept(ring, TAG_ACCEPT, listener);
	for (unsigned i = 0; i < 2; i++) {
		struct completion completion;

		client[i] = connect_client();
		completion = expect(TAG_ACCEPT);
		server[i] = completion.result;
		assert_true(server[i] >= 0);
		if (!(completion.flags & COMPLETION_MORE))
			ring_submit_accept(ring, TAG_ACCEPT, listener);
	}
	ring_submit_cancel(ring, TAG_ACCEPT);
	assert_int_equal(expect_end(TAG_ACCEPT), -ECANCELED);
	client[2] = connect_client();
	expect_nothing();
	server[2] = ring_accept_now(ring, listener);
	assert_true(server[2] >= 0);
	assert_int_equal(ring_accept_now(ring, listener), -EAGAIN);
	for (unsigned i = 0; i < 3; i++) {
		ring_submit_close_socket(ring, server[i]);
		close(client[i]);
	}
	turn(0);
}

/* With few free slots connections are taken one by one. */
static void an_accept_of_one_takes_one(void **state)
{
	int first = connect_client(), second = connect_client(), server;

	(void)state;
	ring_submit_accept_one(ring, TAG_ACCEPT, listener);
	server = expect_end(TAG_ACCEPT);
	assert_true(server >= 0);
	expect_nothing();
	ring_submit_close_socket(ring, server);
	ring_submit_accept_one(ring, TAG_ACCEPT, listener);
	server = expect_end(TAG_ACCEPT);
	assert_true(server >= 0);
	ring_submit_close_socket(ring, server);
	turn(0);
	close(first);
	close(second);
}

/* More than all buffers hold together, and more than a socket does. */
static void a_receive_brings_every_byte_in_order(void **state)
{
	enum { PIECE = 20000, PIECES = 20 };
	uint8_t *bytes = make_bytes(PIECE * PIECES);
	struct pair pair = make_pair();

	(void)state;
	ring_submit_recv(ring, TAG_RECV, pair.server);
	for (unsigned i = 0; i < PIECES; i++) {
		write_all(pair.client, bytes + i * PIECE, PIECE);
		expect_bytes(TAG_RECV, pair.server, bytes + i * PIECE, PIECE);
	}
	expect_nothing();
	ring_submit_cancel(ring, TAG_RECV);
	assert_int_equal(expect_end(TAG_RECV), -ECANCELED);
	close_pair(&pair);
	free(bytes);
}

static void the_end_of_stream_is_zero_and_the_last(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	ring_submit_recv(ring, TAG_RECV, pair.server);
	write_all(pair.client, "abc", 3);
	assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
	expect_bytes(TAG_RECV, pair.server, (const uint8_t *)"abc", 3);
	assert_int_equal(expect_end(TAG_RECV), 0);
	expect_nothing();
	close_pair(&pair);
}

/* It was there before anybody asked. */
static void the_end_of_stream_waits_for_the_receive(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	write_all(pair.client, "abc", 3);
	assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
	expect_nothing();
	ring_submit_recv(ring, TAG_RECV, pair.server);
	expect_bytes(TAG_RECV, pair.server, (const uint8_t *)"abc", 3);
	assert_int_equal(expect_end(TAG_RECV), 0);
	close_pair(&pair);
}

static void a_reset_ends_a_receive_with_its_error(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	ring_submit_recv(ring, TAG_RECV, pair.server);
	expect_nothing();
	reset(pair.client);
	pair.client = -1;
	assert_int_equal(expect_end(TAG_RECV), -ECONNRESET);
	close_pair(&pair);
}

/* A peer that sends faster than it reads is paused this way. */
static void a_receive_that_was_cancelled_goes_on_where_it_was(void **state)
{
	enum { SIZE = BUFFER_SIZE * (BUFFERS / 2) };
	uint8_t *bytes = make_bytes(SIZE);
	struct pair pair = make_pair();

	(void)state;
	ring_submit_recv(ring, TAG_RECV, pair.server);
	write_all(pair.client, bytes, SIZE / 2);
	expect_bytes(TAG_RECV, pair.server, bytes, SIZE / 2);
	ring_submit_cancel(ring, TAG_RECV);
	assert_int_equal(expect_end(TAG_RECV), -ECANCELED);
	write_all(pair.client, bytes + SIZE / 2, SIZE / 2);
	expect_nothing();
	ring_submit_recv(ring, TAG_OTHER, pair.server);
	expect_bytes(TAG_OTHER, pair.server, bytes + SIZE / 2, SIZE / 2);
	ring_submit_cancel(ring, TAG_OTHER);
	assert_int_equal(expect_end(TAG_OTHER), -ECANCELED);
	close_pair(&pair);
	free(bytes);
}

/* Bytes may have come before the cancel was seen; then they come first, and nothing after the end. */
static void a_cancel_in_the_midst_loses_nothing(void **state)
{
	enum { SIZE = BUFFER_SIZE * BUFFERS * 2 };
	uint8_t *bytes = make_bytes(SIZE), got[BUFFER_SIZE];
	struct pair pair = make_pair();
	struct completion completion;
	size_t done = 0;
	int32_t end;

	(void)state;
	write_all(pair.client, bytes, SIZE);
	ring_submit_recv(ring, TAG_RECV, pair.server);
	turn(PATIENCE_MS);
	ring_submit_cancel(ring, TAG_RECV);
	do {
		size_t count;

		completion = expect(TAG_RECV);
		count = take_bytes(&completion, got);
		assert_memory_equal(got, bytes + done, count);
		done += count;
	} while (completion.flags & COMPLETION_MORE);
	expect_nothing();
	ring_submit_recv(ring, TAG_OTHER, pair.server);
	expect_bytes(TAG_OTHER, pair.server, bytes + done, SIZE - done);
	ring_submit_cancel(ring, TAG_OTHER);
	/* The last buffer is used: whoever looks for another one before it looks for bytes has ended already.
	 */
	end = expect_end(TAG_OTHER);
	assert_true(end == -ECANCELED || end == -ENOBUFS);
	close_pair(&pair);
	free(bytes);
}

/* A cancel names an operation that has ended by itself, or never was. */
static void a_cancel_of_nothing_says_nothing(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	ring_submit_cancel(ring, TAG_OTHER);
	expect_nothing();
	ring_submit_recv(ring, TAG_RECV, pair.server);
	close(pair.client);
	pair.client = -1;
	assert_int_equal(expect_end(TAG_RECV), 0);
	ring_submit_cancel(ring, TAG_RECV);
	expect_nothing();
	close_pair(&pair);
}

/* Each of many connections has something, all at once. */
static void fewer_buffers_than_arrivals_lose_nothing(void **state)
{
	enum { COUNT = BUFFERS * 3 };
	struct pair pair[COUNT];
	unsigned arrived = 0;
	uint8_t seen[COUNT] = { 0 }, got[BUFFER_SIZE];
	uint64_t end = now_ms() + PATIENCE_MS;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		pair[i] = make_pair();
		ring_submit_recv(ring, TAG_MANY + i, pair[i].server);
	}
	expect_nothing();
	for (uint8_t i = 0; i < COUNT; i++)
		write_all(pair[i].client, &i, 1);
	while (arrived < COUNT && now_ms() < end) {
		turn(PATIENCE_MS);
		for (unsigned i = 0; i < COUNT; i++) {
			struct completion completion;

			while (take(TAG_MANY + i, &completion)) {
				size_t count = take_bytes(&completion, got);

				arrived += (unsigned)count;
				seen[i] += (uint8_t)count;
				assert_true(count == 0 || got[0] == i);
				if (!(completion.flags & COMPLETION_MORE))
					ring_submit_recv(ring, TAG_MANY + i, pair[i].server);
			}
		}
	}
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(seen[i], 1);
		ring_submit_cancel(ring, TAG_MANY + i);
		assert_int_equal(expect_end(TAG_MANY + i), -ECANCELED);
		close_pair(&pair[i]);
	}
}

/* One that sends without end has its share and no more. */
static void a_flood_does_not_hold_up_others(void **state)
{
	enum { FLOOD = 24 * 1024 };
	struct pair flood = make_pair(), other = make_pair();
	uint8_t *bytes = make_bytes(FLOOD), got[BUFFER_SIZE];
	struct completion completion;
	size_t flooded = 0;
	bool is_seen = false;

	(void)state;
	write_all(flood.client, bytes, FLOOD);
	ring_submit_recv(ring, TAG_RECV, flood.server);
	ring_submit_recv(ring, TAG_OTHER, other.server);
	write_all(other.client, "x", 1);
	while (!is_seen) {
		turn(PATIENCE_MS);
		if (take(TAG_OTHER, &completion)) {
			is_seen = take_bytes(&completion, got) == 1;
			if (!(completion.flags & COMPLETION_MORE))
				ring_submit_recv(ring, TAG_OTHER, other.server);
		}
		while (take(TAG_RECV, &completion)) {
			flooded += take_bytes(&completion, got);
			if (!(completion.flags & COMPLETION_MORE))
				ring_submit_recv(ring, TAG_RECV, flood.server);
		}
		assert_true(is_seen || flooded < FLOOD);
	}
	expect_bytes(TAG_RECV, flood.server, bytes + flooded, FLOOD - flooded);
	close(flood.client);
	close(other.client);
	assert_int_equal(expect_end(TAG_RECV), 0);
	assert_int_equal(expect_end(TAG_OTHER), 0);
	flood.client = other.client = -1;
	close_pair(&flood);
	close_pair(&other);
	free(bytes);
}

/* A receive stops at urgent data, though there is more behind it. */
static void what_is_behind_urgent_data_is_received(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	write_all(pair.client, "ab", 2);
	assert_int_equal(send(pair.client, "!", 1, MSG_OOB), 1);
	write_all(pair.client, "cd", 2);
	ring_submit_recv(ring, TAG_RECV, pair.server);
	expect_bytes(TAG_RECV, pair.server, (const uint8_t *)"abcd", 4);
	ring_submit_cancel(ring, TAG_RECV);
	assert_int_equal(expect_end(TAG_RECV), -ECANCELED);
	close_pair(&pair);
}

/* The next connection has the number of the one before, and nothing else of it. */
static void a_descriptor_that_is_used_again_is_a_new_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct pair pair = make_pair();

		ring_submit_recv(ring, TAG_MANY + i, pair.server);
		if (i % 2)
			write_all(pair.client, "abc", 3);
		else
			expect_bytes(TAG_MANY + i, pair.server, NULL, 0);
		if (i % 2)
			expect_bytes(TAG_MANY + i, pair.server, (const uint8_t *)"abc", 3);
		if (i % 3) {
			ring_submit_cancel(ring, TAG_MANY + i);
			assert_int_equal(expect_end(TAG_MANY + i), -ECANCELED);
			write_all(pair.client, "unread", 6);
		} else {
			close(pair.client);
			pair.client = -1;
			assert_int_equal(expect_end(TAG_MANY + i), 0);
		}
		close_pair(&pair);
		assert_int_equal(backlog_count, 0);
	}
}

/* The worker is woken by an eventfd: what was written before it waited counts as well. */
static void readable_completes_once_and_as_long_as_it_is_true(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t one = 1;

	(void)state;
	ring_submit_readable(ring, TAG_READABLE, fd);
	expect_nothing();
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_true(expect_end(TAG_READABLE) > 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	expect_nothing();
	ring_submit_readable(ring, TAG_READABLE, fd);
	assert_true(expect_end(TAG_READABLE) > 0);
	assert_int_equal(read(fd, &one, sizeof(one)), sizeof(one));
	ring_submit_readable(ring, TAG_READABLE, fd);
	expect_nothing();
	ring_submit_cancel(ring, TAG_READABLE);
	assert_int_equal(expect_end(TAG_READABLE), -ECANCELED);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	expect_nothing();
	ring_submit_close(ring, fd);
	turn(0);
}

/* Connections come and go, descriptors are numbered on; what was armed before stays so. */
static void a_high_descriptor_changes_nothing_for_a_low_one(void **state)
{
	enum { HIGH = 900 };
	int low = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), high[4];
	uint64_t one = 1;

	(void)state;
	ring_submit_readable(ring, TAG_READABLE, low);
	for (int i = 0; i < 4; i++) {
		high[i] = fcntl(low, F_DUPFD_CLOEXEC, HIGH >> i);
		assert_true(high[i] >= HIGH >> i);
		ring_submit_readable(ring, TAG_MANY + (uint64_t)i, high[i]);
	}
	expect_nothing();
	ring_submit_cancel(ring, TAG_READABLE);
	assert_int_equal(expect_end(TAG_READABLE), -ECANCELED);
	assert_int_equal(write(low, &one, sizeof(one)), sizeof(one));
	for (int i = 0; i < 4; i++) {
		assert_true(expect_end(TAG_MANY + (uint64_t)i) > 0);
		ring_submit_close(ring, high[i]);
	}
	expect_nothing();
	ring_submit_close(ring, low);
	turn(0);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		TEST(a_wait_ends_in_time),
		TEST(a_multishot_accept_takes_all_until_it_is_cancelled),
		TEST(an_accept_of_one_takes_one),
		TEST(a_receive_brings_every_byte_in_order),
		TEST(the_end_of_stream_is_zero_and_the_last),
		TEST(the_end_of_stream_waits_for_the_receive),
		TEST(a_reset_ends_a_receive_with_its_error),
		TEST(a_receive_that_was_cancelled_goes_on_where_it_was),
		TEST(a_cancel_in_the_midst_loses_nothing),
		TEST(a_cancel_of_nothing_says_nothing),
		TEST(fewer_buffers_than_arrivals_lose_nothing),
		TEST(a_flood_does_not_hold_up_others),
		TEST(what_is_behind_urgent_data_is_received),
		TEST(a_descriptor_that_is_used_again_is_a_new_one),
		TEST(readable_completes_once_and_as_long_as_it_is_true),
		TEST(a_high_descriptor_changes_nothing_for_a_low_one),
	};

	choose_engine(count, arguments);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
