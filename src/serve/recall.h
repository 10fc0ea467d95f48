/* SPDX-License-Identifier: MIT */
/*
 * The same head again: its answer without parsing it.
 *
 * Clients repeat themselves: a load generator sends one head a million times, the browsers of one
 * make ask for a page's files in the same words. What a whole head leads to is a function of its
 * bytes, of the configuration and of what the cache knows; as long as the last two stand, equal
 * bytes have an equal answer. So heads that were answered from memory with a ready head are kept
 * beside their answers, one to a slot, and a new one is compared before it is parsed
 * (decisions/0007).
 */
#ifndef QUOIT_SERVE_RECALL_H
#define QUOIT_SERVE_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http1.h"
#include "site/answer.h"
#include "site/cache.h"

struct worker;
struct conn;

#define RECALL_HEAD_MIN 36  /* bytes that choose the slot */
#define RECALL_HEAD_MAX 464 /* a longer head is not kept */

struct recall_slot {
	uint64_t changes;    /* cache->changes then: another number, and the slot is void */
	struct entry *entry; /* that must still be fresh */
	struct asset *asset; /* that is sent: `size` bytes at `base`; no reference, since the entry has one */
	const uint8_t *base;
	uint32_t size;
	uint16_t status;
	uint16_t head_size; /* 0: empty */
	uint8_t head[RECALL_HEAD_MAX];
};

struct recall {
	struct recall_slot *slot; /* NULL: nothing is kept */
	unsigned shift;           /* of a 64-bit hash, so that a slot's number is left */
	uint32_t count;           /* a power of two */
};

/* `count` slots, rounded up to a power of two; 0: none. False: no memory. */
bool recall_init(struct recall *recall, uint64_t count);
void recall_deinit(struct recall *recall);

/* Answer the head at the start of the input as before: its size, or 0 when it has to be parsed. */
size_t recall_answer(struct worker *worker, struct conn *conn, const uint8_t *input, size_t size);

/* The request was answered, from what `entry` has; keep that if it will be the answer again. */
void recall_keep(struct worker *worker, const struct request *request, struct entry *entry,
		 const struct answer *answer);

#endif
