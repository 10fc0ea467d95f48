/* SPDX-License-Identifier: MIT */
/*
 * http/target: many spellings of a target give one path, and nothing else is let through.
 *
 * The fast road (sixteen bytes at a time) and the slow one (segment by segment) are both held
 * against target_model.h, which works on a list of decoded segments. Input and scratch end at a page
 * without access, so reading or writing one byte too far ends the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "guard.h"
#include "http/target.h"
#include "target_model.h"

#define ROOM 4096

/* The ends of two guarded regions: for the raw target and for scratch. */
static uint8_t *raw_end;
static uint8_t *scratch_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	raw_end = guard_copy(zeros, ROOM) + ROOM;
	scratch_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(raw_end - ROOM, ROOM);
	guard_release(scratch_end - ROOM, ROOM);
	return 0;
}

/* Parse a copy of `text`; slices of the result point into the guarded regions. */
static enum target_result parse(struct bytes text, enum method method, struct target *ret_target)
{
	uint8_t *raw = raw_end - text.size;

	assert_true(text.size <= ROOM);
	if (text.size > 0)
		memcpy(raw, text.base, text.size);
	return target_parse(bytes_make(raw, text.size), method, scratch_end - text.size, ret_target);
}

static bool is_in_raw(struct bytes slice, size_t raw_size)
{
	return slice.base >= raw_end - raw_size && slice.base + slice.size <= raw_end;
}

static void assert_bytes(struct bytes found, const char *expected, const char *raw)
{
	if (!bytes_equal(found, bytes_string(expected)))
		fail_msg("%s: found \"%.*s\", not \"%s\"", raw, (int)found.size, (const char *)found.base,
			 expected);
}

static void assert_path(const char *raw, const char *path, bool hidden)
{
	struct target target;

	if (parse(bytes_string(raw), METHOD_GET, &target) != TARGET_OK)
		fail_msg("%s is refused", raw);
	assert_bytes(target.path, path, raw);
	assert_int_equal(target.query.size, 0);
	assert_int_equal(target.authority.size, 0);
	if (target.hidden != hidden)
		fail_msg("%s: hidden is %d", raw, target.hidden);
	assert_false(target.asterisk);
}

/* Refused, and the out-parameter is as it was. */
static void assert_refused(const char *raw, enum method method, enum target_result expected)
{
	struct target target, before;
	enum target_result result;

	memset(&target, 0x5a, sizeof(target));
	memcpy(&before, &target, sizeof(target));
	result = parse(bytes_string(raw), method, &target);
	if (result != expected)
		fail_msg("\"%s\": result %d, not %d", raw, (int)result, (int)expected);
	assert_memory_equal(&target, &before, sizeof(target));
}

/* A path that is normal already is the raw target itself, not a copy. */
static void a_clean_path_is_not_copied(void **state)
{
	static const char *const clean[] = {
		"/",
		"/a",
		"/a/b/",
		"/a/b/c.html",
		"/index.html",
		"/0123456789abcdef",
		"/assets/app.3f2a9c.js",
		"/a-b_c~d/e.f.g/h,i;j=k&l+m@n:o/(p)*'q'",
		"/a./b../c...",
		"/0123456789abcdef0123456789abcdef0123456789abcdef",
		"/wow!/$1/\"quoted\"",
		"/\x80\xff/\xc3\xa9t\xc3\xa9.html",
		"/.hidden/...",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++) {
		struct bytes raw = bytes_string(clean[i]);
		struct target target;

		assert_int_equal(parse(raw, METHOD_GET, &target), TARGET_OK);
		assert_bytes(target.path, clean[i], clean[i]);
		assert_ptr_equal(target.path.base, raw_end - raw.size);
	}
}

