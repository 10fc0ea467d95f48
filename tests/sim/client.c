/* SPDX-License-Identifier: MIT */
/*
 * What clients do, and the sockets they do it to; see client.h.
 *
 * The session has clients act, the engine and the system calls use the server's end of their sockets. What
 * the server sends goes to the model as soon as the socket takes it: from then on it cannot be changed any
 * more, whenever the client reads it.
 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "world.h"

void client_init(struct client *client, unsigned number)
{
	memset(client, 0, sizeof(*client));
	client->number = number;
	client->planned = (unsigned)world_between(1, world_one_in(4) ? CLIENT_EXCHANGES - 1 : 4);
	client->is_slow = world_happens(CHANCE_slow_reader);
	client->room = client->is_slow ? (size_t)world_below(world_one_in(2) ? 120 : 3000) : CLIENT_ROOM;
}

void client_init_raw(struct client *client, unsigned number, const uint8_t *bytes, size_t size)
{
	memset(client, 0, sizeof(*client));
	client->number = number;
	client->is_raw = true;
	client->room = CLIENT_ROOM;
	client_write(client, bytes, size);
}

void client_deinit(struct client *client)
{
	free(client->stream);
	free(client->got);
	memset(client, 0, sizeof(*client));
}

void client_write(struct client *client, const void *bytes, size_t size)
{
	while (client->stream_size + size > client->stream_capacity) {
		client->stream_capacity = client->stream_capacity ? 2 * client->stream_capacity : 1024;
		client->stream = realloc(client->stream, client->stream_capacity);
		world_check(client->stream, "no memory");
	}
	if (size > 0)
		memcpy(client->stream + client->stream_size, bytes, size);
	client->stream_size += size;
}

/* Acts */

static void reset(struct client *client)
{
	world_log("client %u resets", client->number);
	client->is_reset = true;
	client->error = ECONNRESET;
	client->edge = true;
	client->sent = client->delivered;
}

static void end(struct client *client)
{
	world_log("client %u ends its side", client->number);
	client->ended = true;
}

static void make_room(struct client *client, size_t size)
{
	client->room += size;
	client->unread -= size < client->unread ? size : client->unread;
	if (client->unread == 0 && !client->reply)
		client->full_ms = 0;
	if (client->was_full)
		client->edge = true;
	client->was_full = false;
}

static void plan(struct client *client)
{
	unsigned count = (unsigned)world_between(1, client->planned);

	if (world_one_in(2))
		count = 1;
	for (; count > 0 && !client->is_broken; count--) {
		client->planned--;
		request_write(client);
	}
	if (client->is_broken)
		client->planned = 0;
}

static size_t draw_part(size_t left)
{
	switch (world_below(4)) {
	case 0:
		return 1;
	case 1:
		return (size_t)world_between(1, left);
	default:
		return left;
	}
}

static void send_some(struct client *client, bool all)
{
	size_t left, part;

	if (client->sent == client->stream_size && client->planned > 0)
		plan(client);
	left = client->stream_size - client->sent;
	if (left == 0)
		return;
	part = all ? left : draw_part(left);
	client->sent += part;
	world_log("client %u sends %zu bytes, %zu are left", client->number, part, left - part);
}

/* Has it nothing more to send? */
static bool has_said_all(const struct client *client)
{
	return client->planned == 0 && client->sent == client->stream_size;
}

void client_act(struct client *client)
{
	if (client->state == CLIENT_OUTSIDE) {
		world_log("client %u connects", client->number);
		client->state = CLIENT_QUEUED;
		return;
	}
	if (client->state == CLIENT_CLOSED || client->is_reset)
		return;
	if (world_happens(CHANCE_reset))
		reset(client);
	else if (client->is_slow && client->room < 4000 && world_one_in(2))
		make_room(client, (size_t)world_between(1, world_one_in(3) ? 80 : 3000));
	else if (client->ended)
		return;
	else if (has_said_all(client) ? world_happens(CHANCE_half_close) || client_is_done(client)
				      : world_happens(CHANCE_give_up))
		end(client);
	else
		send_some(client, false);
}

void client_hurry(struct client *client)
{
	if (client->state == CLIENT_OUTSIDE) {
		client->planned = 0;
		client->state = CLIENT_CLOSED; /* it never comes */
		return;
	}
	if (client->state == CLIENT_CLOSED || client->is_reset)
		return;
	client->is_slow = false;
	client->unread = 0;
	if (client->room != CLIENT_ROOM)
		make_room(client, CLIENT_ROOM - client->room);
	if (!client->ended && !has_said_all(client))
		send_some(client, true);
	else if (!client->ended && client_is_done(client))
		end(client);
}

