/* SPDX-License-Identifier: MIT */
/*
 * http/head: every head has the promised shape, and none is written beyond its memory.
 *
 * The memory ends at a page without access. What check() forbids is tried in a child process,
 * which must then end by SIGABRT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "guard.h"
#include "http/head.h"

#define ROOM 4096
#define NOW INT64_C(784111777)

/* The end of a guarded region: every head is written right before it. */
static uint8_t *memory_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	memory_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(memory_end - ROOM, ROOM);
	return 0;
}

static void assert_text(const struct head *head, const char *expected)
{
	if (head->size != strlen(expected) || memcmp(head->base, expected, head->size) != 0)
		fail_msg("found\n%.*s\nnot\n%s", (int)head->size, (const char *)head->base, expected);
}

/* All kinds of lines, in memory of `capacity` bytes, Connection in front of the last one or behind it. */
static bool write_all(struct head *head, size_t capacity, bool keep_alive, bool connection_last)
{
	head_begin(head, memory_end - capacity, capacity, 206);
	head_field(head, BYTES("Server"), BYTES("quoit"));
	head_date(head, NOW);
	head_field(head, BYTES("Content-Type"), BYTES("text/plain; charset=utf-8"));
	head_field_number(head, BYTES("Content-Length"), 500);
	head_field_date(head, BYTES("Last-Modified"), NOW - 1);
	head_lines(head, BYTES("A: b\r\nC: d\r\n"));
	head_lines(head, BYTES(""));
	if (!connection_last)
		head_connection(head, keep_alive);
	head_content_range(head, (struct range){ 0, 499 }, 10000);
	if (connection_last)
		head_connection(head, keep_alive);
	return head_end(head);
}

#define FIRST_LINES                                                                                          \
	"HTTP/1.1 206 Partial Content\r\n"                                                                   \
	"Server: quoit\r\n"                                                                                  \
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"                                                            \
	"Content-Type: text/plain; charset=utf-8\r\n"                                                        \
	"Content-Length: 500\r\n"                                                                            \
	"Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT\r\n"                                                   \
	"A: b\r\n"                                                                                           \
	"C: d\r\n"
#define LAST_LINE "Content-Range: bytes 0-499/10000\r\n"

static void a_head_is_its_lines_in_order(void **state)
{
	struct head head;

	(void)state;
	assert_true(write_all(&head, ROOM, true, true));
	assert_text(&head, FIRST_LINES LAST_LINE "Connection: keep-alive\r\n\r\n");
	assert_true(write_all(&head, ROOM, false, true));
	assert_text(&head, FIRST_LINES LAST_LINE "Connection: close\r\n\r\n");
	assert_true(write_all(&head, ROOM, true, false));
	assert_text(&head, FIRST_LINES "Connection: keep-alive\r\n" LAST_LINE "\r\n");
	assert_true(write_all(&head, ROOM, false, false));
	assert_text(&head, FIRST_LINES "Connection: close\r\n" LAST_LINE "\r\n");
}

/* The status line is all that every head has: the rest is for the caller to say. */
static void a_head_of_no_lines_has_no_offsets(void **state)
{
	struct head head;

	(void)state;
	head_begin(&head, memory_end - ROOM, ROOM, 304);
	assert_true(head_end(&head));
	assert_text(&head, "HTTP/1.1 304 Not Modified\r\n\r\n");
	assert_int_equal(head.date_offset, 0);
	assert_int_equal(head.connection_offset, 0);
}

/* This is how one stored head serves connections that stay and connections that close: wherever its line is.
 */
static void the_connection_line_can_be_replaced_where_it_stands(void **state)
{
	struct bytes closing = HEAD_CLOSE, staying = HEAD_KEEP_ALIVE;
	struct head head;

	(void)state;
	for (unsigned last = 0; last < 2; last++) {
		const char *before = last ? FIRST_LINES LAST_LINE : FIRST_LINES;
		const char *behind = last ? "\r\n" : LAST_LINE "\r\n";
		char *end;

		assert_true(write_all(&head, ROOM, true, last));
		assert_int_equal(head.connection_offset, strlen(before));
		assert_memory_equal(head.base + head.connection_offset, staying.base, staying.size);
		end = (char *)head.base + head.connection_offset + staying.size;
		assert_int_equal(head.base + head.size - (uint8_t *)end, strlen(behind));
		assert_memory_equal(end, behind, strlen(behind));
		assert_true(write_all(&head, ROOM, false, last));
		assert_int_equal(head.connection_offset, strlen(before));
		assert_memory_equal(head.base + head.connection_offset, closing.base, closing.size);
	}
}

static void the_date_can_be_overwritten(void **state)
{
	uint8_t date[DATE_SIZE];
	struct head head;

	(void)state;
	assert_true(write_all(&head, ROOM, true, true));
	assert_memory_equal(head.base + head.date_offset, "Sun, 06 Nov 1994 08:49:37 GMT\r\n", DATE_SIZE + 2);
	date_format(0, date);
	head_patch_date(head.base, head.date_offset, date);
	assert_memory_equal(head.base + head.date_offset - 6, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
			    6 + DATE_SIZE + 2);
	date_format(NOW, date);
	head_patch_date(head.base, head.date_offset, date);
	assert_text(&head, FIRST_LINES LAST_LINE "Connection: keep-alive\r\n\r\n");
}

