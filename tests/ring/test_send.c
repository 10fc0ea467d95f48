/* SPDX-License-Identifier: MIT */
/*
 * Sending, waiting for room, and closing, as io/ring.h promises it of every engine (stand.h).
 *
 * What a quiet send has to say comes with the very wait that submitted it: so these tests look at
 * what a single ring_wait() brings, and not at what comes some time.
 */
#include "stand.h"

#include <signal.h>
#include <sys/uio.h>

enum {
	TAG_SEND = 1,
	TAG_ROOM,
	TAG_RECV,
	HUGE_SIZE = 8 << 20, /* more than any two socket buffers here */
};

/* The answer to a quiet send: of one wait that does not wait; 0: silence, all was taken. */
static int32_t settle(void)
{
	struct completion completion;

	turn(0);
	if (!take(TAG_SEND, &completion))
		return 0;
	assert_false(completion.flags & COMPLETION_MORE);
	return completion.result;
}

/* Send until the socket takes no more: how much it took. */
static size_t fill(int fd, const uint8_t *bytes, size_t size)
{
	size_t total = 0;
	int32_t result;

	do {
		assert_true(total < size);
		ring_submit_send(ring, TAG_SEND, fd, bytes + total, size - total);
		result = settle();
		assert_true(result > 0 || result == -EAGAIN);
		if (result > 0)
			total += (size_t)result;
	} while (result > 0);
	return total;
}

/*
 * Fill the socket, wait for room, and fill that as well, until there is none: the client's kernel still
 * takes bytes for a while. The wait is armed, and silent, when this returns how much was taken.
 */
static size_t fill_and_wait(int fd, const uint8_t *bytes, bool is_once)
{
	size_t total = fill(fd, bytes, HUGE_SIZE);
	struct completion completion;

	if (is_once)
		ring_submit_writable(ring, TAG_ROOM, fd);
	for (unsigned round = 0;; round++) {
		bool has_room;
		size_t more;

		assert_true(round < 100); /* else it says "writable" of a full socket, again and again */
		turn(QUIET_MS);
		has_room = take(TAG_ROOM, &completion);
		if (has_room)
			assert_int_equal(completion.flags & COMPLETION_MORE, is_once ? 0 : COMPLETION_MORE);
		/* Also when it is silent: less than a poll calls room would still take a small send. */
		more = fill(fd, bytes + total, HUGE_SIZE - total);
		total += more;
		if (!has_room && more == 0)
			break;
		if (has_room && is_once)
			ring_submit_writable(ring, TAG_ROOM, fd);
	}
	assert_int_equal(backlog_count, 0);
	return total;
}

static void expect_at(int client, const uint8_t *bytes, size_t size)
{
	uint8_t *got = malloc(size);

	assert_non_null(got);
	read_all(client, got, size);
	assert_memory_equal(got, bytes, size);
	free(got);
}

static void a_send_that_is_taken_whole_is_silent(void **state)
{
	struct pair pair = make_pair();
	struct iovec piece[] = { { (void *)"gathered ", 9 }, { (void *)"of ", 3 }, { (void *)"three", 5 } };
	struct msghdr message = { .msg_iov = piece, .msg_iovlen = 3 };

	(void)state;
	ring_submit_send(ring, TAG_SEND, pair.server, "one piece", 9);
	assert_int_equal(settle(), 0);
	expect_at(pair.client, (const uint8_t *)"one piece", 9);
	ring_submit_send_gather(ring, TAG_SEND, pair.server, &message);
	assert_int_equal(settle(), 0);
	expect_at(pair.client, (const uint8_t *)"gathered of three", 17);
	expect_nothing();
	close_pair(&pair);
}

/* The memory is the caller's again once the wait has returned. */
static void a_send_keeps_no_reference(void **state)
{
	struct pair pair = make_pair();
	char text[] = "before";

	(void)state;
	ring_submit_send(ring, TAG_SEND, pair.server, text, 6);
	assert_int_equal(settle(), 0);
	memcpy(text, "AFTER!", 6);
	expect_at(pair.client, (const uint8_t *)"before", 6);
	close_pair(&pair);
}

