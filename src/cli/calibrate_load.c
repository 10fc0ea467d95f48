/* SPDX-License-Identifier: MIT */
/*
 * The load of `quoit calibrate`: connections that ask for one file again and again.
 *
 * A connection has one request under way. It stays open from round to round, so that no round pays for
 * connecting, and windows and buffers have grown before the first one counts. Every answer is read whole
 * and its length compared with the file's; anything that is not the file ends the run, since a server
 * that answers errors fast would win.
 *
 * The end of a round is the hard thing: at its time nothing more is asked, and what is under way is
 * still read, so that the CPU time on both sides is that of the answers that are counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "calibrate.h"

/* One receive takes at most this; larger ones no longer save calls that would show. */
#define RECEIVE_SIZE (256 * 1024)
#define HEAD_SIZE 2048
#define REQUEST_SIZE 192
#define EVENTS 64
#define CONNECT_MS 5000
/*
 * When nothing came so often in a row the server is stuck. Not one long wait: in a machine that was stopped
 * for a while the timeout would be first to go on.
 */
#define SILENCE_MS 1000
#define SILENCE_TIMES 10

/* Latencies in 32 steps for each power of two: a percentile is right to 2 %. */
#define STEP_BITS 5
#define STEPS (1u << STEP_BITS)
#define BINS (36 * STEPS)
/* Fewer answers have no hundredth that would be one of them. */
#define P99_ANSWERS_MIN 50

struct connection {
	struct calibrate_load *load;
	int fd;
	bool is_asked;
	uint64_t asked_ns;
	uint64_t left; /* of the body; without a head yet: 0 */
	size_t head_size;
	char head[HEAD_SIZE];
};

struct calibrate_load {
	int epoll;
	struct calibrate_asked asked;
	char request[REQUEST_SIZE];
	int request_size;
	uint64_t answers;
	uint32_t bins[BINS];
	struct connection connection[];
};

/* What a round needs, for all its loads. */
struct round {
	struct calibrate_load **loads;
	unsigned count;
	uint64_t end_ns;
	uint64_t now_ns;
	unsigned under_way;
	unsigned silences; /* in a row */
	int epoll;
	char *sentence;
	size_t room;
};

static char bytes[RECEIVE_SIZE]; /* bodies go here, and nobody looks at them */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static unsigned bin_of(uint64_t ns)
{
	unsigned shift;
	uint64_t bin;

	if (ns < 2 * STEPS)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS;
	bin = shift * STEPS + (ns >> shift);
	return bin < BINS ? (unsigned)bin : BINS - 1;
}

/* The middle of a bin. */
static double ns_of(unsigned bin)
{
	unsigned shift = bin / STEPS;

	if (bin < 2 * STEPS)
		return bin;
	return (double)((uint64_t)1 << (shift - 1)) * (STEPS + bin % STEPS + 0.5);
}

static double percentile_us(const struct calibrate_load *load, double share)
{
	uint64_t behind = (uint64_t)((double)load->answers * share), seen = 0;

	for (unsigned i = 0; i < BINS; i++) {
		seen += load->bins[i];
		if (seen > behind)
			return ns_of(i) / 1000;
	}
	return 0;
}

static int fail(struct round *round, const char *what)
{
	snprintf(round->sentence, round->room, "%s", what);
	return -1;
}

static int fail_errno(struct round *round, const char *what)
{
	snprintf(round->sentence, round->room, "%s: %s", what, strerror(errno));
	return -1;
}

static int ask(struct round *round, struct connection *connection)
{
	const struct calibrate_load *load = connection->load;

	connection->asked_ns = round->now_ns;
	connection->is_asked = true;
	connection->head_size = 0;
	round->under_way++;
	/* The socket is empty whenever a request is sent, so it takes all of it. */
	if (send(connection->fd, load->request, (size_t)load->request_size, MSG_NOSIGNAL) !=
	    load->request_size)
		return fail_errno(round, "a request could not be sent");
	return 0;
}

