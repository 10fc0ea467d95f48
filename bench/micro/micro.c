/* SPDX-License-Identifier: MIT */
/*
 * Clock, statistics and table of the micro benches (micro.h).
 *
 * A case is repeated so often that one sample lasts long beside the reading of the counter and short
 * beside a tick of the scheduler; of many samples the median is the figure and the middle half its spread,
 * so that samples into which an interrupt fell change neither. Called by `meson test --benchmark`
 * once per bench; with --quick by the tests, where only the expectations count.
 */
#include "micro.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/scan.h"

#define SAMPLES_MAX 101
#define NS_PER_SECOND 1000000000

struct micro {
	unsigned samples;
	double sample_ns;
	double ticks_per_ns;
	bool json;
	unsigned rows;
	const char *bench;   /* whose rows are being printed */
	const char *heading; /* of them; NULL once it is printed */
};

struct spread {
	double low, median, high; /* quartiles, ticks per operation */
};

#if defined(__x86_64__)
#define COUNTER "TSC cycles"
#elif defined(__aarch64__)
#define COUNTER "timer ticks" /* of the system's counter, which is slower than the core */
#else
#define COUNTER "nanoseconds"
#endif

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

/* Not before what stands in front of it has been done. */
static uint64_t read_counter(void)
{
#if defined(__x86_64__)
	__builtin_ia32_lfence();
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
#else
	return now_ns();
#endif
}

/* The counter's rate, held against the clock for as long as `ns`. */
static double calibrate(uint64_t ns)
{
	uint64_t begin_ns = now_ns(), begin = read_counter(), end_ns;

	do
		end_ns = now_ns();
	while (end_ns - begin_ns < ns);
	return (double)(read_counter() - begin) / (double)(end_ns - begin_ns);
}

void micro_expect(bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "micro: not as it should be: %s\n", what);
	exit(1);
}

void micro_each_scanner(struct micro *micro, void (*measure)(struct micro *micro, const char *scanner))
{
	static const enum scan_level levels[] = { SCAN_SCALAR, SCAN_SSE42, SCAN_AVX2, SCAN_BEST };
	const char *before = "";

	/* A level that the processor lacks falls back to the one below, which was measured just before. */
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		const char *name = scan_init(levels[i]);

		if (strcmp(name, before) != 0)
			measure(micro, name);
		before = name;
	}
}

