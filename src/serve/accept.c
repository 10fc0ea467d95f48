/* SPDX-License-Identifier: MIT */
/*
 * One multishot accept per address; a completion per connection.
 *
 * Called by worker. Two shortages stop it: no slot in the table (it is cancelled, and armed
 * again when a sixteenth of the table is free, so that it does not flap), and no descriptor
 * (EMFILE, ENFILE, ENOMEM: tried again after a pause, so that the loop does not spin). In
 * both cases connections wait in the kernel's queue.
 */
#include "serve/accept.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "io/op.h"

#define RETRY_MS 100

static void arm(struct worker *worker, unsigned index)
{
	struct accept *accept = &worker->accepts[index];

	if (accept->armed || *accept->fd < 0)
		return;
	accept->armed = true;
	ring_submit_accept(worker->ring, op_tag(OP_ACCEPT, 0, index), *accept->fd);
}

void accept_start(struct worker *worker)
{
	for (unsigned i = 0; i < worker->accept_count; i++)
		arm(worker, i);
}

static void pause_all(struct worker *worker)
{
	worker->accept_paused = true;
	for (unsigned i = 0; i < worker->accept_count; i++)
		if (worker->accepts[i].armed)
			ring_submit_cancel(worker->ring, op_tag(OP_ACCEPT, 0, i));
}

static void take(struct worker *worker, int fd)
{
	struct conn *conn = worker->stopping ? NULL : conn_open(worker, fd);

	if (conn && worker->draining)
		worker_set_deadline(worker, conn, DRAIN_GRACE_MS);
	if (!conn) {
		/* No slot, or no time: accepted before the cancel took effect. */
		stats_add(&worker->stats, COUNTER_connections_refused, 1);
		ring_submit_close(worker->ring, fd);
	}
	if (worker->conns.open == worker->conns.capacity && !worker->accept_paused)
		pause_all(worker);
}

/* The listener's queue holds connections whose clients believe themselves connected. */
static void take_queued_and_close(struct worker *worker, struct accept *accept)
{
	int fd;

	while ((fd = accept4(*accept->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		take(worker, fd);
	if (!accept->is_shared) {
		ring_submit_close(worker->ring, *accept->fd);
		*accept->fd = -1;
	}
}

void accept_on_accept(struct worker *worker, const struct completion *completion)
{
	struct accept *accept = &worker->accepts[op_index(completion->tag)];
	int result = completion->result;

	if (result >= 0)
		take(worker, result);
	if (completion->flags & COMPLETION_MORE)
		return;
	accept->armed = false;
	if (accept->draining) {
		take_queued_and_close(worker, accept);
		return;
	}
	if (worker->accept_paused)
		return;
	if (result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM) {
		stats_add(&worker->stats, COUNTER_connections_refused, 1);
		worker->accept_retry_ms = worker->clock.monotonic_ms + RETRY_MS;
		return;
	}
	/* Anything else concerns one connection (ECONNABORTED), or is the end of a multishot. */
	arm(worker, op_index(completion->tag));
}

void accept_resume(struct worker *worker)
{
	const struct conn_table *table = &worker->conns;

	worker->accept_retry_ms = 0;
	if (worker->draining)
		return;
	if (worker->accept_paused && table->open >= table->capacity - table->capacity / 16)
		return;
	worker->accept_paused = false;
	accept_start(worker);
}

void accept_drain(struct worker *worker)
{
	for (unsigned i = 0; i < worker->accept_count; i++) {
		struct accept *accept = &worker->accepts[i];

		accept->draining = true;
		if (accept->armed)
			ring_submit_cancel(worker->ring, op_tag(OP_ACCEPT, 0, i));
		else if (*accept->fd >= 0)
			take_queued_and_close(worker, accept);
	}
}
