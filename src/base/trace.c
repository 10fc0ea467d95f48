/* SPDX-License-Identifier: MIT */
/*
 * Formats the lines of a trace; see trace.h.
 *
 * Called through trace_line() by what decides in site/, and only while somebody asks for an
 * explanation. A line that no memory is there for is left out: it explains, it decides nothing.
 */
#include "base/trace.h"

#include <stdarg.h>

#include "base/text.h"

void trace_write(const struct trace *trace, const char *format, ...)
{
	struct text text = TEXT_EMPTY;
	va_list arguments;

	va_start(arguments, format);
	text_format_list(&text, format, arguments);
	va_end(arguments);
	if (!text.failed)
		trace->line(trace->context, text_string(&text));
	text_deinit(&text);
}
