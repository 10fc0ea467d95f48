/* SPDX-License-Identifier: MIT */
/*
 * Host names to hosts, by a hash table.
 *
 * Compiled by site/site; looked into for every request where there are several hosts. Never resolves
 * or decodes a name: who cannot be found is for the default site.
 *
 * One table holds exact names and, with its dot in front, what "*.example.org" ends with. No host
 * starts with a dot, so the two are never taken for each other. A search for wildcards asks for
 * every ending that is not longer than the longest in the table, which a hostile name cannot make
 * many. Names of strangers only look things up, so the hash needs no secret.
 *
 * References: RFC 9110 7.2, RFC 3986 3.2.2, RFC 1035 3.1, RFC 5891 (names that are not ASCII).
 */
#include "site/hosts.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "http/host.h"

struct slot {
	uint64_t hash;
	struct bytes name; /* lower case; behind the slots */
	unsigned host;     /* 0: the slot is empty */
};

static const struct slot nowhere;

/* One block: the slots, then the names. */
struct hosts {
	size_t mask;         /* slots are a power of two */
	size_t wildcard_max; /* size of the longest ending of a wildcard; 0: there is none */
	struct slot slot[];
};

static uint64_t hash_name(struct bytes name)
{
	return XXH3_64bits(name.base, name.size);
}

/* The slot of the name, or the empty one where it belongs. There always is an empty one. */
static const struct slot *find_slot(const struct hosts *hosts, struct bytes name, uint64_t hash)
{
	for (size_t i = hash;; i++) {
		const struct slot *slot = &hosts->slot[i & hosts->mask];

		if (slot->host == 0 || (slot->hash == hash && bytes_equal(slot->name, name)))
			return slot;
	}
}

static struct bytes without_port(struct bytes host)
{
	size_t size = host.size;

	while (size > 0 && byte_is_digit(host.base[size - 1]))
		size--;
	return size > 0 && host.base[size - 1] == ':' ? bytes_make(host.base, size - 1) : host;
}

static struct bytes without_dot(struct bytes host)
{
	if (host.size > 0 && host.base[host.size - 1] == '.')
		host.size--;
	return host;
}

static void write_lower(struct bytes name, uint8_t *out)
{
	for (size_t i = 0; i < name.size; i++)
		out[i] = byte_lower(name.base[i]);
}

static const struct slot *find_wildcard(const struct hosts *hosts, struct bytes name)
{
	size_t at = 1; /* a label stands in front of the ending */

	if (name.size > hosts->wildcard_max + 1)
		at = name.size - hosts->wildcard_max;
	for (; at < name.size; at++) {
		struct bytes ending = bytes_skip(name, at);
		const struct slot *slot;

		if (ending.base[0] != '.')
			continue;
		slot = find_slot(hosts, ending, hash_name(ending));
		if (slot->host > 0)
			return slot;
	}
	return &nowhere;
}

static const struct slot *find(const struct hosts *hosts, struct bytes host)
{
	uint8_t lower[HOSTS_NAME_MAX];
	struct bytes name = without_dot(without_port(host));
	const struct slot *slot;

	if (name.size == 0 || name.size > sizeof(lower) || name.base[0] == '.')
		return &nowhere;
	write_lower(name, lower);
	name.base = lower;
	slot = find_slot(hosts, name, hash_name(name));
	return slot->host > 0 ? slot : find_wildcard(hosts, name);
}

unsigned hosts_find(const struct hosts *hosts, struct bytes host)
{
	return find(hosts, host)->host;
}

struct bytes hosts_name(const struct hosts *hosts, struct bytes host)
{
	return find(hosts, host)->name;
}

static bool is_wildcard(struct bytes name)
{
	return bytes_starts_with(name, BYTES("*."));
}

static bool has_empty_label(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.base[i] == '.' && (i == 0 || i + 1 == name.size || name.base[i + 1] == '.'))
			return true;
	return name.size == 0;
}

static bool has_byte(struct bytes name, uint8_t byte)
{
	return name.size > 0 && memchr(name.base, byte, name.size);
}

