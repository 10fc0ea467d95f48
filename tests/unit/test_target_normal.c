/* SPDX-License-Identifier: MIT */
/*
 * http/target: target_is_normal() says yes to exactly the paths that target_parse() gives.
 *
 * A path is normal when encoding and parsing it leads back to it; so every short path of the bytes
 * that matter is tried, and held against that. Paths lie at a guard page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/target.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROOM 64

/* The end of a guarded region: every path ends there. */
static uint8_t *path_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	path_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(path_end - ROOM, ROOM);
	return 0;
}

static bool is_normal(struct bytes text, bool *ret_hidden)
{
	assert_true(text.size <= ROOM);
	if (text.size > 0)
		memcpy(path_end - text.size, text.base, text.size);
	return target_is_normal(bytes_make(path_end - text.size, text.size), ret_hidden);
}

/* What target_parse() makes of a path that is sent with everything encoded that must be. */
static bool comes_back(struct bytes path, bool *ret_hidden)
{
	uint8_t encoded[3 * ROOM], scratch[3 * ROOM];
	size_t size = target_encode(path, encoded);
	struct target target;

	if (target_parse(bytes_make(encoded, size), METHOD_GET, scratch, &target) != TARGET_OK)
		return false;
	*ret_hidden = target.hidden;
	return bytes_equal(target.path, path);
}

static void assert_agrees(struct bytes path)
{
	bool hidden = false, expected_hidden = false;
	bool normal = is_normal(path, &hidden), expected = comes_back(path, &expected_hidden);

	if (normal != expected || (normal && hidden != expected_hidden))
		fail_msg("\"%.*s\": normal %d, hidden %d; target_parse() says %d, %d", (int)path.size,
			 (const char *)path.base, normal, hidden, expected, expected_hidden);
}

static void a_path_is_normal_when_parsing_gives_it_back(void **state)
{
	static const uint8_t alphabet[] = { '/', '.', 'a', 0, '%' };
	uint8_t path[6];

	(void)state;
	for (size_t size = 0; size <= sizeof(path); size++) {
		size_t count = 1;

		for (size_t i = 0; i < size; i++)
			count *= sizeof(alphabet);
		for (size_t number = 0; number < count; number++) {
			size_t rest = number;

			for (size_t i = 0; i < size; i++, rest /= sizeof(alphabet))
				path[i] = alphabet[rest % sizeof(alphabet)];
			/* Without a slash in front it is no origin-form, and parsing cannot be asked. */
			if (size > 0 && path[0] == '/')
				assert_agrees(bytes_make(path, size));
		}
	}
}

static void a_path_starts_with_a_slash(void **state)
{
	static const char *const none[] = { "", "a", "a/b", "./a", "*", "http://a/" };
	bool hidden;

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++)
		assert_false(is_normal(bytes_string(none[i]), &hidden));
	assert_true(is_normal(BYTES("/"), &hidden));
}

static void a_slash_at_the_end_is_fine(void **state)
{
	bool hidden = true;

	(void)state;
	assert_true(is_normal(BYTES("/a/b/"), &hidden));
	assert_false(hidden);
	assert_false(is_normal(BYTES("/a/b//"), &hidden));
}

static void what_is_hidden_is_as_in_a_target(void **state)
{
	static const char *const paths[] = {
		"/.git",           "/a/.git/b",          "/a/.git/",      "/.well-known", "/.well-known/x",
		"/.well-known/.x", "/a/.well-known/x",   "/.well-known2", "/a.b/c.",      "/...",
		"/a/..b",          "/.well-known/a/.b/",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		assert_agrees(bytes_string(paths[i]));
}

static void of_what_is_not_normal_nothing_is_said(void **state)
{
	bool hidden = true;

	(void)state;
	assert_false(is_normal(BYTES("/a/../b"), &hidden));
	assert_true(hidden);
	hidden = false;
	assert_false(is_normal(BYTES("/.a//b"), &hidden));
	assert_false(hidden);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_normal_when_parsing_gives_it_back),
		cmocka_unit_test(a_path_starts_with_a_slash),
		cmocka_unit_test(a_slash_at_the_end_is_fine),
		cmocka_unit_test(what_is_hidden_is_as_in_a_target),
		cmocka_unit_test(of_what_is_not_normal_nothing_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