static int finish_answer(struct round *round, struct connection *connection)
{
	struct calibrate_load *load = connection->load;

	round->now_ns = now_ns();
	load->bins[bin_of(round->now_ns - connection->asked_ns)]++;
	load->answers++;
	connection->is_asked = false;
	round->under_way--;
	if (load->asked.pace_us > 0 || round->now_ns >= round->end_ns)
		return 0;
	return ask(round, connection);
}

/* The head is complete: an answer 200 with the length of the file? */
static int read_head(struct round *round, struct connection *connection)
{
	const char *field = strcasestr(connection->head, "\r\nContent-Length:");

	if (strncmp(connection->head, "HTTP/1.1 200 ", 13) != 0) {
		snprintf(round->sentence, round->room, "GET %s was answered \"%.60s\"",
			 connection->load->asked.path, strtok(connection->head, "\r\n"));
		return -1;
	}
	if (!field ||
	    strtoull(field + strlen("\r\nContent-Length:"), NULL, 10) != connection->load->asked.size)
		return fail(round, "an answer does not have the length of its file");
	connection->left = connection->load->asked.size;
	return 0;
}

/* `size` bytes have come: the head, the body, or both. */
static int take(struct round *round, struct connection *connection, size_t size)
{
	size_t at = 0;

	if (connection->left == 0) {
		size_t before = connection->head_size, room = HEAD_SIZE - 1 - before;
		size_t more = size < room ? size : room;
		char *end;

		memcpy(connection->head + before, bytes, more);
		connection->head[connection->head_size = before + more] = 0;
		end = strstr(connection->head, "\r\n\r\n");
		if (!end)
			return more < room ? 0 : fail(round, "an answer has no end to its head");
		at = (size_t)(end + 4 - connection->head) - before;
		end[2] = 0;
		if (read_head(round, connection) < 0)
			return -1;
	}
	if (size - at > connection->left)
		return fail(round, "more came than was asked for");
	connection->left -= size - at;
	return connection->left == 0 ? finish_answer(round, connection) : 0;
}

static int receive(struct round *round, struct connection *connection)
{
	ssize_t size = recv(connection->fd, bytes, sizeof(bytes), 0);

	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (size < 0)
		return fail_errno(round, "an answer could not be read");
	if (size == 0)
		return fail(round, "the server closed a connection");
	if (!connection->is_asked)
		return fail(round, "the server sent what nobody asked for");
	return take(round, connection, (size_t)size);
}

static int ask_all(struct round *round)
{
	for (unsigned i = 0; i < round->count; i++) {
		struct calibrate_load *load = round->loads[i];

		for (unsigned k = 0; k < load->asked.connections; k++)
			if (ask(round, &load->connection[k]) < 0)
				return -1;
	}
	return 0;
}

/* Those with a pace, whose time has come. Returns the milliseconds until somebody has to look again. */
static int ask_due(struct round *round)
{
	int wait_ms = SILENCE_MS;

	if (round->now_ns >= round->end_ns)
		return wait_ms;
	for (unsigned i = 0; i < round->count; i++) {
		struct calibrate_load *load = round->loads[i];

		if (load->asked.pace_us == 0)
			continue;
		wait_ms = 1;
		for (unsigned k = 0; k < load->asked.connections; k++) {
			struct connection *connection = &load->connection[k];

			if (!connection->is_asked &&
			    round->now_ns - connection->asked_ns >= load->asked.pace_us * 1000 &&
			    ask(round, connection) < 0)
				return -1;
		}
	}
	return wait_ms;
}

/* The wait is over, and who should have been answered was not. */
static int fail_silent(struct round *round)
{
	const struct connection *one = NULL;

	for (unsigned i = 0; i < round->count; i++)
		for (unsigned k = 0; k < round->loads[i]->asked.connections; k++)
			if (round->loads[i]->connection[k].is_asked)
				one = &round->loads[i]->connection[k];
	if (!one)
		return fail(round, "the clock stands still");
	snprintf(round->sentence, round->room,
		 "for 10 s nothing came to %u requests, one of them for %s with %" PRIu64 " bytes missing",
		 round->under_way, one->load->asked.path, one->left ? one->left : one->load->asked.size);
	return -1;
}

