/* SPDX-License-Identifier: MIT */
/*
 * What the client would rather have: Accept-Encoding, Accept-Language, Accept (RFC 9110 12.5) and
 * Want-Repr-Digest (RFC 9530 4). New connections are the business of serve/accept.h.
 *
 * Values are slices of the request and may hold anything. In the three lists of RFC 9110 an
 * element that is malformed counts as not there; so does one whose q is (12.4.2: 0 to 1, three
 * decimals at most), or that has two of them. Parameters other than q are stepped over. Names
 * compare without case, and so does q.
 *
 * A weight is in thousandths: 0 is not acceptable, 1000 is most wanted and what no q means.
 */
#ifndef QUOIT_HTTP_ACCEPT_H
#define QUOIT_HTTP_ACCEPT_H

#include <stdint.h>

#include "base/bytes.h"
#include "http/coding.h"

#define ACCEPT_WEIGHT_MAX 1000

/*
 * Language ranges of one field; those behind are not looked at. A browser sends what its user has
 * typed into a list, and each range is held against every language of the site.
 */
#define ACCEPT_LANGUAGES_MAX 32

struct accept_codings {
	uint16_t weight[CODING_COUNT];
};

/*
 * As when there is no Accept-Encoding: identity only. RFC 9110 12.5.3 allows any coding then, but
 * who does not name one may not know one.
 */
void accept_init_codings(struct accept_codings *ret_codings);

/*
 * Accept-Encoding. A coding that is not listed gets the weight of "*"; without "*" 0, except
 * identity, which gets 1: it is acceptable, but goes behind what is listed. So an empty value
 * leaves identity only. Of a coding that is listed twice, the higher weight counts.
 */
void accept_parse_codings(struct bytes value, struct accept_codings *ret_codings);

/*
 * The coding of the highest weight among the `count` in `available`, which stand in the server's
 * order of preference: at equal weight the first one. Identity has no other privilege than its
 * place, which therefore should be the last. CODING_COUNT when none is acceptable: 406, or the
 * server's own choice (12.4.1).
 */
enum coding accept_choose_coding(const struct accept_codings *codings, const enum coding *available,
				 unsigned count);

/*
 * Accept-Language: the index of the language tag in `available` that suits best, -1 when none
 * does (12.5.4 then leaves the choice to the server). Ranges are tried by descending weight, in
 * their order at equal weight. Each takes, of the tags that are not excluded,
 *
 *   de-CH   1. de-ch        the tag itself, without case
 *           2. de           the longest that truncation leads to (RFC 4647 3.4)
 *           3. de-CH-1996   the first that it is a prefix of (RFC 4647 3.3.1)
 *   *       the first
 *
 * A range with q=0, "*" apart, excludes the tags that it equals or is a prefix of, except where a
 * longer range takes one back in: "en;q=0, en-GB" leaves British English.
 */
int accept_choose_language(struct bytes value, const struct bytes *available, unsigned count);

/*
 * Accept: the weight of a media type such as "application/json", which has no parameters. The
 * most specific range that matches decides: the type itself, then "application" with any
 * subtype, then any type at all. Parameters of a range are ignored, but a range without them is
 * more specific than the same with them. Of two that are the same, the higher weight counts; 0
 * when none matches. What no Accept at all means (anything) is up to the caller.
 */
uint16_t accept_media_weight(struct bytes value, struct bytes type);

/* Does Accept name this very type, not only a wildcard that covers it, and with a weight above 0? */
bool accept_lists_media(struct bytes value, struct bytes type);

/*
 * Want-Repr-Digest: is the last "sha-256" of this Dictionary (RFC 8941 3.2) an Integer from 1 to
 * 10? Structured fields are all or nothing: false for a Dictionary that is malformed anywhere.
 */
bool accept_wants_sha256(struct bytes value);

#endif
