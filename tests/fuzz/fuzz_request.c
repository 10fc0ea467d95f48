/* SPDX-License-Identifier: MIT */
/*
 * A stream of requests: http/scan, http1, framing, host, body.
 *
 *   byte 0        which limits
 *   bytes 1, 2    where the stream is split
 *   the rest      the stream
 *
 * The stream is read twice, as serve/receive reads one: scanned once and parsed where the bytes are, and in
 * two parts, each head scanned anew where it was copied to. Both times the same requests must be found at the
 * same places, the same fields in them, and the same end. Every scanner gives the bits of the scalar one.
 * What is taken for a head is one by the syntax (head_model.h), and by a plain count of its lines carries one
 * length at most; where a chunked body ends, body_model.h says too.
 */
#include "body_model.h"
#include "fuzz.h"
#include "head_lines.h"
#include "head_model.h"
#include "http/body.h"
#include "http/http1.h"

#define EVENTS_MAX 128
#define STREAM_SIZE_MAX 8192
#define BODY_SIZE_MAX 4096

enum event_kind {
	EVENT_HEAD = 1,
	EVENT_REFUSED,
	EVENT_BODY_DONE,
	EVENT_BODY_MALFORMED,
	EVENT_BODY_TOO_LARGE
};

/* Compared byte by byte, so all of it is set. */
struct event {
	uint64_t kind;
	uint64_t at; /* where in the stream the next byte stands */
	uint64_t content_length;
	uint64_t content; /* target and fields, summed up */
	uint32_t method, minor, keep_alive, expect_continue, chunked, present, repeated, padding;
};

struct reader {
	struct http1_limits limits;
	size_t at;     /* bytes of the stream that are done */
	bool in_place; /* the whole stream is there, and scanned */
	bool in_body, ended;
	struct body body;
	unsigned count;
	struct event event[EVENTS_MAX];
};

static struct scan scan;

static void add_event(struct reader *reader, struct event event)
{
	event.at = reader->at;
	reader->event[reader->count++] = event;
	reader->ended = reader->ended || reader->count == EVENTS_MAX;
}

static uint64_t add_bytes(uint64_t sum, struct bytes part)
{
	for (size_t i = 0; i < part.size; i++)
		sum = (sum ^ part.base[i]) * UINT64_C(1099511628211);
	return (sum ^ part.size) * UINT64_C(1099511628211);
}

static uint64_t content_of(const struct request *request)
{
	uint64_t sum = add_bytes(1, request->target);

	for (int id = 0; id < FIELD_COUNT; id++)
		if (request_has(request, (enum field_id)id))
			sum = add_bytes(sum + (unsigned)id, request->field[id]);
	return sum;
}

static void check_scanners(struct bytes part)
{
	static struct scan_word plain[SCAN_BLOCKS + 1], other[SCAN_BLOCKS + 1];
	size_t size = (part.size + SCAN_BLOCK - 1) / SCAN_BLOCK * sizeof(plain[0]);

	scan_words_scalar(part.base, part.size, plain);
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2")) {
		scan_words_sse42(part.base, part.size, other);
		check(memcmp(plain, other, size) == 0);
	}
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2")) {
		scan_words_avx2(part.base, part.size, other);
		check(memcmp(plain, other, size) == 0);
	}
#elif defined(__AARCH64EL__)
	scan_words_neon(part.base, part.size, other);
	check(memcmp(plain, other, size) == 0);
#endif
	(void)other;
	(void)size;
}

