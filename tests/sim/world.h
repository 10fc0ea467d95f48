/* SPDX-License-Identifier: MIT */
/*
 * What the whole simulation shares: the session's random numbers, its two clocks, what may go wrong in it,
 * the account of what happened, and the verdict.
 *
 * All of it follows from the seed. One thread is active at a time (session.c), so nothing here is locked.
 * A step is an event: everything that happens has its own number, and what was there between two of them
 * can be asked for later (files.h).
 */
#ifndef QUOIT_TESTS_SIM_WORLD_H
#define QUOIT_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chance {
#define CHANCE(name, most) CHANCE_##name,
#include "chances.def"
#undef CHANCE
	CHANCE_COUNT,
};

struct world {
	uint64_t seed;
	uint64_t random;
	const uint8_t *choices; /* NULL: they are drawn; else taken from here (sim_run_bytes) */
	size_t choice_count;
	size_t choice_at;

	uint64_t step;
	uint64_t now_ms; /* monotonic */
	int64_t wall_ns;

	bool verbose;
	bool calm;     /* nothing goes wrong any more */
	bool starting; /* the server's thread has not begun to serve: no memory fails */
	uint16_t often[CHANCE_COUNT];

	/* What excuses an answer that does not come; the step of the last one, 0: none. */
	uint64_t memory_failed_step;
	uint64_t jumped_back_step; /* the wall clock */
	uint64_t file_failed_step; /* an open, a read or a look at a file */
	uint64_t slow_step;        /* something took longer than a deadline may be */
	uint64_t drained_step;
	uint64_t drained_ms;
	uint64_t stopped_step;
};

extern struct world world;

void world_begin(uint64_t seed);
/* Of a session whose choices are these bytes; when they are used up, nothing goes wrong any more. */
void world_begin_choices(const uint8_t *choices, size_t count);

uint64_t world_random(void);
/* 0 up to count - 1; count > 0. */
uint64_t world_below(uint64_t count);
uint64_t world_between(uint64_t first, uint64_t last);
bool world_happens(enum chance chance);
/* Once in `count` times, also when it is calm. */
bool world_one_in(uint64_t count);

/* The next event's number. */
uint64_t world_next(void);

void world_pass_ms(uint64_t ms);
void world_jump_wall(int64_t ms);
/* What second it was on the wall at some time from `step` on? */
bool world_was_second(int64_t second, uint64_t step);

/* Zeroed memory until the session ends. */
void *world_alloc(size_t size);

/* What happens, for --verbose. */
#define world_log(...)                                                                                       \
	do {                                                                                                 \
		if (world.verbose)                                                                           \
			world_print(__VA_ARGS__);                                                            \
	} while (0)
void world_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The session has failed: say why and how to replay it, and end the process. */
_Noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, of the signal or sanitizer that ends the process. */
void world_say_replay(void);

#define world_check(condition, ...)                                                                          \
	do {                                                                                                 \
		if (__builtin_expect(!(condition), 0))                                                       \
			world_fail(__VA_ARGS__);                                                             \
	} while (0)

#endif
