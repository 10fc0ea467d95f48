/* SPDX-License-Identifier: MIT */
/*
 * serve/address: an address has as many connections as it may, whatever it comes as and whoever else is
 * there.
 *
 * The table is compared with a plain count of each address, and is used by several threads at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "serve/address.h"

static struct sockaddr_storage peer_of(const char *text)
{
	struct sockaddr_storage peer = { .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
	void *at = peer.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&peer)->sin_addr
					     : (void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;

	assert_int_equal(inet_pton(peer.ss_family, text, at), 1);
	return peer;
}

static struct addresses *create(uint64_t limit, uint64_t connections, const char *exempt)
{
	struct addresses *addresses;
	struct fault fault;

	if (address_create(limit, connections, exempt, &addresses, &fault) < 0)
		fail_msg("%s", fault.text);
	return addresses;
}

static uint32_t enter(struct addresses *addresses, const char *text)
{
	struct sockaddr_storage peer = peer_of(text);

	return address_enter(addresses, &peer);
}

static bool is_place(uint32_t place)
{
	return place != ADDRESS_NONE && place != ADDRESS_FULL;
}

static void one_more_than_the_limit_is_too_many(void **state)
{
	struct addresses *addresses = create(2, 100, "");
	uint32_t first, second;

	(void)state;
	first = enter(addresses, "192.0.2.1");
	second = enter(addresses, "192.0.2.1");
	assert_true(is_place(first) && is_place(second));
	assert_int_equal(enter(addresses, "192.0.2.1"), ADDRESS_FULL);
	assert_true(is_place(enter(addresses, "192.0.2.2")));
	address_leave(addresses, first);
	assert_true(is_place(enter(addresses, "192.0.2.1")));
	assert_int_equal(enter(addresses, "192.0.2.1"), ADDRESS_FULL);
	address_destroy(addresses);
}

/* What one subscriber has counts as one address, and a dual-stack socket makes no second one of it. */
static void what_is_the_same_address(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "192.0.2.1", "::ffff:192.0.2.2", false },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "::1", "127.0.0.1", false },
		/* The same first eight bytes, of another family. */
		{ "192.0.2.1", "c000:201::", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addresses *addresses = create(1, 100, "");

		assert_true(is_place(enter(addresses, rows[i].one)));
		if ((enter(addresses, rows[i].other) == ADDRESS_FULL) != rows[i].same)
			fail_msg("%s, %s", rows[i].one, rows[i].other);
		address_destroy(addresses);
	}
}

static void a_unix_socket_does_not_count(void **state)
{
	struct addresses *addresses = create(1, 100, "");
	struct sockaddr_storage peer = { .ss_family = AF_UNIX };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(address_enter(addresses, &peer), ADDRESS_NONE);
	address_destroy(addresses);
}

static void what_is_exempt_does_not_count(void **state)
{
	static const struct {
		const char *ranges, *address;
		bool exempt;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.128.0.0/9", "10.127.255.255", false },
		{ "10.128.0.0/9", "10.128.0.0", true },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false },
		{ "192.0.2.1/31", "192.0.2.0", true },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::", false },
		{ "::/0", "2001:db8::", true },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false },
		{ " 192.0.2.1 , 198.51.100.0/24,2001:db8::/32", "198.51.100.7", true },
		{ "192.0.2.1,198.51.100.0/24,2001:db8::/32", "2001:db8::7", true },
		{ "192.0.2.1,198.51.100.0/24,2001:db8::/32", "192.0.2.2", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addresses *addresses = create(1, 100, rows[i].ranges);

		if ((enter(addresses, rows[i].address) == ADDRESS_NONE) != rows[i].exempt)
			fail_msg("%s in %s", rows[i].address, rows[i].ranges);
		address_destroy(addresses);
	}
}

static void what_is_no_range_is_refused(void **state)
{
	static const char *const bad[] = {
		"x",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/ 8",
		"10.0.0/8",
		"/8",
		"::/129",
		"2001:db8::/32x",
		"10.0.0.0/8/8",
		"localhost",
		"10.0.0.0;",
		"10.0.0.0/99999999999999999999999999999999999999999999999999999999",
	};
	struct fault fault;

	(void)state;
	assert_int_equal(address_check_ranges("", &fault), 0);
	assert_int_equal(address_check_ranges("10.0.0.0/8,::1", &fault), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fault.text[0] = '\0';
		if (address_check_ranges(bad[i], &fault) != -EINVAL || !fault.text[0])
			fail_msg("%s is taken", bad[i]);
	}
}

#define MODEL_ADDRESSES 300
#define MODEL_STEPS 200000

/* As many entries as connections, all of them used, given back and used again, in any order. */
static void a_table_that_is_full_forgets_nobody(void **state)
{
	enum { CONNECTIONS = 200, LIMIT = 3 };
	struct addresses *addresses = create(LIMIT, CONNECTIONS, "");
	struct {
		uint32_t place;
		unsigned address;
	} open[CONNECTIONS];
	unsigned count[MODEL_ADDRESSES] = { 0 }, connections = 0;

	(void)state;
	srand(1);
	for (unsigned step = 0; step < MODEL_STEPS; step++) {
		unsigned which = (unsigned)rand() % MODEL_ADDRESSES;
		/* In phases, so that it becomes full and empty. */
		bool grows = (unsigned)rand() % 8 < (step / 2000 % 2 ? 6u : 2u);

		if (grows && connections < CONNECTIONS) {
			struct sockaddr_storage peer = { .ss_family = AF_INET };
			uint32_t place;

			((struct sockaddr_in *)&peer)->sin_addr.s_addr = htonl(0x0a000000 + which);
			place = address_enter(addresses, &peer);
			assert_int_equal(place == ADDRESS_FULL, count[which] == LIMIT);
			if (place == ADDRESS_FULL)
				continue;
			assert_true(place >= 1 && place <= CONNECTIONS);
			open[connections].place = place;
			open[connections++].address = which;
			count[which]++;
		} else if (connections > 0) {
			unsigned at = (unsigned)rand() % connections;

			address_leave(addresses, open[at].place);
			count[open[at].address]--;
			open[at] = open[--connections];
		}
	}
	address_destroy(addresses);
}

enum { THREADS = 4, TURNS = 20000, SHARED_LIMIT = 3 };

static struct addresses *shared;
static _Atomic unsigned inside;

static void *come_and_go(void *unused)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		uint32_t place = enter(shared, "192.0.2.1");

		if (place == ADDRESS_FULL)
			continue;
		if (atomic_fetch_add(&inside, 1) >= SHARED_LIMIT)
			return shared; /* any but NULL */
		atomic_fetch_sub(&inside, 1);
		address_leave(shared, place);
	}
	return unused;
}

static void workers_share_the_count(void **state)
{
	pthread_t thread[THREADS];
	void *trouble;

	(void)state;
	shared = create(SHARED_LIMIT, 100, "");
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &trouble);
		assert_null(trouble);
	}
	for (unsigned i = 0; i < SHARED_LIMIT; i++)
		assert_true(is_place(enter(shared, "192.0.2.1")));
	assert_int_equal(enter(shared, "192.0.2.1"), ADDRESS_FULL);
	address_destroy(shared);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_more_than_the_limit_is_too_many),
		cmocka_unit_test(what_is_the_same_address),
		cmocka_unit_test(a_unix_socket_does_not_count),
		cmocka_unit_test(what_is_exempt_does_not_count),
		cmocka_unit_test(what_is_no_range_is_refused),
		cmocka_unit_test(a_table_that_is_full_forgets_nobody),
		cmocka_unit_test(workers_share_the_count),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
