/* SPDX-License-Identifier: MIT */
/*
 * site/hosts: a Host value finds the host that is meant, however it is spelt, and no other.
 *
 * Values lie at a guard page. A plain walk over all names, as the rules say it, is the model for
 * random values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "site/hosts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROOM 2048
#define NAMES(...)                                                                                           \
	{                                                                                                    \
		.names = (char *[]){ __VA_ARGS__ }, .names_count = COUNT(((char *[]){ __VA_ARGS__ }))        \
	}

static uint8_t *value_end;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	value_end = guard_copy(zeros, ROOM) + ROOM;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release(value_end - ROOM, ROOM);
	return 0;
}

static struct hosts *create(const struct host_spec *specs, unsigned count)
{
	struct problems problems = { .problem = NULL };
	struct hosts *hosts = hosts_create(specs, count, &problems);

	assert_non_null(hosts);
	if (problems_any(&problems))
		fail_msg("%s: %s", problems.problem[0].path, problems.problem[0].text);
	return hosts;
}

static unsigned find(const struct hosts *hosts, struct bytes host)
{
	assert_true(host.size <= ROOM);
	if (host.size > 0)
		memcpy(value_end - host.size, host.base, host.size);
	return hosts_find(hosts, bytes_make(value_end - host.size, host.size));
}

static void assert_host(const struct hosts *hosts, const char *host, unsigned expected)
{
	unsigned found = find(hosts, bytes_string(host));

	if (found != expected)
		fail_msg("\"%s\" is host %u, not %u", host, found, expected);
}

static void case_port_and_final_dot_do_not_matter(void **state)
{
	const struct host_spec specs[] = { NAMES("www.example.org"), NAMES("Example.NET.", "10.0.0.1") };
	struct hosts *hosts = create(specs, COUNT(specs));

	(void)state;
	assert_host(hosts, "www.example.org", 1);
	assert_host(hosts, "WWW.Example.ORG", 1);
	assert_host(hosts, "www.example.org:8080", 1);
	assert_host(hosts, "www.example.org:", 1);
	assert_host(hosts, "www.example.org.", 1);
	assert_host(hosts, "www.example.org.:80", 1);
	assert_host(hosts, "example.net", 2);
	assert_host(hosts, "10.0.0.1:80", 2);
	hosts_destroy(hosts);
}

static void what_is_no_name_of_a_host_is_for_the_default(void **state)
{
	const struct host_spec specs[] = { NAMES("www.example.org", "*.example.net") };
	struct hosts *hosts = create(specs, COUNT(specs));
	char longest[ROOM];

	(void)state;
	assert_host(hosts, "", 0);
	assert_host(hosts, ".", 0);
	assert_host(hosts, ":80", 0);
	assert_host(hosts, "example.org", 0);
	assert_host(hosts, "a.www.example.org", 0);
	assert_host(hosts, "www.example.org..", 0);
	assert_host(hosts, "www.example.or", 0);
	assert_host(hosts, "www.example.orgx", 0);
	assert_host(hosts, "www%2eexample.org", 0);
	for (size_t size = 240; size < 270; size++) {
		memset(longest, 'a', size);
		memcpy(longest + size - 12, ".example.net", 12);
		assert_int_equal(find(hosts, bytes_make(longest, size)), size <= HOSTS_NAME_MAX ? 1 : 0);
	}
	memset(longest, '.', sizeof(longest));
	assert_int_equal(find(hosts, bytes_make(longest, sizeof(longest))), 0);
	hosts_destroy(hosts);
}

static void a_wildcard_stands_for_one_label_or_more(void **state)
{
	const struct host_spec specs[] = { NAMES("*.Example.org") };
	struct hosts *hosts = create(specs, COUNT(specs));

	(void)state;
	assert_host(hosts, "a.example.org", 1);
	assert_host(hosts, "a.b.EXAMPLE.org.:80", 1);
	assert_host(hosts, "example.org", 0);
	assert_host(hosts, ".example.org", 0);
	assert_host(hosts, "aexample.org", 0);
	assert_host(hosts, "a.example.org.net", 0);
	hosts_destroy(hosts);
}

static void exact_names_win_and_then_the_longest_wildcard(void **state)
{
	const struct host_spec specs[] = {
		NAMES("*.org"),
		NAMES("*.example.org"),
		NAMES("a.example.org"),
		NAMES("*.a.example.org"),
	};
	struct hosts *hosts = create(specs, COUNT(specs));

	(void)state;
	assert_host(hosts, "a.example.org", 3);
	assert_host(hosts, "b.example.org", 2);
	assert_host(hosts, "b.a.example.org", 4);
	assert_host(hosts, "c.b.a.example.org", 4);
	assert_host(hosts, "example.org", 1);
	assert_host(hosts, "org", 0);
	hosts_destroy(hosts);
}

static void an_address_in_brackets_keeps_its_colons(void **state)
{
	const struct host_spec specs[] = { NAMES("[::1]", "[2001:DB8::80]") };
	struct hosts *hosts = create(specs, COUNT(specs));

	(void)state;
	assert_host(hosts, "[::1]", 1);
	assert_host(hosts, "[::1]:8080", 1);
	assert_host(hosts, "[2001:db8::80]:80", 1);
	assert_host(hosts, "[::2]", 0);
	assert_host(hosts, "[", 0);
	hosts_destroy(hosts);
}

static void a_wrong_name_is_a_problem_with_its_cure(void **state)
{
	static const struct {
		const char *name, *words;
	} cases[] = {
		{ "", "is no host name" },
		{ ".", "is no host name" },
		{ "*.", "is no host name" },
		{ "a..example.org", "is no host name" },
		{ "a b", "is no host name" },
		{ "a%41", "is no host name" },
		{ "::1", "is no host name" },
		{ "b\xc3\xbc"
		  "cher.example",
		  "punycode" },
		{ "https://example.org", "leave out scheme and path" },
		{ "example.org/a", "leave out scheme and path" },
		{ "*", "top level" },
		{ "www.*.org", "in front, as in *.example.org" },
		{ "*.*.org", "in front, as in *.example.org" },
		{ "www*.example.org", "in front, as in *.example.org" },
		{ ".example.org", "write *.example.org" },
		{ "example.org:8080", "has a port" },
		{ "[::1]:80", "has a port" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct host_spec specs[] = { NAMES("good.example"), NAMES("x", (char *)cases[i].name) };
		struct problems problems = { .problem = NULL };
		struct hosts *hosts = hosts_create(specs, COUNT(specs), &problems);

		if (problems.count != 1)
			fail_msg("%s: %u problems", cases[i].name, problems.count);
		assert_string_equal(problems.problem[0].path, "hosts[1].names[1]");
		if (!strstr(problems.problem[0].text, cases[i].words))
			fail_msg("%s", problems.problem[0].text);
		problems_deinit(&problems);
		hosts_destroy(hosts);
	}
}

static void a_name_longer_than_any_is_a_problem(void **state)
{
	char name[HOSTS_NAME_MAX + 2];
	struct host_spec spec = NAMES(name);
	struct problems problems = { .problem = NULL };
	struct hosts *hosts;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[HOSTS_NAME_MAX] = 0;
	hosts = create(&spec, 1);
	assert_host(hosts, name, 1);
	hosts_destroy(hosts);
	name[HOSTS_NAME_MAX] = 'a';
	name[HOSTS_NAME_MAX + 1] = 0;
	hosts_destroy(hosts_create(&spec, 1, &problems));
	assert_int_equal(problems.count, 1);
	problems_deinit(&problems);
}

static void a_repeated_name_is_a_problem_where_it_is_repeated(void **state)
{
	const struct host_spec specs[] = { NAMES("a.example"), NAMES("b.example", "*.c.example"),
					   NAMES("A.example.", "*.C.example", "c.example") };
	struct problems problems = { .problem = NULL };
	struct hosts *hosts = hosts_create(specs, COUNT(specs), &problems);

	(void)state;
	assert_int_equal(problems.count, 2);
	assert_string_equal(problems.problem[0].path, "hosts[2].names[0]");
	assert_string_equal(problems.problem[0].text, "\"A.example.\" is a name of hosts[0] already");
	assert_string_equal(problems.problem[1].path, "hosts[2].names[1]");
	assert_string_equal(problems.problem[1].text, "\"*.C.example\" is a name of hosts[1] already");
	problems_deinit(&problems);
	hosts_destroy(hosts);
}

static void a_host_without_names_is_a_problem(void **state)
{
	const struct host_spec spec = { .names = NULL };
	struct problems problems = { .problem = NULL };

	(void)state;
	hosts_destroy(hosts_create(&spec, 1, &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.problem[0].path, "hosts[0]");
	problems_deinit(&problems);
}

/* The model: walk over all names, remember the best. Values are without port and final dot. */
static unsigned model(char *const *names, unsigned count, const char *host)
{
	unsigned best = 0;
	size_t best_size = 0, size = strlen(host);

	for (unsigned i = 0; i < count; i++) {
		const char *ending = names[i] + 1;
		size_t ending_size = strlen(ending);

		if (strcmp(names[i], host) == 0)
			return i + 1;
		if (names[i][0] != '*' || size <= ending_size || ending_size <= best_size || host[0] == '.' ||
		    strcmp(host + size - ending_size, ending) != 0)
			continue;
		best = i + 1;
		best_size = ending_size;
	}
	return best;
}

