/* SPDX-License-Identifier: MIT */
/*
 * serve/explain: what is explained is what is served.
 *
 * A real server runs in this process on a folder and a configuration that use every feature; the same
 * requests are explained by another object with the same options and sent to the server by a socket. The
 * heads must be the same, byte for byte, but for the date and the boundary of several parts, which are
 * written over with stars. The requests stand in one table, in explain_site.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "explain_site.h"
#include "quoit.h"

#define HEAD_MAX 16384
static struct quoit *served, *asked;
static uint16_t port;

/* What quoit_explain() tells. */
static char told[2 * 1024 * 1024];
static size_t told_size;

static void report(void *context, const char *line)
{
	size_t size = strlen(line);

	(void)context;
	assert_true(told_size + size + 2 < sizeof(told));
	memcpy(told + told_size, line, size);
	told_size += size;
	told[told_size++] = '\n';
	told[told_size] = 0;
}

static struct quoit *create(void)
{
	struct quoit *quoit = quoit_create();

	assert_non_null(quoit);
	assert_int_equal(quoit_set(quoit, "root", folder), 0);
	assert_int_equal(quoit_set(quoit, "config", path_of(".quoit.yaml")), 0);
	assert_int_equal(quoit_set(quoit, "compress-folder", compress_folder_path()), 0);
	assert_int_equal(quoit_set(quoit, "listen", "127.0.0.1:0"), 0);
	assert_int_equal(quoit_set(quoit, "threads", "1"), 0);
	return quoit;
}

static int set_up(void **state)
{
	(void)state;
	explain_site_create();
	served = create();
	asked = create();
	if (quoit_start(served) < 0)
		fail_msg("%s", quoit_error(served));
	port = (uint16_t)atoi(strrchr(quoit_address(served, 0), ':') + 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	quoit_destroy(asked);
	quoit_destroy(served);
	return explain_site_remove();
}

static bool has_field(const struct wanted *wanted, const char *begin)
{
	for (int i = 1; i < FIELDS_MAX && wanted->fields[i]; i++)
		if (strncmp(wanted->fields[i], begin, strlen(begin)) == 0)
			return true;
	return false;
}

/* A connection on which the request was sent, without a body that the client waits to be asked for. */
static int send_request(const struct wanted *wanted)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	dprintf(fd, "%s %s HTTP/1.1\r\n", wanted->method ? wanted->method : "GET", wanted->target);
	if (!has_field(wanted, "Host:"))
		dprintf(fd, "Host: %s\r\n", wanted->fields[0][0] ? wanted->fields[0] : "localhost");
	for (int i = 1; i < FIELDS_MAX && wanted->fields[i]; i++)
		dprintf(fd, "%s\r\n", wanted->fields[i]);
	dprintf(fd, "\r\n");
	if (has_field(wanted, "Content-Length: 5") && !has_field(wanted, "Expect:"))
		dprintf(fd, "12345");
	return fd;
}

/* Where the final head ends, NULL: not yet. `begin` moves behind heads of 1xx. */
static char *find_end(char **begin, int fd)
{
	char *end;

	while ((end = strstr(*begin, "\r\n\r\n")) && strncmp(*begin, "HTTP/1.1 1", 10) == 0) {
		if (strncmp(*begin, "HTTP/1.1 100", 12) == 0)
			dprintf(fd, "12345");
		*begin = end + 4;
	}
	return end ? end + 4 : NULL;
}

/* The head that the server sends, with those of 1xx in front. */
static void ask_server(const struct wanted *wanted, char head[HEAD_MAX])
{
	int fd = send_request(wanted);
	char *begin = head, *end = NULL;
	size_t size = 0;

	while (!end) {
		ssize_t got = recv(fd, head + size, HEAD_MAX - 1 - size, 0);

		if (got <= 0)
			fail_msg("%s: no answer", wanted->target);
		size += (size_t)got;
		head[size] = 0;
		end = find_end(&begin, fd);
	}
	*end = 0;
	close(fd);
}

static int explain(struct quoit *quoit, const struct wanted *wanted)
{
	struct quoit_request request = { wanted->method, wanted->target, wanted->fields + 1, 0 };
	char url[16384];

	while (request.field_count + 1 < FIELDS_MAX && wanted->fields[request.field_count + 1])
		request.field_count++;
	if (wanted->fields[0][0]) {
		snprintf(url, sizeof(url), "http://%s%s", wanted->fields[0], wanted->target);
		request.url = url;
	}
	told_size = 0;
	told[0] = 0;
	return quoit_explain(quoit, &request, report, NULL);
}

/* Explained, or the test fails. */
static void must_explain(const struct wanted *wanted)
{
	if (explain(asked, wanted) < 0)
		fail_msg("%s: %s", wanted->target, quoit_error(asked));
}

