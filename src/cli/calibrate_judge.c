/* SPDX-License-Identifier: MIT */
/*
 * From rounds to a recommendation. Pure: no clock, no system call.
 *
 * What noise is: of each pair of neighbouring rounds the ratio first / second is taken, and of all of them
 * the median and the two that enclose it with 95 % certainty (order statistics: nothing is assumed of
 * the distribution). A way is cheaper when both lie on its side of 1 and the median at least CALIBRATE_WORTH
 * away from it.
 *
 * A threshold that is a size divides the sizes into those where the first way should be cheaper and
 * those where the second should. Verdicts that no division fits decide nothing. A threshold
 * that is none is left for a value that is better in something and worse in nothing.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate.h"

bool calibrate_size_read(const char *text, uint64_t *ret_size)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	unsigned long long size = strtoull(text, &end, 10);

	if (end == text || text[0] == '-')
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit)
		end++;
	if (*end)
		return false;
	*ret_size = unit ? size << 10 * (unit - units + 1) : size;
	return true;
}

const char *calibrate_size_write(uint64_t size, char out[CALIBRATE_SIZE_TEXT])
{
	static const char units[] = "\0KMGT";
	unsigned unit = 0;

	while (size > 0 && size % 1024 == 0 && unit + 1 < sizeof(units) - 1) {
		size /= 1024;
		unit++;
	}
	snprintf(out, CALIBRATE_SIZE_TEXT, "%llu%.1s", (unsigned long long)size, &units[unit]);
	return out;
}

const char *calibrate_way(const struct calibrate_result *result,
			  const struct calibrate_comparison *comparison, unsigned which, char *out,
			  size_t room)
{
	const struct calibrate_threshold *threshold = result->threshold;
	const char *name = which == 0 ? threshold->first : threshold->second;
	char value[CALIBRATE_SIZE_TEXT];

	if (threshold->kind == CALIBRATE_VALUE)
		snprintf(out, room, "%s %s", name, calibrate_size_write(comparison->value[which], value));
	else
		snprintf(out, room, "%s", name);
	return out;
}

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Of sorted values. */
static double middle(const double *sorted, unsigned count)
{
	return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/*
 * How many of `count` sorted values may be left out at each end so that the rest still encloses the median
 * with 95 %: the chance of k or fewer heads in `count` throws is at most 2.5 %. Below six values even
 * all of them are less certain.
 */
static unsigned outside(unsigned count)
{
	double ways = 1, sum = 1, all = (double)(UINT64_C(1) << count);
	unsigned out = 0;

	while (out + 1 < count / 2) {
		ways = ways * (count - out) / (out + 1);
		sum += ways;
		if (sum / all > 0.025)
			break;
		out++;
	}
	return out;
}

static struct calibrate_spread spread(double *values, unsigned count)
{
	unsigned out = outside(count);

	qsort(values, count, sizeof(values[0]), compare_doubles);
	return (struct calibrate_spread){ middle(values, count), values[out], values[count - 1 - out] };
}

static double median(const struct calibrate_cost *rounds, unsigned count, size_t figure)
{
	double values[CALIBRATE_PAIRS_MAX];

	for (unsigned i = 0; i < count; i++)
		values[i] = *(const double *)((const char *)&rounds[i] + figure);
	qsort(values, count, sizeof(values[0]), compare_doubles);
	return middle(values, count);
}

/* Of one figure of the rounds. A figure that is missing in a round is missing altogether: all 0. */
static struct calibrate_spread compare(const struct calibrate_comparison *comparison, size_t figure)
{
	double ratios[CALIBRATE_PAIRS_MAX];

	for (unsigned i = 0; i < comparison->pairs; i++) {
		double first = *(const double *)((const char *)&comparison->rounds[0][i] + figure);
		double second = *(const double *)((const char *)&comparison->rounds[1][i] + figure);

		if (first <= 0 || second <= 0)
			return (struct calibrate_spread){ 0 };
		ratios[i] = first / second;
	}
	return spread(ratios, comparison->pairs);
}

static enum calibrate_verdict judge(const struct calibrate_spread *ratio, double worth)
{
	if (ratio->median > 0 && ratio->high < 1 && ratio->median <= 1 - worth)
		return CALIBRATE_FIRST;
	if (ratio->low > 1 && ratio->median >= 1 + worth)
		return CALIBRATE_SECOND;
	return CALIBRATE_UNDECIDED;
}

void calibrate_judge_comparison(struct calibrate_comparison *comparison, bool both_counts)
{
	enum calibrate_verdict both;

	for (unsigned which = 0; which < 2; which++) {
		const struct calibrate_cost *rounds = comparison->rounds[which];

		comparison->median[which] = (struct calibrate_cost){
			median(rounds, comparison->pairs, offsetof(struct calibrate_cost, server_us)),
			median(rounds, comparison->pairs, offsetof(struct calibrate_cost, both_us)),
			median(rounds, comparison->pairs, offsetof(struct calibrate_cost, p99_us)),
		};
	}
	comparison->server = compare(comparison, offsetof(struct calibrate_cost, server_us));
	comparison->both = compare(comparison, offsetof(struct calibrate_cost, both_us));
	comparison->p99 = compare(comparison, offsetof(struct calibrate_cost, p99_us));
	comparison->verdict = judge(&comparison->server, CALIBRATE_WORTH);
	both = judge(&comparison->both, CALIBRATE_WORTH);
	if (both_counts && both != CALIBRATE_UNDECIDED && both != comparison->verdict)
		comparison->verdict = CALIBRATE_UNDECIDED;
}

static void say(struct calibrate_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Append to the sentence. */
static void say(struct calibrate_result *result, const char *format, ...)
{
	size_t size = strlen(result->why);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(result->why + size, sizeof(result->why) - size, format, arguments);
	va_end(arguments);
}

static void say_ratio(struct calibrate_result *result, const struct calibrate_spread *ratio)
{
	say(result, " (ratio %.2f, %.2f..%.2f)", ratio->median, ratio->low, ratio->high);
}

/* Where the verdicts change sides. */
struct edge {
	const struct calibrate_comparison *below; /* the largest size at which the first way is cheaper */
	const struct calibrate_comparison *above; /* the smallest at which the second is */
};

static struct edge find_edge(const struct calibrate_result *result)
{
	struct edge edge = { NULL, NULL };

	for (unsigned i = 0; i < result->count; i++) {
		const struct calibrate_comparison *comparison = &result->comparison[i];

		if (comparison->verdict == CALIBRATE_FIRST)
			edge.below = comparison;
		else if (comparison->verdict == CALIBRATE_SECOND && !edge.above)
			edge.above = comparison;
	}
	return edge;
}

/* The value that the verdicts allow: the default, or the nearest to it. */
static uint64_t allowed(const struct calibrate_result *result, const struct edge *edge)
{
	uint64_t value = result->fallback;

	if (result->threshold->kind == CALIBRATE_UP_TO) {
		if (edge->below && value < edge->below->size)
			return edge->below->size;
		if (edge->above && value >= edge->above->size)
			return edge->below ? edge->below->size : edge->above->size / 2;
		return value;
	}
	if (edge->above)
		return value == 0 || value > edge->above->size || (edge->below && value <= edge->below->size)
			       ? edge->above->size
			       : value;
	return edge->below && value <= edge->below->size ? 0 : value;
}

static void say_edge(struct calibrate_result *result, const struct edge *edge)
{
	const struct calibrate_threshold *threshold = result->threshold;
	char size[CALIBRATE_SIZE_TEXT];

	say(result, "%s was", threshold->first);
	if (edge->below) {
		say(result, " cheaper than %s up to %s", threshold->second,
		    calibrate_size_write(edge->below->size, size));
		say_ratio(result, &edge->below->server);
		if (edge->below == &result->comparison[result->count - 1])
			say(result, ", the largest size measured");
	}
	if (edge->above) {
		say(result, "%s dearer%s%s from %s on", edge->below ? " and" : "",
		    edge->below ? "" : " than ", edge->below ? "" : threshold->second,
		    calibrate_size_write(edge->above->size, size));
		say_ratio(result, &edge->above->server);
		if (edge->above == &result->comparison[0])
			say(result, ", the smallest size measured");
	}
}

static void say_outcome(struct calibrate_result *result)
{
	const char *remark = result->threshold->remark;
	char size[CALIBRATE_SIZE_TEXT];

	calibrate_size_write(result->fallback, size);
	if (result->recommended == result->fallback)
		say(result, "; the default %s fits", size);
	else
		say(result, "; the default %s does not fit%s%s", size,
		    remark && result->recommended > result->fallback ? "; " : "",
		    remark && result->recommended > result->fallback ? remark : "");
}

static void judge_size(struct calibrate_result *result)
{
	const struct calibrate_threshold *threshold = result->threshold;
	struct edge edge = find_edge(result);
	char below[CALIBRATE_SIZE_TEXT], above[CALIBRATE_SIZE_TEXT];

	if (!edge.below && !edge.above) {
		say(result,
		    "at no size was a difference between %s and %s beyond noise, so the default stays",
		    threshold->first, threshold->second);
		return;
	}
	if (edge.below && edge.above && edge.below->size > edge.above->size) {
		say(result,
		    "undecided, so the default stays: %s was dearer than %s at %s and yet cheaper at %s",
		    threshold->first, threshold->second, calibrate_size_write(edge.above->size, above),
		    calibrate_size_write(edge.below->size, below));
		return;
	}
	result->is_decided = true;
	result->recommended = allowed(result, &edge);
	say_edge(result, &edge);
	say_outcome(result);
}

/* How one value did against the default, over all sizes of files. */
struct record {
	unsigned better, worse, unknown;
	double product; /* of all ratios: the smaller the better */
	const struct calibrate_comparison *best;
};

static void enter(struct record *record, const struct calibrate_comparison *comparison,
		  enum calibrate_verdict verdict)
{
	record->better += verdict == CALIBRATE_FIRST;
	record->worse += verdict == CALIBRATE_SECOND;
	if (verdict == CALIBRATE_FIRST && !record->best)
		record->best = comparison;
}

static struct record record_of(const struct calibrate_result *result, uint64_t value)
{
	struct record record = { .product = 1 };

	for (unsigned i = 0; i < result->count; i++) {
		const struct calibrate_comparison *comparison = &result->comparison[i];

		if (comparison->value[0] != value)
			continue;
		enter(&record, comparison, comparison->verdict);
		enter(&record, comparison, judge(&comparison->p99, CALIBRATE_WORTH_P99));
		record.unknown += comparison->p99.median <= 0;
		record.product *= comparison->server.median * comparison->p99.median;
	}
	return record;
}

static void say_value(struct calibrate_result *result, const struct calibrate_comparison *best)
{
	char way[64], other[64], size[CALIBRATE_SIZE_TEXT];

	say(result, "with files of %s, %s cost the server, against %s,",
	    calibrate_size_write(best->size, size), calibrate_way(result, best, 0, way, sizeof(way)),
	    calibrate_way(result, best, 1, other, sizeof(other)));
	say(result, " %.2f (%.2f..%.2f) of the CPU time", best->server.median, best->server.low,
	    best->server.high);
	say(result, ", and the p99 of a small file beside them was %.2f (%.2f..%.2f) of what it was",
	    best->p99.median, best->p99.low, best->p99.high);
}

static void judge_value(struct calibrate_result *result)
{
	const struct calibrate_comparison *best = NULL;
	bool is_known = true;
	double product = 1;

	for (unsigned i = 0; i < result->count; i++) {
		struct record record = record_of(result, result->comparison[i].value[0]);

		result->is_decided = result->is_decided || record.better > 0 || record.worse > 0;
		is_known = is_known && record.unknown == 0;
		if (record.better > 0 && record.worse + record.unknown == 0 && record.product < product) {
			product = record.product;
			best = record.best;
		}
	}
	if (!best) {
		say(result,
		    "no other value was better for the server's CPU time, or for the p99 of a small file "
		    "beside it, and in nothing worse; so the default stays");
		if (!is_known)
			say(result, " (for want of answers, not every p99 is known)");
		return;
	}
	result->recommended = best->value[0];
	say_value(result, best);
}

void calibrate_judge_threshold(struct calibrate_result *result)
{
	result->recommended = result->fallback;
	result->is_decided = false;
	result->why[0] = 0;
	if (result->threshold->kind == CALIBRATE_VALUE)
		judge_value(result);
	else
		judge_size(result);
}
