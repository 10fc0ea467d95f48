/* SPDX-License-Identifier: MIT */
/*
 * Find the end of a request's body.
 *
 * serve/receive feeds the bytes after a head to this until it says where the next request
 * starts. Data is skipped in whole slices; only what stands between the data of a chunked body
 * is looked at byte by byte:
 *
 *   CHUNK_START > CHUNK_SIZE > [extensions] > SIZE_LF > DATA > DATA_CR > DATA_LF > CHUNK_START
 *   last chunk, of size 0:  SIZE_LF > TRAILER_START
 *   a trailer line:         TRAILER_START > TRAILER_NAME > TRAILER_VALUE > TRAILER_LF > TRAILER_START
 *   the empty line:         TRAILER_START > END_LF > ENDED
 *   an extension:           EXTENSION_GAP > EXTENSION_START > EXTENSION_NAME > EXTENSION_EQUALS >
 *                           EXTENSION_VALUE, or EXTENSION_QUOTED > EXTENSION_END
 *
 * Line ends are CR LF and nothing else, and the sizes are hexadecimal digits and nothing else:
 * "0x10", "+5" or a bare LF are read differently by different servers, and so is a quotation that does not
 * end on its line. Extensions and trailers are checked and dropped (RFC 9112 7.1.1, 7.1.2); both are bounded,
 * so that a body of no bytes cannot be endless.
 */
#include "http/body.h"

#include "http/scan.h"

/* 16 digits are 64 bits: a size cannot overflow. */
#define SIZE_DIGITS_MAX 16

enum state {
	ENDED,
	SIZED,           /* `remaining` bytes of a body with Content-Length */
	CHUNK_START,     /* the first digit of a chunk size */
	CHUNK_SIZE,      /* another digit, or what follows them */
	EXTENSION_GAP,   /* white space before a semicolon */
	EXTENSION_START, /* behind a semicolon */
	EXTENSION_NAME,
	EXTENSION_NAME_GAP, /* white space behind the name */
	EXTENSION_EQUALS,   /* behind "=" */
	EXTENSION_VALUE,    /* a token */
	EXTENSION_QUOTED,   /* within quotation marks */
	EXTENSION_ESCAPED,  /* behind a backslash there */
	EXTENSION_END,      /* behind the closing mark */
	SIZE_LF,
	DATA, /* `remaining` bytes of a chunk */
	DATA_CR,
	DATA_LF,
	TRAILER_START, /* the first byte of a trailer line or of the empty line */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
};

static enum body_result enter(struct body *body, enum state state)
{
	body->state = (uint8_t)state;
	return BODY_MORE;
}

