/* SPDX-License-Identifier: MIT */
/*
 * Load for tests/hostile/soak: so many requests over connections that stay, then so many connections
 * with one request each, of which many end badly.
 *
 *   load PORT REQUESTS CONNECTIONS
 *
 * The mix is that of a site whose cache is too small: many small files, names that are not there and never
 * the same, conditions, ranges, larger files. Every answer's status and length are checked; the first that
 * is wrong, or does not come, ends this with 1 and a sentence. It is not fast on purpose, only bounded: what
 * counts is what the server still holds when it has ended.
 *
 * The hard thing is the ports: a connection that was closed well keeps its pair of addresses for a minute
 * (TIME_WAIT). So the connections come from many addresses of 127.0.0.0/8, and most end with a reset,
 * which leaves nothing behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LANES 64 /* connections at the same time, each from an address of its own */
#define DEPTH 8  /* requests in a pipeline */
#define HEAD_MAX 2048
#define WAIT_MS 30000
#define SMALL_FILES 300
#define LARGER_FILES 24

/* How a connection that has one request comes to its end. */
enum ending {
	ENDS_NEVER,     /* it goes on with the next pipeline */
	ENDS_BY_SERVER, /* Connection: close */
	ENDS_BY_CLOSE,  /* by the client, after the answer */
	ENDS_BY_RESET,  /* the same, with a reset */
	ENDS_HALF,      /* the client's side ends before the answer */
	ENDS_IN_BODY,   /* a reset in the middle of a body */
	ENDS_IN_HEAD,   /* a reset in the middle of a request */
	ENDS_UNASKED,   /* a reset before any request */
	ENDING_COUNT,
};

struct lane {
	int fd;
	enum ending ending;
	unsigned waiting;       /* answers that are still to come */
	unsigned status[DEPTH]; /* their statuses, the last one first */
	uint64_t body_left;     /* bytes of the body that is coming */
	size_t head_size;
	char head[HEAD_MAX + 1]; /* of the next answer, as far as it has come */
};

static uint16_t port;
static int epoll_fd;
static uint64_t requests_left, connections_left, answers, serial;
static struct lane lanes[LANES];
static char scratch[256 * 1024];

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

/* Writes the next request of the mix to `out` and says which status it must be answered with. */
static size_t make_request(char *out, size_t capacity, const char *fields, unsigned *ret_status)
{
	const char *host = "Host: a\r\n";
	unsigned long long n = serial++;
	int size;

	if (n % 50 == 7) {
		*ret_status = 200;
		size = snprintf(out, capacity, "GET /larger/%llu.bin HTTP/1.1\r\n%s%s\r\n",
				n / 50 % LARGER_FILES, host, fields);
	} else if (n % 10 == 1) {
		*ret_status = 404;
		size = snprintf(out, capacity, "GET /nowhere/%llu HTTP/1.1\r\n%s%s\r\n", n, host, fields);
	} else if (n % 10 == 3) {
		*ret_status = 304;
		size = snprintf(out, capacity, "GET /small/%llu.txt HTTP/1.1\r\n%sIf-None-Match: *\r\n%s\r\n",
				n * 7 % SMALL_FILES, host, fields);
	} else if (n % 10 == 5) {
		*ret_status = 206;
		size = snprintf(out, capacity,
				"GET /larger/%llu.bin HTTP/1.1\r\n%sRange: bytes=10-%llu\r\n%s\r\n",
				n / 10 % LARGER_FILES, host, 10 + n % 5000, fields);
	} else {
		*ret_status = 200;
		size = snprintf(out, capacity, "GET /small/%llu.txt HTTP/1.1\r\n%s%s\r\n",
				n * 7 % SMALL_FILES, host, fields);
	}
	if (size < 0 || (size_t)size >= capacity)
		fail("a request does not fit");
	return (size_t)size;
}

