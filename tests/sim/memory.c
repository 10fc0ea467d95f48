/* SPDX-License-Identifier: MIT */
/*
 * Stands in for base/mem: counts, and refuses by chance once the server serves.
 *
 * What the sanitizers see of a leak they see at the end of the process; this sees it at the end of the very
 * session. Counted without locks but atomically: while a server starts and ends two threads may be here.
 */
#include "memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "wrap.h"
#include "world.h"

static _Atomic int64_t blocks;
static _Atomic int64_t reserved;

int64_t memory_blocks(void)
{
	return atomic_load(&blocks);
}

int64_t memory_reserved(void)
{
	return atomic_load(&reserved);
}

static bool is_refused(size_t size)
{
	if (world.starting || !world_happens(CHANCE_memory))
		return false;
	world.memory_failed_step = world_next();
	world_log("no memory for %zu bytes", size);
	return true;
}

static void *counted(void *block)
{
	if (block)
		atomic_fetch_add(&blocks, 1);
	return block;
}

void *__wrap_mem_alloc(size_t size)
{
	return is_refused(size) ? NULL : counted(__real_mem_alloc(size));
}

void *__wrap_mem_alloc_zeroed(size_t count, size_t size)
{
	return is_refused(count * size) ? NULL : counted(__real_mem_alloc_zeroed(count, size));
}

void *__wrap_mem_resize(void *block, size_t size)
{
	void *resized = is_refused(size) ? NULL : __real_mem_resize(block, size);

	if (!block)
		counted(resized);
	return resized;
}

void __wrap_mem_free(void *block)
{
	if (block)
		atomic_fetch_sub(&blocks, 1);
	__real_mem_free(block);
}

void *__wrap_mem_alloc_aligned(size_t size, size_t alignment)
{
	return is_refused(size) ? NULL : counted(__real_mem_alloc_aligned(size, alignment));
}

char *__wrap_mem_string(const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = __wrap_mem_alloc(size);

	return copy ? memcpy(copy, string, size) : NULL;
}

void *__wrap_mem_reserve(size_t size)
{
	void *block = is_refused(size) ? NULL : __real_mem_reserve(size);

	if (block)
		atomic_fetch_add(&reserved, (int64_t)size);
	return block;
}

void __wrap_mem_unreserve(void *block, size_t size)
{
	if (block)
		atomic_fetch_sub(&reserved, (int64_t)size);
	__real_mem_unreserve(block, size);
}
