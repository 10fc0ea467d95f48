/* SPDX-License-Identifier: MIT */
/*
 * From received bytes to whole requests; the first half of a request's journey.
 *
 *   bytes -> scan -> http1 -> body -> serve/request
 *
 * Called by worker for every receive completion, and by fetch and send when a connection may
 * go on. The hard thing is what stays behind: a request that waits (for the rest of its head,
 * for its body, for the file system) must outlive the receive buffer. Then its head moves to
 * the front of the stash, its body is thrown away as it comes, and when the wait is over the
 * head is simply parsed again.
 */
#include "serve/receive.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/recall.h"
#include "serve/request.h"
#include "serve/send.h"
#include "serve/worker.h"
#include "site/answer.h"

/* Input being handled: bytes at `at` up to `size` are still to come. */
struct input {
	const uint8_t *base;
	size_t size;
	size_t at;
	size_t head_size; /* when the request at `at` waits: its head ... */
	size_t skip;      /* ... and how many bytes of body behind it are done with */
	size_t scan_at;   /* worker->scan covers the bytes from here ... */
	size_t scan_end;  /* ... to here */
};

enum step {
	STEP_NEXT, /* the request is answered; input->at is behind it */
	STEP_WAIT, /* it needs more bytes, or the file system, or room in the output */
	STEP_END,  /* refused: nothing more is read */
};

void receive_drop(struct worker *worker, struct conn *conn)
{
	mem_free(conn->stash);
	conn->stash = NULL;
	conn->stash_size = 0;
	conn->stash_capacity = 0;
	conn->body_active = false;
	conn->body_done = false;
	request_drop(worker, conn);
}

/* Each reason is counted by itself. */
static enum counter_id counter_of(unsigned status)
{
	switch (status) {
	case 400:
		return COUNTER_refused_400;
	case 405:
		return COUNTER_refused_405;
	case 408:
		return COUNTER_refused_408;
	case 413:
		return COUNTER_refused_413;
	case 414:
		return COUNTER_refused_414;
	case 417:
		return COUNTER_refused_417;
	case 429:
		return COUNTER_refused_429;
	case 431:
		return COUNTER_refused_431;
	case 501:
		return COUNTER_refused_501;
	case 503:
		return COUNTER_refused_503;
	case 505:
		return COUNTER_refused_505;
	default:
		check(!"a refusal without a counter");
		return COUNTER_COUNT;
	}
}

void receive_refuse(struct worker *worker, struct conn *conn, enum method method, unsigned status)
{
	struct answer answer;

	answer_refusal(&answer, method, pages_get_refusal(&worker->pages, status));
	stats_add(&worker->stats, COUNTER_requests_refused, 1);
	stats_add(&worker->stats, counter_of(status), 1);
	receive_drop(worker, conn);
	send_answer(worker, conn, &answer);
}

static bool stash_reserve(struct conn *conn, size_t size)
{
	size_t capacity = conn->stash_capacity ? conn->stash_capacity : 512;
	uint8_t *stash;

	while (capacity < size)
		capacity *= 2;
	if (capacity == conn->stash_capacity)
		return true;
	stash = mem_resize(conn->stash, capacity);
	if (!stash)
		return false;
	conn->stash = stash;
	conn->stash_capacity = (uint32_t)capacity;
	return true;
}

static bool stash_append(struct conn *conn, const uint8_t *base, size_t size)
{
	if (!stash_reserve(conn, conn->stash_size + size))
		return false;
	memcpy(conn->stash + conn->stash_size, base, size);
	conn->stash_size += (uint32_t)size;
	return true;
}

