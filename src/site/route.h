/* SPDX-License-Identifier: MIT */
/*
 * Redirects and rewrites: from the path that was asked for to the one that is looked up.
 *
 * Tried in the order in which they stand in the configuration, first redirects, then rewrites; the
 * first that matches counts, and a rewritten path is not tried again. The outcome depends on the
 * path alone, so it is cached with the asset.
 */
#ifndef QUOIT_SITE_ROUTE_H
#define QUOIT_SITE_ROUTE_H

#include "base/problems.h"
#include "base/text.h"
#include "base/trace.h"
#include "site/spec.h"

struct routes; /* one list, compiled, constant */

enum route_kind { ROUTE_REDIRECTS, ROUTE_REWRITES };

/*
 * Compile a list. Problems are added at `place` (the list): not exactly one of from, prefix, pattern;
 * paths that no request has; a target that is none; a pattern that does not compile; $N without such
 * a group; a status that is none of the five; rewrites that name a status or another site; redirects
 * that lead back to themselves. With problems the list must not be used. `label` (copied) is what the list is
 * called in a trace: "redirects" gives "redirects[2]". NULL only without memory.
 */
struct routes *routes_compile(const struct route_spec *specs, unsigned count, enum route_kind kind,
			      const char *label, const struct place *place, struct problems *problems);
void routes_destroy(struct routes *routes);

/*
 * The status of the redirect that matches `path` (decoded, normalised), 0 when none does. *ret_location is
 * the Location value, in place of what was there: literal parts of `to` as written, what comes from the
 * path percent-encoded. Its host is always one that `to` names: where the path would change it, or lead
 * back to where it came from, the redirect does not match. ret_location->failed: no memory.
 */
unsigned routes_redirect(const struct routes *routes, struct bytes path, struct text *ret_location,
			 const struct trace *trace);

/*
 * ROUTE_REWRITTEN: *ret_path is the path to look up instead, in place of what was there; it is normal
 * (http/target.h: target_is_normal()) and has no hidden segment. ret_path->failed: no memory.
 */
enum route_rewrite { ROUTE_NONE, ROUTE_REWRITTEN, ROUTE_NOWHERE /* it leads to a path that is none: 404 */ };
enum route_rewrite routes_rewrite(const struct routes *routes, struct bytes path, struct text *ret_path,
				  const struct trace *trace);

#endif
