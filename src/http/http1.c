/* SPDX-License-Identifier: MIT */
/*
 * Read one request head.
 *
 * serve/receive calls this for every request in a scanned buffer. All bytes have been looked at
 * by then; here one asks the maps for the next byte that ends something, and checks that it is
 * the byte that has to stand there:
 *
 *   GET /path HTTP/1.1\r\n      name map: SP      space map: SP      ten bytes at once
 *   Host: example.org\r\n       name map: ":"     control map: CR, then LF
 *   \r\n                        name map: CR at the start of a line
 *
 * The hard thing is an incomplete head. It has to be told from a wrong one as early as its
 * bytes allow (else a client that speaks TLS to us waits for a timeout), and never too early.
 * So each step says COMPLETE, PARTIAL when it ran into the end with nothing wrong so far, or
 * REFUSED. `end` is the end of the bytes or of the largest head that is allowed, so that the
 * steps need not care which of the two they ran into.
 *
 * What the fields mean for the connection is decided in http/framing. http1_join() at the end is
 * for the rare list that was spread over several lines: it reads a complete head again, which
 * costs the others nothing.
 */
#include "http/http1.h"

#include "base/check.h"
#include "http/framing.h"

/* No registered method has more than 17 bytes; a longer token than this is not one that began slowly. */
#define METHOD_SIZE_MAX 32

/* Lives for one call. */
struct reader {
	const struct scan *scan;
	const struct http1_limits *limits;
	struct request *request;
	struct framing *framing;
	size_t at;  /* the next byte to read */
	size_t end; /* no byte at or after this one belongs to an acceptable head */
};

static enum http1_result refuse(struct reader *reader, uint16_t status)
{
	reader->request->refusal = status;
	return HTTP1_REFUSED;
}

/* There are not both CR and LF at `at`. Wrong, or only not there yet? */
static enum http1_result judge_line_end(struct reader *reader, size_t at)
{
	if (at >= reader->end || (at + 1 == reader->end && reader->scan->base[at] == '\r'))
		return HTTP1_PARTIAL;
	return refuse(reader, 400);
}

static inline bool is_line_end(const struct reader *reader, size_t at)
{
	return at + 2 <= reader->end && memcmp(reader->scan->base + at, "\r\n", 2) == 0;
}

/* One empty line before a request is let pass: old clients sent one after a body (RFC 9112 2.2). */
static enum http1_result skip_empty_line(struct reader *reader)
{
	if (reader->at == reader->end || reader->scan->base[reader->at] != '\r')
		return HTTP1_COMPLETE;
	if (!is_line_end(reader, reader->at))
		return judge_line_end(reader, reader->at);
	reader->at += 2;
	return HTTP1_COMPLETE;
}

/* Methods are case-sensitive (RFC 9110 9.1). METHOD_COUNT when there is no row for it. */
static inline enum method recognise_method(const uint8_t *token, size_t size)
{
#define METHOD(constant, name)                                                                               \
	if (size == sizeof(name) - 1 && memcmp(token, name, sizeof(name) - 1) == 0)                          \
		return METHOD_##constant;
#include "http/method.def"
#undef METHOD
	return METHOD_COUNT;
}

static enum http1_result read_any_method(struct reader *reader)
{
	const uint8_t *token = reader->scan->base + reader->at;
	size_t size = scan_next_name(reader->scan, reader->at) - reader->at;

	if (size >= reader->end - reader->at)
		return reader->end - reader->at > METHOD_SIZE_MAX ? refuse(reader, 501) : HTTP1_PARTIAL;
	if (size == 0 || token[size] != ' ')
		return refuse(reader, 400);
	reader->request->method = recognise_method(token, size);
	if (reader->request->method == METHOD_COUNT)
		reader->framing->objection = 501;
	reader->at += size + 1;
	return HTTP1_COMPLETE;
}

static inline enum http1_result read_method(struct reader *reader)
{
	const struct bytes usual = BYTES("GET ");
	enum http1_result result;

	if (reader->end - reader->at >= usual.size &&
	    memcmp(reader->scan->base + reader->at, usual.base, usual.size) == 0) {
		reader->request->method = METHOD_GET;
		reader->at += usual.size;
		return HTTP1_COMPLETE;
	}
	result = skip_empty_line(reader);
	return result == HTTP1_COMPLETE ? read_any_method(reader) : result;
}

