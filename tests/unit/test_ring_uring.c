/* SPDX-License-Identifier: MIT */
/*
 * io/ring_uring: whatever its switches say, the engine keeps the promises of io/ring.h.
 *
 * Each test is a small session over loopback, and runs once for every row of `tunings`; those that
 * the running kernel lacks are left out and named. The rings are small, so that queues wrap around and
 * overflow within a session.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/ring.h"

enum {
	WAIT_MS = 3000, /* for what must come: only a failing test uses it up */
	QUIET_MS = 20,
	ENTRIES = 64,
	COMPLETIONS = 128,
	BUFFERS = 16,
	BUFFER_SIZE = 256,
	LARGE = 4 * 1024 * 1024,
	SMALL_SOCKET = 32 * 1024,
	MESSAGES = 1000,
	POLLS = 300,
};

enum tag { ACCEPT = 1, RECV, SEND, WAKE, POLL /* and above */ };

static const char *const tunings[] = {
	"",
	"multishot_accept=off",
	"recv=single",
	"recv=single,poll_first=on",
	"incremental=on",
	"incremental=on,recv=single",
	"taskrun=coop",
	"taskrun=none",
	"registered_ring=off",
	"direct=on",
	"direct=on,incremental=on,cqe_skip=off",
	"sqarray=off",
	"cqe_skip=off",
	"cqe_skip=off,taskrun=none",
	"wait=1",
	"wait=16",
	"wait=64,min_wait=500",
	"registered_wait=on",
	"registered_wait=on,wait=16",
	"poll_first=on",
	"napi=20",
	"no_iowait=off",
	"sqpoll=on,taskrun=none",
	"sqpoll=on,taskrun=none,cqe_skip=off,direct=on",
};

static const char *tuning; /* of the session that runs */
static struct stats stats;
static struct ring *ring;
static struct fault fault;
static uint16_t port;
static int listener, client, server; /* server: a socket as the ring calls it */
static uint8_t sent[LARGE], received[LARGE];

/* False: the kernel lacks it. */
static bool open_ring(const char *text)
{
	struct ring_options options = {
		.kind = RING_URING,
		.entries = ENTRIES,
		.completions = COMPLETIONS,
		.buffers = BUFFERS,
		.buffer_size = BUFFER_SIZE,
		.sockets = 64,
		.stats = &stats,
	};
	int error;

	ring_tuning_init(&options.tuning);
	if (ring_tuning_set(&options.tuning, text, &fault) < 0)
		fail_msg("\"%s\": %s", text, fault.text);
	error = ring_create(&options, &ring, &fault);
	if (error == -EOPNOTSUPP) {
		print_message("without %s: %s\n", text, fault.text);
		return false;
	}
	if (error < 0)
		fail_msg("\"%s\": %s", text, fault.text);
	return true;
}

static void open_listener(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	port = ntohs(address.sin_port);
}

/* A client that takes little without reading, and gives up in time. */
static int connect_client(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(port) };
	struct timeval timeout = { .tv_sec = WAIT_MS / 1000 };
	int size = SMALL_SOCKET, one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The next completion; the others of its batch must be none, since a test asks for one thing at a time. */
static struct completion wait_one(void)
{
	const struct completion *batch;

	for (int turn = 0; turn < 1000; turn++) {
		unsigned count = ring_wait(ring, WAIT_MS, &batch);

		if (count == 0)
			continue;
		assert_int_equal(count, 1);
		return *batch;
	}
	fail_msg("nothing completes");
	return (struct completion){ 0 };
}

static void assert_quiet(void)
{
	const struct completion *batch;
	unsigned count = ring_wait(ring, QUIET_MS, &batch);

	if (count > 0)
		fail_msg("unexpected: tag %llu, result %d", (unsigned long long)batch->tag, batch->result);
}

/* One connection: `client` and `server`. */
static void accept_client(void)
{
	struct completion completion;

	client = connect_client();
	ring_submit_accept_one(ring, ACCEPT, listener);
	completion = wait_one();
	assert_int_equal(completion.tag, ACCEPT);
	assert_true(completion.result >= 0);
	assert_int_equal(completion.flags & COMPLETION_MORE, 0);
	server = completion.result;
}

static void read_all(int fd, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = recv(fd, received + done, size - done, 0);

		if (count <= 0)
			fail_msg("%zu of %zu bytes, then %s", done, size,
				 count ? strerror(errno) : "the end");
		done += (size_t)count;
	}
}

static void assert_end(int fd)
{
	assert_int_equal(recv(fd, received, 1, 0), 0);
}

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Run `session` with every tuning: with a ring, a listener, and a connection that it may close. */
static void each(void (*session)(void))
{
	for (size_t i = 0; i < sizeof(tunings) / sizeof(tunings[0]); i++) {
		const struct completion *batch;

		tuning = tunings[i];
		if (!open_ring(tuning))
			continue;
		print_message("  %s\n", *tuning ? tuning : "defaults");
		open_listener();
		accept_client();
		session();
		close(client);
		close(listener);
		ring_wait(ring, 0, &batch);
		ring_destroy(ring);
	}
}

