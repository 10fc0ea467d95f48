/* SPDX-License-Identifier: MIT */
/*
 * http/date: HTTP dates from and to seconds.
 *
 * Formatting is paid once a second, reading with each If-Modified-Since. The two old forms, which
 * every recipient must still read, stand beside the one that is sent.
 */
#include "http/date.h"

#include "micro.h"

#define SECONDS INT64_C(784111777)

static const struct bytes forms[] = { BYTES("Sun, 06 Nov 1994 08:49:37 GMT"),
				      BYTES("Sunday, 06-Nov-94 08:49:37 GMT"),
				      BYTES("Sun Nov  6 08:49:37 1994") };
static const char *const names[] = { "read IMF-fixdate", "read RFC 850", "read asctime" };

static uint8_t text[DATE_SIZE];
static int64_t seconds;

static void run_format(void *context, uint64_t rounds)
{
	(void)context;
	while (rounds-- > 0) {
		date_format(SECONDS, text);
		micro_use(text);
	}
}

static void run_parse(void *context, uint64_t rounds)
{
	const struct bytes *form = context;

	while (rounds-- > 0) {
		if (!date_parse(*form, SECONDS, &seconds))
			seconds = 0;
		micro_use(&seconds);
	}
}

void date_measure(struct micro *micro)
{
	run_format(NULL, 1);
	micro_expect(bytes_equal(bytes_make(text, DATE_SIZE), forms[0]), "a date that is formatted");
	micro_time(micro, &(struct micro_case){ .name = "format", .run = run_format });

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		run_parse((void *)&forms[i], 1);
		micro_expect(seconds == SECONDS, names[i]);
		micro_time(micro, &(struct micro_case){ .name = names[i],
							.bytes = forms[i].size,
							.run = run_parse,
							.context = (void *)&forms[i] });
	}
}