/* The head says once at most how long its body is, and for whom it is. */
static void check_framing(const struct request *request, struct bytes head)
{
	struct bytes length = BYTES(""), coding = BYTES(""), host, any;
	unsigned lengths = head_lines_count(head, "content-length", &length);
	unsigned codings = head_lines_count(head, "transfer-encoding", &coding);
	unsigned hosts = head_lines_count(head, "host", &host);
	uint64_t number = 0;

	check(lengths + codings <= 1);
	check(request->chunked == (codings == 1) && (codings == 0 || request->minor > 0));
	check(codings == 0 ||
	      (coding.size == 7 && strncasecmp((const char *)coding.base, "chunked", 7) == 0));
	check(hosts == 1 || (hosts == 0 && request->minor == 0));
	check(lengths == 0 || (length.size > 0 && length.size <= 19));
	for (size_t i = 0; i < length.size; i++) {
		check(byte_is_digit(length.base[i]));
		number = number * 10 + (length.base[i] - '0');
	}
	check(request->content_length == number);
	check(head_lines_count(head, NULL, &any) <= FUZZ_ROOM);
}

static void check_complete(const struct reader *reader, const struct request *request, struct bytes unread)
{
	struct bytes head = bytes_make(unread.base, request->head_size), any;

	check(request->head == unread.base && request->head_size <= reader->limits.head_size_max);
	check(request->target.size > 0 && request->target.size <= reader->limits.target_size_max);
	check(fuzz_is_within(request->target, head));
	check(request->method <= METHOD_COUNT && request->refusal == 0);
	check((request->repeated & ~request->present) == 0);
	check(head_lines_count(head, NULL, &any) <= reader->limits.fields_max);
	for (int id = 0; id < FIELD_COUNT; id++)
		if (request_has(request, (enum field_id)id))
			check(fuzz_is_within(request->field[id], head));
	check_framing(request, head);
}

/* All values of `name`, joined with ", ". */
static size_t join_plainly(struct bytes head, const char *name, uint8_t *out)
{
	struct head_line line;
	size_t size = 0;
	unsigned count = 0;

	while (head_lines_take(&head, &line)) {
		if (!head_line_is(&line, name))
			continue;
		if (count++ > 0) {
			memcpy(out + size, ", ", 2);
			size += 2;
		}
		memcpy(out + size, line.value.base, line.value.size);
		size += line.value.size;
	}
	return size;
}

/* Lists in several lines become one value, in room that is exactly as large as promised. */
static void check_join(struct request *request, struct bytes head)
{
	static const char *const names[] = {
#define FIELD(constant, name) name,
#include "http/field.def"
#undef FIELD
	};
	static uint8_t expected[STREAM_SIZE_MAX];
	uint8_t *out = fuzz_room(1, head.size);
	uint32_t joined = request->repeated & HTTP1_LIST_FIELDS;
	size_t used = http1_join(request, out, head.size);

	check(used <= head.size && (request->repeated & HTTP1_LIST_FIELDS) == 0);
	for (unsigned id = 0; id < FIELD_COUNT; id++) {
		if (!(joined >> id & 1))
			continue;
		check(fuzz_is_within(request->field[id], bytes_make(out, used)));
		check(bytes_equal(request->field[id],
				  bytes_make(expected, join_plainly(head, names[id], expected))));
	}
}

/* What the syntax alone says of these bytes must be what was found, but for what is refused besides. */
static void check_against_model(struct bytes unread, enum http1_result result, const struct request *request)
{
	static const uint16_t besides[] = { 400, 414, 417, 431, 501, 505 };
	size_t expected = 0;
	enum head_model model = head_model_read(unread.base, unread.size, &expected);
	bool is_known = false;

	if (result == HTTP1_COMPLETE)
		check(model == HEAD_MODEL_COMPLETE && request->head_size == expected);
	if (result == HTTP1_PARTIAL)
		check(model == HEAD_MODEL_PARTIAL);
	if (result != HTTP1_REFUSED)
		return;
	for (size_t i = 0; i < sizeof(besides) / sizeof(besides[0]); i++)
		is_known = is_known || request->refusal == besides[i];
	check(is_known);
}

