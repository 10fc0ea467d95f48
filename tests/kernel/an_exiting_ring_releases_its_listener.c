/* SPDX-License-Identifier: MIT */
/*
 * A process killed with an armed multishot accept gives its port back.
 *
 * The ring holds the listener and is torn down after the process is gone, so for a moment the
 * port stays bound. The server binds with SO_REUSEPORT, which must work at once: a supervisor
 * that restarts it must never meet EADDRINUSE. The old listener must go soon as well, since
 * until then the kernel may hand it connections that nobody will answer; binding without
 * SO_REUSEPORT, which needs the port for itself, shows when it has.
 *
 * References: socket(7) SO_REUSEPORT, io_uring_prep_multishot_accept(3).
 */
#include <signal.h>
#include <sys/wait.h>

#include "kernel.h"

enum { STEP_MS = 10 };

/* The server to be killed: reports its port once the accept is armed. Never returns. */
_Noreturn static void serve_until_killed(int report)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	struct completion completion;
	uint16_t port = 0;
	int listener = kernel_listen(&port);

	kernel_ring_init(&ring);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	kernel_submit(&ring, sqe, 1);
	if (write(report, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	kernel_wait_ms(&ring, KERNEL_WAIT_MS, &completion);
	_exit(1);
}

/* Returns the port that a process just killed was listening on. */
static uint16_t kill_a_server(void)
{
	uint16_t port = 0;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve_until_killed(ends[1]);
	close(ends[1]);
	assert_int_equal(read(ends[0], &port, sizeof(port)), sizeof(port));
	close(ends[0]);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return port;
}

static int bind_alone(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
	close(fd);
	return result;
}

static void binding_again_with_reuseport_works_at_once(void **state)
{
	uint16_t port = kill_a_server();

	(void)state;
	close(kernel_listen(&port));
}

static void the_old_listener_is_gone_soon(void **state)
{
	uint16_t port = kill_a_server();
	int result = bind_alone(port);

	(void)state;
	for (int waited_ms = 0; result == -EADDRINUSE && waited_ms < KERNEL_WAIT_MS; waited_ms += STEP_MS) {
		poll(NULL, 0, STEP_MS);
		result = bind_alone(port);
	}
	assert_int_equal(result, 0);
}

/* Asked in this process, where ending with 77 ends the program. */
static int needs_a_ring(void **state)
{
	struct io_uring ring;

	(void)state;
	kernel_ring_init(&ring);
	io_uring_queue_exit(&ring);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binding_again_with_reuseport_works_at_once),
		cmocka_unit_test(the_old_listener_is_gone_soon),
	};

	return cmocka_run_group_tests(tests, needs_a_ring, NULL);
}
