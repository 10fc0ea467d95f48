/* SPDX-License-Identifier: MIT */
/*
 * Counts who holds which asset, and compares.
 *
 * Called by check.c. What a helper's job holds cannot be seen from outside, so while there is one nothing is
 * compared; the end of the session has none.
 */
#include "check.h"

#include "serve/fetch_steps.h"
#include "serve/parts.h"
#include "serve/send.h"
#include "serve/worker.h"
#include "world.h"

#define ASSETS_MAX 512

static struct {
	const struct asset *asset;
	unsigned holders;
} held[ASSETS_MAX];
static unsigned held_count;

static void hold(const struct asset *asset)
{
	for (unsigned i = 0; asset && i < held_count; i++)
		if (held[i].asset == asset) {
			held[i].holders++;
			return;
		}
	if (!asset)
		return;
	world_check(held_count < ASSETS_MAX, "more than %d assets", ASSETS_MAX);
	held[held_count].asset = asset;
	held[held_count++].holders = 1;
	hold(asset->next); /* by its first reference */
}

static void hold_of_conn(const struct conn *conn)
{
	if (conn->state == CONN_FREE)
		return;
	hold(conn->resolved);
	hold(conn->page);
	hold(conn->out_asset);
	hold(conn->file);
	if (conn->parts)
		hold(conn->parts->asset);
	for (unsigned i = conn->flight ? conn->flight->begin : 0; conn->flight && i < conn->flight->end; i++)
		hold(conn->flight->held[i]);
}

void check_assets(const struct worker *worker)
{
	/* It is nothing but pages. */
	struct asset *const *page = (struct asset *const *)&worker->pages;

	if (worker->works || !worker->cache.bucket)
		return;
	held_count = 0;
	for (size_t i = 0; i < sizeof(worker->pages) / sizeof(*page); i++)
		hold(page[i]);
	for (uint32_t i = 0; i < worker->cache.count; i++)
		hold(worker->cache.order[i]->asset);
	for (uint32_t i = 0; i < worker->fetch_capacity; i++)
		if (worker->fetches[i]) {
			hold(worker->fetches[i]->asset);
			hold(worker->fetches[i]->chain);
		}
	for (uint32_t i = 0; i < worker->conns.touched; i++)
		hold_of_conn(&worker->conns.conn[i]);
	for (unsigned i = 0; i < held_count; i++)
		world_check(held[i].asset->refs == held[i].holders,
			    "an asset of status %u and %llu bytes has %u references and %u holders",
			    held[i].asset->status, (unsigned long long)held[i].asset->size,
			    held[i].asset->refs, held[i].holders);
}
