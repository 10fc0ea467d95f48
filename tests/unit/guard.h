/* SPDX-License-Identifier: MIT */
/*
 * Memory in which reading one byte too far is fatal, for tests of everything that reads received bytes.
 *
 *   | slack | the copied bytes | page without access |
 *            ^ guard_copy()     ^ reading here is SIGSEGV
 *
 * A sanitizer sees what the compiler instruments; the page also catches wide vector loads, and
 * works in a plain build.
 */
#ifndef QUOIT_TESTS_UNIT_GUARD_H
#define QUOIT_TESTS_UNIT_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes of the readable pages in front of the page without access: room for `size`, at least one page. */
static inline size_t guard_room(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return size == 0 ? page : (size + page - 1) / page * page;
}

/* A writable copy of `size` bytes whose end is the start of a page without access. Never NULL. */
static inline uint8_t *guard_copy(const void *data, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = guard_room(size);
	uint8_t *base = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *copy;

	if (base == MAP_FAILED || mprotect(base + room, page, PROT_NONE) != 0)
		abort();
	copy = base + room - size;
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* Give back what guard_copy() returned for the same `size`. */
static inline void guard_release(uint8_t *copy, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = guard_room(size);

	munmap(copy + size - room, room + page);
}

#endif
