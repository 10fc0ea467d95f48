/* SPDX-License-Identifier: MIT */
/*
 * Lines that tell how a decision came about, for `quoit explain`.
 *
 * Who decides is handed a trace, or NULL by a server at work: then nothing is formatted and a line
 * costs one test of a pointer.
 */
#ifndef QUOIT_BASE_TRACE_H
#define QUOIT_BASE_TRACE_H

struct trace {
	void (*line)(void *context, const char *text); /* without a newline; valid during the call */
	void *context;
};

void trace_write(const struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define trace_line(trace, ...)                                                                               \
	do {                                                                                                 \
		if (trace)                                                                                   \
			trace_write(trace, __VA_ARGS__);                                                     \
	} while (0)

#endif