static double ticks_of(const struct micro_case *timed, uint64_t rounds)
{
	uint64_t begin = read_counter();

	timed->run(timed->context, rounds);
	return (double)(read_counter() - begin);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct spread measure(const struct micro *micro, const struct micro_case *timed)
{
	double sample[SAMPLES_MAX];
	uint64_t rounds = 1;
	unsigned count = micro->samples;

	while (ticks_of(timed, rounds) < micro->sample_ns * micro->ticks_per_ns)
		rounds *= 2;
	for (unsigned i = 0; i < count; i++)
		sample[i] = ticks_of(timed, rounds) / (double)rounds /
			    (timed->operations > 0 ? timed->operations : 1);
	qsort(sample, count, sizeof(sample[0]), compare);
	return (struct spread){ sample[count / 4], sample[count / 2], sample[count - 1 - count / 4] };
}

static void print_row(struct micro *micro, const struct micro_case *timed, const struct spread *ns,
		      double cycles)
{
	char name[64] = "";

	if (micro->heading)
		printf("\n%-38s%-8s%10s%22s%9s%13s\n", micro->heading, "scanner", "ns", "middle half",
		       "cycles", "bytes/cycle");
	micro->heading = NULL;
	snprintf(name, sizeof(name), timed->bytes > 0 ? "%s, %zu bytes" : "%s", timed->name, timed->bytes);
	printf("  %-36s%-8s%10.1f%11.1f ..%8.1f%9.0f", name, timed->scanner ? timed->scanner : "", ns->median,
	       ns->low, ns->high, cycles);
	if (timed->bytes > 0)
		printf("%13.2f", (double)timed->bytes / cycles);
	printf("\n");
}

static void print_json_row(struct micro *micro, const struct micro_case *timed, const struct spread *ns,
			   double cycles)
{
	printf("%s\n{\"bench\": \"%s\", \"case\": \"%s\", ", micro->rows > 0 ? "," : "", micro->bench,
	       timed->name);
	if (timed->scanner)
		printf("\"scanner\": \"%s\", ", timed->scanner);
	if (timed->bytes > 0)
		printf("\"bytes\": %zu, \"bytes_per_cycle\": %.4f, ", timed->bytes,
		       (double)timed->bytes / cycles);
	printf("\"ns\": %.3f, \"ns_25\": %.3f, \"ns_75\": %.3f, \"cycles\": %.3f}", ns->median, ns->low,
	       ns->high, cycles);
}

void micro_time(struct micro *micro, const struct micro_case *timed)
{
	struct spread ticks = measure(micro, timed);
	struct spread ns = { ticks.low / micro->ticks_per_ns, ticks.median / micro->ticks_per_ns,
			     ticks.high / micro->ticks_per_ns };

	if (micro->json)
		print_json_row(micro, timed, &ns, ticks.median);
	else
		print_row(micro, timed, &ns, ticks.median);
	micro->rows++;
	fflush(stdout);
}

static const struct bench {
	const char *name;
	const char *heading;
	void (*measure)(struct micro *micro);
} benches[] = {
	{ "scan", "scan: index what was received", scan_measure },
	{ "parse", "parse: one request", parse_measure },
	{ "target", "target: split, decode, normalise", target_measure },
	{ "answer", "answer: decide", answer_measure },
	{ "head", "head: write", head_measure },
	{ "date", "date", date_measure },
	{ "accept", "accept: choose", accept_measure },
};
#define BENCHES (sizeof(benches) / sizeof(benches[0]))

static void usage(const char *wrong)
{
	fprintf(stderr, "micro: %s is none of: --quick --json", wrong);
	for (size_t i = 0; i < BENCHES; i++)
		fprintf(stderr, " %s", benches[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

/* Returns which benches are wanted, a bit each. */
static unsigned parse_arguments(struct micro *micro, int argc, char **argv)
{
	unsigned wanted = 0;

	*micro = (struct micro){ .samples = SAMPLES_MAX, .sample_ns = 200000 };
	for (int i = 1; i < argc; i++) {
		size_t which = 0;

		if (strcmp(argv[i], "--json") == 0) {
			micro->json = true;
		} else if (strcmp(argv[i], "--quick") == 0) {
			micro->samples = 3;
			micro->sample_ns = 2000;
		} else {
			while (which < BENCHES && strcmp(argv[i], benches[which].name) != 0)
				which++;
			if (which == BENCHES)
				usage(argv[i]);
			wanted |= 1u << which;
		}
	}
	return wanted > 0 ? wanted : (1u << BENCHES) - 1;
}

int main(int argc, char **argv)
{
	struct micro micro;
	unsigned wanted = parse_arguments(&micro, argc, argv);

	micro.ticks_per_ns = calibrate((uint64_t)micro.sample_ns * 100);
	if (micro.json)
		printf("{\"counter\": \"" COUNTER "\", \"per_ns\": %.4f, \"samples\": %u, \"rows\": [",
		       micro.ticks_per_ns, micro.samples);
	else
		printf("cycles: " COUNTER ", %.3f in a nanosecond; medians of %u samples\n",
		       micro.ticks_per_ns, micro.samples);
	scan_init(SCAN_BEST);
	for (size_t i = 0; i < BENCHES; i++) {
		if (!(wanted >> i & 1))
			continue;
		micro.bench = benches[i].name;
		micro.heading = benches[i].heading;
		benches[i].measure(&micro);
	}
	if (micro.json)
		printf("\n]}\n");
	return 0;
}