/* False: the head is not all there. */
static bool read_head(struct reader *reader, struct bytes seen)
{
	struct bytes unread = bytes_skip(seen, reader->at);
	struct request request;
	enum http1_result result;

	if (!reader->in_place) {
		unread = fuzz_place(0, unread);
		scan_index(&scan, unread.base, unread.size);
		check_scanners(unread);
	}
	result = http1_parse(&scan, reader->in_place ? reader->at : 0, &reader->limits, &request);
	check_against_model(unread, result, &request);
	if (result == HTTP1_PARTIAL)
		return false;
	if (result == HTTP1_REFUSED) {
		add_event(reader, (struct event){ .kind = EVENT_REFUSED });
		reader->ended = true;
		return true;
	}
	check_complete(reader, &request, unread);
	reader->at += request.head_size;
	add_event(reader,
		  (struct event){ EVENT_HEAD, 0, request.content_length, content_of(&request), request.method,
				  request.minor, request.keep_alive, request.expect_continue, request.chunked,
				  request.present, request.repeated, 0 });
	check_join(&request, bytes_make(unread.base, request.head_size));
	reader->in_body = body_begin(&reader->body, &request, BODY_SIZE_MAX) != BODY_DONE;
	if (request.content_length > BODY_SIZE_MAX) {
		add_event(reader, (struct event){ .kind = EVENT_BODY_TOO_LARGE });
		reader->ended = true;
	}
	return true;
}

/* False: the body goes on behind what is there. */
static bool read_body(struct reader *reader, struct bytes seen)
{
	struct bytes unread = fuzz_place(2, bytes_skip(seen, reader->at));
	size_t used;
	enum body_result result = body_consume(&reader->body, unread, &used);

	check(used <= unread.size && (result != BODY_MORE || used == unread.size));
	reader->at += used;
	if (result == BODY_MORE)
		return false;
	reader->in_body = false;
	reader->ended = reader->ended || result != BODY_DONE;
	add_event(reader, (struct event){ .kind = result == BODY_DONE        ? EVENT_BODY_DONE
						  : result == BODY_MALFORMED ? EVENT_BODY_MALFORMED
									     : EVENT_BODY_TOO_LARGE });
	return true;
}

/* Of the stream, `seen` is there now. */
static void feed(struct reader *reader, struct bytes seen)
{
	while (!reader->ended && reader->at < seen.size)
		if (reader->in_body ? !read_body(reader, seen) : !read_head(reader, seen))
			return;
}

/* Chunked bodies end where the model says, and only those end of which it says so. */
static void check_bodies(const struct reader *reader, struct bytes stream)
{
	for (unsigned i = 0; i < reader->count && i + 1 < EVENTS_MAX; i++) {
		const struct event *head = &reader->event[i], *next = head + 1;
		bool is_done = i + 1 < reader->count && next->kind == EVENT_BODY_DONE;
		size_t size = 0;

		if (head->kind != EVENT_HEAD || !head->chunked)
			continue;
		check(is_done == body_model_read(bytes_skip(stream, head->at), BODY_SIZE_MAX, &size));
		check(!is_done || next->at == head->at + size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http1_limits limits[] = {
		{ .head_size_max = 16384, .target_size_max = 8192, .fields_max = 100 },
		{ .head_size_max = 128, .target_size_max = 24, .fields_max = 4 },
	};
	static struct reader whole, parts;
	struct bytes stream = bytes_make(data, size < STREAM_SIZE_MAX ? size : STREAM_SIZE_MAX);
	const struct http1_limits *chosen = &limits[fuzz_take_number(&stream, 1) & 1];
	size_t split = fuzz_take_number(&stream, 2);

	whole = (struct reader){ .limits = *chosen, .in_place = true };
	parts = (struct reader){ .limits = *chosen };
	stream = fuzz_place(3, stream);
	scan_index(&scan, stream.base, stream.size);
	check_scanners(stream);
	feed(&whole, stream);
	check_bodies(&whole, stream);
	feed(&parts, bytes_make(stream.base, stream.size > 0 ? split % stream.size : 0));
	feed(&parts, stream);
	check(whole.count == parts.count && whole.in_body == parts.in_body);
	check(memcmp(whole.event, parts.event, whole.count * sizeof(whole.event[0])) == 0);
	return 0;
}
