/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests (RFC 9110 13): the five fields, in the order that 13.2.2 fixes.
 *
 *   If-Match             strong; false: 412          else If-Unmodified-Since  false: 412
 *   If-None-Match        weak;   false: 304          else If-Modified-Since    false: 304
 *   If-Range             strong; false: the whole representation instead of a range
 *
 * A date that is not one is ignored, in If-Range it never matches. A repeated field counts as
 * not sent where that is the harmless reading (If-Modified-Since, If-Unmodified-Since), and as
 * never matching where it is not (If-Match, If-None-Match, If-Range). The two lists may come in
 * several lines: http1_join() makes one value of them, which then is not repeated. In all cases
 * If-Match hides If-Unmodified-Since, and If-None-Match hides If-Modified-Since.
 *
 * A representation may lack a validator. Without an entity-tag only "*" matches; without a date
 * conditions on dates are ignored, and a date in If-Range never matches.
 */
#ifndef QUOIT_HTTP_CONDITION_H
#define QUOIT_HTTP_CONDITION_H

#include "base/bytes.h"
#include "http/http1.h"

#define VALIDATOR_NO_DATE INT64_MIN

struct validators {
	struct bytes etag; /* strong, with its quotes; size 0: there is none */
	int64_t modified;  /* seconds since 1970, or VALIDATOR_NO_DATE */
};

enum condition_result {
	CONDITION_PASS,
	CONDITION_NOT_MODIFIED, /* 304 */
	CONDITION_FAILED,       /* 412 */
};

/* None of these is there in most requests: condition_evaluate() would say CONDITION_PASS. */
#define CONDITION_FIELDS                                                                                     \
	(UINT32_C(1) << FIELD_IF_MATCH | UINT32_C(1) << FIELD_IF_NONE_MATCH |                                \
	 UINT32_C(1) << FIELD_IF_MODIFIED_SINCE | UINT32_C(1) << FIELD_IF_UNMODIFIED_SINCE)

/* For GET and HEAD of a representation that exists. `now`: seconds since 1970. */
enum condition_result condition_evaluate(const struct request *request, const struct validators *validators,
					 int64_t now);

/* May Range be honoured? True without If-Range. A date matches only exactly, and when it is a second or more
 * old. */
bool condition_allows_range(const struct request *request, const struct validators *validators, int64_t now);

#endif
