/* SPDX-License-Identifier: MIT */
/*
 * THE decision: a request and what its name resolved to become an answer.
 *
 * Pure. Every reason for a status is in answer.c and nowhere else: "why this 304?" is answered
 * by reading one page. What it decides is sent by serve/send. Where something must be made before
 * (a digest, a plain form) or looked up (an error page), it says so, and is asked again.
 */
#ifndef QUOIT_SITE_ANSWER_H
#define QUOIT_SITE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/trace.h"
#include "http/head.h"
#include "http/http1.h"
#include "http/multipart.h"
#include "http/range.h"
#include "http/target.h"
#include "site/asset.h"
#include "site/pages.h"

enum answer_head {
	ANSWER_READY,        /* the asset's ready head */
	ANSWER_NOT_MODIFIED, /* the asset's 304 head, no body */
	ANSWER_COMPOSED,     /* written by answer_compose() out of the ready head */
};

enum answer_need {
	NEED_NOTHING,
	NEED_FALLBACK, /* the site's fallback is asked instead: go on with answer_asset() of it */
	NEED_PAGE,     /* `status` is decided: go on with answer_page() */
	NEED_DECODED,  /* the plain form of `asset`, at the end of its chain; its first then tells how that
			  went */
	NEED_DIGEST,   /* asset->digest */
};

struct answer {
	struct asset *asset; /* whose head and body; borrowed */
	enum answer_head head;
	enum answer_need need;
	uint16_t status;
	bool keep_alive;
	bool has_body;     /* false for HEAD, 204, 304, and empty bodies */
	bool has_digest;   /* ANSWER_COMPOSED: a Repr-Digest line */
	bool has_hints;    /* asset->hints go first */
	bool is_parts;     /* 206: `ranges` as multipart/byteranges */
	bool is_redirect;  /* with a query to keep */
	uint8_t more_vary; /* ANSWER_COMPOSED of a page: VARY_* that its ready head does not say */
	struct bytes query;
	const struct asset *target; /* of 412, 416, 406: what the answer would have been; NULL otherwise */
	struct range range;         /* of asset's body, when has_body and not is_parts */
	struct ranges ranges;       /* set only for 206 */
};

/* What the request was made for, beside the request itself. */
struct subject {
	const struct site *site;
	struct bytes query;
	struct asset *first; /* what the name resolved to: a chain (site/asset.h) */
	bool is_fallback;    /* it stands in for what is not there */
	int64_t now;
};

/* GET or HEAD. */
void answer_asset(struct answer *answer, const struct request *request, const struct subject *subject,
		  const struct trace *trace);

/*
 * A status with a page: `page` is the chain that the page's name resolved to, or a built-in page. Also
 * for what is known before a file is looked for. `answer` is what answer_asset() left, or all zero.
 */
void answer_page(struct answer *answer, const struct request *request, const struct site *site,
		 unsigned status, struct asset *page, const struct asset *built_in);

/* Answer and close: the request could not be read. `method`: METHOD_COUNT when not even that. */
void answer_refusal(struct answer *answer, enum method method, struct asset *page);

/* How many bytes answer_compose() writes at most. */
size_t answer_compose_size(const struct answer *answer);

/*
 * Write the head of an ANSWER_COMPOSED answer. `out` has answer_compose_size() bytes; returns how
 * many were written. `parts` is for is_parts, else NULL.
 */
size_t answer_compose(const struct answer *answer, const struct multipart *parts, int64_t now, uint8_t *out);

#endif
