/* SPDX-License-Identifier: MIT */
/* What engine.c and engine_kernel.c share: the operations in the kernel, and how they are carried out. */
#ifndef QUOIT_TESTS_SIM_ENGINE_KERNEL_H
#define QUOIT_TESTS_SIM_ENGINE_KERNEL_H

#include <sys/uio.h>

#include "engine.h"

#define ENGINE_OPERATIONS 4096
#define ENGINE_BATCH 8192

struct engine {
	struct ring *ring;
	uint64_t waits;
	struct operation operation[ENGINE_OPERATIONS];
	unsigned count;
	uint8_t *buffer_owner; /* true: the server has it */
	unsigned buffers_lent;
	struct completion *batch;
	unsigned batch_count;
};

struct engine *engine_state(void);

/* Submissions, as they reach the kernel. */
void engine_start(const struct operation *operation);
void engine_send(const struct operation *operation, const struct iovec *piece, size_t count);
void engine_close(int fd);
void engine_note_look(const struct operation *operation);

/* Make completions of what can complete, and may. */
void engine_complete(void);
/* Nothing has: let the time pass until something may. */
void engine_sleep(uint64_t until_ms);

#endif