static void many_spellings_give_one_path(void **state)
{
	(void)state;
	assert_path("/%61", "/a", false);
	assert_path("/%c3%A9", "/\xc3\xa9", false);
	assert_path("/a%20b%3F%23%25", "/a b?#%", false);
	assert_path("/a%0ab", "/a\nb", false);
	assert_path("/%252e%252e/a", "/%2e%2e/a", false);
	assert_path("//", "/", false);
	assert_path("//a", "/a", false);
	assert_path("/a//b///c", "/a/b/c", false);
	assert_path("/.", "/", false);
	assert_path("/./", "/", false);
	assert_path("/a/./b", "/a/b", false);
	assert_path("/a/../b", "/b", false);
	assert_path("/a/b/../../c", "/c", false);
	assert_path("/a/%2e/b", "/a/b", false);
	assert_path("/a/%2e%2E/b", "/b", false);
	assert_path("/a/.%2e/b", "/b", false);
	assert_path("/a//../b", "/b", false);
	assert_path("/long-name-of-a-folder/../b", "/b", false);
}

/* "/a/." and "/a/.." name folders, as "/a/" does. */
static void a_dot_segment_at_the_end_leaves_a_slash(void **state)
{
	(void)state;
	assert_path("/a/", "/a/", false);
	assert_path("/a//", "/a/", false);
	assert_path("/a/.", "/a/", false);
	assert_path("/a/..", "/", false);
	assert_path("/a/b/..", "/a/", false);
	assert_path("/a/b/../", "/a/", false);
	assert_path("/a/b/%2e%2e", "/a/", false);
}

static void a_segment_that_starts_with_a_dot_is_hidden(void **state)
{
	(void)state;
	assert_path("/.git/config", "/.git/config", true);
	assert_path("/a/.b", "/a/.b", true);
	assert_path("/a/%2eb", "/a/.b", true);
	assert_path("/...", "/...", true);
	assert_path("/..a", "/..a", true);
	assert_path("/a/..b/", "/a/..b/", true);
	assert_path("/a.b/c.", "/a.b/c.", false);
}

static void what_normalisation_removes_is_not_hidden(void **state)
{
	(void)state;
	assert_path("/.a/../b", "/b", false);
	assert_path("/a/./b", "/a/b", false);
	assert_path("/./.a", "/.a", true);
}

static void only_a_first_segment_well_known_is_not_hidden(void **state)
{
	(void)state;
	assert_path("/.well-known", "/.well-known", false);
	assert_path("/.well-known/", "/.well-known/", false);
	assert_path("/.well-known/acme-challenge/x", "/.well-known/acme-challenge/x", false);
	assert_path("//%2ewell-known/a", "/.well-known/a", false);
	assert_path("/a/../.well-known/b", "/.well-known/b", false);
	assert_path("/.well-known/.a", "/.well-known/.a", true);
	assert_path("/.well-known/a/.b", "/.well-known/a/.b", true);
	assert_path("/.well-known2", "/.well-known2", true);
	assert_path("/.Well-Known", "/.Well-Known", true);
	assert_path("/.well-knows/a", "/.well-knows/a", true);
	assert_path("/a/.well-known", "/a/.well-known", true);
}

static void what_is_no_target_is_malformed(void **state)
{
	static const char *const malformed[] = {
		"",         "a",          "a/b",     "?",       "?a",      "#",
		"*",        "**",         "/..",     "/../",    "/../a",   "/a/../..",
		"/%2e%2e",  "/a/../../b", "/.././a", "//..",    "/%",      "/%2",
		"/%g0",     "/%0g",       "/a%",     "/a%4",    "/% 20",   "/%00",
		"/a%00b",   "/#",         "/a#b",    "/a?b#c",  "/a b",    "/a\tb",
		"/a\x01",   "/\x7f",      "/a?b c",  "/a?\x7f", "/a?\x1f", "/0123456789abcdef\x01",
		"/a%2%46b", "a:80",       "[::1]:80"
	};
	struct target target;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_refused(malformed[i], METHOD_GET, TARGET_MALFORMED);
	assert_int_equal(parse(BYTES("/a?\0b"), METHOD_GET, &target), TARGET_MALFORMED);
	assert_int_equal(parse(BYTES("http://a\0b/"), METHOD_GET, &target), TARGET_MALFORMED);
}

