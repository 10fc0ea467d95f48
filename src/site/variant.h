/* SPDX-License-Identifier: MIT */
/*
 * Which of the representations of a resource does this request get (RFC 9110 12)?
 *
 * Pure. A chain of assets holds what there is: per language (or, of a listing, per media type) one
 * plain form and those of its codings that are there. First the language is chosen, then the
 * coding among what there is in it.
 */
#ifndef QUOIT_SITE_VARIANT_H
#define QUOIT_SITE_VARIANT_H

#include "base/trace.h"
#include "http/http1.h"
#include "site/asset.h"
#include "site/site.h"

enum variant_result {
	VARIANT_FOUND,
	/*
	 * Only coded forms are there, and the client wants the plain one: decode *ret_asset, which has failed
	 * before (asset->decoded) only if all of them have.
	 */
	VARIANT_CODED,
	VARIANT_NOT_ACCEPTABLE, /* 406 */
};

/* `first`: of the chain. */
enum variant_result variant_choose(const struct site *site, struct asset *first,
				   const struct request *request, struct asset **ret_asset,
				   const struct trace *trace);

/* Nothing to choose, for any request: a chain of one, and no field that could refuse it. */
static inline bool variant_is_only(const struct asset *first, const struct request *request)
{
	return first->vary == 0 && (!request_has(request, FIELD_ACCEPT_ENCODING) ||
				    !memchr(request->field[FIELD_ACCEPT_ENCODING].base, ';',
					    request->field[FIELD_ACCEPT_ENCODING].size));
}

/* Is this the request of somebody who goes to a page: by Sec-Fetch-Mode, and where that is missing by Accept?
 */
bool variant_is_navigation(const struct request *request);

#endif