static void a_short_send_says_how_much_was_taken(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();
	int32_t taken;

	(void)state;
	ring_submit_send(ring, TAG_SEND, pair.server, bytes, HUGE_SIZE);
	taken = settle();
	assert_in_range(taken, 1, HUGE_SIZE - 1);
	expect_at(pair.client, bytes, (size_t)taken);
	expect_nothing();
	close_pair(&pair);
	free(bytes);
}

static void a_short_gathered_send_says_how_much_was_taken(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();
	struct iovec piece[] = { { bytes, HUGE_SIZE / 2 }, { bytes + HUGE_SIZE / 2, HUGE_SIZE / 2 } };
	struct msghdr message = { .msg_iov = piece, .msg_iovlen = 2 };
	int32_t taken;

	(void)state;
	ring_submit_send_gather(ring, TAG_SEND, pair.server, &message);
	taken = settle();
	assert_in_range(taken, 1, HUGE_SIZE - 1);
	expect_at(pair.client, bytes, (size_t)taken);
	close_pair(&pair);
	free(bytes);
}

static void a_full_socket_is_eagain(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();
	size_t size;

	(void)state;
	size = fill_and_wait(pair.server, bytes, true);
	ring_submit_send(ring, TAG_SEND, pair.server, bytes, 1);
	assert_int_equal(settle(), -EAGAIN);
	ring_submit_cancel(ring, TAG_ROOM);
	assert_int_equal(expect_end(TAG_ROOM), -ECANCELED);
	expect_at(pair.client, bytes, size);
	expect_nothing();
	close_pair(&pair);
	free(bytes);
}

static void a_send_to_a_peer_that_is_gone_fails_at_once(void **state)
{
	struct pair pair = make_pair();
	int32_t result = 0;

	(void)state;
	reset(pair.client);
	pair.client = -1;
	for (unsigned i = 0; i < 100 && result == 0; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		ring_submit_send(ring, TAG_SEND, pair.server, "x", 1);
		result = settle();
	}
	assert_true(result == -ECONNRESET || result == -EPIPE);
	close_pair(&pair);
}

/* Many in one turn, whose ways part. */
static void sends_of_a_turn_are_settled_each(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair whole = make_pair(), partial = make_pair(), full = make_pair();
	struct completion completion;
	size_t size;

	(void)state;
	size = fill_and_wait(full.server, bytes, true);
	ring_submit_send(ring, TAG_SEND, whole.server, "abc", 3);
	ring_submit_send(ring, TAG_SEND + 100, partial.server, bytes, HUGE_SIZE);
	ring_submit_send(ring, TAG_SEND + 200, full.server, bytes, 1);
	assert_int_equal(settle(), 0);
	assert_true(take(TAG_SEND + 100, &completion));
	assert_in_range(completion.result, 1, HUGE_SIZE - 1);
	expect_at(partial.client, bytes, (size_t)completion.result);
	assert_true(take(TAG_SEND + 200, &completion));
	assert_int_equal(completion.result, -EAGAIN);
	ring_submit_cancel(ring, TAG_ROOM);
	assert_int_equal(expect_end(TAG_ROOM), -ECANCELED);
	expect_at(full.client, bytes, size);
	expect_at(whole.client, (const uint8_t *)"abc", 3);
	close_pair(&whole);
	close_pair(&partial);
	close_pair(&full);
	free(bytes);
}

/* Again and again, since what was heard of a socket before must not count. */
static void writable_completes_once_when_there_is_room(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		size_t size = fill_and_wait(pair.server, bytes, true);

		expect_at(pair.client, bytes, size);
		assert_true(expect_end(TAG_ROOM) > 0);
		expect_nothing();
	}
	ring_submit_writable(ring, TAG_ROOM, pair.server);
	assert_true(expect_end(TAG_ROOM) > 0);
	close_pair(&pair);
	free(bytes);
}

/* Requests arrive while an answer waits for room: the one is not taken for the other. */
static void input_is_not_room(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();
	size_t size;

	(void)state;
	ring_submit_recv(ring, TAG_RECV, pair.server);
	size = fill_and_wait(pair.server, bytes, true);
	write_all(pair.client, "abc", 3);
	expect_bytes(TAG_RECV, pair.server, (const uint8_t *)"abc", 3);
	expect_nothing();
	expect_at(pair.client, bytes, size);
	assert_true(expect_end(TAG_ROOM) > 0);
	expect_nothing();
	ring_submit_cancel(ring, TAG_RECV);
	assert_int_equal(expect_end(TAG_RECV), -ECANCELED);
	close_pair(&pair);
	free(bytes);
}

