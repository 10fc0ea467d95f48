/* SPDX-License-Identifier: MIT */
/*
 * http/http1: from received bytes to a struct request, the way serve/receive goes: index the buffer once,
 * then walk the bits of one request after the other.
 *
 * The figure is per request, also in the batch, which shows what indexing all at once is worth. The
 * second row of each sample leaves the indexing out.
 */
#include "http/http1.h"
#include "micro.h"
#include "requests.h"

static const struct http1_limits limits = { .head_size_max = 16384,
					    .target_size_max = 8192,
					    .fields_max = 100 };
static struct scan scan;
static struct request request;
static unsigned parsed;

static inline void walk(const struct sample *sample)
{
	size_t at = 0;

	for (parsed = 0; at < sample->text.size; parsed++, at += request.head_size)
		if (http1_parse(&scan, at, &limits, &request) != HTTP1_COMPLETE)
			return;
}

static void run_walk(void *context, uint64_t rounds)
{
	while (rounds-- > 0) {
		walk(context);
		micro_use(&request);
	}
}

static void run_index_and_walk(void *context, uint64_t rounds)
{
	const struct sample *sample = context;

	while (rounds-- > 0) {
		scan_index(&scan, sample->text.base, sample->text.size);
		walk(sample);
		micro_use(&request);
	}
}

static void measure_one(struct micro *micro, const char *scanner, const struct sample *sample,
			const struct micro_case *how)
{
	struct micro_case timed = *how;

	timed.bytes = sample->text.size / sample->requests;
	timed.scanner = scanner;
	timed.operations = sample->requests;
	timed.context = (void *)sample;
	timed.run(timed.context, 1);
	micro_expect(parsed == sample->requests, "every request of the buffer is complete");
	micro_expect(bytes_equal(request.target, sample->target), "the target of a request");
	micro_expect(bytes_equal(request.field[FIELD_HOST], sample->host), "the Host of a request");
	micro_time(micro, &timed);
}

static void measure(struct micro *micro, const char *scanner)
{
	for (size_t i = 0; i < SAMPLES; i++)
		measure_one(micro, scanner, &samples[i],
			    &(struct micro_case){ .name = samples[i].name, .run = run_index_and_walk });
}

void parse_measure(struct micro *micro)
{
	static const char *const names[SAMPLES] = { "browser, indexed before", "curl, indexed before",
						    "16 of wrk, indexed before" };

	micro_each_scanner(micro, measure);
	for (size_t i = 0; i < SAMPLES; i++) {
		scan_index(&scan, samples[i].text.base, samples[i].text.size);
		measure_one(micro, NULL, &samples[i],
			    &(struct micro_case){ .name = names[i], .run = run_walk });
	}
}