/* What `input` leaves becomes the stash; input->base may be the stash itself. */
static bool stash_rest(struct conn *conn, const struct input *input)
{
	size_t tail_at = input->at + input->head_size + input->skip;
	size_t tail_size = input->size - tail_at;
	size_t size = input->head_size + tail_size;
	bool in_place = input->base == conn->stash;

	if (size == 0 && !conn->stash)
		return true;
	if (size == 0) {
		mem_free(conn->stash);
		conn->stash = NULL;
		conn->stash_capacity = 0;
		conn->stash_size = 0;
		return true;
	}
	if (!in_place && !stash_reserve(conn, size))
		return false;
	memmove(conn->stash, input->base + input->at, input->head_size);
	memmove(conn->stash + input->head_size, input->base + tail_at, tail_size);
	conn->stash_size = (uint32_t)size;
	return true;
}

/*
 * Read off the request's body as far as it is here. STEP_NEXT: it is complete. Out of line, as
 * is continue_body(): requests without a body need not save registers for those with one.
 */
__attribute__((noinline)) static enum step read_body(struct worker *worker, struct conn *conn,
						     const struct request *request, struct input *input)
{
	struct bytes rest = bytes_make(input->base + input->at + request->head_size,
				       input->size - input->at - request->head_size);
	enum body_result result = body_begin(&conn->body, request, worker->config->body_size);
	size_t used = 0;

	if (result == BODY_MORE)
		result = body_consume(&conn->body, rest, &used);
	input->skip = used;
	switch (result) {
	case BODY_DONE:
		return STEP_NEXT;
	case BODY_MALFORMED:
		receive_refuse(worker, conn, request->method, 400);
		return STEP_END;
	case BODY_TOO_LARGE:
		receive_refuse(worker, conn, request->method, 413);
		return STEP_END;
	case BODY_MORE:
		break;
	}
	/* A client that asks before it sends is told to go on, or is refused at once (RFC 9110 10.1.1). */
	if (request->expect_continue && used == 0) {
		if (!request_is_served(request->method)) {
			receive_refuse(worker, conn, request->method, 405);
			return STEP_END;
		}
		send_static(worker, conn, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
		if (conn->state == CONN_CLOSING)
			return STEP_END;
	}
	conn->body_active = true;
	conn->body_method = (uint8_t)request->method;
	input->head_size = request->head_size;
	worker_set_deadline(worker, conn, worker->config->body_time);
	return STEP_WAIT;
}

/* The request is whole. */
static enum step answer_request(struct worker *worker, struct conn *conn, struct request *request,
				struct input *input)
{
	switch (request_answer(worker, conn, request)) {
	case REQUEST_ANSWERED:
		return STEP_NEXT;
	case REQUEST_LAST:
		return STEP_END;
	case REQUEST_WAITS:
		break;
	}
	input->head_size = request->head_size;
	conn->body_done = request_has_body(request);
	return STEP_WAIT;
}

/* An index covers 64 KiB at the most; longer input is scanned piece by piece. */
static void scan_input(struct worker *worker, struct input *input)
{
	size_t size = input->size - input->at;

	if (size > SCAN_SIZE_MAX)
		size = SCAN_SIZE_MAX;
	scan_index(&worker->scan, input->base + input->at, size);
	input->scan_at = input->at;
	input->scan_end = input->at + size;
}

static enum http1_result parse_head(struct worker *worker, struct input *input, struct request *ret_request)
{
	enum http1_result result;

	if (input->at >= input->scan_end)
		scan_input(worker, input);
	result = http1_parse(&worker->scan, input->at - input->scan_at, &worker->limits, ret_request);
	if (result == HTTP1_PARTIAL && input->scan_end < input->size && input->scan_at < input->at) {
		/* Only the index ended, not the input. */
		scan_input(worker, input);
		result = http1_parse(&worker->scan, 0, &worker->limits, ret_request);
	}
	return result;
}

static enum step handle_request(struct worker *worker, struct conn *conn, struct input *input)
{
	struct request request;
	enum step step;
	size_t known = recall_answer(worker, conn, input->base + input->at, input->size - input->at);

	input->at += known;
	if (known > 0)
		return STEP_NEXT;
	switch (parse_head(worker, input, &request)) {
	case HTTP1_PARTIAL:
		return STEP_WAIT;
	case HTTP1_REFUSED:
		receive_refuse(worker, conn, request.method, request.refusal);
		return STEP_END;
	case HTTP1_COMPLETE:
		break;
	}
	if (request_has_body(&request) && !conn->body_done) {
		step = read_body(worker, conn, &request, input);
		if (step != STEP_NEXT)
			return step;
	}
	step = answer_request(worker, conn, &request, input);
	if (step != STEP_NEXT)
		return step;
	input->at += request.head_size + input->skip;
	input->skip = 0;
	conn->body_done = false;
	return STEP_NEXT;
}

/* What must have come by when: the rest of a head that has begun, or the next request. */
static void set_reading_deadline(struct worker *worker, struct conn *conn, bool head_is_new)
{
	if (conn->stash_size == 0)
		worker_set_deadline(worker, conn, worker->config->idle_time);
	else if (head_is_new)
		worker_set_deadline(worker, conn, worker->config->head_time);
}

/* Handle requests from `begin` on, until the input ends or something must be waited for. */
static void run(struct worker *worker, struct conn *conn, struct bytes data, size_t begin)
{
	struct input input = { .base = data.base, .size = data.size, .at = begin };
	bool head_is_new = data.base != conn->stash;
	enum step step = STEP_NEXT;

	while (step == STEP_NEXT && input.at < data.size && conn->state == CONN_READING) {
		if (!send_has_room(conn)) {
			send_yield(worker, conn);
			break;
		}
		step = handle_request(worker, conn, &input);
	}
	if (step == STEP_END || conn->state == CONN_CLOSING)
		return;
	if (!stash_rest(conn, &input)) {
		conn_exhausted(worker, conn);
		return;
	}
	if (conn->state == CONN_READING && !conn->body_active)
		set_reading_deadline(worker, conn, head_is_new || input.at > 0);
}

/* The body cannot be read: refuse the request, but not in the middle of an answer before it. */
static void refuse_body(struct worker *worker, struct conn *conn, unsigned status)
{
	if (conn->state == CONN_READING)
		receive_refuse(worker, conn, conn->body_method, status);
	else
		conn->body_refusal = (uint16_t)status;
}

/*
 * More bytes of the body of a request whose head is stashed. They are counted as they come, also
 * while an earlier answer waits for the socket: behind the stashed head they would be taken
 * for requests.
 */
__attribute__((noinline)) static void continue_body(struct worker *worker, struct conn *conn,
						    struct bytes data)
{
	size_t used;

	switch (body_consume(&conn->body, data, &used)) {
	case BODY_MORE:
		return;
	case BODY_MALFORMED:
		refuse_body(worker, conn, 400);
		return;
	case BODY_TOO_LARGE:
		refuse_body(worker, conn, 413);
		return;
	case BODY_DONE:
		break;
	}
	conn->body_active = false;
	conn->body_done = true;
	if (!stash_append(conn, data.base + used, data.size - used))
		conn_exhausted(worker, conn);
	else if (conn->state == CONN_READING)
		run(worker, conn, bytes_make(conn->stash, conn->stash_size), 0);
}

/* Bytes behind something that is not finished: a body, the start of a head, an answer under way. */
__attribute__((noinline)) static void receive_behind(struct worker *worker, struct conn *conn,
						     struct bytes data)
{
	if (conn->state == CONN_LINGERING || conn->state == CONN_CLOSING || conn->close_after ||
	    conn->body_refusal)
		return; /* after the last answer nothing counts any more */
	if (conn->body_active) {
		continue_body(worker, conn, data);
		return;
	}
	if (!stash_append(conn, data.base, data.size)) {
		conn_exhausted(worker, conn);
		return;
	}
	if (conn->state == CONN_READING) {
		run(worker, conn, bytes_make(conn->stash, conn->stash_size), 0);
		return;
	}
	/* It sends more than it reads: leave the rest in the socket until it has caught up. */
	if (conn->stash_size >= worker->config->pipeline_size && conn->recv_armed && !conn->recv_paused) {
		conn->recv_paused = true;
		stats_add(&worker->stats, COUNTER_recv_pauses, 1);
		ring_submit_cancel(worker->ring, op_tag(OP_RECV, conn->generation, conn->index));
	}
}

static void receive_bytes(struct worker *worker, struct conn *conn, struct bytes data)
{
	size_t known;

	if (conn->state != CONN_READING || conn->stash_size > 0 || conn->close_after) {
		receive_behind(worker, conn, data);
		return;
	}
	/* Nearly always one head, and one that is known. */
	known = send_has_room(conn) ? recall_answer(worker, conn, data.base, data.size) : 0;
	if (known == data.size && conn->state == CONN_READING)
		worker_set_deadline(worker, conn, worker->config->idle_time);
	else
		run(worker, conn, data, known);
}

/* The peer has ended its side: when nothing is left to answer, this side ends as well. */
static void end_if_done(struct worker *worker, struct conn *conn)
{
	if (!conn->peer_ended || conn->state != CONN_READING)
		return;
	if (conn->queued)
		conn->close_after = true;
	else
		conn_close(worker, conn);
}

/* By when a connection that reads again must have gone on. */
static uint64_t resume_time(const struct worker *worker, const struct conn *conn)
{
	if (conn->body_active)
		return worker->config->body_time;
	return conn->stash_size > 0 ? worker->config->head_time : worker->config->idle_time;
}

void receive_resume(struct worker *worker, struct conn *conn)
{
	conn_set_state(conn, CONN_READING);
	if (conn->body_refusal) {
		receive_refuse(worker, conn, conn->body_method, conn->body_refusal);
		return;
	}
	worker_set_deadline(worker, conn, resume_time(worker, conn));
	if (conn->stash_size > 0 && !conn->body_active)
		run(worker, conn, bytes_make(conn->stash, conn->stash_size), 0);
	if (conn->state == CONN_READING && !conn->recv_armed && !conn->peer_ended)
		conn_arm_recv(worker, conn);
	end_if_done(worker, conn);
	/* The answer that has left did not say that it was the last: another request may be on its way. */
	if (worker->draining && conn_is_idle(conn))
		worker_set_deadline(worker, conn, worker->config->drain_grace);
}

/* The multishot receive has ended: for good, or to be armed again. */
__attribute__((noinline)) static void receive_ended(struct worker *worker, struct conn *conn, int result)
{
	conn->recv_armed = false;
	if (conn->state == CONN_CLOSING) {
		conn_settle_close(worker, conn);
		return;
	}
	if (result == 0) {
		conn->peer_ended = true;
		if (conn->state == CONN_LINGERING)
			conn_close(worker, conn);
		else
			end_if_done(worker, conn);
		return;
	}
	if (result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EAGAIN &&
	    result != -EINTR) {
		conn_close(worker, conn);
		return;
	}
	if (result == -ENOBUFS)
		stats_add(&worker->stats, COUNTER_buffers_exhausted, 1);
	if (conn->recv_paused && (conn->state == CONN_SENDING || conn->state == CONN_RESOLVING))
		return; /* receive_resume() arms it */
	stats_add(&worker->stats, COUNTER_recv_rearms, 1);
	conn_arm_recv(worker, conn);
}

void receive_on_recv(struct worker *worker, struct conn *conn, const struct completion *completion)
{
	if ((completion->flags & COMPLETION_BUFFER) && completion->result > 0) {
		worker->peers += conn->epoch != worker->epoch;
		conn->epoch = worker->epoch;
		stats_add(&worker->stats, COUNTER_bytes_received, (uint64_t)completion->result);
		receive_bytes(worker, conn,
			      bytes_make(ring_bytes(worker->ring, completion), (size_t)completion->result));
	}
	if (!(completion->flags & COMPLETION_MORE))
		receive_ended(worker, conn, completion->result);
}
