/* SPDX-License-Identifier: MIT */
/*
 * sendfile(2) in turns.
 *
 * Called by serve/send when everything in front of the body is sent. The rules of a turn:
 *   - it sends at most --turn bytes, so that one download never starves the others;
 *   - a file that is seen to have changed in place ends the connection. What sendfile has queued are
 *     the file's own pages, so a write of the same length into the file can still reach bytes that
 *     wait in the socket; only a file that is replaced by rename is safe from its writer;
 *   - pages that are not in memory are read through the ring first, because sendfile would
 *     wait for the disk and with it everybody else. The probe looks at both ends of the turn;
 *     what the kernel reads ahead covers the middle.
 */
#include "serve/body_file.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/fetch.h"
#include "serve/worker.h"

/* A file that was sent whole is not probed for this long: the probes were a tenth of a hot 100 KiB answer. */
#define WARM_MS 200

void body_file_begin(struct conn *conn, struct asset *asset, const struct range *range)
{
	check(asset->fd >= 0 && !conn->file);
	asset_ref(asset);
	conn->file = asset;
	conn->file_at = range->first;
	conn->file_end = range->last + 1;
	conn->file_is_whole = range->first == 0 && conn->file_end == asset->size;
	conn->warmed = false;
	conn->file_is_same = true; /* fetch_asset() has just looked */
}

/* Pages do not leave memory so soon after they were used that it would pay to look at once. */
static bool is_surely_warm(const struct worker *worker, const struct conn *conn)
{
	return conn->warmed ||
	       (conn->file->warm_ms > 0 && worker->clock.monotonic_ms - conn->file->warm_ms < WARM_MS);
}

/* True when a read was started that brings the turn's pages into memory. */
static bool warm(struct worker *worker, struct conn *conn, size_t size)
{
	struct asset *file = conn->file;

	if (is_surely_warm(worker, conn) ||
	    (ring_file_is_warm(worker->ring, file->fd, conn->file_at) &&
	     ring_file_is_warm(worker->ring, file->fd, conn->file_at + size - 1)))
		return false;
	if (!worker->cold)
		worker->cold = mem_reserve(worker->config->turn);
	if (!worker->cold)
		return false;
	conn->warming = true;
	stats_add(&worker->stats, COUNTER_cold_reads, 1);
	ring_submit_read(worker->ring, op_tag(OP_WARM, conn->generation, conn->index), file->fd, worker->cold,
			 size, conn->file_at);
	return true;
}

enum body_file_result body_file_turn(struct worker *worker, struct conn *conn)
{
	uint64_t left = conn->file_end - conn->file_at;
	size_t budget = left < worker->config->turn ? (size_t)left : worker->config->turn;

	if (!conn->file_is_same && !fetch_file_is_same(worker, conn->file))
		return BODY_FILE_BROKEN;
	conn->file_is_same = false;
	if (warm(worker, conn, budget))
		return BODY_FILE_COLD;
	conn->warmed = false;
	while (budget > 0) {
		ssize_t size = ring_send_file(worker->ring, conn->fd, conn->file->fd, conn->file_at, budget);

		if (size == -EINTR)
			continue;
		if (size == -EAGAIN)
			return BODY_FILE_FULL;
		if (size <= 0)
			return BODY_FILE_BROKEN;
		conn->file_at += (uint64_t)size;
		budget -= (size_t)size;
		conn->blocked = false;
		stats_add(&worker->stats, COUNTER_bytes_sent, (uint64_t)size);
	}
	if (conn->file_at < conn->file_end)
		return BODY_FILE_TURN_OVER;
	if (conn->file_is_whole)
		conn->file->warm_ms = worker->clock.monotonic_ms;
	return BODY_FILE_DONE;
}
