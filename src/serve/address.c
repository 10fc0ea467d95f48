/* SPDX-License-Identifier: MIT */
/*
 * The table of addresses that have connections; see address.h.
 *
 * Called by accept for each connection, and by conn when its slot is given back. Entries are there for
 * addresses that have a connection, so there are never more of them than connections; they keep their places,
 * so that whoever leaves need not look. Chains of entries that hash alike begin in a bucket; the hash has a
 * secret, since strangers choose addresses (of IPv6, billions of them). One lock for all: it is held for some
 * fifty nanoseconds, and an accept costs a hundred times that.
 */
#include "serve/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

struct key {
	uint64_t prefix; /* in the order of the bytes in the address */
	uint64_t family;
};

struct counted {
	struct key key;
	uint32_t count; /* connections; 0: a free entry */
	uint32_t next;  /* place of the next in the chain, or of the next free one; 0: none */
};

struct range {
	struct in6_addr address; /* of an IPv4 one the first four bytes */
	int family;
	unsigned bits;
};

struct addresses {
	pthread_mutex_t lock;
	struct counted *entry; /* entry[place - 1] */
	uint32_t *bucket;      /* places; 0: empty */
	uint32_t capacity;
	uint32_t bucket_count; /* a power of two */
	uint32_t touched;      /* entries ever used */
	uint32_t free;         /* place of the first free one */
	uint64_t limit;
	uint64_t secret;
	struct range *exempt;
	unsigned exempt_count;
};

/* Ranges */

static unsigned bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* "10.0.0.0/8", "2001:db8::1"; size is that of the text. */
static bool read_range(const char *text, size_t size, struct range *ret_range)
{
	char copy[INET6_ADDRSTRLEN + sizeof("/128")];
	char *slash, *end;
	unsigned long bits;

	if (size == 0 || size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	*ret_range = (struct range){ .family = strchr(copy, ':') ? AF_INET6 : AF_INET };
	if (inet_pton(ret_range->family, copy, &ret_range->address) != 1)
		return false;
	ret_range->bits = bits_of(ret_range->family);
	if (!slash)
		return true;
	/* strtoul would take spaces and signs. */
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	if (*end || bits > ret_range->bits)
		return false;
	ret_range->bits = (unsigned)bits;
	return true;
}

/* With NULL they are only counted. */
static int read_ranges(const char *text, struct range *ret_ranges, unsigned *ret_count, struct fault *fault)
{
	unsigned count = 0;

	for (text += strspn(text, " "); *text; text += strspn(text, ", ")) {
		size_t size = strcspn(text, ", ");
		struct range range;

		if (!read_range(text, size, &range))
			return fault_set(fault, -EINVAL,
					 "\"%.*s\" is no address, nor one with the bits that count behind a "
					 "slash, as in 10.0.0.0/8",
					 (int)size, text);
		if (count == ADDRESS_RANGES_MAX)
			return fault_set(fault, -EINVAL, "there are more than %d; use shorter prefixes",
					 ADDRESS_RANGES_MAX);
		if (ret_ranges)
			ret_ranges[count] = range;
		count++;
		text += size;
	}
	*ret_count = count;
	return 0;
}

int address_check_ranges(const char *text, struct fault *fault)
{
	unsigned count;

	return read_ranges(text, NULL, &count, fault);
}

static bool is_in(const struct range *range, int family, const uint8_t *address)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;
	const uint8_t *first = range->address.s6_addr;

	if (range->family != family || memcmp(first, address, whole) != 0)
		return false;
	return rest == 0 || (first[whole] ^ address[whole]) >> (8 - rest) == 0;
}

/* Life */

int address_create(uint64_t limit, uint64_t connections, const char *exempt, struct addresses **ret_addresses,
		   struct fault *fault)
{
	struct addresses *addresses = mem_alloc_zeroed(1, sizeof(*addresses));
	int error;

