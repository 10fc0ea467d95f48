/* SPDX-License-Identifier: MIT */
/*
 * The lower limit: what a server pays the kernel for a request and its answer, and nothing else.
 *
 *   floor-uring | floor-epoll  [--port N] [--body BYTES] [--per-answer]
 *
 * Every blank line (CRLF CRLF) is answered with the same bytes; there is no HTTP beyond that, and
 * keep-alive only. The answers a connection is owed in one turn leave in one send; --per-answer sends
 * each by itself. One thread on 127.0.0.1. A connection that does not take a send whole is closed, since
 * a floor keeps no rest to send later; how often that was is told on standard error at the end.
 */
#ifndef QUOIT_BENCH_FLOOR_H
#define QUOIT_BENCH_FLOOR_H

#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOR_FDS 65536
#define FLOOR_BATCH ((size_t)256 * 1024) /* bytes of answers in one piece: more than any pipeline owes */

struct floor {
	int listener;     /* non-blocking; accepted sockets inherit TCP_NODELAY */
	int signals;      /* readable when it is time to end */
	uint8_t *answers; /* the answer, `copies` times: so many may leave in one send */
	size_t answer_size;
	unsigned copies;
	unsigned cut; /* sends not taken whole */
};

static inline unsigned long floor_number(const char *flag, const char *text, unsigned long max)
{
	char *end;
	unsigned long number = strtoul(text ? text : "", &end, 10);

	if (!text || *text < '0' || *text > '9' || *end || number > max)
		errx(2, "%s takes a number from 0 to %lu", flag, max);
	return number;
}

static inline void floor_listen(struct floor *floor, unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		err(1, "cannot listen on port %u, choose another --port", port);
	floor->listener = fd;
	printf("http://127.0.0.1:%u\n", ntohs(address.sin_port));
	fflush(stdout);
}

static inline void floor_write_answers(struct floor *floor, size_t body, bool per_answer)
{
	char head[64];
	size_t head_size =
		(size_t)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);

	floor->answer_size = head_size + body;
	floor->copies = per_answer ? 1 : (unsigned)(FLOOR_BATCH / floor->answer_size);
	floor->copies += floor->copies == 0;
	floor->answers = malloc(floor->copies * floor->answer_size);
	if (!floor->answers)
		err(1, "no memory for answers of %zu bytes, choose a smaller --body", body);
	memset(floor->answers, 'x', floor->copies * floor->answer_size);
	for (unsigned i = 0; i < floor->copies; i++)
		memcpy(floor->answers + i * floor->answer_size, head, head_size);
}

/* Everything up to the line that says where it listens. */
static inline void floor_start(struct floor *floor, int argc, char **argv)
{
	struct rlimit files;
	sigset_t ends;
	unsigned port = 0;
	size_t body = 1024;
	bool per_answer = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--per-answer") == 0)
			per_answer = true;
		else if (strcmp(argv[i], "--port") == 0)
			port = (unsigned)floor_number("--port", argv[++i], 65535);
		else if (strcmp(argv[i], "--body") == 0)
			body = floor_number("--body", argv[++i], 1024 * 1024);
		else
			errx(2, "%s: takes only --port N, --body BYTES, --per-answer", argv[i]);
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < FLOOR_FDS ? files.rlim_max : FLOOR_FDS;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	floor->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	if (floor->signals < 0 || sigprocmask(SIG_BLOCK, &ends, NULL) < 0 ||
	    setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "cannot start");
	floor_write_answers(floor, body, per_answer);
	floor_listen(floor, port);
}

/*
 * How many blank lines end in these bytes. One may come in two receives: *matched says how much of it came
 * before. Where none of it has, a byte that is in no blank line clears the three in front of it too.
 */
static inline unsigned floor_count(const uint8_t *base, size_t size, uint8_t *matched)
{
	uint8_t state = *matched;
	unsigned count = 0;

	for (size_t at = 0; at < size;) {
		if (state == 0 && at + 3 < size && base[at + 3] != '\r' && base[at + 3] != '\n') {
			at += 4;
			continue;
		}
		state = base[at] == (uint8_t) "\r\n\r\n"[state] ? state + 1 : base[at] == '\r';
		at++;
		if (state == 4) {
			count++;
			state = 0;
		}
	}
	*matched = state;
	return count;
}

static inline _Noreturn void floor_end(const struct floor *floor)
{
	if (floor->cut > 0)
		warnx("%u sends were not taken whole, and their connections closed", floor->cut);
	free(floor->answers);
	exit(0);
}

#endif