static void random_names_are_found_as_the_rules_say(void **state)
{
	static char *names[] = { "a.a",   "*.a",     "*.a.a", "b.a.a", "*.b.a.a", "b",
				 "*.b.b", "a.b.a.b", "*.b",   "aa.b",  "*.bb.a",  "*.a.b.a.b.a.b" };
	struct host_spec specs[COUNT(names)] = { { .names = NULL } };
	struct hosts *hosts;
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++)
		specs[i] = (struct host_spec){ .names = &names[i], .names_count = 1 };
	hosts = create(specs, COUNT(specs));
	srand(1);
	for (unsigned n = 0; n < 200000; n++) {
		size_t size = (size_t)(rand() % 16);
		char host[17];

		for (size_t i = 0; i < size; i++)
			host[i] = "ab.."[rand() % 4];
		while (size > 0 && host[size - 1] == '.')
			size--;
		host[size] = 0;
		assert_host(hosts, host, model(names, COUNT(names), host));
		found += find(hosts, bytes_string(host)) > 0;
	}
	assert_true(found > 1000);
	hosts_destroy(hosts);
}

static void two_thousand_names_are_all_found(void **state)
{
	enum { HOSTS = 1000 };
	static char texts[HOSTS][2][40];
	static char *names[HOSTS][2];
	static struct host_spec specs[HOSTS];
	struct hosts *hosts;

	(void)state;
	for (unsigned i = 0; i < HOSTS; i++) {
		snprintf(texts[i][0], sizeof(texts[i][0]), "host%u.example.org", i);
		snprintf(texts[i][1], sizeof(texts[i][1]), "*.sub%u.example.org", i);
		names[i][0] = texts[i][0];
		names[i][1] = texts[i][1];
		specs[i] = (struct host_spec){ .names = names[i], .names_count = 2 };
	}
	hosts = create(specs, HOSTS);
	for (unsigned i = 0; i < HOSTS; i++) {
		char host[64];

		assert_host(hosts, texts[i][0], i + 1);
		snprintf(host, sizeof(host), "a.b%s", texts[i][1] + 1);
		assert_host(hosts, host, i + 1);
	}
	assert_host(hosts, "host1000.example.org", 0);
	hosts_destroy(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_port_and_final_dot_do_not_matter),
		cmocka_unit_test(what_is_no_name_of_a_host_is_for_the_default),
		cmocka_unit_test(a_wildcard_stands_for_one_label_or_more),
		cmocka_unit_test(exact_names_win_and_then_the_longest_wildcard),
		cmocka_unit_test(an_address_in_brackets_keeps_its_colons),
		cmocka_unit_test(a_wrong_name_is_a_problem_with_its_cure),
		cmocka_unit_test(a_name_longer_than_any_is_a_problem),
		cmocka_unit_test(a_repeated_name_is_a_problem_where_it_is_repeated),
		cmocka_unit_test(a_host_without_names_is_a_problem),
		cmocka_unit_test(random_names_are_found_as_the_rules_say),
		cmocka_unit_test(two_thousand_names_are_all_found),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