bool client_is_done(const struct client *client)
{
	if (client->state == CLIENT_CLOSED || client->is_reset || client->is_raw || client->said_last)
		return true;
	return client->exchange_at == client->exchange_count && has_said_all(client);
}

/* The server's end */

static void keep(struct client *client, const uint8_t *base, size_t size)
{
	while (client->got_size + size > client->got_capacity) {
		client->got_capacity = client->got_capacity ? 2 * client->got_capacity : 4096;
		client->got = realloc(client->got, client->got_capacity);
		world_check(client->got, "no memory");
	}
	if (size > 0)
		memcpy(client->got + client->got_size, base, size);
	client->got_size += size;
}

int64_t client_take(struct client *client, const struct iovec *piece, size_t count, size_t limit)
{
	size_t total = 0, taken = 0;

	for (size_t i = 0; i < count; i++)
		total += piece[i].iov_len;
	world_check(total > 0, "client %u: a send of nothing", client->number);
	world_check(!client->has_ended, "client %u: a send after the end was said", client->number);
	if (client->error)
		return client->error == ECONNRESET && client->is_reset ? -EPIPE : -client->error;
	for (size_t i = 0; i < count; i++) {
		size_t size = piece[i].iov_len;

		size = size < limit - taken ? size : limit - taken;
		size = size < client->room ? size : client->room;
		keep(client, piece[i].iov_base, size);
		taken += size;
		if (client->is_slow) {
			client->room -= size;
			client->unread += size;
		}
		if (size < piece[i].iov_len)
			break;
	}
	if (taken < total && client->room == 0) {
		client->was_full = true;
		if (client->full_ms == 0)
			client->full_ms = world.now_ms;
	}
	world_log("client %u: %zu of %zu bytes are taken", client->number, taken, total);
	if (taken == 0)
		return -EAGAIN;
	client->taken_ms = world.now_ms;
	model_receive(client);
	return (int64_t)taken;
}

/*
 * What is short without a full socket was short of memory for a moment, and the kernel tells when that is
 * over; but what comes from a file may be short for reasons of the file, which nobody tells of.
 */
int64_t client_take_some(struct client *client, const struct iovec *piece, size_t count, bool is_file)
{
	size_t total = 0, limit;
	int64_t taken;

	for (size_t i = 0; i < count; i++)
		total += piece[i].iov_len;
	limit = total;
	if (world_happens(CHANCE_send_error)) {
		client->is_faulty = true;
		client->error = world_one_in(2) ? EPIPE : ECONNRESET;
	}
	if (total > 1 && world_happens(CHANCE_send_short))
		limit = (size_t)world_between(1, total > 100 && world_one_in(3) ? 100 : total - 1);
	else if (world_happens(CHANCE_send_again))
		limit = 0;
	taken = client_take(client, piece, count, limit);
	if (taken != (int64_t)total && client->room > 0 && (!is_file || taken < 0))
		client->edge = true;
	return taken;
}

bool client_is_readable(const struct client *client)
{
	return client->error || client->delivered < client->sent || client->ended;
}

bool client_is_writable(const struct client *client)
{
	return client->error || client->room > 0;
}

/* An exchange of which some, but not all has been delivered. */
static void note_delivery(struct client *client, size_t before)
{
	bool is_partial = false;

	for (unsigned i = 0; i < client->exchange_count; i++) {
		struct exchange *exchange = &client->exchange[i];

		if (exchange->begun_step == 0 && client->delivered > exchange->begin) {
			exchange->begun_step = world.step;
			exchange->begun_ms = world.now_ms;
		}
		if (exchange->arrived_step == 0 && client->delivered >= exchange->end) {
			exchange->arrived_step = world.step;
			exchange->arrived_ms = world.now_ms;
		}
		if (client->delivered <= exchange->begin || client->delivered >= exchange->end)
			continue;
		is_partial = true;
		if (before <= exchange->begin || client->head_ms == 0)
			client->head_ms = world.now_ms;
	}
	if (!is_partial)
		client->head_ms = 0;
}

size_t client_deliver(struct client *client, uint8_t *base, size_t size)
{
	size_t before = client->delivered;

	if (size > client->sent - client->delivered)
		size = client->sent - client->delivered;
	memcpy(base, client->stream + client->delivered, size);
	client->delivered += size;
	client->received_ms = world.now_ms;
	note_delivery(client, before);
	return size;
}
