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
 *     wait for the disk and with it everybody else; once that was needed, the pages of the next
 *     turn are read while those of this one are sent.
 */
#include "serve/body_file.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/fetch.h"
#include "serve/progress.h"
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
	conn->cold = false;
	conn->warm_end = 0;
	conn->file_is_same = false; /* unless the caller has just looked */
}

/* Pages do not leave memory so soon after they were used that it would pay to look at once. */
static bool is_surely_warm(const struct worker *worker, const struct asset *file)
{
	return file->warm_ms > 0 && worker->clock.monotonic_ms - file->warm_ms < WARM_MS;
}

/* How much a turn from `at` on may send. */
static size_t turn_size(const struct worker *worker, const struct conn *conn, uint64_t at)
{
	uint64_t left = conn->file_end - at;

	return left < worker->config->turn ? (size_t)left : worker->config->turn;
}

/* The probe looks at both ends; what the kernel reads ahead covers the middle. */
static bool is_warm(struct worker *worker, const struct conn *conn, uint64_t at, size_t size)
{
	return ring_file_is_warm(worker->ring, conn->file->fd, at) &&
	       ring_file_is_warm(worker->ring, conn->file->fd, at + size - 1);
}

/* Begin to bring the pages of the turn at `at` into memory. False: no memory to read them to. */
static bool warm(struct worker *worker, struct conn *conn, uint64_t at)
{
	size_t size = turn_size(worker, conn, at);

	if (!worker->cold)
		worker->cold = mem_reserve(worker->config->turn);
	if (!worker->cold)
		return false;
	conn->warming = true;
	conn->warming_end = at + size;
	stats_add(&worker->stats, COUNTER_cold_reads, 1);
	ring_submit_read(worker->ring, op_tag(OP_WARM, conn->generation, conn->index), conn->file->fd,
			 worker->cold, size, at);
	return true;
}

/* Are there pages to send now? False: they are being read. */
static bool have_pages(struct worker *worker, struct conn *conn)
{
	size_t size = turn_size(worker, conn, conn->file_at);

	if (conn->file_at < conn->warm_end)
		return true;
	if (!conn->warming) {
		bool is_there =
			is_surely_warm(worker, conn->file) || is_warm(worker, conn, conn->file_at, size);

		conn->cold |= !is_there;
		/* Without memory to read them to sendfile reads them itself. */
		if (is_there || !warm(worker, conn, conn->file_at)) {
			conn->warm_end = conn->file_at + size;
			return true;
		}
	}
	conn->starved = true;
	return false;
}

/* While this turn is on its way to the client the next one's pages are on theirs to memory. */
static void read_ahead(struct worker *worker, struct conn *conn)
{
	if (!conn->cold || conn->warming || conn->warm_end >= conn->file_end)
		return;
	if (is_warm(worker, conn, conn->warm_end, turn_size(worker, conn, conn->warm_end)))
		conn->cold = false;
	else
		warm(worker, conn, conn->warm_end);
}

bool body_file_on_warm(struct conn *conn)
{
	bool starved = conn->starved;

	conn->warming = false;
	conn->starved = false;
	/* A read that failed is left to sendfile to report. */
	conn->warm_end = conn->warming_end;
	return starved;
}

enum body_file_result body_file_turn(struct worker *worker, struct conn *conn)
{
	size_t budget = turn_size(worker, conn, conn->file_at);

	if (!conn->file_is_same && !fetch_file_is_same(worker, conn->file))
		return BODY_FILE_BROKEN;
	conn->file_is_same = false;
	if (!have_pages(worker, conn))
		return BODY_FILE_COLD;
	if (conn->warm_end - conn->file_at < budget)
		budget = (size_t)(conn->warm_end - conn->file_at);
	read_ahead(worker, conn);
	while (budget > 0) {
		ssize_t size = ring_send_file(worker->ring, conn->fd, conn->file->fd, conn->file_at, budget);

		if (size == -EINTR)
			continue;
		if (size == -EAGAIN)
			return BODY_FILE_FULL;
		if (size <= 0)
			return BODY_FILE_BROKEN;
		conn->file_at += (uint64_t)size;
		progress_add(conn, (uint64_t)size);
		stats_add(&worker->stats, COUNTER_bytes_sent, (uint64_t)size);
		budget -= (size_t)size;
		/*
		 * A short count is a full socket nearly always, and where it is not, the wait for room ends
		 * at once: unless that wait is for the next change (ring_submit_writable_edges).
		 */
		if (budget > 0 && !conn->writable_armed)
			return BODY_FILE_FULL;
	}
	if (conn->file_at < conn->file_end)
		return BODY_FILE_TURN_OVER;
	if (conn->file_is_whole)
		conn->file->warm_ms = worker->clock.monotonic_ms;
	return BODY_FILE_DONE;
}
