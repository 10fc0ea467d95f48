/* SPDX-License-Identifier: MIT */
/*
 * Multipart bodies, one part after the other.
 *
 * Called by serve/send when what was queued before has left. A part is a piece of text and a piece of
 * the asset's memory or of its file, so it goes the same ways as every other answer: turns, cold files
 * and full sockets are body_file's and send's business.
 */
#include "serve/parts.h"

#include <sys/random.h>

#include "base/mem.h"
#include "serve/body_file.h"
#include "serve/flight.h"
#include "serve/worker.h"

struct parts *parts_create(const struct answer *answer)
{
	struct parts *parts = mem_alloc(sizeof(*parts));
	uint64_t seed;

	/* The boundary must not be known to who wrote the file. */
	if (!parts || getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
		mem_free(parts);
		return NULL;
	}
	parts->asset = answer->asset;
	parts->ranges = answer->ranges;
	parts->next = 0;
	multipart_init(&parts->multipart, &parts->ranges, answer->asset->size, answer->asset->type, seed);
	asset_ref(parts->asset);
	return parts;
}

void parts_drop(struct worker *worker, struct conn *conn)
{
	if (!conn->parts)
		return;
	worker_release(worker, conn->parts->asset);
	mem_free(conn->parts);
	conn->parts = NULL;
}

static bool queue_text(struct conn *conn, uint8_t *text, size_t size)
{
	flight_scratch_used(conn->flight, text, size);
	flight_add(conn->flight, text, size, NULL);
	return true;
}

static bool queue_end(struct worker *worker, struct conn *conn)
{
	uint8_t *text = flight_scratch(conn->flight, MULTIPART_END_SIZE);

	if (!text)
		return false;
	queue_text(conn, text, multipart_end(&conn->parts->multipart, text));
	parts_drop(worker, conn);
	return true;
}

bool parts_queue_next(struct worker *worker, struct conn *conn)
{
	struct parts *parts = conn->parts;
	struct asset *asset = parts->asset;
	struct range range;
	uint8_t *text;

	if (!flight_need(worker, conn))
		return false;
	if (parts->next == parts->ranges.count)
		return queue_end(worker, conn);
	text = flight_scratch(conn->flight, MULTIPART_PART_SIZE_MAX(asset->type.size));
	if (!text)
		return false;
	queue_text(conn, text, multipart_part(&parts->multipart, parts->next, text));
	range = parts->ranges.range[parts->next++];
	if (!asset->body) {
		body_file_begin(conn, asset, &range);
		return true;
	}
	asset_ref(asset);
	flight_add(conn->flight, asset->body + range.first, range.last - range.first + 1, asset);
	return parts->next < parts->ranges.count || queue_end(worker, conn);
}
