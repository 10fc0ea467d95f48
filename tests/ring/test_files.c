/* SPDX-License-Identifier: MIT */
/*
 * Opening, reading and closing files, as io/ring.h promises it of every engine (stand.h).
 *
 * A file is in memory or it is not, and a file system can tell or it cannot; the outcome is the same.
 */
#include "stand.h"

#include <dirent.h>
#include <fcntl.h>

enum {
	TAG_OPEN = 1,
	TAG_READ,
	TAG_MANY = 1000,
	READS = 100,
	PIECE = 4096,
	ROUNDS = 20,
};

static const struct open_how how_read = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
					  .resolve = RESOLVE_BENEATH };

static char folder_name[] = "/tmp/quoit-ring-XXXXXX";
static int folder;
static uint8_t *content;

static int make_folder(void **state)
{
	int fd;

	(void)state;
	if (!mkdtemp(folder_name))
		return -1;
	folder = open(folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	content = make_bytes(READS * PIECE);
	fd = openat(folder, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return write(fd, content, READS * PIECE) == READS * PIECE && fsync(fd) == 0 ? close(fd) : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	free(content);
	unlinkat(folder, "file", 0);
	close(folder);
	return rmdir(folder_name);
}

static int open_file(const char *name)
{
	ring_submit_open(ring, TAG_OPEN, folder, name, &how_read);
	return expect_end(TAG_OPEN);
}

static void close_file(int fd)
{
	ring_submit_close(ring, fd);
	turn(0);
}

static void an_open_yields_a_descriptor_or_an_error(void **state)
{
	char name[32];
	int fd = open_file("file");

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close_file(fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	/* A name that nobody has asked for: nothing is known of it yet. */
	snprintf(name, sizeof(name), "none-%d", (int)getpid());
	assert_int_equal(open_file(name), -ENOENT);
	assert_int_equal(open_file(name), -ENOENT);
	assert_int_equal(open_file("../etc"), -EXDEV);
}

/* Of many at once each has its own; what says how may be changed once the wait has returned. */
static void opens_do_not_mix(void **state)
{
	struct open_how how = how_read;
	char name[READS][32];

	(void)state;
	for (unsigned i = 0; i < READS; i++) {
		snprintf(name[i], sizeof(name[i]), i % 2 ? "file" : "missing-%u", i);
		ring_submit_open(ring, TAG_MANY + i, folder, name[i], &how);
	}
	turn(0);
	memset(&how, 0xff, sizeof(how));
	for (unsigned i = 0; i < READS; i++) {
		int result = expect_end(TAG_MANY + i);

		assert_true(i % 2 ? result >= 0 : result == -ENOENT);
		if (result >= 0)
			ring_submit_close(ring, result);
	}
	expect_nothing();
}

static void a_read_is_of_its_place(void **state)
{
	uint8_t *got = calloc(READS, PIECE);
	int fd = open_file("file");

	(void)state;
	assert_non_null(got);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	for (unsigned i = 0; i < READS; i++)
		ring_submit_read(ring, TAG_MANY + i, fd, got + i * PIECE, PIECE, (uint64_t)i * PIECE);
	for (unsigned i = 0; i < READS; i++)
		assert_int_equal(expect_end(TAG_MANY + i), PIECE);
	assert_memory_equal(got, content, READS * PIECE);
	ring_submit_read(ring, TAG_READ, fd, got, PIECE, READS * PIECE - 10);
	assert_int_equal(expect_end(TAG_READ), 10);
	assert_memory_equal(got, content + READS * PIECE - 10, 10);
	ring_submit_read(ring, TAG_READ, fd, got, PIECE, READS * PIECE);
	assert_int_equal(expect_end(TAG_READ), 0);
	expect_nothing();
	close_file(fd);
	free(got);
}

/* Its pages are not in memory, on a disk that has any. */
static void a_cold_file_is_read(void **state)
{
	uint8_t *got = calloc(READS, PIECE);
	int fd = open_file("file");

	(void)state;
	assert_non_null(got);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	for (unsigned i = 0; i < READS; i += 10)
		ring_submit_read(ring, TAG_MANY + i, fd, got + i * PIECE, 10 * PIECE, (uint64_t)i * PIECE);
	for (unsigned i = 0; i < READS; i += 10)
		assert_int_equal(expect_end(TAG_MANY + i), 10 * PIECE);
	assert_memory_equal(got, content, READS * PIECE);
	assert_true(ring_file_is_warm(ring, fd, 0));
	close_file(fd);
	free(got);
}

/* A file system that cannot answer without waiting: /proc knows nothing of the sort. */
static void a_file_that_must_be_waited_for_is_read(void **state)
{
	static uint8_t got[READS][PIECE];
	int fd = open("/proc/self/limits", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	for (unsigned i = 0; i < READS; i++)
		ring_submit_read(ring, TAG_MANY + i, fd, got[i], PIECE, 0);
	for (unsigned i = 0; i < READS; i++) {
		int size = expect_end(TAG_MANY + i);

		assert_true(size > 0);
		assert_memory_equal(got[i], got[0], (size_t)size);
	}
	close_file(fd);
}

static void a_read_that_fails_says_so(void **state)
{
	uint8_t byte;
	int fd = open(folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	ring_submit_read(ring, TAG_READ, fd, &byte, 1, 0);
	assert_int_equal(expect_end(TAG_READ), -EISDIR);
	close_file(fd);
}

/* It ends one way or the other, and once. */
static void a_cancelled_read_ends_once(void **state)
{
	static uint8_t got[READS][PIECE], other[PIECE];
	int fd = open("/proc/self/limits", O_RDONLY | O_CLOEXEC);

	(void)state;
	for (unsigned i = 0; i < READS; i++)
		ring_submit_read(ring, TAG_MANY + i, fd, got[i], PIECE, 0);
	for (unsigned i = READS; i > 0; i--)
		ring_submit_cancel(ring, TAG_MANY + i - 1);
	ring_submit_read(ring, TAG_READ, fd, other, PIECE, 0);
	assert_true(expect_end(TAG_READ) > 0);
	for (unsigned i = 0; i < READS; i++) {
		int size = expect_end(TAG_MANY + i);

		assert_true(size > 0 || size == -ECANCELED);
	}
	expect_nothing();
	close_file(fd);
}

static unsigned count_descriptors(void)
{
	DIR *stream = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	closedir(stream);
	return count;
}

static void begin_and_end_a_ring(int fd, unsigned round)
{
	/* Not used again: a read that was under way when its ring ended may still come to its end. */
	static uint8_t got[ROUNDS][READS][PIECE];
	static char name[ROUNDS][READS][32];
	struct fault fault;

	assert_int_equal(ring_create(&options, &ring, &fault), 0);
	for (unsigned i = 0; i < READS; i++) {
		snprintf(name[round][i], sizeof(name[round][i]), "unknown-%u-%u", round, i);
		ring_submit_read(ring, TAG_MANY + i, fd, got[round][i], PIECE, 0);
		ring_submit_open(ring, TAG_MANY + READS + i, folder, name[round][i], &how_read);
	}
	turn(0);
	backlog_count = 0;
	ring_destroy(ring);
}

/* A ring may be destroyed with all of that under way; nothing of it stays behind. */
static void a_ring_that_ends_takes_its_files_along(void **state)
{
	int fd = open("/proc/self/limits", O_RDONLY | O_CLOEXEC); /* not closed, for the same reason */
	unsigned before_count = count_descriptors(), count = 0;
	struct ring *main_ring = ring;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++)
		begin_and_end_a_ring(fd, round);
	ring = main_ring;
	for (unsigned i = 0; i < PATIENCE_MS && (count = count_descriptors()) != before_count; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	assert_int_equal(count, before_count);
}

static void the_state_of_an_open_file_is_told(void **state)
{
	int fd = open_file("file");
	struct statx status;

	(void)state;
	assert_int_equal(ring_stat_file(ring, fd, &status), 0);
	assert_int_equal(status.stx_size, READS * PIECE);
	assert_true(S_ISREG(status.stx_mode));
	close_file(fd);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		TEST(an_open_yields_a_descriptor_or_an_error),
		TEST(opens_do_not_mix),
		TEST(a_read_is_of_its_place),
		TEST(a_cold_file_is_read),
		TEST(a_file_that_must_be_waited_for_is_read),
		TEST(a_read_that_fails_says_so),
		TEST(a_cancelled_read_ends_once),
		TEST(a_ring_that_ends_takes_its_files_along),
		TEST(the_state_of_an_open_file_is_told),
	};

	choose_engine(count, arguments);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