static bool is_ascii(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.base[i] >= 0x80)
			return false;
	return true;
}

/* NULL, or what is wrong with a name and the cure. */
static const char *mistake_in(struct bytes whole)
{
	struct bytes name = without_dot(is_wildcard(whole) ? bytes_skip(whole, 2) : whole);

	if (!is_ascii(whole))
		return "is not ASCII; write it as it is registered, in punycode (xn--...)";
	if (has_byte(name, '/'))
		return "is more than a host; leave out scheme and path";
	if (has_byte(name, '*'))
		return "has a * where none can be; it stands for all labels in front, as in *.example.org, "
		       "and "
		       "what no host names is for the top level";
	if (name.size > 0 && name.base[0] == '.' && !is_wildcard(whole))
		return "starts with a dot; for all names below a domain write *.example.org";
	if (without_port(name).size < name.size && host_is_valid(name))
		return "has a port; leave it out, a host counts for all ports";
	if (has_empty_label(name) || has_byte(name, '%') || !host_is_valid(name))
		return "is no host name";
	return name.size + is_wildcard(whole) > HOSTS_NAME_MAX ? "is longer than any host name" : NULL;
}

/* As it stands in the table: lower case, of a wildcard the ending with its dot. */
static struct bytes write_name(struct bytes whole, uint8_t *out)
{
	struct bytes name = without_dot(is_wildcard(whole) ? bytes_skip(whole, 1) : whole);

	write_lower(name, out);
	return bytes_make(out, name.size);
}

/* Add a name of host `number`; returns how many bytes of `out` it took. */
static size_t add_name(struct hosts *hosts, const char *text, unsigned number, uint8_t *out,
		       const struct place *place, struct problems *problems)
{
	struct bytes whole = bytes_string(text), name;
	const char *mistake = mistake_in(whole);
	struct slot *slot;
	uint64_t hash;

	if (mistake) {
		problems_add(problems, place, "\"%s\" %s", text, mistake);
		return 0;
	}
	name = write_name(whole, out);
	hash = hash_name(name);
	slot = (struct slot *)find_slot(hosts, name, hash);
	if (slot->host > 0) {
		problems_add(problems, place, "\"%s\" is a name of hosts[%u] already", text, slot->host - 1);
		return 0;
	}
	*slot = (struct slot){ hash, name, number };
	if (is_wildcard(whole) && name.size > hosts->wildcard_max)
		hosts->wildcard_max = name.size;
	return name.size;
}

/* Twice as many slots as names, or more, and room for the names. NULL: no memory. */
static struct hosts *allocate(const struct host_spec *specs, unsigned count, uint8_t **ret_text)
{
	size_t names = 1, size = 0, slots = 2;
	struct hosts *hosts;

	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < specs[i].names_count; j++, names++)
			size += strlen(specs[i].names[j]);
	while (slots < 2 * names)
		slots *= 2;
	hosts = mem_alloc_zeroed(1, sizeof(*hosts) + slots * sizeof(hosts->slot[0]) + size);
	if (!hosts)
		return NULL;
	hosts->mask = slots - 1;
	*ret_text = (uint8_t *)&hosts->slot[slots];
	return hosts;
}

struct hosts *hosts_create(const struct host_spec *specs, unsigned count, struct problems *problems)
{
	const struct place *above = PLACE_KEY(NULL, "hosts");
	uint8_t *text;
	struct hosts *hosts = allocate(specs, count, &text);

	if (!hosts)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		const struct place *place = PLACE_ITEM(above, i);

		if (specs[i].names_count == 0)
			problems_add(problems, place, "names is missing: which requests is this host for?");
		for (unsigned j = 0; j < specs[i].names_count; j++)
			text += add_name(hosts, specs[i].names[j], i + 1, text,
					 PLACE_ITEM(PLACE_KEY(place, "names"), j), problems);
	}
	return hosts;
}

void hosts_destroy(struct hosts *hosts)
{
	mem_free(hosts);
}
