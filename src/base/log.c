/* SPDX-License-Identifier: MIT */
/*
 * Warnings on standard error.
 *
 * Called where something is wrong with what is served, seldom and from any thread: a line is one write(2),
 * so lines of several threads do not mix. Names of files come from strangers, so nothing in them may
 * start a line of its own or move a terminal's cursor. A line that cannot be written is lost.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_SIZE 1024
#define KEYS 4096

void log_warning(const char *format, ...)
{
	char line[LINE_MAX_SIZE];
	int prefix = snprintf(line, sizeof(line), "quoit: warning: ");
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(line + prefix, sizeof(line) - 1 - (size_t)prefix, format, arguments);
	va_end(arguments);
	if (size < 0)
		return;
	size += prefix;
	if (size > LINE_MAX_SIZE - 2)
		size = LINE_MAX_SIZE - 2;
	for (int i = prefix; i < size; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[size++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)size) < 0)
		return;
}

bool log_is_new(uint64_t key)
{
	static _Atomic uint64_t told[KEYS];

	return atomic_exchange_explicit(&told[key % KEYS], key, memory_order_relaxed) != key;
}
