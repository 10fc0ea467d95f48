/* SPDX-License-Identifier: MIT */
/*
 * The pieces of a gathered send.
 *
 * Called by serve/send. Flights come from the worker's free list and go back to it, so a
 * pipelining client costs an allocation once, not per batch.
 */
#include "serve/flight.h"

#include "base/check.h"
#include "base/mem.h"
#include "serve/worker.h"

bool flight_need(struct worker *worker, struct conn *conn)
{
	struct flight *flight = conn->flight;

	if (flight)
		return true;
	flight = worker->flights;
	if (flight)
		worker->flights = flight->next_free;
	else if (!(flight = mem_alloc(sizeof(*flight))))
		return false;
	flight->begin = 0;
	flight->end = 0;
	flight->end_max = (unsigned)worker->config->pipeline_pieces;
	flight->spill = NULL;
	flight->scratch_size = 0;
	memset(&flight->message, 0, sizeof(flight->message));
	flight->message.msg_iov = flight->piece;
	conn->flight = flight;
	if (conn->out) {
		flight_add(flight, conn->out, conn->out_size, conn->out_asset);
		conn->out = NULL;
		conn->out_asset = NULL;
	}
	return true;
}

void flight_release(struct worker *worker, struct conn *conn)
{
	struct flight *flight = conn->flight;

	for (unsigned i = flight->begin; i < flight->end; i++)
		if (flight->held[i])
			worker_release(worker, flight->held[i]);
	mem_free(flight->spill);
	flight->next_free = worker->flights;
	worker->flights = flight;
	conn->flight = NULL;
}

void flight_add(struct flight *flight, const uint8_t *base, size_t size, struct asset *asset)
{
	check(flight->end < FLIGHT_PIECES);
	flight->piece[flight->end] = (struct iovec){ .iov_base = (void *)base, .iov_len = size };
	flight->held[flight->end++] = asset;
	flight->message.msg_iovlen++;
}

uint8_t *flight_scratch(struct flight *flight, size_t size)
{
	if (flight->scratch_size + size <= FLIGHT_SCRATCH)
		return flight->scratch + flight->scratch_size;
	check(!flight->spill);
	flight->spill = mem_alloc(size);
	return flight->spill;
}

void flight_scratch_used(struct flight *flight, const uint8_t *text, size_t size)
{
	if (text != flight->spill)
		flight->scratch_size += (unsigned)size;
}

/* An empty place in front of the first piece: where taken ones were, or by moving all up once. */
static void open_front(struct flight *flight)
{
	if (flight->begin > 0) {
		flight->begin--;
		return;
	}
	check(flight->end < FLIGHT_PIECES);
	memmove(&flight->piece[1], &flight->piece[0], flight->end * sizeof(flight->piece[0]));
	memmove(&flight->held[1], &flight->held[0], flight->end * sizeof(flight->held[0]));
	flight->end++;
}

/*
 * The first piece begins inside a date: copy what is left of it, so that it stays as it is. One
 * place for it is enough, since whatever stood in front has been taken.
 */
static void keep_date(struct flight *flight)
{
	struct iovec *piece = &flight->piece[flight->begin];
	struct asset *asset = flight->held[flight->begin];
	const uint8_t *at = piece->iov_base;
	const uint8_t *end = asset ? asset_date_end(asset, at) : NULL;
	size_t size;

	if (!end)
		return;
	size = (size_t)(end - at);
	check(size < piece->iov_len);
	memcpy(flight->date, at, size);
	piece->iov_base = (void *)end;
	piece->iov_len -= size;
	open_front(flight);
	flight->piece[flight->begin] = (struct iovec){ .iov_base = flight->date, .iov_len = size };
	flight->held[flight->begin] = NULL;
}

bool flight_take(struct worker *worker, struct flight *flight, size_t size)
{
	while (flight->begin < flight->end && size >= flight->piece[flight->begin].iov_len) {
		size -= flight->piece[flight->begin].iov_len;
		if (flight->held[flight->begin])
			worker_release(worker, flight->held[flight->begin]);
		flight->begin++;
	}
	if (flight->begin == flight->end) {
		check(size == 0);
		return true;
	}
	flight->piece[flight->begin].iov_base = (uint8_t *)flight->piece[flight->begin].iov_base + size;
	flight->piece[flight->begin].iov_len -= size;
	keep_date(flight);
	flight->message.msg_iov = &flight->piece[flight->begin];
	flight->message.msg_iovlen = flight->end - flight->begin;
	return false;
}

size_t flight_size(const struct flight *flight)
{
	size_t size = 0;

	for (unsigned i = flight->begin; i < flight->end; i++)
		size += flight->piece[i].iov_len;
	return size;
}

void send_free_flights(struct worker *worker)
{
	while (worker->flights) {
		struct flight *flight = worker->flights;

		worker->flights = flight->next_free;
		mem_free(flight);
	}
}