static void an_encoded_slash_is_nowhere(void **state)
{
	struct target target;

	(void)state;
	assert_refused("/a%2fb", METHOD_GET, TARGET_NOWHERE);
	assert_refused("/%2F", METHOD_GET, TARGET_NOWHERE);
	assert_refused("/a%2F..%2F", METHOD_GET, TARGET_NOWHERE);
	assert_refused("http://a/%2F", METHOD_GET, TARGET_NOWHERE);
	/* In a query it is only a query. */
	assert_int_equal(parse(BYTES("/a?%2F"), METHOD_GET, &target), TARGET_OK);
}

static void a_query_is_kept_raw_with_its_mark(void **state)
{
	static const struct {
		const char *raw, *path, *query;
		bool copied;
	} cases[] = {
		{ "/?", "/", "?", false },
		{ "/a?b", "/a", "?b", false },
		{ "/a/b/c.css?v=123&x=%zz%00%2F", "/a/b/c.css", "?v=123&x=%zz%00%2F", false },
		{ "/a?b?c", "/a", "?b?c", false },
		{ "/a?/../..//.b", "/a", "?/../..//.b", false },
		{ "/./a?b", "/a", "?b", true },
		{ "/%61?%61", "/a", "?%61", true },
		{ "/a?\xff", "/a", "?\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target target;
		size_t size = strlen(cases[i].raw);

		assert_int_equal(parse(bytes_string(cases[i].raw), METHOD_GET, &target), TARGET_OK);
		assert_bytes(target.path, cases[i].path, cases[i].raw);
		assert_bytes(target.query, cases[i].query, cases[i].raw);
		assert_true(is_in_raw(target.query, size));
		assert_int_equal(is_in_raw(target.path, size), !cases[i].copied);
		assert_false(target.hidden);
	}
}

static void an_absolute_form_gives_its_authority(void **state)
{
	static const struct {
		const char *raw, *authority, *path, *query;
	} cases[] = {
		{ "http://a", "a", "/", "" },
		{ "http://a/", "a", "/", "" },
		{ "HTTPS://Example.COM:443/a/../b?c", "Example.COM:443", "/b", "?c" },
		{ "http://a?x", "a", "/", "?x" },
		{ "http://a?/b", "a", "/", "?/b" },
		{ "http://a:", "a:", "/", "" },
		{ "hTTp://127.0.0.1:8080/x", "127.0.0.1:8080", "/x", "" },
		{ "http://[::1]/x", "[::1]", "/x", "" },
		{ "http://[::1]:80/x", "[::1]:80", "/x", "" },
		{ "http://a%41-b_c~!$&()*+;=/x", "a%41-b_c~!$&()*+;=", "/x", "" },
		{ "http://80/x", "80", "/x", "" },
		{ "http://a//b", "a", "/b", "" },
		{ "http://a/%2e%2e%2e", "a", "/...", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target target;

		if (parse(bytes_string(cases[i].raw), METHOD_GET, &target) != TARGET_OK)
			fail_msg("%s is refused", cases[i].raw);
		assert_bytes(target.authority, cases[i].authority, cases[i].raw);
		assert_bytes(target.path, cases[i].path, cases[i].raw);
		assert_bytes(target.query, cases[i].query, cases[i].raw);
	}
}

static void an_absolute_form_needs_a_host_and_port_only(void **state)
{
	static const char *const after_scheme[] = { "",       "/a",    "?a",      ":80/",        "u@a/",
						    "u:p@a/", "a:b/",  "a:8:0/",  "::1/",        "[::1/",
						    "::1]/",  "[]/",   "[::1]a/", "[f::1%25e]/", "a b/",
						    "a#b",    "a/#b",  "a%4/",    "a%/",         "a\\b/",
						    "a/..",   "a/%00", "\x80/" };

	(void)state;
	for (size_t i = 0; i < sizeof(after_scheme) / sizeof(after_scheme[0]); i++) {
		char raw[64];

		snprintf(raw, sizeof(raw), "http://%s", after_scheme[i]);
		assert_refused(raw, METHOD_GET, TARGET_MALFORMED);
	}
}

static void other_schemes_are_malformed(void **state)
{
	static const char *const raw[] = { "http:",    "http:/", "http//a", "httpx://a/",
					   "ftp://a/", "https",  "://a/" };

	(void)state;
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
		assert_refused(raw[i], METHOD_GET, TARGET_MALFORMED);
}

static void an_asterisk_is_for_options_only(void **state)
{
	struct target target;

	(void)state;
	for (int method = 0; method < METHOD_COUNT; method++)
		if (method != METHOD_OPTIONS)
			assert_refused("*", (enum method)method, TARGET_MALFORMED);
	assert_refused("*a", METHOD_OPTIONS, TARGET_MALFORMED);
	assert_refused("**", METHOD_OPTIONS, TARGET_MALFORMED);
	assert_int_equal(parse(BYTES("*"), METHOD_OPTIONS, &target), TARGET_OK);
	assert_true(target.asterisk);
	assert_int_equal(target.path.size, 0);
	assert_int_equal(parse(BYTES("/*"), METHOD_OPTIONS, &target), TARGET_OK);
	assert_false(target.asterisk);
}

static void connect_takes_no_path(void **state)
{
	(void)state;
	assert_refused("a:80", METHOD_CONNECT, TARGET_MALFORMED);
	assert_refused("/", METHOD_CONNECT, TARGET_MALFORMED);
	assert_refused("http://a/", METHOD_CONNECT, TARGET_MALFORMED);
}

/* `raw` is in origin-form and has no query. */
static void assert_like_model(struct bytes raw)
{
	static struct model model;
	struct target target;
	enum target_result result = parse(raw, METHOD_GET, &target);

	model_run(raw, &model);
	if (result != model.result)
		fail_msg("\"%.*s\": %d, model %d", (int)raw.size, (const char *)raw.base, (int)result,
			 (int)model.result);
	if (result != TARGET_OK)
		return;
	if (!bytes_equal(target.path, bytes_make(model.path, model.size)) || target.hidden != model.hidden)
		fail_msg("\"%.*s\" becomes \"%.*s\"", (int)raw.size, (const char *)raw.base,
			 (int)target.path.size, (const char *)target.path.base);
	if (bytes_equal(target.path, raw))
		assert_ptr_equal(target.path.base, raw_end - raw.size);
	else
		assert_ptr_equal(target.path.base, scratch_end - raw.size);
}

/* No byte at any place of a path of any length near a block's size gets past the fast road. */
static void every_byte_at_every_place_is_judged_alike(void **state)
{
	uint8_t raw[40];

	(void)state;
	for (size_t size = 2; size <= sizeof(raw); size++) {
		for (size_t at = 1; at < size; at++) {
			memset(raw, 'a', size);
			raw[0] = '/';
			for (unsigned c = 0; c < 256; c++) {
				raw[at] = (uint8_t)c;
				if (c != '?')
					assert_like_model(bytes_make(raw, size));
			}
		}
	}
}

static void every_pair_at_every_place_is_judged_alike(void **state)
{
	static const uint8_t odd[] = { '/', '.', '0', '-', 'o', 'n', 0xaf, 0xae, 0x0f };
	uint8_t raw[40];

	(void)state;
	for (size_t size = 3; size <= sizeof(raw); size++) {
		for (size_t at = 1; at + 1 < size; at++) {
			memset(raw, 'a', size);
			raw[0] = '/';
			for (size_t k = 0; k < sizeof(odd) * sizeof(odd); k++) {
				raw[at] = odd[k / sizeof(odd)];
				raw[at + 1] = odd[k % sizeof(odd)];
				assert_like_model(bytes_make(raw, size));
			}
		}
	}
}

/* Every path of slashes, dots and one letter, up to ten bytes. */
static void every_short_path_of_dots_and_slashes_is_judged_alike(void **state)
{
	static const char alphabet[] = "/.a";
	uint8_t raw[10] = "/";

	(void)state;
	for (unsigned size = 1, total = 1; size <= sizeof(raw); size++, total *= 3) {
		for (unsigned number = 0; number < total; number++) {
			for (unsigned i = 1, rest = number; i < size; i++, rest /= 3)
				raw[i] = (uint8_t)alphabet[rest % 3];
			assert_like_model(bytes_make(raw, size));
		}
	}
}

static void random_targets_are_judged_alike(void **state)
{
	uint8_t raw[512];
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_like_model(bytes_make(raw, model_random(&seed, raw)));
}

/* What target_encode() writes names the same path again, and is the path itself where nothing needs it. */
static void an_encoded_path_is_a_target_of_that_path(void **state)
{
	static uint8_t path[512], encoded[3 * 512], raw[512];
	uint32_t seed = 2;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct target target, again;
		size_t size;

		if (parse(bytes_make(raw, model_random(&seed, raw)), METHOD_GET, &target) != TARGET_OK)
			continue;
		memcpy(path, target.path.base, target.path.size);
		size = target_encode(bytes_make(path, target.path.size), encoded);
		assert_int_equal(parse(bytes_make(encoded, size), METHOD_GET, &again), TARGET_OK);
		assert_true(bytes_equal(again.path, bytes_make(path, target.path.size)));
		assert_int_equal(again.hidden, target.hidden);
	}
}

static void encoding_leaves_exactly_what_a_path_may_hold(void **state)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t byte = (uint8_t)c;
		uint8_t *in = raw_end - 1, *out = scratch_end - 3;
		char expected[4];

		*in = byte;
		if (c != 0 && strchr(allowed, (int)c) != NULL)
			snprintf(expected, sizeof(expected), "%c", (int)c);
		else
			snprintf(expected, sizeof(expected), "%%%02X", c);
		assert_int_equal(target_encode(bytes_make(in, 1), out), strlen(expected));
		assert_memory_equal(out, expected, strlen(expected));
	}
	assert_int_equal(target_encode(bytes_make(raw_end, 0), scratch_end), 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_path_is_not_copied),
		cmocka_unit_test(many_spellings_give_one_path),
		cmocka_unit_test(a_dot_segment_at_the_end_leaves_a_slash),
		cmocka_unit_test(a_segment_that_starts_with_a_dot_is_hidden),
		cmocka_unit_test(what_normalisation_removes_is_not_hidden),
		cmocka_unit_test(only_a_first_segment_well_known_is_not_hidden),
		cmocka_unit_test(what_is_no_target_is_malformed),
		cmocka_unit_test(an_encoded_slash_is_nowhere),
		cmocka_unit_test(a_query_is_kept_raw_with_its_mark),
		cmocka_unit_test(an_absolute_form_gives_its_authority),
		cmocka_unit_test(an_absolute_form_needs_a_host_and_port_only),
		cmocka_unit_test(other_schemes_are_malformed),
		cmocka_unit_test(an_asterisk_is_for_options_only),
		cmocka_unit_test(connect_takes_no_path),
		cmocka_unit_test(every_byte_at_every_place_is_judged_alike),
		cmocka_unit_test(every_pair_at_every_place_is_judged_alike),
		cmocka_unit_test(every_short_path_of_dots_and_slashes_is_judged_alike),
		cmocka_unit_test(random_targets_are_judged_alike),
		cmocka_unit_test(an_encoded_path_is_a_target_of_that_path),
		cmocka_unit_test(encoding_leaves_exactly_what_a_path_may_hold),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
