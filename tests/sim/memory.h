/* SPDX-License-Identifier: MIT */
/* The server's memory: every block is counted, and may be refused. */
#ifndef QUOIT_TESTS_SIM_MEMORY_H
#define QUOIT_TESTS_SIM_MEMORY_H

#include <stdint.h>

/* Blocks that were allocated and not freed, and bytes of address space. */
int64_t memory_blocks(void);
int64_t memory_reserved(void);

#endif
