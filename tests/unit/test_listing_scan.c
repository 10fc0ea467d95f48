/* SPDX-License-Identifier: MIT */
/*
 * serve/listing_scan: what is listed is what would be served, and nothing is opened that could answer back.
 *
 * Every test has a folder of its own with a site in it, and next to the site a file that is none of
 * its business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/listing_scan.h"

#define INSIDE (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
#define DENY (INSIDE | RESOLVE_NO_SYMLINKS)
#define FOLLOW RESOLVE_NO_MAGICLINKS
#define MODIFIED 1795370400

static char top[64];
static int root = -1; /* of the site: top/site */
static atomic_bool cancel;
static struct listing listing;

static int set_up(void **state)
{
	char path[128];

	(void)state;
	snprintf(top, sizeof(top), "/tmp/quoit-listing-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/site", top);
	assert_int_equal(mkdir(path, 0755), 0);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	atomic_store(&cancel, false);
	listing_init(&listing);
	return root < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	listing_deinit(&listing);
	close(root);
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	return system(command);
}

static void make_file(const char *path, off_t size)
{
	const struct timespec times[2] = { { .tv_sec = MODIFIED }, { .tv_sec = MODIFIED } };
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void make_folder(const char *path)
{
	assert_int_equal(mkdirat(root, path, 0755), 0);
}

static void make_link(const char *to, const char *path)
{
	assert_int_equal(symlinkat(to, root, path), 0);
}

static void make_many(unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		make_file(name, i);
	}
}

static int scan(const char *folder, uint64_t resolve_flags, uint64_t entries_max)
{
	int fd = openat(root, folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct listing_scan scan = {
		.folder_fd = fd,
		.root_fd = root,
		.folder_path = folder,
		.resolve_flags = resolve_flags,
		.entries_max = entries_max,
		.cancel = &cancel,
	};
	int error;

	assert_true(fd >= 0);
	listing_deinit(&listing);
	error = listing_scan(&scan, &listing);
	close(fd);
	if (error == 0)
		listing_sort(&listing);
	return error;
}

/* The names in order, a folder's with a "/", each followed by a space. */
static void assert_names(const char *expected)
{
	char found[1024] = "";
	size_t size = 0;

	for (size_t i = 0; i < listing.count; i++)
		size += (size_t)snprintf(found + size, sizeof(found) - size, "%s%s ", listing.entries[i].name,
					 listing.entries[i].is_folder ? "/" : "");
	assert_string_equal(found, expected);
}

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void files_and_folders_are_listed_with_size_and_date(void **state)
{
	(void)state;
	make_file("a", INT64_C(5000000000));
	make_file("b\n\xff", 0);
	make_folder("c");
	make_file("c/below", 1);
	assert_int_equal(scan("", INSIDE, 100), 0);
	assert_names("c/ a b\n\xff ");
	assert_true(listing.entries[0].size == 0 && listing.entries[0].is_folder);
	assert_true(listing.entries[1].size == UINT64_C(5000000000));
	assert_true(listing.entries[1].modified_s == MODIFIED);
	assert_false(listing.truncated);
}

static void an_empty_folder_has_no_entries(void **state)
{
	(void)state;
	assert_int_equal(scan("", INSIDE, 100), 0);
	assert_int_equal(listing.count, 0);
	assert_false(listing.truncated);
}

static void names_that_start_with_a_dot_are_left_out(void **state)
{
	(void)state;
	make_file(".hidden", 1);
	make_folder(".git");
	make_file("a.b", 1);
	make_link("a.b", ".link");
	assert_int_equal(scan("", INSIDE, 100), 0);
	assert_names("a.b ");
}

static void what_is_neither_file_nor_folder_is_left_out_unopened(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	make_file("a", 1);
	assert_int_equal(mkfifoat(root, "fifo", 0644), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/site/socket", top);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	make_link("fifo", "to-fifo"); /* opening a FIFO would wait for its writer */
	make_link("socket", "to-socket");
	make_link("/dev/null", "to-device");
	assert_int_equal(scan("", FOLLOW, 100), 0);
	assert_names("a ");
}

static void make_links(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/outside", top);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	make_file("x", 7);
	make_folder("a");
	make_folder("a/folder");
	make_file("a/plain", 1);
	make_link("plain", "a/to-plain");
	make_link("../x", "a/to-x");
	make_link("folder", "a/to-folder");
	make_link("../../outside", "a/to-outside");
	make_link(path, "a/to-outside-too");
	make_link("nothing", "a/to-nothing");
	make_link("loop", "a/loop");
	make_link("/proc/self/fd/0", "a/to-magic");
}

/* "../x" leaves the folder and not the site: that counts. */
static void a_link_is_listed_when_it_stays_inside_of_the_root(void **state)
{
	static const char *const spellings[] = { "a", "a/" };

	(void)state;
	make_links();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(scan(spellings[i], INSIDE, 100), 0);
		assert_names("folder/ to-folder/ plain to-plain to-x ");
		assert_true(listing.entries[4].size == 7 && listing.entries[4].modified_s == MODIFIED);
	}
}

static void the_rule_for_links_is_the_callers(void **state)
{
	(void)state;
	make_links();
	assert_int_equal(scan("a", DENY, 100), 0);
	assert_names("folder/ plain ");
	assert_int_equal(scan("a", FOLLOW, 100), 0);
	assert_names("folder/ to-folder/ plain to-outside to-outside-too to-plain to-x ");
}

static void a_full_list_is_truncated_only_when_there_is_more(void **state)
{
	(void)state;
	make_many(10);
	make_file(".hidden", 1);
	assert_int_equal(mkfifoat(root, "fifo", 0644), 0);
	assert_int_equal(scan("", INSIDE, 10), 0);
	assert_int_equal(listing.count, 10);
	assert_false(listing.truncated);
	assert_int_equal(scan("", INSIDE, 9), 0);
	assert_int_equal(listing.count, 9);
	assert_true(listing.truncated);
}

/* More names than the kernel hands out at a time. */
static void every_name_of_a_large_folder_is_there_once(void **state)
{
	(void)state;
	make_many(3000);
	assert_int_equal(scan("", INSIDE, UINT64_MAX), 0);
	assert_int_equal(listing.count, 3000);
	for (size_t i = 0; i < listing.count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "file-%zu", i);
		assert_string_equal(listing.entries[i].name, name);
		assert_true(listing.entries[i].size == i);
	}
}

