/* SPDX-License-Identifier: MIT */
/*
 * The fields that decide how the connection goes on.
 *
 * http/http1 calls this for five fields, line by line. Two readers of one connection that
 * disagree about where a body ends are how requests get smuggled, so whatever the RFCs leave to
 * the recipient is refused here: a second Host, Content-Length or Transfer-Encoding, one of the
 * last two next to the other, Transfer-Encoding from an HTTP/1.0 client, a coding that is not
 * exactly "chunked".
 *
 * Connection is the exception: its lines add up to one list (RFC 9110 7.6.1), and a "close"
 * in any of them counts, so it is collected while the lines go by; the request keeps only the
 * first.
 */
#include "http/framing.h"

#include "http/host.h"
#include "http/nocase.h"

/* Kept out of line, so that the two fields that nearly every request has need no stack frame. */
#define COLD __attribute__((noinline, cold))

/* Takes the first member off a list, trimmed. After the last one list->base is NULL: "a," has two members. */
static struct bytes take_member(struct bytes *list)
{
	const uint8_t *comma = memchr(list->base, ',', list->size);
	size_t size = comma ? (size_t)(comma - list->base) : list->size;
	struct bytes member = bytes_trim(bytes_make(list->base, size));

	*list = comma ? bytes_skip(*list, size + 1) : bytes_make(NULL, 0);
	return member;
}

static void note_option(struct framing *framing, struct bytes option)
{
	if (nocase_equal(option, BYTES("keep-alive")))
		framing->keep_alive = true;
	else if (nocase_equal(option, BYTES("close")))
		framing->close = true;
}

/* Other options (RFC 9110 7.6.1) concern proxies. */
COLD static uint16_t take_options(struct framing *framing, struct bytes list)
{
	while (list.base)
		note_option(framing, take_member(&list));
	return 0;
}

static uint16_t take_connection(struct framing *framing, struct bytes value)
{
	if (!nocase_equal(value, BYTES("keep-alive")))
		return take_options(framing, value);
	framing->keep_alive = true;
	return 0;
}

static uint16_t take_host(const struct request *request, struct bytes value)
{
	if (request->repeated & UINT32_C(1) << FIELD_HOST)
		return 400;
	return host_is_valid(value) ? 0 : 400;
}

/* 19 digits are at most 10^19 - 1, which 64 bits hold; file offsets have 63. */
COLD static uint16_t take_content_length(struct request *request, struct bytes value)
{
	uint64_t length = 0;

	if (request->repeated & UINT32_C(1) << FIELD_CONTENT_LENGTH ||
	    request_has(request, FIELD_TRANSFER_ENCODING))
		return 400;
	if (value.size < 1 || value.size > 19)
		return 400;
	for (size_t i = 0; i < value.size; i++) {
		if (!byte_is_digit(value.base[i]))
			return 400;
		length = length * 10 + (value.base[i] - '0');
	}
	if (length > INT64_MAX)
		return 400;
	request->content_length = length;
	return 0;
}

/* "gzip, chunked" could be framed but not decoded: 501. Any other list has no end that all readers agree on.
 */
COLD static uint16_t judge_codings(struct framing *framing, struct bytes list)
{
	bool chunked = false;

	while (list.base) {
		struct bytes coding = take_member(&list);

		if (chunked || coding.size == 0)
			return 400;
		chunked = nocase_equal(coding, BYTES("chunked"));
	}
	if (!chunked)
		return 400;
	if (framing->objection == 0)
		framing->objection = 501;
	return 0;
}

COLD static uint16_t take_transfer_encoding(struct framing *framing, struct request *request,
					    struct bytes value)
{
	if (request->minor == 0 || request->repeated & UINT32_C(1) << FIELD_TRANSFER_ENCODING ||
	    request_has(request, FIELD_CONTENT_LENGTH))
		return 400;
	if (!nocase_equal(value, BYTES("chunked")))
		return judge_codings(framing, value);
	request->chunked = true;
	return 0;
}

/* From an HTTP/1.0 client, 100-continue came through a proxy that did not know it (RFC 9110 10.1.1). */
COLD static uint16_t take_expect(struct framing *framing, struct request *request, struct bytes value)
{
	if (nocase_equal(value, BYTES("100-continue")))
		request->expect_continue = request->minor > 0;
	else if (framing->objection == 0)
		framing->objection = 417;
	return 0;
}

uint16_t framing_take(struct framing *framing, struct request *request, enum field_id id, struct bytes value)
{
	switch (id) {
	case FIELD_HOST:
		return take_host(request, value);
	case FIELD_CONNECTION:
		return take_connection(framing, value);
	case FIELD_CONTENT_LENGTH:
		return take_content_length(request, value);
	case FIELD_TRANSFER_ENCODING:
		return take_transfer_encoding(framing, request, value);
	case FIELD_EXPECT:
		return take_expect(framing, request, value);
	default:
		return 0;
	}
}

uint16_t framing_conclude(const struct framing *framing, struct request *request)
{
	if (request->minor > 0 && !request_has(request, FIELD_HOST))
		return 400;
	request->keep_alive = !framing->close && (request->minor > 0 || framing->keep_alive);
	return framing->objection;
}
