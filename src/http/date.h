/* SPDX-License-Identifier: MIT */
/* HTTP dates (RFC 9110 5.6.7) to and from seconds since 1970-01-01 00:00 UTC. */
#ifndef QUOIT_HTTP_DATE_H
#define QUOIT_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define DATE_SIZE 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Write an IMF-fixdate, DATE_SIZE bytes, no NUL. `seconds` is clamped to the years 0001 to 9999. */
void date_format(int64_t seconds, uint8_t out[DATE_SIZE]);

/*
 * Read any of the three forms: IMF-fixdate, RFC 850 (its two-digit year is the one nearest to
 * `now` that is at most 50 years ahead), asctime. False, and *ret_seconds untouched, when the
 * text is none of them or names a day or time that does not exist. The name of the day must be
 * one, but need not be the date's; a leap second, 23:59:60, is read as the second after 23:59:59.
 */
bool date_parse(struct bytes text, int64_t now, int64_t *ret_seconds);

#endif