static void answer_and_close(void)
{
	struct completion completion;

	ring_submit_recv(ring, RECV, server);
	assert_int_equal(send(client, "ping", 4, 0), 4);
	completion = wait_one();
	assert_int_equal(completion.tag, RECV);
	assert_int_equal(completion.result, 4);
	assert_true(completion.flags & COMPLETION_BUFFER);
	assert_memory_equal(ring_bytes(ring, &completion), "ping", 4);
	ring_bytes_return(ring, &completion);
	if (completion.flags & COMPLETION_MORE)
		ring_submit_cancel(ring, RECV);
	ring_submit_send(ring, SEND, server, "pong", 4);
	if (completion.flags & COMPLETION_MORE)
		assert_int_equal(wait_one().tag, RECV); /* what ends is the receive; the send is silent */
	else
		assert_quiet();
	read_all(client, 4);
	assert_memory_equal(received, "pong", 4);
	ring_submit_close_socket(ring, server);
	assert_quiet();
	assert_end(client);
}

static void a_request_is_received_answered_and_closed(void **state)
{
	(void)state;
	each(answer_and_close);
}

/* What a quiet send reports in the very wait that submitted it: bytes, or -errno; 0 for silence. */
static int send_quietly(const uint8_t *base, size_t size, bool gather)
{
	struct iovec pieces[2] = { { (void *)base, size / 2 },
				   { (void *)(base + size / 2), size - size / 2 } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	const struct completion *batch;
	unsigned count;

	if (gather)
		ring_submit_send_gather(ring, SEND, server, &message);
	else
		ring_submit_send(ring, SEND, server, base, size);
	count = ring_wait(ring, 0, &batch);
	assert_true(count <= 1);
	if (count == 0)
		return 0;
	assert_int_equal(batch->tag, SEND);
	return batch->result;
}

static void send_too_much(void)
{
	size_t taken = 0;
	int result = 0;

	for (int tries = 0; tries < 1000 && result != -EAGAIN; tries++) {
		result = send_quietly(sent + taken, sizeof(sent) - taken, tries % 2);
		assert_true(result > 0 || result == -EAGAIN);
		taken += result > 0 ? (size_t)result : 0;
	}
	assert_int_equal(result, -EAGAIN);
	assert_in_range(taken, 1, sizeof(sent) - 1);
	read_all(client, taken);
	assert_memory_equal(received, sent, taken);
	/* There is room again, and what is taken whole is silent. */
	ring_submit_writable(ring, POLL, server);
	assert_int_equal(wait_one().tag, POLL);
	assert_int_equal(send_quietly(sent, 1000, false), 0);
	assert_int_equal(send_quietly(sent + 1000, 1000, true), 0);
	read_all(client, 2000);
	assert_memory_equal(received, sent, 2000);
	ring_submit_close_socket(ring, server);
}

static void a_quiet_send_reports_only_what_was_not_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 31 + i / 251);
	each(send_too_much);
}

/* Take what has arrived, in the order of the completions, behind the `size` bytes of before. */
static size_t take_bytes(size_t size, uint64_t timeout_ms, unsigned *pieces)
{
	const struct completion *batch;
	unsigned count = ring_wait(ring, timeout_ms, &batch);

	for (unsigned i = 0; i < count; i++) {
		const struct completion *completion = &batch[i];

		assert_int_equal(completion->tag, RECV);
		if (completion->flags & COMPLETION_BUFFER) {
			assert_true(completion->result > 0 &&
				    size + (size_t)completion->result <= sizeof(received));
			memcpy(received + size, ring_bytes(ring, completion), (size_t)completion->result);
			size += (size_t)completion->result;
			*pieces += (completion->flags & COMPLETION_BUFFER_MORE) != 0;
			ring_bytes_return(ring, completion);
		} else {
			assert_int_equal(completion->result, -ENOBUFS);
		}
		if (!(completion->flags & COMPLETION_MORE))
			ring_submit_recv(ring, RECV, server);
	}
	return size;
}

static void receive_many(void)
{
	size_t size = 0, written = 0;
	unsigned pieces = 0;
	char text[32];

	ring_submit_recv(ring, RECV, server);
	for (unsigned i = 0; i < MESSAGES; i++) {
		int length = snprintf(text, sizeof(text), "message %u%.*s;", i, (int)(i % 7), "#######");

		memcpy(sent + written, text, (size_t)length);
		assert_int_equal(send(client, text, (size_t)length, 0), length);
		written += (size_t)length;
		if (i % 3 == 0)
			size = take_bytes(size, 0, &pieces);
	}
	for (int turn = 0; turn < 1000 && size < written; turn++)
		size = take_bytes(size, WAIT_MS, &pieces);
	assert_int_equal(size, written);
	assert_memory_equal(received, sent, written);
	assert_int_equal(pieces > 0, strstr(tuning, "incremental=on") != NULL);
	ring_submit_cancel(ring, RECV);
	assert_int_equal(wait_one().result, -ECANCELED);
	ring_submit_close_socket(ring, server);
}