	if (!addresses)
		return fault_set(fault, -ENOMEM, "no memory for the table of addresses");
	pthread_mutex_init(&addresses->lock, NULL);
	addresses->limit = limit;
	addresses->capacity = (uint32_t)connections;
	addresses->bucket_count = 64;
	while (addresses->bucket_count < addresses->capacity)
		addresses->bucket_count *= 2;
	addresses->entry = mem_reserve(addresses->capacity * sizeof(*addresses->entry));
	addresses->bucket = mem_reserve(addresses->bucket_count * sizeof(*addresses->bucket));
	addresses->exempt = mem_alloc(ADDRESS_RANGES_MAX * sizeof(*addresses->exempt));
	if (!addresses->entry || !addresses->bucket || !addresses->exempt) {
		address_destroy(addresses);
		return fault_set(fault, -ENOMEM,
				 "no memory for the table of addresses; use fewer --connections");
	}
	error = read_ranges(exempt, addresses->exempt, &addresses->exempt_count, fault);
	if (error == 0 &&
	    getrandom(&addresses->secret, sizeof(addresses->secret), 0) != (ssize_t)sizeof(addresses->secret))
		error = fault_set(fault, -errno, "no random number from the kernel: %s", strerror(errno));
	if (error < 0) {
		address_destroy(addresses);
		return error;
	}
	*ret_addresses = addresses;
	return 0;
}

void address_destroy(struct addresses *addresses)
{
	if (!addresses)
		return;
	mem_unreserve(addresses->entry, addresses->capacity * sizeof(*addresses->entry));
	mem_unreserve(addresses->bucket, addresses->bucket_count * sizeof(*addresses->bucket));
	mem_free(addresses->exempt);
	pthread_mutex_destroy(&addresses->lock);
	mem_free(addresses);
}

/* Connections */

/* The bytes of an address, and of which family it is, whatever it came as. NULL: of neither. */
static const uint8_t *bytes_of(const struct sockaddr_storage *peer, int *ret_family)
{
	const struct in6_addr *address = &((const struct sockaddr_in6 *)peer)->sin6_addr;

	*ret_family = AF_INET;
	if (peer->ss_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)peer)->sin_addr;
	if (peer->ss_family != AF_INET6)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(address))
		return &address->s6_addr[12];
	*ret_family = AF_INET6;
	return address->s6_addr;
}

static uint32_t *bucket_of(struct addresses *addresses, const struct key *key)
{
	uint64_t hash = XXH3_64bits_withSeed(key, sizeof(*key), addresses->secret);

	return &addresses->bucket[hash & (addresses->bucket_count - 1)];
}

static uint32_t find(const struct addresses *addresses, uint32_t place, const struct key *key)
{
	while (place != 0 && memcmp(&addresses->entry[place - 1].key, key, sizeof(*key)) != 0)
		place = addresses->entry[place - 1].next;
	return place;
}

static uint32_t add(struct addresses *addresses, uint32_t *bucket, const struct key *key)
{
	uint32_t place = addresses->free;

	if (place != 0)
		addresses->free = addresses->entry[place - 1].next;
	else
		place = ++addresses->touched;
	/* Each has a connection, and there are no more than `capacity` of those. */
	check(place <= addresses->capacity);
	addresses->entry[place - 1] = (struct counted){ .key = *key, .count = 1, .next = *bucket };
	*bucket = place;
	return place;
}

static uint32_t enter(struct addresses *addresses, const struct key *key)
{
	uint32_t *bucket = bucket_of(addresses, key);
	uint32_t place = find(addresses, *bucket, key);

	if (place == 0)
		return add(addresses, bucket, key);
	if (addresses->entry[place - 1].count >= addresses->limit)
		return ADDRESS_FULL;
	addresses->entry[place - 1].count++;
	return place;
}

uint32_t address_enter(struct addresses *addresses, const struct sockaddr_storage *peer)
{
	struct key key = { 0 };
	const uint8_t *bytes;
	uint32_t place;
	int family;

	bytes = bytes_of(peer, &family);
	if (!bytes)
		return ADDRESS_NONE;
	for (unsigned i = 0; i < addresses->exempt_count; i++)
		if (is_in(&addresses->exempt[i], family, bytes))
			return ADDRESS_NONE;
	key.family = (uint64_t)family;
	memcpy(&key.prefix, bytes, family == AF_INET ? 4 : 8);
	pthread_mutex_lock(&addresses->lock);
	place = enter(addresses, &key);
	pthread_mutex_unlock(&addresses->lock);
	return place;
}

void address_leave(struct addresses *addresses, uint32_t place)
{
	struct counted *entry = &addresses->entry[place - 1];
	uint32_t *link;

	pthread_mutex_lock(&addresses->lock);
	check(place <= addresses->touched && entry->count > 0);
	if (--entry->count == 0) {
		link = bucket_of(addresses, &entry->key);
		while (*link != place)
			link = &addresses->entry[*link - 1].next;
		*link = entry->next;
		entry->next = addresses->free;
		addresses->free = place;
	}
	pthread_mutex_unlock(&addresses->lock);
}
