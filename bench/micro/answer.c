/* SPDX-License-Identifier: MIT */
/*
 * site/answer: a parsed request and what its name stands for become an answer.
 *
 * A site of default options has one small file in memory, plain and in three codings, and the built-in page
 * for 404. Most requests only want the file, and the answer is its ready head; what conditions,
 * ranges and a choice of codings add is in the rows below. "and its head" also writes the head that such an
 * answer needs, where the others send one that is there.
 */
#include "site/answer.h"

#include <stdlib.h>

#include "micro.h"
#include "requests.h"

#define NOW INT64_C(1767225600)
#define FILE_SIZE 1024
#define ETAG "\"15d2c4a6-400\""

#define GET "GET /styles/main.css HTTP/1.1\r\nHost: localhost:8080\r\n"

static struct inquiry {
	const char *name;
	const char *head;
	bool coded;   /* the file that is there in codings */
	bool absent;  /* no file at all */
	bool compose; /* write the head as well */
	unsigned status;
	enum coding coding; /* of what is sent */
	struct request request;
	struct subject subject;
	struct answer answer;
	size_t composed;
} inquiries[] = {
	{ .name = "200, curl", .head = REQUESTS_TOOL, .status = 200 },
	{ .name = "200, browser", .head = REQUESTS_BROWSER, .status = 200 },
	{ .name = "200, one coding of four",
	  .head = REQUESTS_BROWSER,
	  .coded = true,
	  .status = 200,
	  .coding = CODING_BR },
	{ .name = "304, by entity tag", .head = GET "If-None-Match: " ETAG "\r\n\r\n", .status = 304 },
	{ .name = "206, one range", .head = GET "Range: bytes=100-199\r\n\r\n", .status = 206 },
	{ .name = "206, one range, and its head",
	  .head = GET "Range: bytes=100-199\r\n\r\n",
	  .compose = true,
	  .status = 206 },
	{ .name = "404, the built-in page", .head = REQUESTS_TOOL, .absent = true, .status = 404 },
};

static struct site *site;
static struct pages pages;
static uint8_t out[4096];

static struct site *make_site(void)
{
	static const struct host_spec host;
#define VALUE_TEXT(default) (char *)(default)
#define VALUE_LIST(default) (char *)(default)
#define VALUE_CHOICE(default) 0
#define VALUE_SWITCH(default) (default)
#define VALUE_SECONDS(default) (default)
#define OPTION(field, kind, default, min, max, sentence) .field = VALUE_##kind(default),
	const struct site_options options = {
#include "site/site.def"
	};
#undef OPTION
	struct problems problems = { .problem = NULL };
	struct site *made = site_create(&host, &options, NULL, NULL, &problems);

	micro_expect(made && !problems_any(&problems), "a site of default options");
	problems_deinit(&problems);
	return made;
}

static struct asset *make_file(enum coding coding, unsigned vary)
{
	const struct version version = { .device = 1, .inode = 2, .size = FILE_SIZE };
	struct asset *asset = asset_create(&(struct asset_spec){ .site = site,
								 .status = 200,
								 .coding = coding,
								 .language = LANGUAGE_NONE,
								 .vary = vary,
								 .in_memory = true,
								 .path = BYTES("/styles/main.css"),
								 .type = { BYTES("text/css"), true },
								 .size = FILE_SIZE,
								 .version = &version,
								 .tag = BYTES(ETAG) },
					   NOW);

	micro_expect(asset, "memory for an asset");
	memset(asset->body, 'x', FILE_SIZE);
	return asset;
}

static struct asset *make_chain(void)
{
	struct asset *first = make_file(CODING_IDENTITY, VARY_ENCODING), **end = &first->next;

	for (int coding = CODING_IDENTITY + 1; coding < CODING_COUNT; coding++, end = &(*end)->next)
		*end = make_file((enum coding)coding, VARY_ENCODING);
	return first;
}

static void release_chain(struct asset *asset)
{
	while (asset) {
		struct asset *next = asset->next;

		micro_expect(asset_unref(asset), "an asset that nobody else holds");
		asset_free(asset);
		asset = next;
	}
}

static void run(void *context, uint64_t rounds)
{
	struct inquiry *inquiry = context;
	struct answer *answer = &inquiry->answer;

	while (rounds-- > 0) {
		answer_asset(answer, &inquiry->request, &inquiry->subject, NULL);
		if (answer->need == NEED_PAGE) {
			struct asset *page = pages_get(&pages, answer->status);

			answer_page(answer, &inquiry->request, site, answer->status, page, page);
		}
		if (inquiry->compose)
			inquiry->composed = answer_compose(answer, NULL, NOW, out);
		micro_use(answer);
	}
}

static void parse(struct inquiry *inquiry)
{
	static const struct http1_limits limits = { .head_size_max = 16384,
						    .target_size_max = 8192,
						    .fields_max = 100 };
	static struct scan scan;

	scan_index(&scan, (const uint8_t *)inquiry->head, strlen(inquiry->head));
	micro_expect(http1_parse(&scan, 0, &limits, &inquiry->request) == HTTP1_COMPLETE, inquiry->head);
}

static void measure_one(struct micro *micro, struct inquiry *inquiry)
{
	const struct answer *answer = &inquiry->answer;

	run(inquiry, 1);
	micro_expect(answer->status == inquiry->status && answer->need == NEED_NOTHING, inquiry->name);
	micro_expect(answer->asset->coding == inquiry->coding, "the coding of an answer");
	micro_expect(!inquiry->compose || memmem(out, inquiry->composed,
						 BYTES("Content-Range: bytes 100-199/1024\r\n").base,
						 BYTES("Content-Range: bytes 100-199/1024\r\n").size),
		     "the Content-Range of a head");
	micro_time(micro, &(struct micro_case){ .name = inquiry->name, .run = run, .context = inquiry });
}

void answer_measure(struct micro *micro)
{
	struct asset *file, *chain;

	site = make_site();
	micro_expect(pages_init(&pages, site, NOW), "memory for pages");
	file = make_file(CODING_IDENTITY, 0);
	chain = make_chain();
	for (size_t i = 0; i < sizeof(inquiries) / sizeof(inquiries[0]); i++) {
		struct inquiry *inquiry = &inquiries[i];

		parse(inquiry);
		inquiry->subject = (struct subject){ .site = site, .first = file, .now = NOW };
		if (inquiry->coded)
			inquiry->subject.first = chain;
		if (inquiry->absent)
			inquiry->subject.first = pages_get(&pages, 404);
		measure_one(micro, inquiry);
	}
	release_chain(chain);
	release_chain(file);
	pages_deinit(&pages);
	site_destroy(site);
}
