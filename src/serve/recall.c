/* SPDX-License-Identifier: MIT */
/*
 * One comparison in place of a parse; see recall.h.
 *
 * Called by serve/receive before a head is parsed, and by serve/request when one was answered. A
 * slot holds no reference: whatever takes an asset out of the cache counts cache->changes up, and with
 * that every slot is void. Freshness is asked for as for any other hit.
 *
 * What is not kept, because equal bytes may mean something else later: conditions with a date that were
 * not met (what two digits of a year mean depends on the clock), a body behind the head, the last
 * answer of a connection, and all that is composed for one request. Nor is a head with credentials: it is
 * one person's, and nobody's secret should lie about.
 */
#include "serve/recall.h"

#include "base/mem.h"
#include "serve/fetch.h"
#include "serve/send.h"
#include "serve/worker.h"

#define DATES (UINT32_C(1) << FIELD_IF_MODIFIED_SINCE | UINT32_C(1) << FIELD_IF_UNMODIFIED_SINCE)
#define CREDENTIALS (UINT32_C(1) << FIELD_COOKIE | UINT32_C(1) << FIELD_AUTHORIZATION)
#define RANGES (UINT32_C(1) << FIELD_RANGE | UINT32_C(1) << FIELD_IF_RANGE)

bool recall_init(struct recall *recall, uint64_t count)
{
	*recall = (struct recall){ .shift = 63, .count = 2 };
	if (count == 0)
		return true;
	for (; recall->count < count; recall->count *= 2)
		recall->shift--;
	recall->slot = mem_reserve(recall->count * sizeof(*recall->slot));
	return recall->slot != NULL;
}

void recall_deinit(struct recall *recall)
{
	mem_unreserve(recall->slot, recall->count * sizeof(*recall->slot));
}

static inline uint64_t word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/*
 * The bytes behind "GET " as far as the shortest head goes. Names that differ only further back share a
 * slot, which costs them a parse and nothing else.
 */
static inline struct recall_slot *slot_of(const struct recall *recall, const uint8_t *head, size_t size)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15); /* the golden ratio: Knuth, TAOCP 6.4 */
	uint64_t hash = (word_at(head + 4) * odd ^ word_at(head + 12)) * odd ^ word_at(head + 20);

	hash = (hash * odd ^ word_at(head + 28)) * odd;
	if (size >= 2 * RECALL_HEAD_MIN)
		hash = ((hash ^ word_at(head + 36)) * odd ^ word_at(head + 44)) * odd;
	return &recall->slot[hash >> recall->shift];
}

size_t recall_answer(struct worker *worker, struct conn *conn, const uint8_t *input, size_t size)
{
	struct recall_slot *slot;

	/* What a request has waited for is for itself alone. */
	if (size < RECALL_HEAD_MIN || !worker->recall.slot || conn->resolved || conn->page)
		return 0;
	slot = slot_of(&worker->recall, input, size);
	if (slot->changes != worker->cache.changes || slot->head_size > size ||
	    memcmp(slot->head, input, slot->head_size) != 0 || !fetch_is_fresh(worker, slot->entry))
		return 0;
	slot->entry->used = true;
	stats_add(&worker->stats, COUNTER_cache_hits, 1);
	stats_add(&worker->stats, COUNTER_recalled, 1);
	send_ready(worker, conn, slot->asset, slot->status, bytes_make(slot->base, slot->size));
	return slot->head_size;
}

static bool is_lasting(const struct request *request, const struct answer *answer)
{
	if (answer->head == ANSWER_COMPOSED || !answer->keep_alive || answer->has_hints)
		return false;
	/* A file that is open is looked at for each answer (is_current() in serve/request). */
	if (answer->asset->fd >= 0)
		return false;
	if (request->present & (RANGES | CREDENTIALS) || (request->present & DATES && answer->status != 304))
		return false;
	return !request_has_body(request) && !request->expect_continue;
}

void recall_keep(struct worker *worker, const struct request *request, struct entry *entry,
		 const struct answer *answer)
{
	const struct asset *asset = answer->asset;
	const struct asset_head *head = answer->head == ANSWER_READY ? &asset->ready : &asset->not_modified;
	struct recall_slot *slot;

	if (!worker->recall.slot || request->head_size < RECALL_HEAD_MIN ||
	    request->head_size > RECALL_HEAD_MAX || !is_lasting(request, answer))
		return;
	/* Chosen as it will be looked for: by what stands behind a short head, too. */
	slot = slot_of(&worker->recall, request->head,
		       (size_t)(worker->scan.base + worker->scan.size - request->head));
	slot->changes = worker->cache.changes;
	slot->entry = entry;
	slot->asset = answer->asset;
	slot->base = head->base;
	slot->size = (uint32_t)(head->size + (answer->has_body ? asset->size : 0));
	slot->status = answer->status;
	slot->head_size = (uint16_t)request->head_size;
	memcpy(slot->head, request->head, request->head_size);
}
