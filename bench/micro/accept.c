/* SPDX-License-Identifier: MIT */
/*
 * http/accept: what a browser would rather have, out of what there is.
 *
 * Each row is a whole choice from the text of a field, as site/variant makes it for a file that is there
 * in several forms.
 */
#include "http/accept.h"

#include "micro.h"
#include "requests.h"

static enum coding coding;
static int language;
static uint16_t weight;

static void run_coding(void *context, uint64_t rounds)
{
	static const enum coding available[] = { CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY };
	struct accept_codings codings;

	(void)context;
	while (rounds-- > 0) {
		accept_parse_codings(BYTES(REQUESTS_ENCODING), &codings);
		coding = accept_choose_coding(&codings, available, 4);
		micro_use(&coding);
	}
}

static void run_language(void *context, uint64_t rounds)
{
	static const struct bytes available[] = { BYTES("fr"), BYTES("de"), BYTES("pl") };

	(void)context;
	while (rounds-- > 0) {
		language = accept_choose_language(BYTES(REQUESTS_LANGUAGE), available, 3);
		micro_use(&language);
	}
}

static void run_media(void *context, uint64_t rounds)
{
	(void)context;
	while (rounds-- > 0) {
		weight = accept_media_weight(BYTES(REQUESTS_ACCEPT), BYTES("application/json"));
		micro_use(&weight);
	}
}

void accept_measure(struct micro *micro)
{
	run_coding(NULL, 1);
	micro_expect(coding == CODING_BR, "the coding that is chosen");
	micro_time(micro, &(struct micro_case){ .name = "a coding of four",
						.bytes = sizeof(REQUESTS_ENCODING) - 1,
						.run = run_coding });
	run_language(NULL, 1);
	micro_expect(language == 1, "the language that is chosen");
	micro_time(micro, &(struct micro_case){ .name = "a language of three",
						.bytes = sizeof(REQUESTS_LANGUAGE) - 1,
						.run = run_language });
	run_media(NULL, 1);
	micro_expect(weight == 800, "the weight of a media type");
	micro_time(micro, &(struct micro_case){ .name = "the weight of a media type",
						.bytes = sizeof(REQUESTS_ACCEPT) - 1,
						.run = run_media });
}
