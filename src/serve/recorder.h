/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder of a worker: what it did last, for the moment when something is wrong with it.
 *
 * One event for each turn of the loop and each completion, written over the oldest one. To record is two
 * stores and belongs to the worker's thread alone.
 */
#ifndef QUOIT_SERVE_RECORDER_H
#define QUOIT_SERVE_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#define RECORDER_EVENTS 256 /* a power of two */
#define RECORDER_LINE 128   /* the longest line */

struct event {
	uint64_t tag;     /* of the completion (io/op.h); RECORDER_TURN: how a turn began */
	int32_t result;   /* of the completion; of a turn, how many it brought */
	uint32_t time_ms; /* of the worker's clock, the lower 32 bits */
};

#define RECORDER_TURN UINT64_MAX

struct recorder {
	uint32_t count; /* events ever recorded */
	struct event event[RECORDER_EVENTS];
};

static inline void recorder_note(struct recorder *recorder, uint64_t tag, int32_t result, uint64_t time_ms)
{
	struct event event = { tag, result, (uint32_t)time_ms };

	recorder->event[recorder->count++ % RECORDER_EVENTS] = event;
}

/* The event as a line without its end, cut at `capacity`; times are told from `now_ms` back. */
size_t recorder_describe(const struct event *event, uint64_t now_ms, char *ret_text, size_t capacity);

/* The last `count` events, oldest first, each in a line on standard error that begins with `prefix`. */
void recorder_print(const struct recorder *recorder, unsigned count, uint64_t now_ms, const char *prefix);

#endif