static void writable_completes_when_the_peer_is_gone(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();
	int32_t result;

	(void)state;
	fill_and_wait(pair.server, bytes, true);
	reset(pair.client);
	pair.client = -1;
	assert_true(expect_end(TAG_ROOM) > 0);
	ring_submit_send(ring, TAG_SEND, pair.server, "x", 1);
	result = settle();
	assert_true(result == -ECONNRESET || result == -EPIPE);
	close_pair(&pair);
	free(bytes);
}

static void a_cancelled_wait_for_room_ends(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();
	size_t size = fill_and_wait(pair.server, bytes, true);

	(void)state;
	ring_submit_cancel(ring, TAG_ROOM);
	assert_int_equal(expect_end(TAG_ROOM), -ECANCELED);
	expect_at(pair.client, bytes, size);
	expect_nothing();
	close_pair(&pair);
	free(bytes);
}

/* A client says that it sends no more, and reads slowly: its end must not look like room for ever. */
static void edges_of_a_half_closed_socket_are_of_room(void **state)
{
	uint8_t *bytes = make_bytes(HUGE_SIZE);
	struct pair pair = make_pair();

	(void)state;
	ring_submit_recv(ring, TAG_RECV, pair.server);
	assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
	assert_int_equal(expect_end(TAG_RECV), 0);
	ring_submit_writable_edges(ring, TAG_ROOM, pair.server);
	for (unsigned round = 0; round < 3; round++) {
		struct completion completion;
		size_t size = fill_and_wait(pair.server, bytes, false);

		expect_at(pair.client, bytes, size);
		completion = expect(TAG_ROOM);
		assert_true(completion.flags & COMPLETION_MORE);
	}
	ring_submit_cancel(ring, TAG_ROOM);
	while (expect(TAG_ROOM).flags & COMPLETION_MORE)
		continue;
	expect_nothing();
	close_pair(&pair);
	free(bytes);
}

/* Every byte that was taken arrives, and then the end. */
static void a_close_comes_after_what_was_sent(void **state)
{
	struct pair pair = make_pair();
	char end;

	(void)state;
	ring_submit_send(ring, TAG_SEND, pair.server, "the last", 8);
	assert_int_equal(settle(), 0);
	close_pair(&(struct pair){ .client = -1, .server = pair.server });
	expect_at(pair.client, (const uint8_t *)"the last", 8);
	assert_int_equal(recv(pair.client, &end, 1, 0), 0);
	close(pair.client);
}

/* Beside the queue: a head and a piece behind it, and the word that nothing more comes. */
static void what_is_sent_now_is_sent_now(void **state)
{
	struct pair pair = make_pair();
	struct iovec piece = { (void *)"head", 4 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	FILE *file = tmpfile();
	char end;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fputs("0123456789", file), 1);
	assert_int_equal(fflush(file), 0);
	assert_int_equal(ring_send_now(ring, pair.server, &message, true), 4);
	assert_int_equal(ring_send_file(ring, pair.server, fileno(file), 3, 4), 4);
	assert_int_equal(ring_send_file(ring, pair.server, fileno(file), 10, 4), 0);
	assert_int_equal(ring_shut_down(ring, pair.server), 0);
	expect_at(pair.client, (const uint8_t *)"head3456", 8);
	assert_int_equal(recv(pair.client, &end, 1, 0), 0);
	expect_nothing();
	fclose(file);
	close_pair(&pair);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		TEST(a_send_that_is_taken_whole_is_silent),
		TEST(a_send_keeps_no_reference),
		TEST(a_short_send_says_how_much_was_taken),
		TEST(a_short_gathered_send_says_how_much_was_taken),
		TEST(a_full_socket_is_eagain),
		TEST(a_send_to_a_peer_that_is_gone_fails_at_once),
		TEST(sends_of_a_turn_are_settled_each),
		TEST(writable_completes_once_when_there_is_room),
		TEST(input_is_not_room),
		TEST(writable_completes_when_the_peer_is_gone),
		TEST(a_cancelled_wait_for_room_ends),
		TEST(edges_of_a_half_closed_socket_are_of_room),
		TEST(a_close_comes_after_what_was_sent),
		TEST(what_is_sent_now_is_sent_now),
	};

	choose_engine(count, arguments);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