enum body_result body_begin(struct body *body, const struct request *request, uint64_t size_max)
{
	*body = (struct body){ .state = ENDED, .budget = size_max };
	if (request->chunked)
		return enter(body, CHUNK_START);
	if (request->content_length == 0)
		return BODY_DONE;
	if (request->content_length > size_max)
		return BODY_TOO_LARGE;
	body->remaining = request->content_length;
	return enter(body, SIZED);
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value(uint8_t byte)
{
	if (byte_is_digit(byte))
		return byte - '0';
	byte = byte_lower(byte);
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Go on in `state` when the byte is the only one that may stand here. */
static enum body_result expect(struct body *body, uint8_t byte, uint8_t expected, enum state state)
{
	return byte == expected ? enter(body, state) : BODY_MALFORMED;
}

static enum body_result read_digit(struct body *body, uint8_t byte)
{
	int value = digit_value(byte);

	if (value < 0 || body->line_size > SIZE_DIGITS_MAX)
		return BODY_MALFORMED;
	body->remaining = body->remaining << 4 | (unsigned)value;
	return enter(body, CHUNK_SIZE);
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

/* Behind the digits or a whole extension: the end of the line, or another extension. */
static enum body_result leave_size(struct body *body, uint8_t byte)
{
	if (byte == '\r')
		return enter(body, SIZE_LF);
	if (byte == ';')
		return enter(body, EXTENSION_START);
	return is_blank(byte) ? enter(body, EXTENSION_GAP) : BODY_MALFORMED;
}

/* Behind a name, or the white space after it. */
static enum body_result leave_name(struct body *body, uint8_t byte)
{
	if (byte == '=')
		return enter(body, EXTENSION_EQUALS);
	if (is_blank(byte))
		return enter(body, EXTENSION_NAME_GAP);
	return byte == ';' ? enter(body, EXTENSION_START) : BODY_MALFORMED;
}

static enum body_result read_quoted(struct body *body, uint8_t byte)
{
	if (byte == '"')
		return enter(body, EXTENSION_END);
	if (byte == '\\')
		return enter(body, EXTENSION_ESCAPED);
	return scan_is(SCAN_CONTROL, byte) ? BODY_MALFORMED : BODY_MORE;
}

/* RFC 9112 7.1.1: BWS ";" BWS name, and maybe BWS "=" BWS and a token or quoted string, again and again. */
static enum body_result read_extension(struct body *body, uint8_t byte)
{
	bool is_token = !scan_is(SCAN_NAME, byte);

	switch ((enum state)body->state) {
	case EXTENSION_GAP:
		return byte == '\r' ? BODY_MALFORMED : leave_size(body, byte);
	case EXTENSION_START:
		if (is_token)
			return enter(body, EXTENSION_NAME);
		return is_blank(byte) ? BODY_MORE : BODY_MALFORMED;
	case EXTENSION_NAME:
		if (is_token)
			return BODY_MORE;
		return byte == '\r' ? enter(body, SIZE_LF) : leave_name(body, byte);
	case EXTENSION_NAME_GAP:
		return leave_name(body, byte);
	case EXTENSION_EQUALS:
		if (byte == '"')
			return enter(body, EXTENSION_QUOTED);
		if (is_token)
			return enter(body, EXTENSION_VALUE);
		return is_blank(byte) ? BODY_MORE : BODY_MALFORMED;
	case EXTENSION_VALUE:
		return is_token ? BODY_MORE : leave_size(body, byte);
	case EXTENSION_QUOTED:
		return read_quoted(body, byte);
	case EXTENSION_ESCAPED:
		return scan_is(SCAN_CONTROL, byte) ? BODY_MALFORMED : enter(body, EXTENSION_QUOTED);
	default:
		return leave_size(body, byte); /* EXTENSION_END */
	}
}

/* A trailer's value: anything but a control, up to CR. */
static enum body_result read_trailer_value(struct body *body, uint8_t byte)
{
	if (byte == '\r')
		return enter(body, TRAILER_LF);
	return scan_is(SCAN_CONTROL, byte) ? BODY_MALFORMED : BODY_MORE;
}

static enum body_result end_size_line(struct body *body, uint8_t byte)
{
	if (byte != '\n')
		return BODY_MALFORMED;
	body->line_size = 0;
	if (body->remaining == 0)
		return enter(body, TRAILER_START);
	if (body->remaining > body->budget)
		return BODY_TOO_LARGE;
	body->budget -= body->remaining;
	return enter(body, DATA);
}

static enum body_result start_trailer_line(struct body *body, uint8_t byte)
{
	if (byte == '\r')
		return enter(body, END_LF);
	return scan_is(SCAN_NAME, byte) ? BODY_MALFORMED : enter(body, TRAILER_NAME);
}

static enum body_result read_trailer_name(struct body *body, uint8_t byte)
{
	if (byte == ':')
		return enter(body, TRAILER_VALUE);
	return scan_is(SCAN_NAME, byte) ? BODY_MALFORMED : BODY_MORE;
}

static enum body_result end_body(struct body *body, uint8_t byte)
{
	if (byte != '\n')
		return BODY_MALFORMED;
	enter(body, ENDED);
	return BODY_DONE;
}

/* Lines are counted with their line end, the trailer section with its empty line. */
static bool line_too_long(struct body *body)
{
	switch (body->state) {
	case DATA_CR:
	case DATA_LF:
		return false;
	case TRAILER_START:
	case TRAILER_NAME:
	case TRAILER_VALUE:
	case TRAILER_LF:
	case END_LF:
		return ++body->line_size > BODY_TRAILER_MAX;
	default:
		return ++body->line_size > BODY_CHUNK_LINE_MAX;
	}
}

/* One byte that is not data. */
static enum body_result step(struct body *body, uint8_t byte)
{
	if (line_too_long(body))
		return BODY_MALFORMED;
	switch ((enum state)body->state) {
	case CHUNK_START:
		return read_digit(body, byte);
	case CHUNK_SIZE:
		return digit_value(byte) < 0 ? leave_size(body, byte) : read_digit(body, byte);
	case EXTENSION_GAP:
	case EXTENSION_START:
	case EXTENSION_NAME:
	case EXTENSION_NAME_GAP:
	case EXTENSION_EQUALS:
	case EXTENSION_VALUE:
	case EXTENSION_QUOTED:
	case EXTENSION_ESCAPED:
	case EXTENSION_END:
		return read_extension(body, byte);
	case SIZE_LF:
		return end_size_line(body, byte);
	case DATA_CR:
		return expect(body, byte, '\r', DATA_LF);
	case DATA_LF:
		return expect(body, byte, '\n', CHUNK_START);
	case TRAILER_START:
		return start_trailer_line(body, byte);
	case TRAILER_NAME:
		return read_trailer_name(body, byte);
	case TRAILER_VALUE:
		return read_trailer_value(body, byte);
	case TRAILER_LF:
		return expect(body, byte, '\n', TRAILER_START);
	case END_LF:
		return end_body(body, byte);
	case ENDED:
	case SIZED:
	case DATA:
		break; /* skip() takes these */
	}
	return BODY_MALFORMED;
}

/* Skip data, as much as there is of it, and say how much that was. */
static size_t skip(struct body *body, size_t available)
{
	size_t size = body->remaining < available ? (size_t)body->remaining : available;

	body->remaining -= size;
	if (body->remaining == 0)
		body->state = body->state == DATA ? DATA_CR : ENDED;
	return size;
}

enum body_result body_consume(struct body *body, struct bytes data, size_t *ret_used)
{
	size_t used = 0;
	enum body_result result = BODY_MORE;

	while (used < data.size && body->state != ENDED && result == BODY_MORE) {
		if (body->state == SIZED || body->state == DATA) {
			used += skip(body, data.size - used);
			continue;
		}
		result = step(body, data.base[used]);
		if (result == BODY_MORE || result == BODY_DONE)
			used++;
	}
	*ret_used = used;
	return result == BODY_MORE && body->state == ENDED ? BODY_DONE : result;
}
