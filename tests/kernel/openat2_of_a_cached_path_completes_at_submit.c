/* SPDX-License-Identifier: MIT */
/*
 * OPENAT2 of a path that was just opened completes inside io_uring_submit().
 *
 * A miss in the server's cache costs an open; when the kernel has the path in its own cache
 * that must not go through a worker thread. The server opens beneath its root,
 * O_PATH to look and O_RDONLY | O_NONBLOCK to read, and leaves to the kernel what may not be served: links
 * that lead out of the root, FIFOs that would block an open, sockets. Refusals may come later.
 *
 * References: openat2(2), path_resolution(7); io_uring tries RESOLVE_CACHED first since 5.12.
 */
#include <linux/openat2.h>

#include "folder.h"

enum { OPEN = 9 };

static struct io_uring ring;
static struct folder folder;
static int root; /* the folder "root" in it; "outside" lies beside it */

static void make_socket(const char *path)
{
	struct sockaddr_un {
		sa_family_t family;
		char path[108];
	} address = { .family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_in_range(snprintf(address.path, sizeof(address.path), "%s", path), 1,
			sizeof(address.path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static int before(void **state)
{
	char path[PATH_MAX + 16];

	(void)state;
	kernel_ring_init(&ring);
	folder_create(&folder);
	folder_write(&folder, "outside", "secret", 6);
	assert_int_equal(mkdirat(folder.fd, "root", 0700), 0);
	assert_int_equal(mkdirat(folder.fd, "root/sub", 0700), 0);
	folder_write(&folder, "root/sub/page", "hello", 5);
	assert_int_equal(symlinkat("sub/page", folder.fd, "root/inside"), 0);
	assert_int_equal(symlinkat("../outside", folder.fd, "root/upward"), 0);
	assert_int_equal(symlinkat("/etc/passwd", folder.fd, "root/absolute"), 0);
	assert_int_equal(mkfifoat(folder.fd, "root/fifo", 0600), 0);
	snprintf(path, sizeof(path), "%s/root/socket", folder.path);
	make_socket(path);
	root = openat(folder.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	close(root);
	folder_destroy(&folder);
	return 0;
}

static void submit_open(const char *path, uint64_t flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	io_uring_prep_openat2(sqe, root, path, &how);
	kernel_submit(&ring, sqe, OPEN);
}

static int open_later(const char *path, uint64_t flags)
{
	struct completion completion;

	submit_open(path, flags);
	completion = kernel_wait(&ring);
	assert_int_equal(completion.user_data, OPEN);
	return completion.result;
}

/* The result that is in the ring when the submission returns. */
static int open_at_once(const char *path, uint64_t flags)
{
	struct completion completion;

	submit_open(path, flags);
	completion = kernel_take_at_once(&ring);
	assert_int_equal(completion.user_data, OPEN);
	return completion.result;
}

static void a_cached_path_opens_at_submission(void **state)
{
	const uint64_t ways[] = { O_PATH, O_RDONLY | O_NONBLOCK };
	const char *paths[] = { "sub/page", "inside" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++) {
			int first = open_later(paths[i], ways[j]);
			int second = open_at_once(paths[i], ways[j]);

			assert_true(first >= 0);
			assert_true(second >= 0);
			close(first);
			close(second);
		}
	}
}

/* O_NONBLOCK on a regular file changes nothing about reading it. */
static void what_it_opens_can_be_read(void **state)
{
	char text[8];
	int fd = open_later("sub/page", O_RDONLY | O_NONBLOCK);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	close(fd);
}

static void what_leads_out_of_the_root_is_refused(void **state)
{
	const char *paths[] = { "upward", "absolute", "../outside", "sub/../../outside", "/etc/passwd" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(open_later(paths[i], O_PATH), -EXDEV);
		assert_int_equal(open_later(paths[i], O_RDONLY | O_NONBLOCK), -EXDEV);
	}
}

static void a_name_that_is_not_there_is_enoent(void **state)
{
	(void)state;
	assert_int_equal(open_later("sub/nothing", O_PATH), -ENOENT);
	assert_int_equal(open_later("sub/page/deeper", O_PATH), -ENOTDIR);
}

static void a_fifo_does_not_block_and_a_socket_is_enxio(void **state)
{
	int fd = open_later("fifo", O_RDONLY | O_NONBLOCK);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_later("socket", O_RDONLY | O_NONBLOCK), -ENXIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cached_path_opens_at_submission, before, after),
		cmocka_unit_test_setup_teardown(what_it_opens_can_be_read, before, after),
		cmocka_unit_test_setup_teardown(what_leads_out_of_the_root_is_refused, before, after),
		cmocka_unit_test_setup_teardown(a_name_that_is_not_there_is_enoent, before, after),
		cmocka_unit_test_setup_teardown(a_fifo_does_not_block_and_a_socket_is_enxio, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
