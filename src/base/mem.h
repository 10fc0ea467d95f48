/* SPDX-License-Identifier: MIT */
/*
 * Memory: mimalloc, and nothing else, in one place.
 *
 * Blocks are not cleared unless the name says so. Every function that returns a pointer
 * returns NULL when there is no memory; callers answer 503 or refuse to start, they do not
 * abort. Under a sanitizer the C library's allocator serves, so that it can watch.
 */
#ifndef QUOIT_BASE_MEM_H
#define QUOIT_BASE_MEM_H

#include <stddef.h>

/* Bytes that processors take from each other as a whole. */
#define CACHE_LINE 64

void *mem_alloc(size_t size);
void *mem_alloc_zeroed(size_t count, size_t size);
void *mem_resize(void *block, size_t size);
void mem_free(void *block);
/* Zeroed, at a multiple of `alignment`, a power of two; freed by mem_free(). */
void *mem_alloc_aligned(size_t size, size_t alignment);
char *mem_string(const char *string);

/*
 * `size` bytes of zeroed address space, backed by memory page by page as it is touched: a
 * table sized for its limit costs what is used of it. NULL when the kernel refuses.
 */
void *mem_reserve(size_t size);
void mem_unreserve(void *block, size_t size);

#endif