/* The queue is gone around several times, and with incremental=on a buffer has many arrivals. */
static void arrivals_keep_their_order_and_their_bytes(void **state)
{
	(void)state;
	each(receive_many);
}

/* Its report lies behind more completions than the queue holds, and must come in the same wait. */
static void overflow(void)
{
	const struct completion *batch;
	uint8_t seen[POLLS] = { 0 };
	int fd = eventfd(1, EFD_CLOEXEC), report = 0;
	unsigned total = 0;

	assert_int_equal(ring_shut_down(ring, server), 0);
	for (unsigned i = 0; i < POLLS; i++)
		ring_submit_readable(ring, POLL + i, fd);
	ring_submit_send(ring, SEND, server, sent, 1);
	for (int turn = 0; turn < 1000 && total < POLLS; turn++) {
		unsigned count = ring_wait(ring, WAIT_MS, &batch);

		for (unsigned i = 0; i < count; i++) {
			uint64_t tag = batch[i].tag;

			if (tag == SEND) {
				report = batch[i].result;
				continue;
			}
			assert_true(tag >= POLL && tag < POLL + POLLS && !seen[tag - POLL]);
			seen[tag - POLL] = 1;
			total++;
		}
		assert_int_equal(report, -EPIPE);
	}
	assert_int_equal(total, POLLS);
	close(fd);
	ring_submit_close_socket(ring, server);
}

/* The submission queue is full several times, and the completion queue overflows. */
static void more_than_the_queues_hold_comes_once_and_whole(void **state)
{
	(void)state;
	each(overflow);
}

static uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void wait_with_fewer(void)
{
	const struct completion *batch;
	uint64_t begin = now_ms();
	int fd = eventfd(1, EFD_CLOEXEC);

	assert_int_equal(ring_wait(ring, QUIET_MS, &batch), 0);
	assert_true(now_ms() - begin >= QUIET_MS - 1);
	ring_submit_readable(ring, WAKE, fd);
	begin = now_ms();
	assert_int_equal(wait_one().tag, WAKE);
	assert_true(now_ms() - begin < WAIT_MS / 2);
	close(fd);
	ring_submit_close_socket(ring, server);
}

/* A wait for several ends when one has come and no other does; one for nothing ends in time. */
static void a_wait_ends_with_fewer_than_it_waits_for(void **state)
{
	(void)state;
	each(wait_with_fewer);
}

static void call_directly(void)
{
	struct iovec piece = { "now", 3 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	unsigned before = count_descriptors();
	int second = connect_client(), other = -EAGAIN, fd = eventfd(1, EFD_CLOEXEC);
	uint64_t begin = now_ms();

	/* What completes meanwhile is there for the next wait. */
	ring_submit_readable(ring, WAKE, fd);
	assert_int_equal(ring_send_now(ring, server, &message, false), 3);
	assert_int_equal(wait_one().tag, WAKE);
	assert_true(now_ms() - begin < WAIT_MS / 2);
	read_all(client, 3);
	assert_int_equal(ring_send_now(ring, server, &message, false), 3);
	assert_int_equal(ring_send_now(ring, server, &message, false), 3);
	read_all(client, 6);
	assert_memory_equal(received, "nownow", 6);
	assert_int_equal(ring_shut_down(ring, server), 0);
	assert_end(client);
	for (int turn = 0; turn < 1000 && other == -EAGAIN; turn++)
		other = ring_accept_now(ring, listener);
	assert_true(other >= 0 && other != server);
	assert_int_equal(ring_accept_now(ring, listener), -EAGAIN);
	assert_int_equal(ring_send_now(ring, other, &message, false), 3);
	read_all(second, 3);
	ring_submit_close_socket(ring, other);
	ring_submit_close_socket(ring, server);
	assert_quiet();
	assert_end(second);
	close(second);
	close(fd);
	/* A direct socket was none before. */
	assert_int_equal(count_descriptors(), before - !strstr(tuning, "direct=on"));
}

/* Calls beside the queue work on every socket, and leave no descriptor behind. */
static void calls_beside_the_queue_reach_the_same_sockets(void **state)
{
	(void)state;
	each(call_directly);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_received_answered_and_closed),
		cmocka_unit_test(a_quiet_send_reports_only_what_was_not_taken),
		cmocka_unit_test(arrivals_keep_their_order_and_their_bytes),
		cmocka_unit_test(more_than_the_queues_hold_comes_once_and_whole),
		cmocka_unit_test(a_wait_ends_with_fewer_than_it_waits_for),
		cmocka_unit_test(calls_beside_the_queue_reach_the_same_sockets),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
