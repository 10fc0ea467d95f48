/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out: stands in for base/mem in a test program, so that every allocation can be the
 * one that fails.
 *
 * A program that includes this takes nothing from base/mem.c, whose functions are all here.
 */
#ifndef QUOIT_TESTS_UNIT_SCARCE_MEM_H
#define QUOIT_TESTS_UNIT_SCARCE_MEM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SCARCE_NOT UINT32_MAX

/* How many allocations still succeed; after them none does, until it is set again. */
static uint32_t scarce_left = SCARCE_NOT;
static int scarce_once; /* then one fails, and there is memory again */

static inline int scarce_is_out(void)
{
	if (scarce_left == SCARCE_NOT)
		return 0;
	if (scarce_left > 0) {
		scarce_left--;
		return 0;
	}
	if (scarce_once)
		scarce_left = SCARCE_NOT;
	return 1;
}

void *mem_alloc(size_t size)
{
	return scarce_is_out() ? NULL : malloc(size);
}

void *mem_alloc_zeroed(size_t count, size_t size)
{
	return scarce_is_out() ? NULL : calloc(count, size);
}

void *mem_resize(void *block, size_t size)
{
	return scarce_is_out() ? NULL : realloc(block, size);
}

void mem_free(void *block)
{
	free(block);
}

void *mem_alloc_aligned(size_t size, size_t alignment)
{
	size_t whole = (size + alignment - 1) / alignment * alignment;
	void *block = scarce_is_out() ? NULL : aligned_alloc(alignment, whole);

	return block ? memset(block, 0, whole) : NULL;
}

char *mem_string(const char *string)
{
	return scarce_is_out() ? NULL : strdup(string);
}

void *mem_reserve(size_t size)
{
	return mem_alloc_zeroed(1, size);
}

void mem_unreserve(void *block, size_t size)
{
	(void)size;
	free(block);
}

#endif
