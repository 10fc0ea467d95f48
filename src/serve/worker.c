/* SPDX-License-Identifier: MIT */
/*
 * The loop of a worker: one turn is one io_uring_enter.
 *
 *   flush sends -> wait -> settle sends -> handle completions -> go on with turns -> timers
 *        ^                                                                            |
 *        +----------------------------------------------------------------------------+
 *
 * Started by serve/server, one thread each. Nothing in it blocks but the wait. The order
 * matters once: quiet sends are settled before anything else of the batch is looked at,
 * so that no handler sees a connection whose last send is still in doubt.
 */
#include "serve/worker.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "io/op.h"
#include "serve/accept.h"
#include "serve/fetch.h"
#include "serve/plan.h"
#include "serve/receive.h"
#include "serve/send.h"
#include "serve/server.h"
#include "serve/work.h"
#include "serve/zero_copy.h"

/* How long a stop waits for the kernel to let go of what was in flight. */
#define STOP_MS 2000

/* Long enough for every client under load to ask again. */
#define EPOCH_MS 64

void worker_drop_asset(struct worker *worker, struct asset *asset)
{
	struct asset *next;

	do {
		next = asset->next;
		if (asset->fd >= 0)
			ring_submit_close(worker->ring, asset->fd);
		if (asset->size >= worker->zero_copy_size)
			zero_copy_forget(worker, asset);
		asset_free(asset);
		asset = next;
	} while (asset && asset_unref(asset));
}

void worker_release_sites(struct sites *sites)
{
	if (!sites_unref(sites))
		return;
	plan_close_roots(sites);
	sites_destroy(sites);
}

void worker_on_slot_free(struct worker *worker)
{
	if (worker->accept_paused)
		accept_resume(worker);
}

