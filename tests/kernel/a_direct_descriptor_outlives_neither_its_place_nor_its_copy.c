/* SPDX-License-Identifier: MIT */
/*
 * A direct descriptor can be made a real one as well; the socket ends when both are closed, and its place in
 * the table is free at once.
 *
 * With direct=on the server accepts into the ring's table, makes a real descriptor (FIXED_FD_INSTALL) for
 * what is no operation of the ring, and closes both in the order of submission. It counts on this: the
 * install completes when it is submitted; closing one of the two leaves the other usable, and no FIN is
 * sent; closing the last sends it; and the place can be taken again by the very next accept, also while a
 * receive on another place waits (before 6.13 that one kept every socket that was closed later).
 *
 * References: io_uring_prep_fixed_fd_install(3), io_uring_prep_close_direct(3); 6.8, sound since 6.13.
 */
#include <poll.h>
#include <sys/utsname.h>

#include "../../src/io/abi.h"
#include "kernel.h"

enum { PLACES = 2, ACCEPT = 1, INSTALL, RECV, ADOPT };

static struct io_uring ring;
static int listener;
static uint16_t port;

static int before(void **state)
{
	struct io_uring_rsrc_register registration = { .nr = PLACES, .flags = IORING_RSRC_REGISTER_SPARSE };
	struct utsname kernel;
	unsigned major, minor;
	int error;

	(void)state;
	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%u.%u", &major, &minor), 2);
	if (major < 6 || (major == 6 && minor < 13))
		kernel_skip("no sound direct descriptors before Linux 6.13", EOPNOTSUPP);
	kernel_ring_init(&ring);
	error = abi_register(ring.ring_fd, IORING_REGISTER_FILES2, &registration, sizeof(registration));
	if (error < 0)
		kernel_skip("no sparse table", -error);
	port = 0;
	listener = kernel_listen(&port);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	close(listener);
	return 0;
}

/* Connects `*ret_client` and accepts it; its place. */
static int accept_direct(int *ret_client)
{
	struct io_uring_sqe *sqe;
	struct completion completion;

	*ret_client = kernel_connect(port, 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_NONBLOCK);
	sqe->file_index = IORING_FILE_INDEX_ALLOC; /* liburing 2.3 does not know it for an accept */
	kernel_submit(&ring, sqe, ACCEPT);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, ACCEPT);
	return completion.result;
}

/* A real descriptor of the socket in this place. */
static int install(int place)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct completion completion;

	io_uring_prep_nop(sqe);
	sqe->opcode = ABI_OP_FIXED_FD_INSTALL;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = place;
	kernel_submit(&ring, sqe, INSTALL);
	completion = kernel_take_at_once(&ring);
	if (completion.result == -EINVAL)
		kernel_skip("no FIXED_FD_INSTALL", EINVAL);
	assert_true(completion.result >= 0);
	return completion.result;
}

static void close_direct(int place)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_close_direct(sqe, (unsigned)place);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	kernel_submit(&ring, sqe, 0);
	assert_int_equal(io_uring_cq_ready(&ring), 0);
}

static bool is_open(int client)
{
	struct pollfd pollfd = { .fd = client, .events = POLLIN | POLLRDHUP };

	return poll(&pollfd, 1, KERNEL_QUIET_MS) == 0;
}

static void assert_ended(int client)
{
	char byte;

	assert_int_equal(recv(client, &byte, 1, 0), 0);
	close(client);
}

static void the_copy_is_the_same_socket(void **state)
{
	int client, place = accept_direct(&client), fd = install(place);
	char text[4];

	(void)state;
	assert_int_equal(send(fd, "copy", 4, MSG_NOSIGNAL), 4);
	kernel_read_all(client, text, 4);
	assert_memory_equal(text, "copy", 4);
	close(fd);
	close_direct(place);
	assert_ended(client);
}

static void it_ends_when_both_are_closed(void **state)
{
	int client, place = accept_direct(&client), fd = install(place);

	(void)state;
	close_direct(place);
	assert_true(is_open(client));
	close(fd);
	assert_ended(client);
	place = accept_direct(&client);
	fd = install(place);
	close(fd);
	assert_true(is_open(client));
	close_direct(place);
	assert_ended(client);
}

static void a_place_is_free_at_once_and_a_waiting_neighbour_keeps_nothing(void **state)
{
	struct io_uring_sqe *sqe;
	int neighbour, client, place = accept_direct(&neighbour);
	char byte;

	(void)state;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_recv(sqe, place, &byte, 1, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	kernel_submit(&ring, sqe, RECV);
	for (int turn = 0; turn < 3 * PLACES; turn++) {
		int other = accept_direct(&client);

		assert_in_range(other, 0, PLACES - 1);
		close_direct(other);
		assert_ended(client);
	}
	kernel_write_all(neighbour, "x", 1);
	assert_int_equal(kernel_wait(&ring).user_data, RECV);
	close_direct(place);
	assert_ended(neighbour);
}

/* For an accept4(2) beside the ring: a place of the kernel's choice, written back at once. */
static void a_real_descriptor_is_put_into_a_free_place(void **state)
{
	struct kernel_pair pair = kernel_pair_make(0);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	int32_t place = pair.server;

	(void)state;
	io_uring_prep_files_update(sqe, &place, 1, (int)IORING_FILE_INDEX_ALLOC);
	kernel_submit(&ring, sqe, ADOPT);
	assert_int_equal(kernel_take_at_once(&ring).result, 1);
	assert_in_range(place, 0, PLACES - 1);
	close(pair.server);
	assert_true(is_open(pair.client));
	close_direct(place);
	assert_ended(pair.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_copy_is_the_same_socket, before, after),
		cmocka_unit_test_setup_teardown(it_ends_when_both_are_closed, before, after),
		cmocka_unit_test_setup_teardown(a_place_is_free_at_once_and_a_waiting_neighbour_keeps_nothing,
						before, after),
		cmocka_unit_test_setup_teardown(a_real_descriptor_is_put_into_a_free_place, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
