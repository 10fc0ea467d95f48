/* SPDX-License-Identifier: MIT */
/*
 * serve/fetch: the budget of --memory holds for every kind of name.
 *
 * A server in this process is asked for many names, and its own counters say what became of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "quoit.h"

#define BATCHES 40
#define NAMES 50 /* in a batch, pipelined */

static char folder[] = "/tmp/quoit-budget-XXXXXX";
static char file[64];
static struct quoit *quoit;

static int set_up(void **state)
{
	FILE *configuration;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/.quoit.yaml", folder);
	configuration = fopen(file, "w");
	assert_non_null(configuration);
	fprintf(configuration,
		"root: %s\nmemory: 64K\nthreads: 1\nlisten: [127.0.0.1:0]\n"
		"redirects: [{prefix: /old/, to: /new/}]\n",
		folder);
	assert_int_equal(fclose(configuration), 0);
	quoit = quoit_create();
	assert_int_equal(quoit_set(quoit, "config", file), 0);
	if (quoit_start(quoit) < 0)
		fail_msg("%s", quoit_error(quoit));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	quoit_destroy(quoit);
	unlink(file);
	return rmdir(folder);
}

static int connect_to_server(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(quoit_address(quoit, 0), ':') + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Ask for the next NAMES names below `prefix`; they are all answered with `status`. */
static void ask_batch(const char *prefix, unsigned from, const char *status)
{
	char requests[NAMES * 160], answers[NAMES * 600 + 1];
	int fd = connect_to_server();
	size_t size = 0, count = 0;
	ssize_t got;

	for (unsigned i = 0; i < NAMES; i++)
		size += (size_t)snprintf(requests + size, sizeof(requests) - size,
					 "GET %s%u HTTP/1.1\r\nHost: a\r\n%s\r\n", prefix, from + i,
					 i + 1 == NAMES ? "Connection: close\r\n" : "");
	assert_int_equal(write(fd, requests, size), (ssize_t)size);
	for (size = 0; (got = read(fd, answers + size, sizeof(answers) - 1 - size)) > 0;)
		size += (size_t)got;
	assert_int_equal(got, 0);
	close(fd);
	answers[size] = 0;
	for (const char *at = answers; (at = strstr(at, status)); at++)
		count++;
	assert_int_equal(count, NAMES);
}

static uint64_t evictions(void)
{
	uint64_t count = 0;

	assert_int_equal(quoit_counter(quoit, "cache_evictions", &count), 0);
	return count;
}

/* Far more than fit are asked for, so most of them must have been dropped again. */
static void assert_bounded(const char *prefix, const char *status)
{
	uint64_t before = evictions();

	for (unsigned i = 0; i < BATCHES; i++)
		ask_batch(prefix, i * NAMES, status);
	assert_true(evictions() - before > BATCHES * NAMES / 2);
}

static void names_that_a_redirect_answers_are_dropped_at_the_budget(void **state)
{
	(void)state;
	assert_bounded("/old/", "HTTP/1.1 301 ");
}

static void names_that_are_not_there_are_dropped_at_the_budget(void **state)
{
	(void)state;
	assert_bounded("/not-there-at-all-under-this-long-name/", "HTTP/1.1 404 ");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_a_redirect_answers_are_dropped_at_the_budget),
		cmocka_unit_test(names_that_are_not_there_are_dropped_at_the_budget),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
