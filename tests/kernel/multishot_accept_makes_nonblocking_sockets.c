/* SPDX-License-Identifier: MIT */
/*
 * One multishot accept delivers every connection as a descriptor with the flags it asked for.
 *
 * The server sets nothing on an accepted socket: O_NONBLOCK and O_CLOEXEC come with the
 * accept, TCP_NODELAY from the listener. The accept stays armed (IORING_CQE_F_MORE) for
 * connections that come together and for one that comes later.
 *
 * References: io_uring_prep_multishot_accept(3), accept(2), tcp(7); 5.19.
 */
#include <fcntl.h>

#include "kernel.h"

enum {
	ACCEPT = 5,
	CLIENTS = 8,
};

static void assert_as_asked_for(int fd)
{
	int nodelay = 0;
	socklen_t size = sizeof(nodelay);

	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size), 0);
	assert_int_equal(nodelay, 1);
}

/* The next connection's descriptor. A kernel that knows no multishot accept refuses the first one. */
static int accept_next(struct io_uring *ring)
{
	struct completion completion = kernel_wait(ring);

	if (completion.result == -EINVAL)
		kernel_skip("no multishot accept", EINVAL);
	assert_int_equal(completion.user_data, ACCEPT);
	assert_true(completion.result >= 0);
	assert_true(completion.flags & IORING_CQE_F_MORE);
	return completion.result;
}

static void every_connection_comes_with_its_flags(void **state)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	uint16_t port = 0;
	int clients[CLIENTS + 1], servers[CLIENTS + 1];
	int listener;

	(void)state;
	kernel_ring_init(&ring);
	listener = kernel_listen(&port);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	kernel_submit(&ring, sqe, ACCEPT);

	for (int i = 0; i < CLIENTS; i++)
		clients[i] = kernel_connect(port, 0);
	for (int i = 0; i < CLIENTS; i++)
		servers[i] = accept_next(&ring);
	kernel_assert_quiet(&ring);
	clients[CLIENTS] = kernel_connect(port, 0);
	servers[CLIENTS] = accept_next(&ring);

	for (int i = 0; i <= CLIENTS; i++) {
		assert_as_asked_for(servers[i]);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(servers[i], servers[j]);
	}
	for (int i = 0; i <= CLIENTS; i++) {
		close(clients[i]);
		close(servers[i]);
	}
	io_uring_queue_exit(&ring);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_connection_comes_with_its_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
