/* SPDX-License-Identifier: MIT */
/*
 * Header rules: fields by what is served, not by what was asked.
 *
 * A rule matches the path of the file that is served, its media type, and the status; all that it
 * names must match. Rules are tried in order and all that match count; one rule removes, then sets,
 * then adds. They are applied when an asset is made, so a cached answer pays nothing for them.
 *
 *   status named            the rule counts for those statuses (200 stands for 206 as well)
 *   none, path or type      200 (206) and 304
 *   none, nothing at all    every answer; but what is said of the content (the rows of rule.def that
 *                           are about it: Cache-Control, Expires, Link ...) is set and added only
 *                           on 200, 206 and 304
 *
 * Fields that frame a message or depend on the request cannot be touched; rule.def has them, and
 * rules_compile() says so. Two are special: a Vary that is set is added, since a cache must never lose
 * what the server negotiates by; a Content-Type that is set replaces one, and where an answer has
 * none (304, 204) it gets none.
 */
#ifndef QUOIT_SITE_RULE_H
#define QUOIT_SITE_RULE_H

#include "base/problems.h"
#include "base/trace.h"
#include "site/fields.h"
#include "site/spec.h"

struct rules; /* compiled, constant; nothing of the specs is needed any more */

/*
 * What an answer is, for the rules. `path` is that of the file, from the root, with its slash; of a
 * listing that of its folder, with both slashes. `type`: parameters do not count.
 */
struct served {
	unsigned status;   /* a row of status.def */
	struct bytes path; /* size 0: neither is served */
	struct bytes type; /* of a 304 that of the 200; size 0: no content */
};

/*
 * Compile a list. Problems are added at `place` (the list). `label` (copied) is what the list is called
 * in a trace: "headers" gives "headers[2]". NULL only without memory.
 */
struct rules *rules_compile(const struct header_spec *specs, unsigned count, const char *label,
			    const struct place *place, struct problems *problems);
void rules_destroy(struct rules *rules);

/*
 * Change `fields` by the rules that match; NULL is no rules. What is put into the list lasts as long as
 * the rules. Allocates in matching.
 */
void rules_apply(const struct rules *rules, const struct served *served, struct fields *fields,
		 const struct trace *trace);

/*
 * The rules of a preset, for rules_compile(); NULL: there is no such preset. Static, for ever.
 *
 *   security   X-Content-Type-Options, X-Frame-Options, Referrer-Policy on every answer.
 *              Strict-Transport-Security counts only over TLS (RFC 6797 7.2), which is not spoken here.
 *   cors       every answer may be read by scripts of any site, without credentials; on the 204 that
 *              answers OPTIONS also what a preflight asks for
 */
const struct header_spec *rules_preset(struct bytes name, unsigned *ret_count);

/* May a rule set this field? Otherwise *ret_reason (static) says why not. */
bool rules_may_change(struct bytes name, const char **ret_reason);

#endif
