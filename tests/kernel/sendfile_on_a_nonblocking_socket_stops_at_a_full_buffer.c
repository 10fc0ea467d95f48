/* SPDX-License-Identifier: MIT */
/*
 * sendfile(2) to an O_NONBLOCK socket stops when the socket is full; it never waits for the peer.
 *
 * The server calls it on the worker's own thread, after a head sent with MSG_MORE. A peer that
 * does not read must cost one short count or EAGAIN, not the thread: the test would hang here
 * until its alarm. What was counted is what arrives, head first, and the transfer goes on from
 * there once the peer has read.
 *
 * References: sendfile(2), send(2) MSG_MORE.
 */
#include <sys/sendfile.h>

#include "folder.h"

enum {
	SIZE = 8 * 1024 * 1024, /* many times what both ends of a BUFFER connection hold */
	BUFFER = 64 * 1024,
	CHUNK = 256 * 1024,
	ALARM_SECONDS = 20,
};

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n";
static struct kernel_pair pair;
static struct folder folder;
static uint8_t content[SIZE], received[SIZE];
static int file;

static int before(void **state)
{
	(void)state;
	folder_create(&folder);
	kernel_pattern(content, sizeof(content), 5);
	folder_write(&folder, "page", content, sizeof(content));
	file = openat(folder.fd, "page", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(file >= 0);
	pair = kernel_pair_make(BUFFER);
	alarm(ALARM_SECONDS);
	return 0;
}

static int after(void **state)
{
	(void)state;
	alarm(0);
	kernel_pair_close(&pair);
	close(file);
	folder_destroy(&folder);
	return 0;
}

static void send_head(void)
{
	ssize_t size = sizeof(head) - 1;

	assert_int_equal(send(pair.server, head, (size_t)size, MSG_MORE | MSG_NOSIGNAL), size);
}

static void receive_head(void)
{
	char text[sizeof(head)];

	kernel_read_all(pair.client, text, sizeof(head) - 1);
	assert_memory_equal(text, head, sizeof(head) - 1);
}

/* Until EAGAIN or the end of the file; the offset only moves by what was taken. */
static void send_until_full(off_t *offset)
{
	while (*offset < SIZE) {
		off_t first = *offset;
		ssize_t count = sendfile(pair.server, file, offset, CHUNK);

		if (count < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_int_equal(*offset, first);
			return;
		}
		assert_true(count > 0);
		assert_int_equal(*offset, first + count);
	}
}

static void it_stops_and_never_waits(void **state)
{
	off_t offset = 0, full;

	(void)state;
	send_head();
	send_until_full(&offset);
	full = offset;
	assert_in_range(full, 1, SIZE - 1);
	send_until_full(&offset);
	/* What little room appeared in between may be used, but the peer has read nothing. */
	assert_in_range(offset, full, SIZE - 1);

	receive_head();
	kernel_read_all(pair.client, received, (size_t)offset);
	assert_memory_equal(received, content, (size_t)offset);
}

static void it_goes_on_where_it_stopped(void **state)
{
	off_t offset = 0, done = 0;

	(void)state;
	send_head();
	send_until_full(&offset);
	receive_head();
	while (done < SIZE) {
		kernel_read_all(pair.client, received + done, (size_t)(offset - done));
		done = offset;
		if (offset < SIZE)
			kernel_poll(pair.server, POLLOUT);
		send_until_full(&offset);
	}
	assert_memory_equal(received, content, SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_stops_and_never_waits, before, after),
		cmocka_unit_test_setup_teardown(it_goes_on_where_it_stopped, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
