/* SPDX-License-Identifier: MIT */
/* What the operator should know: one line to standard error. For the layer that decides, not for leaf code.
 */
#ifndef QUOIT_BASE_LOG_H
#define QUOIT_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * "quoit: warning: ..." in one write, cut at 1 KiB; bytes below space are shown as "?". Any thread. Never
 * waits: a line that standard error does not take at once is lost.
 */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many lines were lost so far. Any thread. */
uint64_t log_lost(void);

/*
 * May this be said, which is told from other things by its key? True the first time; a key is forgotten only
 * when thousands of others have been told. Any thread.
 */
bool log_is_new(uint64_t key);

#endif
