/* SPDX-License-Identifier: MIT */
/*
 * Makes up requests: what they ask for as the model knows it (struct exchange), and as bytes.
 *
 * Called by client.c when a client has sent all that it had. Heads and targets stay within the limits that
 * the session has drawn, unless that is what is tried.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "expect.h"
#include "files.h"
#include "options.h"
#include "world.h"

/* What is wrong with these is seen in these very bytes. */
static const struct {
	const char *text;
	uint16_t status;
} flaws[] = {
	{ "GET /a.txt HTTP/1.1\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\nHost: x\n\n", 400 },
	{ "GET  /a.txt HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501 },
	{ "GET /a.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
	{ "BREW /a.txt HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nExpect: teapot\r\n\r\n", 417 },
	{ "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET /../a.txt HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n", 413 },
	{ "PUT /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n900000\r\n", 413 },
	{ "PUT /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", 400 },
	{ "PUT /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n", 400 },
	{ "PUT /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400 },
	{ "PUT /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nh", 400 },
	{ "PUT /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA b: c\r\n", 400 },
};

/* Bodies look like requests: whoever takes one for one answers too much. */
static const char lure[] = "GET /dir/x.js HTTP/1.1\r\nHost: lure\r\n\r\n";

static void add(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct client *client, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	world_check(size >= 0 && size < (int)sizeof(text), "a line of %d bytes", size);
	client_write(client, text, (size_t)size);
}

static void add_filling(struct client *client, size_t size)
{
	static const char filling[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	for (; size > 0; size--)
		client_write(client, &filling[size % 36], 1);
}

/* Targets */

static void add_path(struct client *client, const char *path)
{
	client_write(client, "/", 1);
	for (; *path; path++) {
		if (*path != '/' && world_one_in(40))
			add(client, "%%%02x", *path);
		else
			client_write(client, path, 1);
	}
}

/* A folder is asked for by its name, and its index by the name with a slash behind. */
static void add_target(struct client *client, struct exchange *exchange)
{
	struct name *name = !world_one_in(4) ? files_hot() : files_name((unsigned)world_below(files_count()));
	struct node *node = files_node(name);

	if (world_one_in(12)) {
		static const char *const nowhere[] = { "nothing", "bare/", "a.txt/", "dir/none/deep",
						       "never.html" };

		add_path(client, nowhere[world_below(5)]);
		return;
	}
	if (node && node->is_folder) {
		exchange->is_folder = true;
		add_path(client, name->path);
		return;
	}
	exchange->name = name;
	if (strcmp(name->path, "index.html") == 0 && world_one_in(2))
		add_path(client, "");
	else if (strcmp(name->path, "dir/index.html") == 0 && world_one_in(2))
		add_path(client, "dir/");
	else
		add_path(client, name->path);
	if (world_one_in(10))
		add(client, "?x=%u", (unsigned)world_below(100));
}

/* Conditions */

static struct edition *draw_edition(const struct exchange *exchange)
{
	struct name *name = exchange->name;
	struct node *node = name ? name->link[world_below(name->link_count)].node : NULL;

	return node ? &node->edition[world_below(node->count)] : NULL;
}

static void draw_tag(struct exchange *exchange, const struct edition *edition)
{
	enum coded coded = world_one_in(4) ? (enum coded)world_below(CODED_COUNT) : CODED_NOT;

	if (edition)
		expect_tag(edition, coded, exchange->tag);
	else
		strcpy(exchange->tag, "\"0-0\"");
}

static void add_tags(struct client *client, struct exchange *exchange, const char *field, enum held *held)
{
	*held = world_one_in(6) ? HELD_STAR : world_one_in(4) ? HELD_JUNK : HELD_TAG;
	switch (*held) {
	case HELD_STAR:
		add(client, "%s: *\r\n", field);
		break;
	case HELD_JUNK:
		add(client, "%s: \"junk\", \"1-1-x\"\r\n", field);
		break;
	default:
		add(client, world_one_in(2) ? "%s: %s\r\n" : "%s: \"other\", %s\r\n", field, exchange->tag);
		break;
	}
}

static int64_t add_date(struct client *client, const char *field, const struct edition *edition)
{
	int64_t date = edition ? edition->modified_ns / 1000000000 : world.wall_ns / 1000000000;
	struct tm parts;
	time_t second;
	char text[64];

	date += world_one_in(2) ? 0 : (int64_t)world_below(5) - 2;
	second = (time_t)date;
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&second, &parts));
	add(client, "%s: %s\r\n", field, text);
	return date;
}

static void add_conditions(struct client *client, struct exchange *exchange)
{
	struct edition *edition = draw_edition(exchange);

	draw_tag(exchange, edition);
	if (world_one_in(10))
		add_tags(client, exchange, "If-Match", &exchange->match);
	if (world_one_in(5))
		add_tags(client, exchange, "If-None-Match", &exchange->none_match);
	if (world_one_in(10))
		exchange->since = add_date(client, "If-Modified-Since", edition);
	if (world_one_in(14))
		exchange->unless = add_date(client, "If-Unmodified-Since", edition);
}

/* Ranges */

static void draw_range(struct asked_range *range, uint64_t size)
{
	*range = (struct asked_range){ .first = world_below(size + 2) };
	switch (world_below(4)) {
	case 0:
		range->is_suffix = true;
		range->last = world_below(size + 3);
		range->first = 0;
		break;
	case 1:
		range->is_open = true;
		break;
	case 2:
		range->last = range->first + world_below(8);
		break;
	default:
		range->last = range->first + world_below(size + 1);
		break;
	}
}

static void add_ranges(struct client *client, struct exchange *exchange)
{
	struct edition *edition = draw_edition(exchange);
	uint64_t size = edition ? edition->size : 10;
	bool is_small = world_one_in(2);

	if (!exchange->tag[0])
		draw_tag(exchange, edition);
	exchange->range_count = world_one_in(2) ? 1 : (unsigned)world_between(2, 5);
	if (world_one_in(20))
		exchange->range_count = (unsigned)world_between(33, CLIENT_RANGES);
	add(client, "Range: bytes=");
	for (unsigned i = 0; i < exchange->range_count; i++) {
		struct asked_range *range = &exchange->range[i];

		draw_range(range, is_small && size > 20 ? 20 : size);
		if (range->is_suffix)
			add(client, "%s-%llu", i ? ", " : "", (unsigned long long)range->last);
		else if (range->is_open)
			add(client, "%s%llu-", i ? "," : "", (unsigned long long)range->first);
		else
			add(client, "%s%llu-%llu", i ? " ," : "", (unsigned long long)range->first,
			    (unsigned long long)range->last);
	}
	add(client, "\r\n");
	if (!world_one_in(4))
		return;
	if (world_one_in(2)) {
		exchange->range_if = HELD_TAG;
		add(client, "If-Range: %s\r\n", exchange->tag);
	} else {
		exchange->range_if = HELD_DATE;
		exchange->range_date = add_date(client, "If-Range", edition);
	}
}

/* Bodies */

static void add_chunks(struct client *client, size_t size, const char *body)
{
	while (size > 0) {
		size_t chunk = (size_t)world_between(1, size);

		add(client, world_one_in(3) ? "%zx;a=\"b\"\r\n" : "%zX\r\n", chunk);
		client_write(client, body, chunk);
		client_write(client, "\r\n", 2);
		body += chunk;
		size -= chunk;
	}
	add(client, world_one_in(3) ? "0\r\nTrailer: x\r\n\r\n" : "0\r\n\r\n");
}

/* The lure, over and over. */
static void fill_body(char *body, size_t size)
{
	for (size_t i = 0; i < size; i++)
		body[i] = lure[i % (sizeof(lure) - 1)];
}

static void add_body(struct client *client, struct exchange *exchange, bool is_old)
{
	char body[1024];
	size_t most = options.body_size < sizeof(body) ? (size_t)options.body_size : sizeof(body);
	size_t size = (size_t)world_between(0, most);
	bool is_chunked = !is_old && world_one_in(2);

	fill_body(body, size);
	exchange->has_body = is_chunked || size > 0;
	if (!is_old && world_one_in(3)) {
		exchange->expects = exchange->has_body;
		exchange->may_close = exchange->has_body && exchange->ask == ASK_OTHER;
		add(client, "Expect: 100-continue\r\n");
	}
	if (is_chunked) {
		add(client, "Transfer-Encoding: chunked\r\n\r\n");
		exchange->head_end = client->stream_size;
		add_chunks(client, size, body);
		return;
	}
	add(client, "Content-Length: %zu\r\n\r\n", size);
	exchange->head_end = client->stream_size;
	client_write(client, body, size);
}

/* Whole requests */

static void write_flaw(struct client *client, struct exchange *exchange)
{
	unsigned kind = (unsigned)world_below(sizeof(flaws) / sizeof(flaws[0]) + 3);

	exchange->is_refused = true;
	exchange->ask = ASK_GET;
	client->is_broken = true;
	if (kind < sizeof(flaws) / sizeof(flaws[0])) {
		exchange->status = flaws[kind].status;
		if (strstr(flaws[kind].text, "helloX") && options.body_size < 5)
			exchange->status = 413; /* which is seen first */
		client_write(client, flaws[kind].text, strlen(flaws[kind].text));
	} else if (kind % 3 == 0) {
		exchange->status = 414;
		add(client, "GET /");
		add_filling(client, options.target_size);
		add(client, " HTTP/1.1\r\nHost: x\r\n\r\n");
	} else if (kind % 3 == 1) {
		exchange->status = 431;
		add(client, "GET / HTTP/1.1\r\nHost: x\r\nFilling: ");
		add_filling(client, options.head_size);
		add(client, "\r\n\r\n");
	} else {
		exchange->status = 431;
		add(client, "GET / HTTP/1.1\r\nHost: x\r\n");
		for (unsigned i = 0; i < 101; i++)
			add(client, "A:\r\n");
		add(client, "\r\n");
	}
}

static const char *draw_method(struct exchange *exchange)
{
	static const char *const others[] = { "POST", "PUT", "DELETE", "PATCH", "TRACE" };

	switch (world_below(16)) {
	case 0:
		exchange->ask = ASK_OPTIONS;
		exchange->status = 204;
		return "OPTIONS";
	case 1:
		exchange->ask = ASK_OTHER;
		exchange->status = 405;
		return others[world_below(5)];
	case 2:
	case 3:
		exchange->ask = ASK_HEAD;
		return "HEAD";
	default:
		exchange->ask = ASK_GET;
		return "GET";
	}
}

static void add_wishes(struct client *client, struct exchange *exchange)
{
	static const char *const codings[] = { "gzip", "br", "gzip, br, zstd", "zstd, gzip;q=0.5" };
	static const unsigned bits[] = { 1u << CODED_GZIP, 1u << CODED_BR,
					 1u << CODED_GZIP | 1u << CODED_BR | 1u << CODED_ZSTD,
					 1u << CODED_GZIP | 1u << CODED_ZSTD };

	if (world_one_in(3)) {
		unsigned choice = (unsigned)world_below(4);

		exchange->codings = bits[choice];
		add(client, "Accept-Encoding: %s\r\n", codings[choice]);
	}
	if (world_one_in(4)) {
		exchange->navigates = exchange->ask == ASK_GET || exchange->ask == ASK_HEAD;
		add(client, "Accept: text/html,*/*;q=0.1\r\n");
	}
	if (world_one_in(20))
		add(client, "Want-Repr-Digest: sha-256=1\r\n");
	if (world_one_in(3)) {
		add(client, "Filling: ");
		add_filling(client, (size_t)world_below(300));
		add(client, "\r\n");
	}
}

static void write_good(struct client *client, struct exchange *exchange)
{
	bool is_old = world_one_in(16);

	add(client, "%s ", draw_method(exchange));
	add_target(client, exchange);
	add(client, " HTTP/1.%d\r\n%s", is_old ? 0 : 1, "Host: example.org\r\n");
	exchange->closes = is_old;
	if (is_old && world_one_in(2)) {
		exchange->closes = false;
		add(client, "Connection: keep-alive\r\n");
	} else if (world_one_in(12)) {
		exchange->closes = true;
		add(client, "Connection: close\r\n");
	}
	add_wishes(client, exchange);
	if (world_one_in(3))
		add_conditions(client, exchange);
	if (world_one_in(4))
		add_ranges(client, exchange);
	if (world_one_in(5)) {
		add_body(client, exchange, is_old);
		return;
	}
	add(client, "\r\n");
	exchange->head_end = client->stream_size;
}

void request_write(struct client *client)
{
	struct exchange *exchange = &client->exchange[client->exchange_count++];

	*exchange =
		(struct exchange){ .begin = client->stream_size, .since = INT64_MIN, .unless = INT64_MIN };
	if (world_one_in(16))
		write_flaw(client, exchange);
	else
		write_good(client, exchange);
	exchange->end = client->stream_size;
	client->is_broken |= exchange->closes;
	if (client->is_broken && world_one_in(2))
		client_write(client, lure, sizeof(lure) - 1); /* which nobody may answer */
	world_log("client %u: request %u: %.*s", client->number, client->exchange_count - 1,
		  (int)(exchange->end - exchange->begin), client->stream + exchange->begin);
}