static const char *explained_head(void)
{
	const char *empty = strstr(told, "\n\n");

	assert_non_null(empty);
	return empty + 2;
}

/* Stars in the place of what differs from answer to answer. */
static void mask(char *head)
{
	static const char *const before[] = { "\r\nDate: ", "boundary=" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = strstr(head, before[i]);

		for (at = at ? at + strlen(before[i]) : head + strlen(head); *at && *at != '\r'; at++)
			*at = '*';
	}
}

static void assert_same(const struct wanted *wanted)
{
	char head[HEAD_MAX], explained[HEAD_MAX];

	ask_server(wanted, head);
	must_explain(wanted);
	snprintf(explained, sizeof(explained), "%s", explained_head());
	mask(head);
	mask(explained);
	if (strcmp(head, explained) != 0)
		fail_msg("%s %s:\n%s\nis served, explained is\n%s", wanted->fields[0], wanted->target, head,
			 told);
}

static void the_explained_head_is_the_one_that_is_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_same(&requests[i]);
}

/* The longest that is allowed, and one more: of a target, of a head, of fields. */
static void the_limits_of_a_head_are_those_of_the_server(void **state)
{
	static char target[8300], field[16400];
	struct wanted wanted = { NULL, target, { "" } };

	(void)state;
	for (size_t size = 8191; size <= 8193; size++) {
		memset(target, 'a', size);
		target[0] = '/';
		target[size] = 0;
		assert_same(&wanted);
	}
	wanted.target = "/empty.txt";
	wanted.fields[1] = field;
	for (size_t size = 16000; size <= 16390; size += 10) {
		memset(field, 'a', size);
		field[1] = ':';
		field[size] = 0;
		assert_same(&wanted);
	}
}

/* The server makes it in the background, so it is waited for. */
static void what_was_compressed_is_found_where_the_server_keeps_it(void **state)
{
	static const struct wanted wanted = { NULL, "/page.html", { "made.example", "Accept-Encoding: br" } };
	const struct timespec pause = { .tv_nsec = 50 * 1000000L };
	char head[HEAD_MAX] = "";

	(void)state;
	for (int i = 0; i < 200 && !strstr(head, "Content-Encoding: br"); i++) {
		ask_server(&wanted, head);
		nanosleep(&pause, NULL);
	}
	assert_non_null(strstr(head, "Content-Encoding: br"));
	assert_same(&wanted);
}

static void assert_told(const char *line)
{
	if (!strstr(told, line))
		fail_msg("\"%s\" is not told:\n%s", line, told);
}

/* One for each part of the decision. */
static void each_step_is_told(void **state)
{
	static const struct wanted page = { NULL,
					    "/virtual/page.html?x=1",
					    { "b.app.example", "Accept-Encoding: br;q=0.5",
					      "If-None-Match: \"x\"" } };
	static const struct wanted other = { NULL,
					     "/virtual/../virtual/page.html?x=1",
					     { "", "Accept-Encoding: br;q=0.5", "If-None-Match: \"x\"" } };

	(void)state;
	must_explain(&page);
	assert_told("host       b.app.example: hosts[0] (wildcard *.app.example), root /tmp/");
	assert_told("fallback   not used: this is no navigation\n");
	assert_told("error page /404.html for 404\n");
	assert_told("answer     404 Not Found, the built-in page,");
	must_explain(&other);
	assert_told(
		"request    GET /virtual/../virtual/page.html?x=1 HTTP/1.1\n           Host: localhost\n");
	assert_told("host       localhost: no host of this name, so the default site, root /tmp/");
	assert_told("target     /virtual/page.html, which is /virtual/../virtual/page.html decoded and "
		    "normalised, query ?x=1\n");
	assert_told("redirects  redirects[0] from \"/old\": no\n");
	assert_told("rewrites   rewrites[0] prefix \"/virtual/\": to /docs/page.html\n");
	assert_told("file       docs/page.html: found, 600 bytes\n");
	assert_told("           docs/page.html.zst: No such file or directory\n");
	assert_told("form       /docs/page.html, plain, 600 bytes, text/html; charset=utf-8\n");
	assert_told("coding     Accept-Encoding weighs identity 0.001, br 0.5\n           br\n");
	assert_told("condition  nothing speaks against sending it\n");
	assert_told("cache auto no-cache (HTML)\n");
	assert_told("headers    presets[0]: set X-Content-Type-Options: nosniff");
	assert_told("headers[0] path \"/docs/**\": set X-Docs: yes, set ETag: \"of-a-rule\"\n");
	assert_told("headers[2] status 404 304 5xx: is not for 200\n");
	assert_told(
		"answer     200 OK, /docs/page.html, br, with its body, the connection stays\n\nHTTP/1.1");
}

