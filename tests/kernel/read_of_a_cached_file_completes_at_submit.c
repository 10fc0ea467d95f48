/* SPDX-License-Identifier: MIT */
/*
 * READ of bytes in the page cache completes inside io_uring_submit().
 *
 * The server compiles an asset by reading the file through its ring; for a file that was just
 * written or served that must cost no worker thread and no second turn. An end of file is a
 * short count, never an error: it is how the server notices a file that shrank.
 *
 * References: io_uring_prep_read(3), read(2).
 */
#include "folder.h"

enum {
	READ = 4,
	SIZE = 16 * 1024,
};

static struct io_uring ring;
static struct folder folder;
static uint8_t content[SIZE], data[2 * SIZE];
static int file;

static int before(void **state)
{
	(void)state;
	kernel_ring_init(&ring);
	folder_create(&folder);
	kernel_pattern(content, sizeof(content), 3);
	folder_write(&folder, "page", content, sizeof(content));
	file = openat(folder.fd, "page", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(pread(file, data, sizeof(data), 0), SIZE);
	memset(data, 0, sizeof(data));
	return 0;
}

static int after(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	close(file);
	folder_destroy(&folder);
	return 0;
}

static int read_at_once(size_t size, uint64_t offset)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct completion completion;

	io_uring_prep_read(sqe, file, data, (unsigned)size, offset);
	kernel_submit(&ring, sqe, READ);
	completion = kernel_take_at_once(&ring);
	assert_int_equal(completion.user_data, READ);
	return completion.result;
}

static void cached_bytes_are_there_at_submission(void **state)
{
	(void)state;
	assert_int_equal(read_at_once(SIZE, 0), SIZE);
	assert_memory_equal(data, content, SIZE);
	assert_int_equal(read_at_once(100, 4095), 100);
	assert_memory_equal(data, content + 4095, 100);
}

static void the_end_of_the_file_is_a_short_count(void **state)
{
	(void)state;
	assert_int_equal(read_at_once(sizeof(data), 0), SIZE);
	assert_int_equal(read_at_once(100, SIZE - 10), 10);
	assert_int_equal(read_at_once(100, SIZE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cached_bytes_are_there_at_submission, before, after),
		cmocka_unit_test_setup_teardown(the_end_of_the_file_is_a_short_count, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