void worker_command(struct worker *worker, unsigned command)
{
	uint64_t one = 1;

	atomic_fetch_or_explicit(&worker->commands, command, memory_order_release);
	/* An eventfd takes 2^64 - 2 wake-ups before a write would block: nothing to handle. */
	check(write(worker->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

void worker_read_clock(struct worker *worker)
{
	clock_read(&worker->clock);
	if (worker->clock.wall_s != worker->date_s) {
		worker->date_s = worker->clock.wall_s;
		date_format(worker->date_s, worker->date);
	}
}

/* Tell the ring how many connections are not idle: those that something came from in the last epoch. */
static void count_peers(struct worker *worker)
{
	uint8_t epoch = (uint8_t)(worker->clock.monotonic_ms / EPOCH_MS);

	if (epoch == worker->epoch)
		return;
	ring_expect(worker->ring, worker->peers);
	worker->epoch = epoch;
	worker->peers = 0;
}

/*
 * What is idle for long is closed. A connection that was in use a moment ago may have its next request
 * on the way, so that gets a grace: to close under a request is to lose it, and only an answer can say
 * "Connection: close".
 */
static void part_from(struct worker *worker, struct conn *conn)
{
	const struct config *config = worker->config;
	uint64_t now = worker->clock.monotonic_ms;

	if (conn->state != CONN_READING || conn->stash_size > 0 || conn->ready)
		return;
	if (conn->served && !conn->queued &&
	    conn->timer.deadline_ms + config->drain_grace <= now + config->idle_time)
		conn_close(worker, conn);
	else
		worker_set_deadline(worker, conn, config->drain_grace);
}

static void begin_drain(struct worker *worker)
{
	if (worker->draining)
		return;
	worker->draining = true;
	worker->end_ms = worker->clock.monotonic_ms + worker->config->drain_time;
	worker->grace_end_ms = worker->clock.monotonic_ms + worker->config->drain_grace;
	worker->cache.changes++; /* answers that kept a connection alive are not repeated */
	accept_drain(worker, worker->server->hold_ms);
	for (uint32_t i = 0; i < worker->conns.touched; i++)
		part_from(worker, &worker->conns.conn[i]);
}

/* Close everything; the loop goes on until the kernel has let go of it. */
static void begin_stop(struct worker *worker)
{
	if (worker->stopping)
		return;
	begin_drain(worker);
	worker->stopping = true;
	accept_drain(worker, 0);
	worker->end_ms = worker->clock.monotonic_ms + STOP_MS;
	work_cancel_all(worker);
	for (uint32_t i = 0; i < worker->conns.touched; i++)
		if (worker->conns.conn[i].state != CONN_FREE)
			conn_close(worker, &worker->conns.conn[i]);
}

static void reload(struct worker *worker)
{
	struct sites *sites = server_sites(worker->server);
	struct pages pages;

	/* Without memory for its pages the sites of before are served on, and the next reload tries again. */
	if (!pages_init(&pages, sites->site[0], worker->date_s)) {
		worker_release_sites(sites);
		return;
	}
	cache_clear(&worker->cache);
	worker->cache.changes++;
	pages_deinit(&worker->pages);
	worker->pages = pages;
	worker_release_sites(worker->sites);
	worker->sites = sites;
	worker->reloads++;
}

static void arm_wake(struct worker *worker)
{
	ring_submit_readable(worker->ring, op_tag(OP_WAKE, 0, 0), worker->wake_fd);
}

static void on_wake(struct worker *worker)
{
	uint64_t count;
	unsigned commands;

	/* The eventfd is non-blocking; a count that is gone already is no loss. */
	if (read(worker->wake_fd, &count, sizeof(count)) < 0)
		check(errno == EAGAIN);
	arm_wake(worker);
	work_on_wake(worker);
	commands = atomic_exchange_explicit(&worker->commands, 0, memory_order_acquire);
	if (commands & WORKER_RELOAD)
		reload(worker);
	if (commands & WORKER_DRAIN)
		begin_drain(worker);
	if (commands & WORKER_STOP)
		begin_stop(worker);
}

static void handle_other(struct worker *worker, const struct completion *completion)
{
	uint32_t index = op_index(completion->tag);
	enum op op = op_kind(completion->tag);
	struct conn *conn = NULL;

	if (op == OP_WRITABLE || op == OP_WARM)
		conn = conn_find(&worker->conns, index, op_generation(completion->tag));
	switch (op) {
	case OP_WRITABLE:
		if (conn)
			send_on_writable(worker, conn, completion->flags & COMPLETION_MORE);
		break;
	case OP_WARM:
		if (conn)
			send_on_warm(worker, conn);
		break;
	case OP_ACCEPT:
		accept_on_accept(worker, completion);
		break;
	case OP_OPEN:
		fetch_on_open(worker, index, completion->result);
		break;
	case OP_READ:
		fetch_on_read(worker, index, completion->result);
		break;
	case OP_WAKE:
		on_wake(worker);
		break;
	case OP_ZERO_COPY:
		zero_copy_on_completion(worker, completion);
		break;
	case OP_RECV: /* handled by the caller */
	case OP_SEND: /* settled already */
	case OP_NONE: /* a close or cancel that failed: the descriptor is gone either way */
		break;
	}
}

static void handle(struct worker *worker, const struct completion *completion)
{
	struct conn *conn;

	recorder_note(&worker->recorder, completion->tag, completion->result, worker->clock.monotonic_ms);
	if (op_kind(completion->tag) != OP_RECV) {
		handle_other(worker, completion);
		return;
	}
	conn = conn_find(&worker->conns, op_index(completion->tag), op_generation(completion->tag));
	if (conn)
		receive_on_recv(worker, conn, completion);
	if (completion->flags & COMPLETION_BUFFER)
		ring_bytes_return(worker->ring, completion);
}

static void settle(struct worker *worker, const struct completion *batch, unsigned count)
{
	if (!worker->flying)
		return;
	for (unsigned i = 0; i < count; i++) {
		uint64_t tag = batch[i].tag;

		if (op_kind(tag) == OP_SEND)
			send_on_send(conn_find(&worker->conns, op_index(tag), op_generation(tag)),
				     batch[i].result);
	}
	send_settle(worker);
}

static uint64_t wait_ms(struct worker *worker)
{
	uint64_t now = worker->clock.monotonic_ms;
	uint64_t until = worker->accept_retry_ms;
	uint64_t wait;

	/* What is ready goes on; and that the last connection went with the flush completes nothing. */
	if (worker->ready || (worker->draining && worker_is_quiet(worker) && !zero_copy_is_pending(worker)))
		return 0;
	wait = timer_wait_ms(&worker->wheel, now);
	if (worker->draining && (until == 0 || until > worker->end_ms))
		until = worker->end_ms;
	if (worker->accept_end_ms && until > worker->accept_end_ms)
		until = worker->accept_end_ms;
	if (until == 0)
		return wait;
	until = until > now ? until - now : 1;
	return until < wait ? until : wait;
}

/* Nothing is open, nothing in the kernel (neither a connection nor an accept nor a file), and no helper at
 * work; but clients may have to acknowledge what lies in memory of ours. */
bool worker_is_quiet(const struct worker *worker)
{
	for (unsigned i = 0; i < worker->accept_count; i++)
		if (worker->accepts[i].armed || (worker->draining && !worker->accepts[i].ended))
			return false;
	return worker->conns.open == 0 && !fetch_is_busy(worker) && !work_is_pending(&worker->outbox);
}

static bool is_over(struct worker *worker)
{
	if (!worker->draining)
		return false;
	if (worker_is_quiet(worker)) {
		if (!zero_copy_is_pending(worker))
			return true;
		begin_stop(worker); /* acknowledgements are not waited for as long as answers under way */
	}
	if (worker->clock.monotonic_ms < worker->end_ms)
		return false;
	if (worker->stopping)
		return true;
	begin_stop(worker);
	return false;
}

void worker_run(struct worker *worker)
{
	const struct completion *batch;
	struct timer *timer;

	arm_wake(worker);
	accept_start(worker);
	while (!is_over(worker)) {
		unsigned count;

		send_flush(worker);
		count = ring_wait(worker->ring, wait_ms(worker), &batch);
		settle(worker, batch, count);
		worker_read_clock(worker);
		count_peers(worker);
		recorder_note(&worker->recorder, RECORDER_TURN, (int32_t)count, worker->clock.monotonic_ms);
		for (unsigned i = 0; i < count; i++)
			handle(worker, &batch[i]);
		if (worker->ready)
			send_continue(worker);
		while ((timer = timer_expire(&worker->wheel, worker->clock.monotonic_ms)))
			conn_on_timer(worker, (struct conn *)timer);
		if (worker->accept_retry_ms && worker->accept_retry_ms <= worker->clock.monotonic_ms)
			accept_resume(worker);
		if (worker->accept_end_ms && worker->accept_end_ms <= worker->clock.monotonic_ms)
			accept_drain(worker, 0);
	}
}
