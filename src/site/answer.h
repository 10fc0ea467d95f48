/* SPDX-License-Identifier: MIT */
/*
 * THE decision: a request and an asset become an answer.
 *
 * Pure. Every reason for a status is in answer.c and nowhere else: "why this 304?" is answered
 * by reading one page. What it decides is sent by serve/send.
 */
#ifndef QUOIT_SITE_ANSWER_H
#define QUOIT_SITE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "http/head.h"
#include "http/http1.h"
#include "http/range.h"
#include "http/target.h"
#include "site/asset.h"
#include "site/pages.h"

enum answer_head {
	ANSWER_READY,        /* the asset's ready head */
	ANSWER_NOT_MODIFIED, /* the asset's 304 head, no body */
	ANSWER_COMPOSED,     /* written by answer_compose() */
};

struct answer {
	struct asset *asset; /* whose head and body; borrowed */
	enum answer_head head;
	uint16_t status;
	bool keep_alive;
	bool has_body;              /* false for HEAD, 204, 304, and empty bodies */
	struct range range;         /* of asset's body, when has_body */
	struct bytes query;         /* ANSWER_COMPOSED of a redirect: what to keep, with its "?" */
	const struct asset *target; /* ANSWER_COMPOSED of 416: the file whose size it names */
};

/* GET or HEAD of `asset` (a file, a redirect, or an error page that a name resolved to). */
void answer_asset(struct answer *answer, const struct request *request, struct bytes query,
		  struct asset *asset, const struct pages *pages, int64_t now);

/* A page: a status that is known before, or instead of, looking for a file. */
void answer_page(struct answer *answer, const struct request *request, unsigned status,
		 const struct pages *pages);

/* Answer and close: the request could not be read. `method`: METHOD_COUNT when not even that. */
void answer_refusal(struct answer *answer, enum method method, unsigned status, const struct pages *pages);

/* The longest head that answer_compose() writes, for a redirect with a query of this size. */
size_t answer_compose_size(const struct answer *answer);

/*
 * Write the head of an ANSWER_COMPOSED answer: 206, 416, a redirect with a query. `out` has
 * answer_compose_size() bytes; returns how many were written.
 */
size_t answer_compose(const struct answer *answer, int64_t now, uint8_t *out);

#endif
