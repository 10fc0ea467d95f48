/* SPDX-License-Identifier: MIT */
/*
 * Random numbers, clocks, the account and the verdict of a session; see world.h.
 *
 * Used by every other part. The one hard thing is that a seed must replay exactly: so nothing here, nor in
 * what uses it, may ask the machine anything, and what is drawn depends on nothing but what was drawn before.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_SIZE ((size_t)64 << 20)
#define SECONDS_MAX 4096

struct world world;

/* What the wall clock showed, since when. */
static struct {
	int64_t second;
	uint64_t step;
} seconds[SECONDS_MAX];
static unsigned second_count;

static uint8_t arena[ARENA_SIZE];
static size_t arena_used;

static const uint16_t most[] = {
#define CHANCE(name, most) most,
#include "chances.def"
#undef CHANCE
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(void)
{
	uint64_t value = world.random += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static uint64_t take_choice(void)
{
	uint64_t value = 0;

	for (int i = 0; i < 2; i++) {
		if (world.choice_at == world.choice_count) {
			world.calm = true;
			return 0;
		}
		value = value << 8 | world.choices[world.choice_at++];
	}
	return value;
}

uint64_t world_random(void)
{
	return world.choices ? take_choice() : draw();
}

uint64_t world_below(uint64_t count)
{
	return world_random() % count;
}

uint64_t world_between(uint64_t first, uint64_t last)
{
	return first + world_below(last - first + 1);
}

bool world_happens(enum chance chance)
{
	return !world.calm && world.often[chance] > 0 && world_below(1024) < world.often[chance];
}

bool world_one_in(uint64_t count)
{
	return world_below(count) == 0;
}

static void note_second(void)
{
	int64_t second = world.wall_ns / 1000000000;

	if (second_count > 0 && seconds[second_count - 1].second == second)
		return;
	if (second_count == SECONDS_MAX)
		memmove(seconds, seconds + 1, --second_count * sizeof(seconds[0]));
	seconds[second_count].second = second;
	seconds[second_count++].step = world.step;
}

static void begin(void)
{
	bool verbose = world.verbose;

	memset(&world, 0, sizeof(world));
	world.verbose = verbose;
	world.step = 1;
	world.starting = true;
	second_count = 0;
	memset(arena, 0, arena_used);
	arena_used = 0;
}

static void draw_chances(void)
{
	for (unsigned i = 0; i < CHANCE_COUNT; i++)
		world.often[i] = world_one_in(2) ? 0 : (uint16_t)world_between(1, most[i]);
}

void world_begin(uint64_t seed)
{
	begin();
	world.seed = seed;
	world.random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	world.now_ms = world_between(1, UINT64_C(1) << 40);
	world.wall_ns = (int64_t)(world_between(UINT64_C(1500000000), UINT64_C(1900000000)) * 1000000000 +
				  world_below(1000000000));
	note_second();
	draw_chances();
}

void world_begin_choices(const uint8_t *choices, size_t count)
{
	begin();
	world.choices = choices;
	world.choice_count = count;
	world.now_ms = 1000000;
	world.wall_ns = INT64_C(1700000000) * 1000000000;
	note_second();
	draw_chances();
}

uint64_t world_next(void)
{
	return ++world.step;
}

void world_pass_ms(uint64_t ms)
{
	if (ms > 50)
		world.slow_step = world.step;
	world.now_ms += ms;
	world.wall_ns += (int64_t)ms * 1000000;
	note_second();
}

void world_jump_wall(int64_t ms)
{
	world.wall_ns += ms * 1000000;
	if (ms < 0)
		world.jumped_back_step = world_next();
	note_second();
}

bool world_was_second(int64_t second, uint64_t step)
{
	for (unsigned i = second_count; i > 0; i--) {
		if (seconds[i - 1].second == second)
			return true;
		if (seconds[i - 1].step < step)
			return false;
	}
	return false;
}

void *world_alloc(size_t size)
{
	void *block = arena + arena_used;

	arena_used += (size + 15) & ~(size_t)15;
	world_check(arena_used <= ARENA_SIZE, "the session's memory is used up");
	return block;
}

void world_print(const char *format, ...)
{
	va_list arguments;

	printf("%8llu %7llu.%03llu  ", (unsigned long long)world.step,
	       (unsigned long long)world.now_ms / 1000, (unsigned long long)world.now_ms % 1000);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void world_say_replay(void)
{
	fflush(stdout);
	if (world.choices)
		fprintf(stderr, "sim: choices of %zu bytes, step %llu\n", world.choice_count,
			(unsigned long long)world.step);
	else
		fprintf(stderr, "sim: seed %llu, step %llu; to replay: tools/sim --seed %llu -v\n",
			(unsigned long long)world.seed, (unsigned long long)world.step,
			(unsigned long long)world.seed);
}

_Noreturn void world_fail(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("sim: failed: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	world_say_replay();
	if (world.choices)
		abort(); /* a fuzzer looks for that */
	_exit(1);
}
