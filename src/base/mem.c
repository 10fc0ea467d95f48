/* SPDX-License-Identifier: MIT */
/* The only caller of the allocator and of mmap for memory; see mem.h. */
#include "base/mem.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#ifdef QUOIT_SYSTEM_MALLOC
#include <stdlib.h>
#define mi_malloc malloc
#define mi_calloc calloc
#define mi_realloc realloc
#define mi_free free
#define mi_aligned_alloc aligned_alloc
#else
#include <mimalloc.h>
#endif

void *mem_alloc(size_t size)
{
	return mi_malloc(size);
}

void *mem_alloc_zeroed(size_t count, size_t size)
{
	return mi_calloc(count, size);
}

void *mem_resize(void *block, size_t size)
{
	return mi_realloc(block, size);
}

void mem_free(void *block)
{
	mi_free(block);
}

void *mem_alloc_aligned(size_t size, size_t alignment)
{
	size_t whole = (size + alignment - 1) / alignment * alignment;
	void *block = mi_aligned_alloc(alignment, whole);

	return block ? memset(block, 0, whole) : NULL;
}

char *mem_string(const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = mem_alloc(size);

	return copy ? memcpy(copy, string, size) : NULL;
}

void *mem_reserve(size_t size)
{
	void *block =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return block == MAP_FAILED ? NULL : block;
}

void mem_unreserve(void *block, size_t size)
{
	if (block)
		munmap(block, size);
}