static void send_all(struct lane *lane, const char *data, size_t size)
{
	ssize_t sent = send(lane->fd, data, size, MSG_NOSIGNAL);

	if (sent < 0 || (size_t)sent != size)
		fail("send: %s", sent < 0 ? strerror(errno) : "not all was taken");
}

static void expect(struct lane *lane, unsigned status)
{
	memmove(lane->status + 1, lane->status, lane->waiting * sizeof(*lane->status));
	lane->status[0] = status;
	lane->waiting++;
}

static void send_pipeline(struct lane *lane)
{
	char data[DEPTH * 256];
	size_t size = 0;

	while (lane->waiting < DEPTH && requests_left > 0) {
		unsigned status;

		size += make_request(data + size, sizeof(data) - size, "", &status);
		expect(lane, status);
		requests_left--;
	}
	if (size > 0)
		send_all(lane, data, size);
}

static void open_lane(struct lane *lane)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = lane };
	int one = 1;

	lane->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (lane->fd < 0)
		fail("socket: %s", strerror(errno));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(lane - lanes));
	setsockopt(lane->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(lane->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("bind: %s", strerror(errno));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(port);
	if (connect(lane->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("connect: %s", strerror(errno));
	setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, lane->fd, &event) != 0)
		fail("epoll_ctl: %s", strerror(errno));
	lane->waiting = 0;
	lane->body_left = 0;
	lane->head_size = 0;
}

static void close_lane(struct lane *lane, bool by_reset)
{
	struct linger at_once = { .l_onoff = 1 };

	if (by_reset)
		setsockopt(lane->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(lane->fd);
	lane->fd = -1;
}

/* Opens the connection and does its part. False: it has already come to its end. */
static bool begin_connection(struct lane *lane)
{
	const char *large = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
	char data[512];
	unsigned status;
	size_t size;

	open_lane(lane);
	lane->ending = (enum ending)(ENDS_BY_SERVER + connections_left % (ENDING_COUNT - ENDS_BY_SERVER));
	connections_left--;
	if (lane->ending == ENDS_UNASKED || lane->ending == ENDS_IN_HEAD) {
		if (lane->ending == ENDS_IN_HEAD)
			send_all(lane, large, strlen(large) / 2);
		close_lane(lane, true);
		return false;
	}
	if (lane->ending == ENDS_IN_BODY) {
		send_all(lane, large, strlen(large));
		return true;
	}
	size = make_request(data, sizeof(data), lane->ending == ENDS_BY_SERVER ? "Connection: close\r\n" : "",
			    &status);
	send_all(lane, data, size);
	expect(lane, status);
	if (lane->ending == ENDS_HALF)
		shutdown(lane->fd, SHUT_WR);
	return true;
}

/* A head is whole: check it, and learn how long the body is. */
static void take_head(struct lane *lane)
{
	unsigned expected = lane->status[--lane->waiting];
	unsigned status = (unsigned)strtoul(lane->head + strlen("HTTP/1.1 "), NULL, 10);
	const char *length = strstr(lane->head, "\r\nContent-Length: ");

	if (status != expected)
		fail("answer %llu: expected %u, came: %s", (unsigned long long)answers, expected, lane->head);
	if (!length && status != 304)
		fail("no length: %s", lane->head);
	lane->body_left = status == 304 ? 0 : strtoull(length + strlen("\r\nContent-Length: "), NULL, 10);
	lane->head_size = 0;
	answers++;
}

/* Takes bytes of a head off the input; returns how many. */
static size_t read_head(struct lane *lane, const char *data, size_t size)
{
	size_t before = lane->head_size;
	size_t room = HEAD_MAX - before;
	size_t count = size < room ? size : room;
	size_t from = before < 3 ? 0 : before - 3;
	char *end;

	memcpy(lane->head + before, data, count);
	end = memmem(lane->head + from, before + count - from, "\r\n\r\n", 4);
	if (!end) {
		lane->head_size += count;
		if (lane->head_size == HEAD_MAX)
			fail("a head without an end");
		return count;
	}
	*end = '\0';
	count = (size_t)(end + 4 - lane->head) - before;
	take_head(lane);
	return count;
}

static void take_bytes(struct lane *lane, const char *data, size_t size)
{
	while (size > 0) {
		size_t count;

		if (lane->body_left > 0) {
			count = lane->body_left < size ? (size_t)lane->body_left : size;
			lane->body_left -= count;
		} else if (lane->waiting == 0) {
			fail("bytes that nobody asked for: %.*s", (int)(size < 80 ? size : 80), data);
		} else {
			count = read_head(lane, data, size);
		}
		data += count;
		size -= count;
	}
}

/* The server has ended the connection: is that how it was to end? */
static void take_end(struct lane *lane)
{
	if (lane->waiting > 0 || lane->body_left > 0 || lane->head_size > 0)
		fail("the connection ended with %u answers to come", lane->waiting);
	if (lane->ending != ENDS_BY_SERVER && lane->ending != ENDS_HALF)
		fail("the server ended a connection that was to go on");
	close_lane(lane, false);
}

/* Returns whether the lane has anything left to wait for. */
static bool is_over(struct lane *lane)
{
	bool all_came = lane->waiting == 0 && lane->body_left == 0;

	switch (lane->ending) {
	case ENDS_NEVER:
		if (all_came)
			send_pipeline(lane);
		if (lane->waiting > 0 || lane->body_left > 0)
			return false;
		close_lane(lane, false);
		return true;
	case ENDS_BY_CLOSE:
	case ENDS_BY_RESET:
		if (all_came)
			close_lane(lane, lane->ending == ENDS_BY_RESET);
		return all_came;
	default:
		return false;
	}
}

/* There is something to read. Returns whether the connection has come to its end. */
static bool go_on(struct lane *lane)
{
	ssize_t size = recv(lane->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	if (size < 0 && errno == EAGAIN)
		return false;
	if (size < 0)
		fail("recv: %s", strerror(errno));
	if (lane->ending == ENDS_IN_BODY) {
		close_lane(lane, true);
		return true;
	}
	if (size == 0) {
		take_end(lane);
		return true;
	}
	take_bytes(lane, scratch, (size_t)size);
	return is_over(lane);
}

/* The next connection that waits for something. False: there are no more. */
static bool begin_next(struct lane *lane)
{
	while (connections_left > 0)
		if (begin_connection(lane))
			return true;
	return false;
}

/* Until all lanes are over; `next` begins a lane again. */
static void run(unsigned open, bool (*next)(struct lane *lane))
{
	struct epoll_event events[LANES];

	while (open > 0) {
		int count = epoll_wait(epoll_fd, events, LANES, WAIT_MS);

		if (count == 0)
			fail("nothing came for %d s; %u connections wait", WAIT_MS / 1000, open);
		for (int i = 0; i < count; i++) {
			struct lane *lane = events[i].data.ptr;

			if (go_on(lane) && !(next && next(lane)))
				open--;
		}
	}
}

static void send_requests(uint64_t count)
{
	unsigned open = 0;

	requests_left = count;
	for (; open < LANES && requests_left > 0; open++) {
		open_lane(&lanes[open]);
		lanes[open].ending = ENDS_NEVER;
		send_pipeline(&lanes[open]);
	}
	run(open, NULL);
}

static void open_connections(uint64_t count)
{
	unsigned open = 0;

	connections_left = count;
	while (open < LANES && begin_next(&lanes[open]))
		open++;
	run(open, begin_next);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		fail("usage: load PORT REQUESTS CONNECTIONS");
	port = (uint16_t)strtoul(argv[1], NULL, 10);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		fail("epoll_create1: %s", strerror(errno));
	send_requests(strtoull(argv[2], NULL, 10));
	open_connections(strtoull(argv[3], NULL, 10));
	printf("%llu answers\n", (unsigned long long)answers);
	return 0;
}
