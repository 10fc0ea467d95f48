/* SPDX-License-Identifier: MIT */
/*
 * statx(AT_EMPTY_PATH | AT_STATX_DONT_SYNC) of a freshly opened name sees a rename over it.
 *
 * Files on a site are replaced by renaming a new one over the old. The server revalidates by
 * opening the name anew and looking through the descriptor, with the cheapest statx there
 * is: it must see the new inode, size and time, while the descriptor that an answer is being
 * sent from keeps the old file, content and all. A change in place shows through both.
 *
 * References: statx(2), open(2) O_PATH, rename(2).
 */
#include "folder.h"

static struct folder folder;

static int before(void **state)
{
	(void)state;
	folder_create(&folder);
	return 0;
}

static int after(void **state)
{
	(void)state;
	folder_destroy(&folder);
	return 0;
}

static struct statx look(int fd)
{
	struct statx status;

	assert_int_equal(statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status), 0);
	assert_int_equal(status.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	return status;
}

static struct statx look_at_name(const char *name)
{
	int fd = openat(folder.fd, name, O_PATH | O_CLOEXEC);
	struct statx status;

	assert_true(fd >= 0);
	status = look(fd);
	close(fd);
	return status;
}

/* An old time, so that it cannot be the one the file was written at. */
static void set_modified(const char *name, time_t seconds)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(folder.fd, name, times, 0), 0);
}

static void the_name_is_the_new_file_and_the_descriptor_the_old_one(void **state)
{
	char text[16];
	struct statx status, old;
	int fd;

	(void)state;
	folder_write(&folder, "page", "first", 5);
	set_modified("page", 1000);
	fd = openat(folder.fd, "page", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	old = look_at_name("page");
	assert_int_equal(old.stx_mtime.tv_sec, 1000);
	assert_int_equal(look(fd).stx_ino, old.stx_ino);

	folder_write(&folder, "page.new", "second one", 10);
	set_modified("page.new", 2000);
	assert_int_equal(renameat(folder.fd, "page.new", folder.fd, "page"), 0);

	status = look_at_name("page");
	assert_int_not_equal(status.stx_ino, old.stx_ino);
	assert_int_equal(status.stx_size, 10);
	assert_int_equal(status.stx_mtime.tv_sec, 2000);

	status = look(fd);
	assert_int_equal(status.stx_ino, old.stx_ino);
	assert_int_equal(status.stx_size, 5);
	assert_int_equal(status.stx_mtime.tv_sec, 1000);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 5);
	assert_memory_equal(text, "first", 5);
	close(fd);
}

static void a_change_in_place_shows_through_the_open_descriptor(void **state)
{
	int fd;

	(void)state;
	folder_write(&folder, "page", "first", 5);
	set_modified("page", 1000);
	fd = openat(folder.fd, "page", O_PATH | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(look(fd).stx_size, 5);
	folder_write(&folder, "page", "longer than it was", 18);
	assert_int_equal(look(fd).stx_size, 18);
	assert_int_not_equal(look(fd).stx_mtime.tv_sec, 1000);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_name_is_the_new_file_and_the_descriptor_the_old_one,
						before, after),
		cmocka_unit_test_setup_teardown(a_change_in_place_shows_through_the_open_descriptor, before,
						after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
