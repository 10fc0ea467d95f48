/* SPDX-License-Identifier: MIT */
/*
 * The order and the framing of answers, and the ends of connections; see model.h.
 *
 * Called by client.c (bytes) and session.c (ends). What an answer may say is in expect.c. The hard thing is
 * an end that nobody has announced: each has to have a reason that this file knows of, and a time limit
 * counts as one only when it has really passed.
 */
#include "model.h"

#include <string.h>

#include "client.h"
#include "expect.h"
#include "options.h"
#include "reply.h"
#include "session.h"
#include "world.h"

#define complain(client, exchange, text)                                                                     \
	world_fail("client %u, request %u: %s", (client)->number, (exchange), text)

static struct exchange *current(const struct client *client)
{
	return client->exchange_at < client->exchange_count
		       ? (struct exchange *)&client->exchange[client->exchange_at]
		       : NULL;
}

static bool is_page(unsigned status)
{
	return status == 301 || status >= 400;
}

static void judge_page(const struct client *client, const struct reply *reply, const uint8_t *body)
{
	static const char begin[] = "<!doctype html>\n", end[] = "</html>\n";

	if (reply->body_size < sizeof(begin) + sizeof(end) || memcmp(body, begin, sizeof(begin) - 1) != 0 ||
	    memcmp(body + reply->body_size - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		complain(client, client->exchange_at, "the page of its status is not one");
}

/* Whether the answer may be the last, and whether it must. */
static void judge_end(const struct client *client, const struct exchange *exchange, const struct reply *reply)
{
	bool must = exchange->closes || exchange->is_refused || reply->status == 408;
	bool may = must || exchange->may_close || reply->status == 503 || world.drained_step > 0 ||
		   world.stopped_step > 0;

	if (reply->keeps && must)
		complain(client, client->exchange_at,
			 "the answer should be the last, and says that it is not");
	if (reply->closes && !may)
		complain(client, client->exchange_at, "the answer says that it is the last");
}

static void judge_head(const struct client *client, const struct exchange *exchange, struct reply *reply)
{
	bool has_body = exchange->ask != ASK_HEAD && reply->status != 304 && reply->status != 204;

	if (exchange->begun_step == 0)
		complain(client, client->exchange_at, "an answer, before anything of it was received");
	if (exchange->arrived_step == 0 && !exchange->is_refused && !exchange->may_close &&
	    reply->status != 408 && !(reply->status == 503 && world.memory_failed_step > 0))
		complain(client, client->exchange_at, "an answer, before all of it was received");
	if (!world_was_second(reply->date, exchange->begun_step))
		complain(client, client->exchange_at, "a Date that was not");
	if (!reply->closes && !reply->keeps)
		complain(client, client->exchange_at, "no Connection line");
	if (reply->has_length == (reply->status == 304 || reply->status == 204))
		complain(client, client->exchange_at, "a Content-Length too much, or none");
	reply->body_size = has_body ? reply->length : 0;
	reply->step = world.step;
	judge_end(client, exchange, reply);
}

/* In which a request must have come, or a part of it. */
static uint64_t arrival_time(void)
{
	return options.head_time < options.body_time ? options.head_time : options.body_time;
}

/* So far: the head, and `size` bytes of the body. */
static void judge(const struct client *client, const struct exchange *exchange, const struct reply *reply,
		  size_t size)
{
	const uint8_t *body = client->got + client->read + reply->head_size;
	const char *why;

	if (reply->status == 408) {
		uint64_t until_ms = exchange->arrived_step > 0 ? exchange->arrived_ms : world.now_ms;

		if (until_ms - exchange->begun_ms < arrival_time())
			complain(client, client->exchange_at, "408 for a request that has come in time");
		return;
	}
	why = expect_judge(exchange, reply, body, size);
	if (why)
		world_fail("client %u, request %u: status %u of %llu bytes%s: %s", client->number,
			   client->exchange_at, reply->status, (unsigned long long)reply->length,
			   size < reply->body_size ? ", cut" : "", why);
}

static void finish(struct client *client, struct exchange *exchange)
{
	struct reply *reply = client->reply;

	judge(client, exchange, reply, (size_t)reply->body_size);
	if (is_page(reply->status) && reply->body_size > 0)
		judge_page(client, reply, client->got + client->read + reply->head_size);
	world_log("client %u: request %u is answered %u, %llu bytes", client->number, client->exchange_at,
		  reply->status, (unsigned long long)reply->body_size);
	client->read += reply->head_size + (size_t)reply->body_size;
	client->exchange_at++;
	client->said_last = reply->closes;
	/* Who refuses a head before it was complete cannot know that it is HEAD. */
	client->is_unsure =
		exchange->ask == ASK_HEAD && reply->closes && (reply->status == 408 || reply->status == 503);
	if (client->room > 0 && client->unread == 0)
		client->full_ms = 0;
	client->reply = NULL;
}

/* 100 (Continue): to who has asked, while the body is awaited, once. */
static bool take_interim(struct client *client, struct exchange *exchange, const struct reply *reply)
{
	if (reply->status != 100)
		return false;
	if (!exchange->expects)
		complain(client, client->exchange_at, "100, which was not asked for, or a second one");
	exchange->expects = false;
	client->read += reply->head_size;
	return true;
}

void model_receive(struct client *client)
{
	while (client->read < client->got_size && !client->is_raw && !client->is_unsure) {
		size_t size = client->got_size - client->read;
		struct exchange *exchange = current(client);
		struct reply reply;

		if (client->said_last)
			complain(client, client->exchange_at, "bytes behind the last answer");
		if (!exchange)
			complain(client, client->exchange_at, "bytes that nobody asked for");
		if (!client->reply) {
			if (!reply_parse(client->got + client->read, size, &reply))
				return;
			if (take_interim(client, exchange, &reply))
				continue;
			judge_head(client, exchange, &reply);
			client->reply = world_alloc(sizeof(reply));
			*client->reply = reply;
		}
		if (size < client->reply->head_size + client->reply->body_size)
			return;
		finish(client, exchange);
	}
}

/* Ends */

static bool has_passed(uint64_t since_ms, uint64_t limit_ms)
{
	return since_ms > 0 && world.now_ms - since_ms >= limit_ms;
}

static bool is_excused(const struct client *client)
{
	return client->is_reset || client->is_faulty || client->is_raw ||
	       world.memory_failed_step > client->opened_step || world.stopped_step > 0 ||
	       (world.drained_step > 0 && has_passed(world.drained_ms, options.drain_time));
}

static uint64_t latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Has a request arrived that is not answered? */
static bool owes(const struct client *client)
{
	const struct exchange *exchange = current(client);

	/* What arrives when the server has begun to go may come too late. */
	if (exchange && world.drained_step > 0 && exchange->arrived_step > world.drained_step)
		return false;
	return exchange && exchange->arrived_step > 0 && !client->said_last;
}

static bool is_timed_out(const struct client *client)
{
	uint64_t since_ms = latest(latest(client->taken_ms, client->received_ms), client->opened_ms);
	/* Looks at what the peer takes come four to a --send-time, and may see it a quarter late or early. */
	if (client->full_ms > 0)
		return has_passed(client->full_ms, options.send_time / 4 * 3);
	if (owes(client))
		return world.slow_step > 0 &&
		       has_passed(latest(current(client)->arrived_ms, client->taken_ms), options.send_time);
	if (client->head_ms > 0)
		return has_passed(client->head_ms, arrival_time());
	return has_passed(since_ms,
			  options.idle_time < options.head_time ? options.idle_time : options.head_time);
}

/* An answer is under way: the part of it that has come must be right as well. */
static void judge_cut(const struct client *client)
{
	const struct exchange *exchange = current(client);
	size_t size;

	if (!client->reply)
		return;
	size = client->got_size - client->read - client->reply->head_size;
	judge(client, exchange, client->reply, size);
}

static bool may_be_cut(const struct client *client)
{
	return client->reply && expect_may_be_cut(current(client));
}

void model_end(const struct client *client)
{
	if (client->is_raw || client->is_unsure || is_excused(client))
		return;
	if (client->read < client->got_size)
		complain(client, client->exchange_at, "the server ends its side in the middle of an answer");
	/* What was queued when the drain began did not say that it is the last. */
	if (!client->said_last && world.drained_step == 0)
		complain(client, client->exchange_at, "the server ends its side without having said so");
}

void model_closing(struct client *client)
{
	const struct exchange *exchange = current(client);

	if (client->is_closing)
		return;
	client->is_closing = true;
	if (is_excused(client))
		return;
	if (client->said_last) {
		if (client->has_ended && !client->end_delivered &&
		    !has_passed(client->ended_ms, options.linger_time))
			complain(client, client->exchange_at, "closed before the client has ended");
		return;
	}
	if (is_timed_out(client) || may_be_cut(client))
		return;
	if (client->read < client->got_size)
		complain(client, client->exchange_at, "closed in the middle of an answer");
	if (owes(client))
		complain(client, client->exchange_at, "closed without an answer to what has arrived");
	if (client->end_delivered || world.drained_step > 0)
		return;
	/* An accept that was cancelled too late has taken one too many. */
	if (client->delivered == 0 && client->opened_ms == world.now_ms && session_has_refused())
		return;
	if (exchange && exchange->begun_step > 0)
		complain(client, client->exchange_at, "closed while a request is on its way");
	complain(client, client->exchange_at, "closed for no reason");
}

void model_close(struct client *client)
{
	if (client->is_raw)
		return;
	judge_cut(client);
	model_closing(client);
}

void model_finish(const struct client *client)
{
	if (client->is_raw || client->state != CLIENT_OPEN || is_excused(client) || client->said_last)
		return;
	if (client->exchange_at < client->exchange_count)
		complain(client, client->exchange_at, "never answered");
}