static inline enum http1_result read_target(struct reader *reader)
{
	const uint8_t *target = reader->scan->base + reader->at;
	size_t size = scan_next_space(reader->scan, reader->at) - reader->at;
	size_t size_max = reader->limits->target_size_max;

	if (size >= reader->end - reader->at)
		return reader->end - reader->at > size_max ? refuse(reader, 414) : HTTP1_PARTIAL;
	if (size == 0 || target[size] != ' ')
		return refuse(reader, 400);
	if (size > size_max)
		return refuse(reader, 414);
	reader->request->target = bytes_make(target, size);
	reader->at += size + 1;
	return HTTP1_COMPLETE;
}

/* Any version and the end of its line, also when not all of it is there. '0' stands for a digit. */
static enum http1_result read_any_version(struct reader *reader)
{
	static const char shape[] = "HTTP/0.0\r\n";
	const size_t size = sizeof(shape) - 1;
	const uint8_t *version = reader->scan->base + reader->at;
	size_t left = reader->end - reader->at;

	for (size_t i = 0; i < size && i < left; i++)
		if (shape[i] == '0' ? !byte_is_digit(version[i]) : version[i] != shape[i])
			return refuse(reader, 400);
	if (left < size)
		return HTTP1_PARTIAL;
	if (version[5] != '1')
		return refuse(reader, 505);
	reader->request->minor = version[7] > '0';
	reader->at += size;
	return HTTP1_COMPLETE;
}

static inline enum http1_result read_version(struct reader *reader)
{
	const struct bytes usual = BYTES("HTTP/1.1\r\n");

	if (reader->end - reader->at < usual.size ||
	    memcmp(reader->scan->base + reader->at, usual.base, usual.size) != 0)
		return read_any_version(reader);
	reader->request->minor = 1;
	reader->at += usual.size;
	return HTTP1_COMPLETE;
}

static inline enum http1_result read_request_line(struct reader *reader)
{
	enum http1_result result = read_method(reader);

	if (result == HTTP1_COMPLETE)
		result = read_target(reader);
	if (result == HTTP1_COMPLETE)
		result = read_version(reader);
	return result;
}

/* In a field value every byte up to SP is white space: it holds no control but HTAB. */
static inline struct bytes trim(const uint8_t *begin, const uint8_t *end)
{
	while (begin < end && *begin <= ' ')
		begin++;
	while (begin < end && end[-1] <= ' ')
		end--;
	return bytes_make(begin, (size_t)(end - begin));
}

/* Returns the status to refuse the request with, or 0. */
static inline uint16_t take_field(struct reader *reader, enum field_id id, struct bytes value)
{
	struct request *request = reader->request;
	uint32_t bit = UINT32_C(1) << id;

	if (request->present & bit)
		request->repeated |= bit;
	else
		request->field[id] = value;
	request->present |= bit;
	return FRAMING_FIELDS & bit ? framing_take(reader->framing, request, id, value) : 0;
}

/* Not a field line: the blank one that ends the head, obs-fold, or nothing that RFC 9112 knows. */
static enum http1_result read_last_line(struct reader *reader, size_t line, size_t stop)
{
	if (stop >= reader->end)
		return HTTP1_PARTIAL;
	if (stop != line || reader->scan->base[stop] != '\r')
		return refuse(reader, 400);
	if (!is_line_end(reader, line))
		return judge_line_end(reader, line);
	reader->at = line + 2;
	return HTTP1_COMPLETE;
}

/* All field lines and the blank one. A value may hold any byte that is not a control. */
static enum http1_result read_fields(struct reader *reader)
{
	const struct scan *scan = reader->scan;
	const uint8_t *base = scan->base;
	const size_t end = reader->end;
	size_t line = reader->at;

	for (uint32_t room = reader->limits->fields_max;; room--) {
		size_t colon = scan_next_name(scan, line);
		size_t line_end;
		enum field_id id;

		if (colon >= end || base[colon] != ':' || colon == line)
			return read_last_line(reader, line, colon);
		if (room == 0)
			return refuse(reader, 431);
		line_end = scan_next_control(scan, colon + 1);
		if (line_end + 2 > end || memcmp(base + line_end, "\r\n", 2) != 0)
			return judge_line_end(reader, line_end);
		id = field_recognise(bytes_make(base + line, colon - line));
		if (id != FIELD_UNKNOWN) {
			uint16_t refusal = take_field(reader, id, trim(base + colon + 1, base + line_end));
			if (refusal)
				return refuse(reader, refusal);
		}
		line = line_end + 2;
	}
}

