/* SPDX-License-Identifier: MIT */
/*
 * base/check and serve/recorder: a worker that finds its state broken says what it did last, and the whole
 * process ends.
 *
 * A real server runs in a child. The linker puts __wrap_request_answer() in the place of
 * request_answer() (meson.build), and that fails a check in the middle of a request for /broken.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "io/op.h"
#include "quoit.h"
#include "serve/recorder.h"
#include "serve/request.h"

#define WAITED_S 20

enum request_result __real_request_answer(struct worker *worker, struct conn *conn, struct request *request);
enum request_result __wrap_request_answer(struct worker *worker, struct conn *conn, struct request *request);

enum request_result __wrap_request_answer(struct worker *worker, struct conn *conn, struct request *request)
{
	check(!bytes_equal(request->target, BYTES("/broken")));
	return __real_request_answer(worker, conn, request);
}

/* The child: serves until it breaks; tells its port first. */
static _Noreturn void serve(const char *engine, int port_fd, int stderr_fd)
{
	struct quoit *quoit = quoit_create();
	unsigned port = 0;

	alarm(WAITED_S);
	dup2(stderr_fd, STDERR_FILENO);
	if (!quoit || quoit_set(quoit, "root", "/proc/self") < 0 || quoit_set(quoit, "threads", "1") < 0 ||
	    quoit_set(quoit, "listen", "127.0.0.1:0") < 0 || quoit_set(quoit, "engine", engine) < 0 ||
	    quoit_start(quoit) < 0)
		_exit(1);
	if (sscanf(quoit_address(quoit, 0), "http://127.0.0.1:%u", &port) != 1 ||
	    write(port_fd, &port, sizeof(port)) != (ssize_t)sizeof(port))
		_exit(1);
	quoit_join(quoit, WAITED_S * 1000);
	_exit(2);
}

static void ask(unsigned port, const char *target)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[4096];
	int size = snprintf(text, sizeof(text),
			    "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, text, (size_t)size), size);
	while (read(fd, text, sizeof(text)) > 0)
		continue;
	close(fd);
}

static void read_all(int fd, char *text, size_t capacity)
{
	size_t size = 0;
	ssize_t count;

	while (size < capacity - 1 && (count = read(fd, text + size, capacity - 1 - size)) > 0)
		size += (size_t)count;
	text[size] = 0;
}

static void a_failed_check_tells_and_ends(const char *engine)
{
	static char said[65536];
	int port_ends[2], stderr_ends[2], status;
	unsigned port;
	pid_t child;

	assert_int_equal(pipe(port_ends), 0);
	assert_int_equal(pipe(stderr_ends), 0);
	child = fork();
	if (child == 0)
		serve(engine, port_ends[1], stderr_ends[1]);
	assert_true(child > 0);
	close(port_ends[1]);
	close(stderr_ends[1]);
	if (read(port_ends[0], &port, sizeof(port)) != (ssize_t)sizeof(port)) {
		read_all(stderr_ends[0], said, sizeof(said));
		fail_msg("it does not serve: %s", said);
	}
	ask(port, "/none");
	ask(port, "/broken");
	read_all(stderr_ends[0], said, sizeof(said));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(said, "quoit: check failed: !bytes_equal(request->target, "));
	assert_non_null(strstr(said, "quoit: worker 0, 1 requests, "));
	assert_non_null(strstr(said, "accept, listener 0.0: "));
	assert_non_null(strstr(said, "receive, connection "));
	close(port_ends[0]);
	close(stderr_ends[0]);
}

static void with_io_uring_or_what_there_is(void **state)
{
	(void)state;
	a_failed_check_tells_and_ends("auto");
}

static void with_epoll(void **state)
{
	(void)state;
	a_failed_check_tells_and_ends("epoll");
}

static void an_event_is_a_line(void **state)
{
	const struct event receive = { op_tag(OP_RECV, 7, 3), 1300, 1000 };
	const struct event full = { op_tag(OP_RECV, 7, 3), -105, 1000 };
	const struct event turn = { RECORDER_TURN, 12, 400 };
	char text[RECORDER_LINE];

	(void)state;
	recorder_describe(&receive, 1005, text, sizeof(text));
	assert_string_equal(text, "     5 ms ago:   receive, connection 3.7: 1300");
	recorder_describe(&full, 1000, text, sizeof(text));
	assert_string_equal(text, "     0 ms ago:   receive, connection 3.7: -ENOBUFS");
	/* The clock's lower half has come round in between. */
	recorder_describe(&turn, UINT64_C(0x100000000) + 405, text, sizeof(text));
	assert_string_equal(text, "     5 ms ago: turn of 12");
	assert_int_equal(recorder_describe(&turn, 400, text, 8), 7);
	assert_string_equal(text, "     0 ");
}

/* The newest are kept, and printed oldest first. */
static void the_last_events_are_printed(void **state)
{
	static struct recorder recorder;
	static char said[1 << 16];
	char last[64];
	int ends[2], before = dup(STDERR_FILENO);

	(void)state;
	for (int i = 0; i < RECORDER_EVENTS + 10; i++)
		recorder_note(&recorder, op_tag(OP_OPEN, 0, 1), i, 0);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	recorder_print(&recorder, 3, 0, "> ");
	dup2(before, STDERR_FILENO);
	close(before);
	close(ends[1]);
	read_all(ends[0], said, sizeof(said));
	close(ends[0]);
	snprintf(last, sizeof(last), ">      0 ms ago:   open, fetch 1.0: %d\n", RECORDER_EVENTS + 9);
	assert_string_equal(said + strlen(said) - strlen(last), last);
	assert_int_equal(strlen(said), 3 * strlen(last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_io_uring_or_what_there_is),
		cmocka_unit_test(with_epoll),
		cmocka_unit_test(an_event_is_a_line),
		cmocka_unit_test(the_last_events_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