static int turn(struct round *round)
{
	struct epoll_event events[EVENTS];
	int wait_ms, count;

	round->now_ns = now_ns();
	wait_ms = ask_due(round);
	if (wait_ms < 0)
		return -1;
	count = epoll_wait(round->epoll, events, EVENTS, wait_ms);
	if (count < 0 && errno != EINTR)
		return fail_errno(round, "epoll_wait");
	round->silences = count == 0 && wait_ms == SILENCE_MS ? round->silences + 1 : 0;
	if (round->silences == SILENCE_TIMES)
		return fail_silent(round);
	for (int i = 0; i < count; i++)
		if (receive(round, events[i].data.ptr) < 0)
			return -1;
	return 0;
}

static int watch(struct round *round)
{
	for (unsigned i = 0; i < round->count; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
		struct calibrate_load *load = round->loads[i];

		load->answers = 0;
		memset(load->bins, 0, sizeof(load->bins));
		for (unsigned k = 0; k < load->asked.connections; k++) {
			event.data.ptr = &load->connection[k];
			if (epoll_ctl(round->epoll, EPOLL_CTL_ADD, load->connection[k].fd, &event) < 0)
				return fail_errno(round, "epoll_ctl");
		}
	}
	return 0;
}

int calibrate_load_run(struct calibrate_load **loads, unsigned count, unsigned ms,
		       struct calibrate_count *ret_counts, char *sentence, size_t room)
{
	struct round round = { .loads = loads, .count = count, .sentence = sentence, .room = room };
	int result;

	round.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (round.epoll < 0)
		return fail_errno(&round, "epoll_create1");
	result = watch(&round);
	round.now_ns = now_ns();
	round.end_ns = round.now_ns + ms * 1000000ull;
	if (result == 0)
		result = ask_all(&round);
	/* A round without a pace may have nothing under way for a moment, at its end only. */
	while (result == 0 && (round.under_way > 0 || round.now_ns < round.end_ns))
		result = turn(&round);
	close(round.epoll);
	for (unsigned i = 0; result == 0 && i < count; i++) {
		ret_counts[i].answers = loads[i]->answers;
		ret_counts[i].p99_us =
			loads[i]->answers < P99_ANSWERS_MIN ? 0 : percentile_us(loads[i], 0.99);
	}
	return result;
}

/* A connected socket, or -1 with errno. */
static int connect_one(const struct sockaddr_storage *address)
{
	socklen_t size =
		address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	/* A blocking socket with a limit: there are few, and they are made one by one. */
	struct timeval patience = { .tv_sec = CONNECT_MS / 1000 };
	struct timeval none = { 0 };
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)address, size) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) == 0)
		return fd;
	if (errno == EINPROGRESS)
		errno = ETIMEDOUT;
	one = errno;
	close(fd);
	errno = one;
	return -1;
}

struct calibrate_load *calibrate_load_open(const struct calibrate_asked *asked, char *sentence, size_t room)
{
	struct calibrate_load *load =
		calloc(1, sizeof(*load) + asked->connections * sizeof(load->connection[0]));

	if (!load) {
		snprintf(sentence, room, "no memory for the connections");
		return NULL;
	}
	load->asked = *asked;
	load->asked.connections = 0;
	load->request_size = snprintf(load->request, sizeof(load->request),
				      "GET %s HTTP/1.1\r\nHost: calibrate\r\n\r\n", asked->path);
	for (; load->asked.connections < asked->connections; load->asked.connections++) {
		struct connection *connection = &load->connection[load->asked.connections];

		connection->load = load;
		connection->fd = connect_one(&asked->address);
		if (connection->fd < 0) {
			snprintf(sentence, room, "connection %u to port %d: %s", load->asked.connections + 1,
				 ntohs(((const struct sockaddr_in *)&asked->address)->sin_port),
				 strerror(errno));
			calibrate_load_close(load);
			return NULL;
		}
	}
	return load;
}

void calibrate_load_close(struct calibrate_load *load)
{
	/* A reset leaves no TIME_WAIT, of which a run would leave thousands; nothing is under way. */
	const struct linger reset = { .l_onoff = 1 };

	for (unsigned i = 0; load && i < load->asked.connections; i++) {
		setsockopt(load->connection[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(load->connection[i].fd);
	}
	free(load);
}