static void a_refusal_is_told_with_its_reason(void **state)
{
	static const struct {
		struct wanted wanted;
		const char *line;
	} rows[] = {
		{ { NULL, "/.git/config", { "" } }, "404: a name that begins with a dot" },
		{ { NULL, "/a%2fb", { "" } }, "404: no name of a file contains a slash" },
		{ { NULL, "/%zz", { "" } }, "target     400: malformed" },
		{ { "PUT", "/", { "" } }, "method     405: PUT is not served" },
		{ { "BREW", "/", { "" } }, "refused    501" },
		{ { NULL, "/", { "a'b" } }, "refused    400: a'b is no host" },
		{ { NULL, "/out", { "" } }, "file       out: leads out of the root" },
		{ { NULL, "/inside", { "strict.example" } }, "inside: a symbolic link that is not" },
		{ { NULL, "/stale.txt", { "" } }, "stale.txt.gz: older than its plain file, not used" },
		{ { NULL, "/broken.txt", { "" } }, "decoded    it cannot be: it is damaged" },
		{ { NULL, "/large.bin", { "", "Want-Repr-Digest: sha-256=1" } },
		  "longer than --digest-size" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		must_explain(&rows[i].wanted);
		assert_told(rows[i].line);
	}
}

/* Whatever a URL or a file's name holds, a terminal shows it and does nothing else. */
static void control_bytes_are_written_out(void **state)
{
	static const struct wanted wanted = { NULL, "/a%1b%5b2J%0ab%7f", { "" } };

	(void)state;
	must_explain(&wanted);
	assert_told("target     /a\\x1b[2J\\x0ab\\x7f, which is");
	for (const char *at = told; at < explained_head(); at++)
		assert_true((uint8_t)*at >= ' ' || *at == '\n');
}

/* Nothing is told, and the sentence says what to write instead. */
static void what_no_client_could_send_is_an_error(void **state)
{
	static const struct wanted rows[] = {
		{ NULL, "index.html", { "" } },         { NULL, "", { "" } },
		{ NULL, "ftp://example.org/", { "" } }, { NULL, "http:///x", { "" } },
		{ NULL, "/a\r\nHost: b", { "" } },      { "GET\n", "/", { "" } },
		{ NULL, "/", { "", "no field" } },      { NULL, "/", { "", "A: b\nC: d" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(explain(asked, &rows[i]), -EINVAL);
		assert_int_equal(told_size, 0);
		assert_true(*quoit_error(asked));
	}
}

/* What a browser keeps to itself is not asked for: fragment and user. */
static void a_url_is_what_a_browser_makes_of_it(void **state)
{
	static const struct wanted rows[] = {
		{ NULL, "HTTPS://me:secret@hash.example:81/page.html?x#top", { "" } },
		{ NULL, "http://hash.example?x", { "" } },
		{ NULL, "/page.html#top", { "" } },
	};

	(void)state;
	must_explain(&rows[0]);
	assert_told("GET /page.html?x HTTP/1.1\n           Host: hash.example:81\n");
	assert_told("hosts[1] (exact)");
	must_explain(&rows[1]);
	assert_told("GET /?x HTTP/1.1\n");
	must_explain(&rows[2]);
	assert_told("GET /page.html HTTP/1.1\n");
}

/* The server that runs can be asked too, and goes on; a configuration that is wrong explains nothing. */
static void whoever_is_asked_is_not_changed(void **state)
{
	static const struct wanted wanted = { NULL, "/index.html", { "" } };
	struct quoit *wrong = create();

	(void)state;
	assert_int_equal(explain(served, &wanted), 0);
	assert_same(&wanted);
	assert_int_equal(quoit_set(wrong, "root", "/tmp/quoit-explain-is-not-there"), 0);
	assert_int_equal(explain(wrong, &wanted), -ENOENT);
	assert_int_equal(told_size, 0);
	assert_non_null(strstr(quoit_error(wrong), "does not exist"));
	assert_int_equal(quoit_set(wrong, "root", folder), 0);
	assert_int_equal(explain(wrong, &wanted), 0);
	quoit_destroy(wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_explained_head_is_the_one_that_is_served),
		cmocka_unit_test(the_limits_of_a_head_are_those_of_the_server),
		cmocka_unit_test(what_was_compressed_is_found_where_the_server_keeps_it),
		cmocka_unit_test(each_step_is_told),
		cmocka_unit_test(a_refusal_is_told_with_its_reason),
		cmocka_unit_test(control_bytes_are_written_out),
		cmocka_unit_test(what_no_client_could_send_is_an_error),
		cmocka_unit_test(a_url_is_what_a_browser_makes_of_it),
		cmocka_unit_test(whoever_is_asked_is_not_changed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
