/* SPDX-License-Identifier: MIT */
/*
 * Tells what a worker did last; see recorder.h.
 *
 * Called when a check has failed, in a process that is about to end: no memory is taken, no lock
 * waited for, and every line is a write(2) of its own.
 */
#include "serve/recorder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/op.h"

static const char *op_name(enum op op)
{
	static const char *const names[] = {
		[OP_NONE] = "close or cancel",
		[OP_ACCEPT] = "accept",
		[OP_RECV] = "receive",
		[OP_SEND] = "send",
		[OP_WRITABLE] = "writable",
		[OP_WARM] = "read of cold pages",
		[OP_OPEN] = "open",
		[OP_READ] = "read",
		[OP_WAKE] = "wake",
		[OP_ZERO_COPY] = "zero-copy send",
	};

	return (size_t)op < sizeof(names) / sizeof(names[0]) ? names[op] : "unknown";
}

/* Whose operation it was. */
static const char *owner_name(enum op op)
{
	switch (op) {
	case OP_RECV:
	case OP_SEND:
	case OP_WRITABLE:
	case OP_WARM:
		return "connection";
	case OP_ACCEPT:
		return "listener";
	case OP_OPEN:
	case OP_READ:
		return "fetch";
	case OP_NONE:
	case OP_WAKE:
	case OP_ZERO_COPY:
		break;
	}
	return "slot";
}

size_t recorder_describe(const struct event *event, uint64_t now_ms, char *ret_text, size_t capacity)
{
	uint32_t ago_ms = (uint32_t)now_ms - event->time_ms;
	enum op op = op_kind(event->tag);
	const char *error = event->result < 0 ? strerrorname_np(-event->result) : NULL;
	char result[24];
	int size;

	if (error)
		snprintf(result, sizeof(result), "-%s", error);
	else
		snprintf(result, sizeof(result), "%d", event->result);
	if (event->tag == RECORDER_TURN)
		size = snprintf(ret_text, capacity, "%6u ms ago: turn of %d", ago_ms, event->result);
	else
		size = snprintf(ret_text, capacity, "%6u ms ago:   %s, %s %u.%u: %s", ago_ms, op_name(op),
				owner_name(op), op_index(event->tag), op_generation(event->tag), result);
	return size < 0 ? 0 : (size_t)size < capacity ? (size_t)size : capacity - 1;
}

void recorder_print(const struct recorder *recorder, unsigned count, uint64_t now_ms, const char *prefix)
{
	uint32_t held = recorder->count < RECORDER_EVENTS ? recorder->count : RECORDER_EVENTS;
	char line[RECORDER_LINE];

	if (count > held)
		count = held;
	for (uint32_t i = recorder->count - count; i != recorder->count; i++) {
		const struct event *event = &recorder->event[i % RECORDER_EVENTS];
		int head = snprintf(line, sizeof(line), "%s", prefix);
		size_t size = head < 0 ? 0 : (size_t)head;

		if (size >= sizeof(line) - 1)
			size = 0; /* no room for both: the event is what counts */
		size += recorder_describe(event, now_ms, line + size, sizeof(line) - 1 - size);
		line[size++] = '\n';
		if (write(STDERR_FILENO, line, size) < 0)
			return; /* nobody listens */
	}
}
