/* SPDX-License-Identifier: MIT */
/*
 * Early hints: what a page will need, told before the page is sent (RFC 8297).
 *
 * Compiled once with a site, then constant; any thread.
 */
#ifndef QUOIT_SITE_HINTS_H
#define QUOIT_SITE_HINTS_H

#include "base/bytes.h"
#include "base/problems.h"
#include "site/spec.h"

struct hints;

/* Proxies bound a head, and 103 is one: nginx takes 4 or 8 KiB unless told otherwise (proxy_buffer_size). */
#define HINTS_HEAD_MAX 8192

/* Problems are added at `place` (the list). NULL only without memory. */
struct hints *hints_compile(const struct hint_spec *specs, unsigned count, const struct place *place,
			    struct problems *problems);
void hints_destroy(struct hints *hints);

/*
 * The whole 103 head of the first that matches the path of a served file, blank line included; size 0 when
 * none does. Lasts as long as the hints.
 */
struct bytes hints_find(const struct hints *hints, struct bytes path);

#endif
