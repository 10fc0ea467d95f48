/* SPDX-License-Identifier: MIT */
/*
 * The command line of the simulation: one seed, many seeds, or a time.
 *
 * tools/sim builds and calls it. A failure prints its seed and ends the process with 1 (world_fail()); what a
 * sanitizer or a signal ends says its seed, too.
 */
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"
#include "world.h"

struct wish {
	uint64_t from, count;
	double seconds; /* 0: by count */
	bool named;     /* those of seeds.def */
};

static const struct {
	uint64_t seed;
	const char *found;
} named[] = {
	{ 0, "the first one" },
#define SEED(seed, found) { seed, found },
#include "seeds.def"
#undef SEED
};

static double now(void)
{
	struct timespec time;

	timespec_get(&time, TIME_UTC);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Of the sanitizers, when there are any. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void on_signal(int number)
{
	world_say_replay();
	signal(number, SIG_DFL);
	raise(number);
}

static void usage(FILE *out)
{
	fputs("usage: sim --seed N [-v] | --sessions N [--from N] | --minutes M | --named\n", out);
}

static uint64_t number_of(const char *text)
{
	char *end;
	uint64_t number = strtoull(text, &end, 0);

	if (*text == 0 || *end) {
		fprintf(stderr, "sim: \"%s\" is no number\n", text);
		exit(2);
	}
	return number;
}

static void read_wish(int count, char **arguments, struct wish *ret_wish)
{
	static const struct option flags[] = {
		{ "seed", required_argument, NULL, 's' }, { "sessions", required_argument, NULL, 'n' },
		{ "from", required_argument, NULL, 'f' }, { "minutes", required_argument, NULL, 'm' },
		{ "named", no_argument, NULL, 'N' },      { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },       { NULL, 0, NULL, 0 },
	};
	int flag;

	*ret_wish = (struct wish){ .from = 1, .count = 1000 };
	while ((flag = getopt_long(count, arguments, "vh", flags, NULL)) >= 0) {
		switch (flag) {
		case 's':
			ret_wish->from = number_of(optarg);
			ret_wish->count = 1;
			break;
		case 'n':
			ret_wish->count = number_of(optarg);
			break;
		case 'f':
			ret_wish->from = number_of(optarg);
			break;
		case 'm':
			ret_wish->seconds = 60 * strtod(optarg, NULL);
			ret_wish->from = (uint64_t)time(NULL) << 20;
			break;
		case 'N':
			ret_wish->named = true;
			ret_wish->count = 0;
			break;
		case 'v':
			world.verbose = true;
			break;
		default:
			usage(flag == 'h' ? stdout : stderr);
			exit(flag == 'h' ? 0 : 2);
		}
	}
}

static void run_named(void)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		sim_run(named[i].seed);
	printf("%zu named seeds\n", sizeof(named) / sizeof(named[0]));
}

int main(int count, char **arguments)
{
	double begin = now();
	uint64_t done = 0;
	struct wish wish;

	read_wish(count, arguments, &wish);
	signal(SIGALRM, on_signal);
	if (!__sanitizer_set_death_callback) {
		signal(SIGSEGV, on_signal);
		signal(SIGBUS, on_signal);
		signal(SIGABRT, on_signal);
	}
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(world_say_replay);
	if (wish.named)
		run_named();
	while (wish.seconds > 0 ? now() - begin < wish.seconds : done < wish.count) {
		alarm(60); /* a session that does not come back */
		sim_run(wish.from + done++);
	}
	printf("%llu sessions, %.0f a second\n", (unsigned long long)done, (double)done / (now() - begin));
	return 0;
}