/* The head goes on after the bytes that are there. Is it still worth waiting for the others? */
static enum http1_result conclude_partial(struct reader *reader, bool too_large, bool in_fields)
{
	if (reader->framing->objection)
		return refuse(reader, reader->framing->objection);
	if (too_large)
		return refuse(reader, in_fields ? 431 : 414);
	return HTTP1_PARTIAL;
}

static inline enum http1_result conclude_complete(struct reader *reader, size_t begin)
{
	uint16_t refusal = framing_conclude(reader->framing, reader->request);

	reader->request->head_size = (uint32_t)(reader->at - begin);
	return refusal ? refuse(reader, refusal) : HTTP1_COMPLETE;
}

/* All but the slices: `present` says which of them are set, and clearing 200 bytes is not free. */
static inline void clear(struct request *request)
{
	request->method = METHOD_COUNT;
	request->keep_alive = false;
	request->expect_continue = false;
	request->chunked = false;
	request->refusal = 0;
	request->head_size = 0;
	request->present = 0;
	request->repeated = 0;
	request->content_length = 0;
}

enum http1_result http1_parse(const struct scan *scan, size_t begin, const struct http1_limits *limits,
			      struct request *ret_request)
{
	bool too_large = scan->size - begin >= limits->head_size_max;
	struct framing framing = { 0 };
	struct reader reader = {
		.scan = scan,
		.limits = limits,
		.request = ret_request,
		.framing = &framing,
		.at = begin,
		.end = too_large ? begin + limits->head_size_max : scan->size,
	};
	enum http1_result result;
	bool in_fields;

	check(begin <= scan->size);
	clear(ret_request);
	ret_request->head = scan->base + begin;
	result = read_request_line(&reader);
	in_fields = result == HTTP1_COMPLETE;
	if (in_fields)
		result = read_fields(&reader);
	if (result == HTTP1_COMPLETE)
		return conclude_complete(&reader, begin);
	if (result == HTTP1_PARTIAL)
		return conclude_partial(&reader, too_large, in_fields);
	return result;
}

/* The first line of a complete head, without its CR LF, taken off. The blank line is empty. */
static struct bytes take_line(struct bytes *head)
{
	const uint8_t *newline = memchr(head->base, '\n', head->size);
	struct bytes line;

	check(newline && newline > head->base);
	line = bytes_make(head->base, (size_t)(newline - 1 - head->base));
	*head = bytes_skip(*head, line.size + 2);
	return line;
}

/* True when all values of the field fit into `capacity`. */
static bool join_field(const struct request *request, enum field_id id, uint8_t *out, size_t capacity,
		       size_t *ret_size)
{
	struct bytes head = bytes_make(request->head, request->head_size);
	struct bytes separator = BYTES("");
	size_t size = 0;

	/* The request line, and the empty one that may come before it. */
	while (take_line(&head).size == 0)
		;
	for (struct bytes line = take_line(&head); line.size > 0; line = take_line(&head)) {
		const uint8_t *colon = memchr(line.base, ':', line.size);
		struct bytes value;

		check(colon);
		if (field_recognise(bytes_make(line.base, (size_t)(colon - line.base))) != id)
			continue;
		value = trim(colon + 1, line.base + line.size);
		if (separator.size + value.size > capacity - size)
			return false;
		memcpy(out + size, separator.base, separator.size);
		memcpy(out + size + separator.size, value.base, value.size);
		size += separator.size + value.size;
		separator = BYTES(", ");
	}
	*ret_size = size;
	return true;
}

size_t http1_join(struct request *request, uint8_t *out, size_t capacity)
{
	size_t used = 0, size;

	for (int id = 0; id < FIELD_COUNT; id++) {
		uint32_t bit = UINT32_C(1) << id;

		if (!(request->repeated & HTTP1_LIST_FIELDS & bit) ||
		    !join_field(request, (enum field_id)id, out + used, capacity - used, &size))
			continue;
		request->field[id] = bytes_make(out + used, size);
		request->repeated &= ~bit;
		used += size;
	}
	return used;
}
