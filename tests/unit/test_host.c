/* SPDX-License-Identifier: MIT */
/*
 * http/host: a Host value is a name or an address with an optional port, and nothing in it can
 * be taken for the end of the host or the start of something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "http/host.h"

static bool valid(struct bytes value)
{
	uint8_t *copy = guard_copy(value.base, value.size);
	bool result = host_is_valid(bytes_make(copy, value.size));

	guard_release(copy, value.size);
	return result;
}

static void assert_valid(const char *value)
{
	if (!valid(bytes_string(value)))
		fail_msg("\"%s\" is a Host value", value);
}

static void assert_invalid(const char *value)
{
	if (valid(bytes_string(value)))
		fail_msg("\"%s\" is not a Host value", value);
}

/* Names and IPv4 addresses, with or without port, of any length; a client without authority sends nothing. */
static void names_and_addresses_with_a_port_are_valid(void **state)
{
	static const char *const values[] = {
		"",
		"a",
		"localhost",
		"www.example.org",
		"WWW.Example.ORG",
		"127.0.0.1",
		"127.0.0.1:8080",
		"a:1",
		"ab:12",
		"abc:123",
		"abcd:1234",
		"abcde:12345",
		"a_b.c-d~e",
		"xn--bcher-kva.example",
		"12345",
		"1:2",
		"a.",
		"a:",
		":80",
		"!$&()*+;=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_valid(values[i]);
}

/* An IPv6 address stands in brackets. */
static void an_ipv6_address_in_brackets_is_valid(void **state)
{
	(void)state;
	assert_valid("[::]");
	assert_valid("[::1]");
	assert_valid("[::1]:8080");
	assert_valid("[2001:DB8::ff00:42:8329]");
	assert_valid("[::ffff:192.0.2.1]:80");
	assert_invalid("::1");
	assert_invalid("[::1");
	assert_invalid("::1]");
	assert_invalid("[]");
	assert_invalid("[:]");
	assert_invalid("[1234]");
	assert_invalid("[::1]a");
	assert_invalid("[::1]8080");
	assert_invalid("[[::1]]");
	assert_invalid("[::g]");
	assert_invalid("[fe80::1%25eth0]");
	assert_invalid("[");
	assert_invalid("[:");
	assert_invalid("a[::1]");
}

/* A port is decimal digits, and there is one at most. */
static void a_port_is_digits_only(void **state)
{
	(void)state;
	assert_invalid("a:b");
	assert_invalid("a:8o80");
	assert_invalid("a:80a");
	assert_invalid("a:-1");
	assert_invalid("a:+1");
	assert_invalid("a:1:2");
	assert_invalid("a::");
	assert_invalid("[::1]:b");
	assert_invalid("[::1]::1");
}

/* A percent sign is followed by two hexadecimal digits. */
static void a_percent_sign_encodes_a_byte(void **state)
{
	(void)state;
	assert_valid("a%2db");
	assert_valid("%c3%A4.example:80");
	/* What is decoded by whoever reads it next must not end the host there. */
	assert_invalid("%00");
	assert_invalid("a%20b");
	assert_invalid("a%0d%0a");
	assert_invalid("a%2f");
	assert_invalid("a%2Fb:80");
	assert_invalid("user%40a");
	assert_invalid("a%3a80");
	assert_invalid("a%5c");
	assert_invalid("%7f");
	assert_invalid("a%2500");
	assert_invalid("%");
	assert_invalid("a%2");
	assert_invalid("a%2:80");
	assert_invalid("a%zz");
	assert_invalid("a%:80");
	assert_invalid("a%2gb");
}

/* At every place of a value, only the bytes of a name are let through. */
static void no_byte_that_separates_gets_through(void **state)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&()*+;=";

	(void)state;
	for (size_t size = 1; size <= 9; size++) {
		for (size_t at = 0; at < size; at++) {
			uint8_t value[] = "xxxxxxxxx";

			for (unsigned byte = 0; byte < 256; byte++) {
				bool expected = byte != 0 && strchr(allowed, (int)byte) != NULL;

				value[at] = (uint8_t)byte;
				if (byte == ':')
					expected = at + 1 == size;
				if (valid(bytes_make(value, size)) != expected)
					fail_msg("byte 0x%02x at %zu of %zu", byte, at, size);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_addresses_with_a_port_are_valid),
		cmocka_unit_test(an_ipv6_address_in_brackets_is_valid),
		cmocka_unit_test(a_port_is_digits_only),
		cmocka_unit_test(a_percent_sign_encodes_a_byte),
		cmocka_unit_test(no_byte_that_separates_gets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
