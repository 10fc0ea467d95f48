/* SPDX-License-Identifier: MIT */
/*
 * A Host value: http/host, site/hosts.
 *
 * The whole input is the value. What may stand in Host holds no byte that another reader could take for its
 * end; which site is found for it does not depend on case, port and final dot, and is the one that a plain
 * comparison with the names of the configuration finds.
 */
#include <ctype.h>
#include <strings.h>

#include "fuzz.h"
#include "http/host.h"
#include "site/hosts.h"

#define VALUE_SIZE_MAX 512

static char *names_a[] = { "example.org", "www.example.org" };
static char *names_b[] = { "*.example.org", "[::1]" };
static char *names_c[] = { "*.a.example.org", "127.0.0.1", "a" };
static const struct host_spec specs[] = {
	{ .names = names_a, .names_count = 2 },
	{ .names = names_b, .names_count = 2 },
	{ .names = names_c, .names_count = 3 },
};
#define SPECS (sizeof(specs) / sizeof(specs[0]))

static const struct hosts *hosts(void)
{
	static struct hosts *made;
	struct problems problems = { .problem = NULL };

	if (!made)
		made = hosts_create(specs, SPECS, &problems);
	check(made && problems.count == 0);
	return made;
}

/* What "%XX" stands for is no delimiter to whoever decodes it. */
static void check_encoded(struct bytes rest)
{
	char digits[3] = "";
	unsigned byte;

	check(rest.size >= 3 && isxdigit(rest.base[1]) && isxdigit(rest.base[2]));
	memcpy(digits, rest.base + 1, 2);
	byte = (unsigned)strtoul(digits, NULL, 16);
	check(byte > ' ' && byte != 0x7f && !strchr(",/?#@\\:[]%", (int)byte));
}

static void check_bytes(struct bytes value)
{
	for (size_t i = 0; i < value.size; i++) {
		uint8_t byte = value.base[i];

		check(byte > ' ' && byte < 0x7f && !strchr(",/?#@\\\"<>{}|^`'", byte));
		check(byte != '[' || i == 0);
		if (byte == '%')
			check_encoded(bytes_skip(value, i));
	}
}

/* Without port and final dot. */
static struct bytes name_of(struct bytes value)
{
	size_t size = value.size;

	while (size > 0 && isdigit(value.base[size - 1]))
		size--;
	if (size > 0 && value.base[size - 1] == ':')
		value.size = size - 1;
	if (value.size > 1 && value.base[value.size - 1] == '.')
		value.size--;
	return value;
}

/* How well `name`, as the configuration has it, fits: 0 not at all, an exact one best. */
static size_t fit(struct bytes value, const char *name)
{
	size_t size = strlen(name) - (*name == '*');

	if (*name == '*')
		return value.size > size && strncasecmp((const char *)value.base + value.size - size,
							name + 1, size) == 0
			       ? size
			       : 0;
	return value.size == size && strncasecmp((const char *)value.base, name, size) == 0
		       ? HOSTS_NAME_MAX + 1
		       : 0;
}

static unsigned find_plainly(struct bytes value)
{
	size_t best = 0;
	unsigned found = 0;

	for (unsigned i = 0; i < SPECS; i++)
		for (unsigned k = 0; k < specs[i].names_count; k++)
			if (fit(value, specs[i].names[k]) > best) {
				best = fit(value, specs[i].names[k]);
				found = i + 1;
			}
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes value = fuzz_place(0, bytes_make(data, size < VALUE_SIZE_MAX ? size : VALUE_SIZE_MAX));
	bool is_valid = host_is_valid(value);
	unsigned found = hosts_find(hosts(), value);
	struct bytes name = hosts_name(hosts(), value);

	check(found <= SPECS && (found > 0) == (name.size > 0) && name.size <= HOSTS_NAME_MAX);
	if (!is_valid)
		return 0;
	check_bytes(value);
	if (name_of(value).size <= HOSTS_NAME_MAX && !bytes_starts_with(value, BYTES(".")))
		check(found == find_plainly(name_of(value)));
	for (size_t i = 0; i < value.size; i++)
		((uint8_t *)value.base)[i] ^= isalpha(value.base[i]) ? 0x20 : 0;
	check(host_is_valid(value) && hosts_find(hosts(), value) == found);
	return 0;
}
