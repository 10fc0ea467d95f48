/* SPDX-License-Identifier: MIT */
/*
 * base/log: a line is written whole or lost and counted, and nobody waits for whoever reads standard error.
 *
 * Standard error is a pipe, a file or /dev/full of the test's own; the real one comes back before anything
 * is asserted, so that a failure can be read. A call that waited would be ended by the alarm.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

#define WAITED_S 20
/* Lines that a pipe of 64 KiB, the usual size, cannot hold. */
#define MANY 2000

static int real_stderr;

static void take_stderr(int fd)
{
	real_stderr = dup(STDERR_FILENO);
	assert_true(real_stderr >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	alarm(WAITED_S);
}

static void give_stderr_back(void)
{
	alarm(0);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
}

static size_t read_all(int fd, char *text, size_t capacity)
{
	size_t size = 0;
	ssize_t count;

	while (size < capacity - 1 && (count = read(fd, text + size, capacity - 1 - size)) > 0)
		size += (size_t)count;
	text[size] = 0;
	return size;
}

static void bytes_that_move_the_cursor_are_not_repeated(void **state)
{
	char text[256];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	take_stderr(ends[1]);
	log_warning("a name: %s", "x\n\x1b[2Jy\x7f");
	give_stderr_back();
	close(ends[1]);
	read_all(ends[0], text, sizeof(text));
	assert_string_equal(text, "quoit: warning: a name: x??[2Jy?\n");
	close(ends[0]);
}

static void a_long_line_is_cut_and_ends(void **state)
{
	char text[4096], name[3000];
	int ends[2];
	size_t size;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(pipe(ends), 0);
	take_stderr(ends[1]);
	log_warning("%s", name);
	give_stderr_back();
	close(ends[1]);
	size = read_all(ends[0], text, sizeof(text));
	assert_true(size > 1000 && size <= 1024);
	assert_int_equal(text[size - 1], '\n');
	close(ends[0]);
}

/* Whoever reads it again is told how much is missing. */
static void a_blocked_pipe_loses_lines_and_says_so(void **state)
{
	static char text[1 << 20];
	uint64_t before = log_lost(), lost;
	char note[64];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	take_stderr(ends[1]);
	for (unsigned i = 0; i < MANY; i++)
		log_warning("line %u of many, long enough to fill what a pipe holds before all are there", i);
	lost = log_lost() - before;
	/* Somebody reads again. */
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	read_all(ends[0], text, sizeof(text));
	log_warning("now it can be seen");
	give_stderr_back();
	close(ends[1]);
	assert_non_null(strstr(text, "line 0 of many"));
	assert_null(strstr(text, "line 1999 of many"));
	assert_true(lost > 0 && lost < MANY);
	read_all(ends[0], text, sizeof(text));
	snprintf(note, sizeof(note), "%llu earlier lines were lost\n", (unsigned long long)lost);
	assert_non_null(strstr(text, "now it can be seen\n"));
	assert_non_null(strstr(text, note));
	assert_int_equal(log_lost() - before, lost);
	close(ends[0]);
}

static void a_full_disk_loses_lines(void **state)
{
	uint64_t before = log_lost();
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_true(full >= 0);
	take_stderr(full);
	log_warning("nobody will read this");
	give_stderr_back();
	close(full);
	assert_int_equal(log_lost() - before, 1);
}

/* As after a rotation that took the folder away: the file has no name any more, and takes lines all the same.
 */
static void a_file_that_was_removed_takes_lines(void **state)
{
	char path[] = "/tmp/quoit-log-XXXXXX", text[256];
	uint64_t before = log_lost();
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	take_stderr(fd);
	log_warning("still here");
	give_stderr_back();
	assert_int_equal(log_lost(), before);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	read_all(fd, text, sizeof(text));
	assert_non_null(strstr(text, "quoit: warning: still here\n"));
	close(fd);
}

static void a_thing_is_new_once(void **state)
{
	(void)state;
	assert_true(log_is_new(0x1234567890));
	assert_false(log_is_new(0x1234567890));
	assert_true(log_is_new(0x1234567891));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_that_move_the_cursor_are_not_repeated),
		cmocka_unit_test(a_long_line_is_cut_and_ends),
		cmocka_unit_test(a_blocked_pipe_loses_lines_and_says_so),
		cmocka_unit_test(a_full_disk_loses_lines),
		cmocka_unit_test(a_file_that_was_removed_takes_lines),
		cmocka_unit_test(a_thing_is_new_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
