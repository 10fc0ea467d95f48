/* SPDX-License-Identifier: MIT */
/*
 * The table of thresholds, and the order in which they are measured.
 *
 * A threshold is a row here and nothing else. What was recommended for one row holds in the rows behind it:
 * how sendfile is best begun is known before sendfile is compared with memory. A row whose option the server
 * does not have is passed over, so the table may know more than the server.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calibrate.h"
#include "cli.h"
#include "quoit.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static const struct calibrate_threshold thresholds[] = {
	{
		.option = "cork",
		.kind = CALIBRATE_UP_TO,
		.first = "head with body",
		.second = "head alone",
		.fixed = "small=0",
		.size_first = 16 * KIB,
		.size_last = 512 * KIB,
		.size_step = 2,
		.connections = 32,
	},
	{
		.option = "small",
		.kind = CALIBRATE_UP_TO,
		.first = "one send",
		.second = "sendfile",
		.remark = "these files take room in --memory",
		.size_first = 4 * KIB,
		.size_last = 256 * KIB,
		.size_step = 2,
		.connections = 32,
	},
	{
		.option = "zero-copy",
		.kind = CALIBRATE_FROM,
		.first = "one send",
		.second = "zero copy",
		.remark = "it counts for files up to --small, and above that there is sendfile",
		.fixed = "small=1M",
		.size_first = 16 * KIB,
		.size_last = 512 * KIB,
		.size_step = 2,
		.connections = 16,
	},
	{
		.option = "turn",
		.kind = CALIBRATE_VALUE,
		.first = "turns of",
		.second = "turns of",
		.size_first = MIB,
		.size_last = 8 * MIB,
		.size_step = 8,
		.value_first = 64 * KIB,
		.value_last = MIB,
		.connections = 8,
	},
};

#define THRESHOLD_COUNT (sizeof(thresholds) / sizeof(thresholds[0]))
_Static_assert(THRESHOLD_COUNT <= CALIBRATE_RESULTS_MAX, "there is no room for the results");

/* The default, or false when there is no such option. */
static bool find_default(const char *name, uint64_t *ret_size)
{
	struct quoit_option option;

	for (unsigned i = 0; quoit_option(i, &option) == 0; i++)
		if (strcmp(option.name, name) == 0)
			return calibrate_size_read(option.fallback, ret_size);
	return false;
}

static bool is_asked(const struct calibrate *run, const struct calibrate_threshold *threshold)
{
	return !run->only || strcmp(run->only, threshold->option) == 0;
}

bool calibrate_measure_knows(const char *option)
{
	uint64_t fallback;

	for (size_t i = 0; i < THRESHOLD_COUNT; i++)
		if (strcmp(option, thresholds[i].option) == 0)
			return find_default(option, &fallback);
	return false;
}

const char *calibrate_measure_names(char *out, size_t room)
{
	size_t size = 0;
	uint64_t fallback;

	out[0] = 0;
	for (size_t i = 0; i < THRESHOLD_COUNT && size < room; i++)
		if (find_default(thresholds[i].option, &fallback))
			size += (size_t)snprintf(out + size, room - size, "%s%s", size ? ", " : "",
						 thresholds[i].option);
	return out;
}

static void add(struct calibrate_result *result, uint64_t size, uint64_t first, uint64_t second)
{
	struct calibrate_comparison *comparison = &result->comparison[result->count++];

	*comparison = (struct calibrate_comparison){ .size = size, .value = { first, second } };
}

/* What is to be compared for a threshold, smallest size first. */
static void plan(struct calibrate_result *result, bool is_quick)
{
	const struct calibrate_threshold *threshold = result->threshold;
	unsigned size_step = is_quick ? threshold->size_step * threshold->size_step : threshold->size_step;
	unsigned value_step = is_quick ? 4 : 2;

	for (uint64_t size = threshold->size_first; size <= threshold->size_last; size *= size_step) {
		if (threshold->kind == CALIBRATE_UP_TO)
			add(result, size, size, size - 1);
		else if (threshold->kind == CALIBRATE_FROM)
			add(result, size, size + 1, size);
		else
			for (uint64_t value = threshold->value_first; value <= threshold->value_last;
			     value *= value_step)
				if (value != result->fallback)
					add(result, size, value, result->fallback);
	}
}

