/* SPDX-License-Identifier: MIT */
/*
 * http/head: a response head, written and brought up to date.
 *
 * A head is written once per version of a file and then sent as it is; only the date in it is
 * replaced, once a second. The two rows are that difference.
 */
#include "http/head.h"

#include "micro.h"

#define NOW INT64_C(1767225600) /* Thu, 01 Jan 2026 00:00:00 GMT */

#define LINES(date)                                                                                          \
	"HTTP/1.1 200 OK\r\n"                                                                                \
	"Server: quoit\r\n"                                                                                  \
	"Date: " date "\r\n"                                                                                 \
	"Content-Type: text/css; charset=utf-8\r\n"                                                          \
	"Content-Length: 1024\r\n"                                                                           \
	"Last-Modified: Wed, 31 Dec 2025 23:00:00 GMT\r\n"                                                   \
	"ETag: \"15d2c4a6-400\"\r\n"                                                                         \
	"Accept-Ranges: bytes\r\n"                                                                           \
	"Connection: keep-alive\r\n"                                                                         \
	"\r\n"

static uint8_t out[512];
static struct head head;

static void run_write(void *context, uint64_t rounds)
{
	(void)context;
	while (rounds-- > 0) {
		head_begin(&head, out, sizeof(out), 200);
		head_field(&head, BYTES("Server"), BYTES("quoit"));
		head_date(&head, NOW);
		head_field(&head, BYTES("Content-Type"), BYTES("text/css; charset=utf-8"));
		head_field_number(&head, BYTES("Content-Length"), 1024);
		head_field_date(&head, BYTES("Last-Modified"), NOW - 3600);
		head_field(&head, BYTES("ETag"), BYTES("\"15d2c4a6-400\""));
		head_field(&head, BYTES("Accept-Ranges"), BYTES("bytes"));
		head_connection(&head, true);
		head_end(&head);
		micro_use(out);
	}
}

static void run_patch(void *context, uint64_t rounds)
{
	while (rounds-- > 0) {
		head_patch_date(out, head.date_offset, context);
		micro_use(out);
	}
}

static bool is_written(struct bytes expected)
{
	return bytes_equal(bytes_make(out, head.size), expected);
}

void head_measure(struct micro *micro)
{
	uint8_t date[DATE_SIZE];

	run_write(NULL, 1);
	micro_expect(is_written(BYTES(LINES("Thu, 01 Jan 2026 00:00:00 GMT"))), "the head of a 200");
	micro_time(micro, &(struct micro_case){ .name = "a 200", .bytes = head.size, .run = run_write });

	date_format(NOW + 1, date);
	run_patch(date, 1);
	micro_expect(is_written(BYTES(LINES("Thu, 01 Jan 2026 00:00:01 GMT"))), "the date in a head");
	micro_time(micro,
		   &(struct micro_case){ .name = "the date in it", .run = run_patch, .context = date });
}