/* Two helpers may read one folder by one descriptor. */
static void the_position_of_the_folders_descriptor_is_not_touched(void **state)
{
	const struct listing_scan twice = { root, root, "", INSIDE, 100, &cancel };

	(void)state;
	make_many(3);
	for (int i = 0; i < 2; i++) {
		listing_deinit(&listing);
		assert_int_equal(listing_scan(&twice, &listing), 0);
		assert_int_equal(listing.count, 3);
		assert_int_equal(lseek(root, 0, SEEK_CUR), 0);
	}
}

static void a_cancelled_scan_leaves_nothing_behind(void **state)
{
	unsigned before = count_descriptors();
	struct listing untouched = { .count = 42 };
	const struct listing_scan cancelled = { root, root, "", INSIDE, 100, &cancel };

	(void)state;
	make_many(3);
	atomic_store(&cancel, true);
	assert_int_equal(listing_scan(&cancelled, &untouched), -ECANCELED);
	assert_int_equal(untouched.count, 42);
	assert_int_equal(count_descriptors(), before);
}

static void no_descriptor_is_left_open(void **state)
{
	unsigned before = count_descriptors();

	(void)state;
	make_links();
	assert_int_equal(scan("a", FOLLOW, 100), 0);
	assert_int_equal(scan("a", INSIDE, 2), 0);
	assert_int_equal(count_descriptors(), before);
}

static void what_is_no_folder_is_an_error_and_a_removed_folder_is_empty(void **state)
{
	struct listing_scan wrong = { -1, root, "a", INSIDE, 100, &cancel };

	(void)state;
	make_folder("a");
	make_file("b", 1);
	wrong.folder_fd = openat(root, "b", O_RDONLY | O_CLOEXEC);
	assert_int_equal(listing_scan(&wrong, &listing), -ENOTDIR);
	close(wrong.folder_fd);
	wrong.folder_fd = openat(root, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(unlinkat(root, "a", AT_REMOVEDIR), 0);
	assert_int_equal(listing_scan(&wrong, &listing), 0);
	assert_int_equal(listing.count, 0);
	close(wrong.folder_fd);
}

/* A list without the links would be a wrong one, told as if it were right. */
static void too_few_descriptors_are_an_error_and_not_a_short_list(void **state)
{
	struct listing_scan starved = { root, root, "", INSIDE, 100, &cancel };
	struct rlimit limit, low;
	int next = dup(root), error;

	(void)state;
	close(next);
	make_file("x", 1);
	make_link("x", "to-x");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)next + 1; /* room for the folder alone */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	error = listing_scan(&starved, &listing);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(error, -EMFILE);
	assert_int_equal(listing.count, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(files_and_folders_are_listed_with_size_and_date),
		TEST(an_empty_folder_has_no_entries),
		TEST(names_that_start_with_a_dot_are_left_out),
		TEST(what_is_neither_file_nor_folder_is_left_out_unopened),
		TEST(a_link_is_listed_when_it_stays_inside_of_the_root),
		TEST(the_rule_for_links_is_the_callers),
		TEST(a_full_list_is_truncated_only_when_there_is_more),
		TEST(every_name_of_a_large_folder_is_there_once),
		TEST(the_position_of_the_folders_descriptor_is_not_touched),
		TEST(a_cancelled_scan_leaves_nothing_behind),
		TEST(no_descriptor_is_left_open),
		TEST(what_is_no_folder_is_an_error_and_a_removed_folder_is_empty),
		TEST(too_few_descriptors_are_an_error_and_not_a_short_list),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