static void plan_all(struct calibrate *run)
{
	for (size_t i = 0; i < THRESHOLD_COUNT; i++) {
		struct calibrate_result *result = &run->result[run->result_count];
		uint64_t fallback;

		if (!is_asked(run, &thresholds[i]) || !find_default(thresholds[i].option, &fallback))
			continue;
		*result = (struct calibrate_result){ .threshold = &thresholds[i], .fallback = fallback };
		result->recommended = fallback;
		plan(result, run->is_quick);
		run->result_count++;
	}
}

/* On a terminal: what is measured, and how long the rest takes at the pace so far. */
struct progress {
	unsigned done, total;
	struct timespec begin;
};

static void show_progress(const struct progress *progress, const struct calibrate_result *result,
			  const struct calibrate_comparison *comparison)
{
	char size[CALIBRATE_SIZE_TEXT];
	struct timespec now;
	double elapsed;

	if (!isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	elapsed = (double)(now.tv_sec - progress->begin.tv_sec) +
		  (double)(now.tv_nsec - progress->begin.tv_nsec) / 1e9;
	fprintf(stderr, "\r\033[K%s: %s files, %u of %u", result->threshold->option,
		calibrate_size_write(comparison->size, size), progress->done + 1, progress->total);
	if (progress->done > 0)
		fprintf(stderr, ", %.0f s left",
			elapsed / progress->done * (progress->total - progress->done));
	fflush(stderr);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* What both servers get: what is recommended so far, then what the row wants. */
static void fix_options(const struct calibrate *run, const struct calibrate_result *result, char (*text)[96],
			const char **ret_fixed)
{
	unsigned count = 0;

	for (const struct calibrate_result *before = run->result; before < result; before++) {
		char size[CALIBRATE_SIZE_TEXT];

		snprintf(text[count], sizeof(text[count]), "%s=%s", before->threshold->option,
			 calibrate_size_write(before->recommended, size));
		ret_fixed[count] = text[count];
		count++;
	}
	if (result->threshold->fixed)
		ret_fixed[count++] = result->threshold->fixed;
	ret_fixed[count] = NULL;
}

static int measure_result(struct calibrate_bench *bench, struct calibrate *run,
			  struct calibrate_result *result, struct progress *progress)
{
	const char *fixed[CALIBRATE_RESULTS_MAX + 1];
	char text[CALIBRATE_RESULTS_MAX][96];
	int code = CLI_OK;

	fix_options(run, result, text, fixed);
	for (unsigned i = 0; i < result->count && code == CLI_OK; i++) {
		struct calibrate_comparison *comparison = &result->comparison[i];

		show_progress(progress, result, comparison);
		code = calibrate_bench_compare(bench, result->threshold, fixed, comparison, run->engine);
		/* On another machine the client's time is no longer the price of the server's. */
		if (code == CLI_OK)
			calibrate_judge_comparison(comparison, !run->via);
		progress->done++;
	}
	end_progress();
	if (code == CLI_OK)
		calibrate_judge_threshold(result);
	else if (bench->trouble[0])
		cli_error(code, "%s", bench->trouble);
	return code;
}

int calibrate_measure(struct calibrate_bench *bench, struct calibrate *run)
{
	struct progress progress = { 0 };
	int code = CLI_OK;

	plan_all(run);
	for (unsigned i = 0; i < run->result_count; i++)
		progress.total += run->result[i].count;
	clock_gettime(CLOCK_MONOTONIC, &progress.begin);
	for (unsigned i = 0; i < run->result_count && code == CLI_OK; i++)
		code = measure_result(bench, run, &run->result[i], &progress);
	return code;
}
