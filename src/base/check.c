/* SPDX-License-Identifier: MIT */
/*
 * The end of a process that found its own state broken.
 *
 * Called by check(); writes with write(2) only, so that it works in any state of the heap and
 * of stdio, and aborts. It never returns and never tries to go on. The thread's witness is asked once: a
 * check that fails within it ends the process as well.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local void (*witness)(void *context);
static _Thread_local void *witness_context;

void check_set_witness(void (*tell)(void *context), void *context)
{
	witness = tell;
	witness_context = context;
}

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
	void (*tell)(void *context) = witness;
	char text[512];
	int size = snprintf(text, sizeof(text), "quoit: check failed: %s (%s:%d)\n", condition, file, line);

	if (size > 0) {
		/* Nothing is left to do when even this cannot be written. */
		ssize_t ignored = write(STDERR_FILENO, text,
					(size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
		(void)ignored;
	}
	witness = NULL;
	if (tell)
		tell(witness_context);
	abort();
}