/* With less room, nothing is written outside, and the size tells how much is needed. */
static void a_head_that_does_not_fit_is_counted_to_its_end(void **state)
{
	struct head whole, head;

	(void)state;
	assert_true(write_all(&whole, ROOM, true, true));
	for (size_t capacity = 0; capacity < whole.size; capacity++) {
		memset(memory_end - ROOM, 0x5a, ROOM);
		assert_false(write_all(&head, capacity, true, true));
		assert_int_equal(head.size, whole.size);
		assert_int_equal(head.connection_offset, whole.connection_offset);
		assert_int_equal(head.date_offset, whole.date_offset);
		for (const uint8_t *at = memory_end - ROOM; at < memory_end - capacity; at++)
			assert_int_equal(*at, 0x5a);
	}
	assert_true(write_all(&head, whole.size, true, true));
	assert_text(&head, FIRST_LINES LAST_LINE "Connection: keep-alive\r\n\r\n");
}

static void a_number_has_all_its_digits_and_no_more(void **state)
{
	static const uint64_t numbers[] = {
		0, 1, 9, 10, 99, 100, 4294967295, 4294967296, UINT64_MAX - 1, UINT64_MAX
	};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char expected[64];
		struct head head;
		uint32_t begin;

		snprintf(expected, sizeof(expected), "N: %llu\r\n", (unsigned long long)numbers[i]);
		head_begin(&head, memory_end - ROOM, ROOM, 200);
		begin = head.size;
		head_field_number(&head, BYTES("N"), numbers[i]);
		assert_int_equal(head.size - begin, strlen(expected));
		assert_memory_equal(head.base + begin, expected, strlen(expected));
	}
}

static void an_unsatisfied_range_tells_the_size(void **state)
{
	struct head head;

	(void)state;
	head_begin(&head, memory_end - ROOM, ROOM, 416);
	head_content_range_unsatisfied(&head, 0);
	head_content_range_unsatisfied(&head, UINT64_MAX);
	assert_text(&head, "HTTP/1.1 416 Range Not Satisfiable\r\n"
			   "Content-Range: bytes */0\r\n"
			   "Content-Range: bytes */18446744073709551615\r\n");
}

static void every_status_has_its_reason(void **state)
{
	static const struct {
		unsigned code;
		const char *reason;
	} rows[] = {
#define STATUS(code, reason) { code, reason },
#include "http/status.def"
#undef STATUS
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[128];
		struct head head;

		assert_true(bytes_equal(status_reason(rows[i].code), bytes_string(rows[i].reason)));
		snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\n", rows[i].code, rows[i].reason);
		head_begin(&head, memory_end - ROOM, ROOM, rows[i].code);
		assert_text(&head, line);
	}
	assert_true(bytes_equal(status_reason(404), BYTES("Not Found")));
}

/* Run `action` in a child: does it end by SIGABRT? */
static bool aborts(void (*action)(struct head *head))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct head head;

		/* cmocka catches SIGABRT; what check() prints is expected and of no use. */
		signal(SIGABRT, SIG_DFL);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		head_begin(&head, memory_end - ROOM, ROOM, 200);
		action(&head);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void write_harmless_value(struct head *head)
{
	head_field(head, BYTES("A"), BYTES("a\tb \x80"));
}

static void write_carriage_return(struct head *head)
{
	head_field(head, BYTES("A"), BYTES("a\rb"));
}

static void write_line_feed(struct head *head)
{
	head_field(head, BYTES("A"), BYTES("a\n"));
}

static void write_nul(struct head *head)
{
	head_field(head, BYTES("A"), BYTES("\0"));
}

static void write_unknown_status(struct head *head)
{
	head_begin(head, memory_end - ROOM, ROOM, 299);
}

static void write_backward_range(struct head *head)
{
	head_content_range(head, (struct range){ 2, 1 }, 10);
}

static void write_range_beyond_the_end(struct head *head)
{
	head_content_range(head, (struct range){ 0, 10 }, 10);
}

/* Otherwise a value could become a line of its own. */
static void a_value_that_ends_its_line_is_our_own_mistake(void **state)
{
	(void)state;
	assert_false(aborts(write_harmless_value));
	assert_true(aborts(write_carriage_return));
	assert_true(aborts(write_line_feed));
	assert_true(aborts(write_nul));
}

static void what_no_answer_can_mean_is_our_own_mistake(void **state)
{
	(void)state;
	assert_true(aborts(write_unknown_status));
	assert_true(aborts(write_backward_range));
	assert_true(aborts(write_range_beyond_the_end));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_its_lines_in_order),
		cmocka_unit_test(a_head_of_no_lines_has_no_offsets),
		cmocka_unit_test(the_connection_line_can_be_replaced_where_it_stands),
		cmocka_unit_test(the_date_can_be_overwritten),
		cmocka_unit_test(a_head_that_does_not_fit_is_counted_to_its_end),
		cmocka_unit_test(a_number_has_all_its_digits_and_no_more),
		cmocka_unit_test(an_unsatisfied_range_tells_the_size),
		cmocka_unit_test(every_status_has_its_reason),
		cmocka_unit_test(a_value_that_ends_its_line_is_our_own_mistake),
		cmocka_unit_test(what_no_answer_can_mean_is_our_own_mistake),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
