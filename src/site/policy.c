/* SPDX-License-Identifier: MIT */
/*
 * --cache auto: how long what is served may be kept; the table is in site.h.
 *
 * Called by site_apply_rules() where an asset is made, before the header rules, which may say
 * otherwise. Looks at what is served, never at what was asked for: a fallback page has the name of
 * a file that is not there, and must not be kept under it.
 *
 * The hard thing is "immutable", which nobody can take back. It is said only of a name that the
 * fingerprint's expression matches, behind its last slash, only of the file that has this name,
 * and never of HTML, whose name people type.
 *
 * References: RFC 9111 5.2.2, RFC 8246 (immutable).
 */
#include "site/site.h"

#include "site/pattern.h"

#define NO_CACHE BYTES("no-cache")
/* A year: what RFC 2616 14.21 called the most, and what is used where "for ever" is meant. */
#define IMMUTABLE BYTES("max-age=31536000, immutable")

static bool is_html(struct bytes type)
{
	return bytes_equal_nocase(type, BYTES("text/html")) ||
	       bytes_equal_nocase(type, BYTES("application/xhtml+xml"));
}

static bool has_fingerprint(const struct site *site, struct bytes path)
{
	const uint8_t *slash = memrchr(path.base, '/', path.size);
	struct bytes name = slash ? bytes_skip(path, (size_t)(slash - path.base) + 1) : path;

	return site->fingerprint && pattern_matches(site->fingerprint, name, NULL);
}

static struct bytes choose(const struct site *site, const struct served *served, bool is_fallback,
			   const char **ret_reason)
{
	struct bytes path = served->path;
	bool is_content = served->status == 200 || served->status == 206 || served->status == 304;

	if (served->status >= 400 || (is_content && is_fallback)) {
		*ret_reason = is_fallback ? "it answers for another" : "an error";
		return NO_CACHE;
	}
	if (!is_content) {
		*ret_reason = "no content";
		return bytes_make(NULL, 0);
	}
	if (is_html(served->type)) {
		*ret_reason = "HTML";
		return NO_CACHE;
	}
	if (path.size == 0 || path.base[path.size - 1] == '/') {
		*ret_reason = "no file stands behind it";
		return NO_CACHE;
	}
	if (has_fingerprint(site, path)) {
		*ret_reason = "its name carries a fingerprint";
		return IMMUTABLE;
	}
	*ret_reason = "neither HTML nor a fingerprint";
	return bytes_string(site->max_age);
}

struct bytes site_cache_control(const struct site *site, const struct served *served, bool is_fallback,
				const struct trace *trace)
{
	const char *reason;
	struct bytes value;

	if (site->options.cache != CACHE_AUTO)
		return bytes_make(NULL, 0);
	value = choose(site, served, is_fallback, &reason);
	trace_line(trace, "cache auto: %.*s (%s)", value.size > 0 ? (int)value.size : 7,
		   value.size > 0 ? (const char *)value.base : "nothing", reason);
	return value;
}
