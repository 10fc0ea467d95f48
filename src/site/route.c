/* SPDX-License-Identifier: MIT */
/*
 * Redirects and rewrites.
 *
 * Compiled with a site, tried by site.c where an asset is made: a list is walked from its beginning,
 * which a hit never does. What `to` means, and how a result is kept on its host, is in
 * site/destination; this file knows what a route is for, and what may come of it.
 *
 * The hard thing is a redirect that leads to itself. Of an exact path and of a prefix it is known when
 * they are compiled; of a pattern only when it is tried, and then it does not match.
 */
#include "site/route.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/target.h"
#include "site/destination.h"

enum match { MATCH_FROM, MATCH_PREFIX, MATCH_PATTERN };
static const char *const match_names[] = { "from", "prefix", "pattern" };

struct route {
	enum match match;
	unsigned status;         /* of a redirect */
	struct bytes text;       /* of from, prefix or pattern; behind the routes */
	struct destination to;   /* its text likewise */
	struct pattern *pattern; /* of MATCH_PATTERN */
};

/* One block: the routes, then all texts. */
struct routes {
	struct bytes label; /* for traces; behind the routes */
	unsigned count;
	struct route route[];
};

/* Where in the configuration a route stands. */
struct compilation {
	enum route_kind kind;
	const struct place *place; /* of the route */
	struct problems *problems;
};

static void compile_route(const struct compilation *at, const struct route_spec *spec, struct route *route);

static size_t text_size(const struct route_spec *spec)
{
	const char *texts[] = { spec->from, spec->prefix, spec->pattern, spec->to };
	size_t size = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		size += texts[i] ? strlen(texts[i]) : 0;
	return size;
}

/* Copy a text to *out, and let it point there. */
static void keep(struct bytes *text, uint8_t **out)
{
	if (text->size > 0)
		memcpy(*out, text->base, text->size);
	text->base = *out;
	*out += text->size;
}

struct routes *routes_compile(const struct route_spec *specs, unsigned count, enum route_kind kind,
			      const char *label, const struct place *place, struct problems *problems)
{
	struct routes *routes;
	size_t size = sizeof(*routes) + count * sizeof(routes->route[0]) + strlen(label);
	uint8_t *out;

	for (unsigned i = 0; i < count; i++)
		size += text_size(&specs[i]);
	routes = mem_alloc_zeroed(1, size);
	if (!routes)
		return NULL;
	out = (uint8_t *)&routes->route[count];
	routes->label = bytes_string(label);
	keep(&routes->label, &out);
	routes->count = count;
	for (unsigned i = 0; i < count; i++) {
		struct compilation at = { kind, PLACE_ITEM(place, i), problems };
		struct route *route = &routes->route[i];

		compile_route(&at, &specs[i], route);
		keep(&route->text, &out);
		keep(&route->to.text, &out);
	}
	return routes;
}

void routes_destroy(struct routes *routes)
{
	if (!routes)
		return;
	for (unsigned i = 0; i < routes->count; i++)
		pattern_destroy(routes->route[i].pattern);
	mem_free(routes);
}

/*
 * Does the path in `location` start with `path`, or is it that path? An encoded byte is the byte:
 * behind every "%" stand two digits.
 */
static bool leads_to(struct bytes location, struct bytes path, bool is_whole)
{
	size_t at = 0;

	for (size_t i = 0; i < path.size; i++) {
		uint8_t byte;

		if (at == location.size || location.base[at] == '?' || location.base[at] == '#')
			return false;
		byte = location.base[at++];
		if (byte == '%') {
			char digits[] = { (char)location.base[at], (char)location.base[at + 1], 0 };

			byte = (uint8_t)strtoul(digits, NULL, 16);
			at += 2;
		}
		if (byte != path.base[i])
			return false;
	}
	return !is_whole || at == location.size || location.base[at] == '?' || location.base[at] == '#';
}

static bool matches(const struct route *route, struct bytes path, struct pattern_match *ret_match,
		    struct bytes *ret_rest)
{
	*ret_rest = bytes_make(path.base, 0);
	switch (route->match) {
	case MATCH_FROM:
		return bytes_equal(path, route->text);
	case MATCH_PREFIX:
		if (!bytes_starts_with(path, route->text))
			return false;
		*ret_rest = bytes_skip(path, route->text.size);
		return true;
	default:
		return pattern_matches(route->pattern, path, ret_match);
	}
}

/* NULL: the route counts and *out is where it leads. Otherwise why not; "" when it just does not match. */
static const char *try_route(const struct route *route, struct bytes path, struct text *out)
{
	struct pattern_match match;
	struct bytes rest;

	if (!matches(route, path, &match, &rest))
		return "";
	return destination_expand(&route->to, &match, rest, out);
}

static void trace_route(const struct trace *trace, const struct routes *routes, unsigned index,
			const char *outcome, const char *detail)
{
	const struct route *route = &routes->route[index];

	trace_line(trace, "%.*s[%u] %s \"%.*s\": %s%s", (int)routes->label.size,
		   (const char *)routes->label.base, index, match_names[route->match], (int)route->text.size,
		   (const char *)route->text.base, outcome, detail);
}

static void trace_no(const struct trace *trace, const struct routes *routes, unsigned index,
		     const char *reason)
{
	trace_route(trace, routes, index, reason[0] ? "no, " : "no", reason);
}

unsigned routes_redirect(const struct routes *routes, struct bytes path, struct text *ret_location,
			 const struct trace *trace)
{
	for (unsigned i = 0; i < routes->count; i++) {
		const struct route *route = &routes->route[i];
		const char *reason = try_route(route, path, ret_location);
		char outcome[16];

		if (!reason && route->to.host_end == 0 && leads_to(text_bytes(ret_location), path, true))
			reason = "it leads to itself";
		if (reason) {
			trace_no(trace, routes, i, reason);
			continue;
		}
		snprintf(outcome, sizeof(outcome), "%u to ", route->status);
		trace_route(trace, routes, i, outcome, text_string(ret_location));
		return route->status;
	}
	text_clear(ret_location);
	return 0;
}

/* Nothing is looked up under a name that no request could have asked for. */
static bool is_servable(struct bytes path)
{
	bool hidden;

	return target_is_normal(path, &hidden) && !hidden;
}

enum route_rewrite routes_rewrite(const struct routes *routes, struct bytes path, struct text *ret_path,
				  const struct trace *trace)
{
	for (unsigned i = 0; i < routes->count; i++) {
		const char *reason = try_route(&routes->route[i], path, ret_path);

		if (reason && !reason[0]) {
			trace_no(trace, routes, i, reason);
			continue;
		}
		if (reason || (!ret_path->failed && !is_servable(text_bytes(ret_path)))) {
			trace_route(trace, routes, i,
				    "404, it leads nowhere: ", reason ? reason : text_string(ret_path));
			return ROUTE_NOWHERE;
		}
		trace_route(trace, routes, i, "to ", text_string(ret_path));
		return ROUTE_REWRITTEN;
	}
	text_clear(ret_path);
	return ROUTE_NONE;
}

/* Exactly one says which paths are meant. */
static bool read_match(const struct compilation *at, const struct route_spec *spec, struct route *route)
{
	const char *texts[] = { spec->from, spec->prefix, spec->pattern };
	unsigned count = 0;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!texts[i])
			continue;
		route->match = (enum match)i;
		route->text = bytes_string(texts[i]);
		count++;
	}
	if (count != 1)
		problems_add(at->problems, at->place, "%s of from, prefix and pattern; expected exactly one",
			     count == 0 ? "none" : "more than one");
	return count == 1;
}

/* A path that a request can have; of a prefix, the beginning of one, which may end within a name. */
static bool check_path(const struct compilation *at, const struct route *route)
{
	const struct place *place = PLACE_KEY(at->place, match_names[route->match]);
	struct bytes path = route->text;
	bool hidden;

	if (route->match == MATCH_PREFIX)
		while (path.size > 0 && path.base[path.size - 1] != '/')
			path.size--;
	if (!target_is_normal(path, &hidden)) {
		problems_add(
			at->problems, place,
			"\"%.*s\" matches nothing: expected a path that starts with /, without //, . and ..",
			(int)route->text.size, (const char *)route->text.base);
		return false;
	}
	return destination_check_path(route->text, place, at->problems);
}

static bool compile_pattern(const struct compilation *at, struct route *route)
{
	struct fault fault;

	route->pattern = pattern_create_regex(route->text, &fault);
	if (!route->pattern)
		problems_add(at->problems, PLACE_KEY(at->place, "pattern"), "%s", fault.text);
	return route->pattern;
}

/* `groups` as for destination_compile(). */
static bool compile_target(const struct compilation *at, const struct route_spec *spec, int groups,
			   struct route *route)
{
	enum destination_kind kind = at->kind == ROUTE_REDIRECTS ? DESTINATION_LOCATION : DESTINATION_PATH;

	if (!spec->to) {
		problems_add(at->problems, at->place, "to is missing: where does it lead?");
		return false;
	}
	return destination_compile(&route->to, bytes_string(spec->to), kind, groups,
				   PLACE_KEY(at->place, "to"), at->problems);
}

static void read_status(const struct compilation *at, const struct route_spec *spec, struct route *route)
{
	static const struct {
		const char *text;
		unsigned status;
	} statuses[] = { { "301", 301 }, { "302", 302 }, { "303", 303 }, { "307", 307 }, { "308", 308 } };
	const struct place *place = PLACE_KEY(at->place, "status");

	route->status = 301;
	if (!spec->status)
		return;
	if (at->kind == ROUTE_REWRITES) {
		problems_add(at->problems, place,
			     "a rewrite has no status; what is to be told goes to redirects");
		return;
	}
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(spec->status, statuses[i].text) == 0) {
			route->status = statuses[i].status;
			return;
		}
	}
	problems_add(at->problems, place,
		     "\"%s\" is no status of a redirect; expected 301, 302, 303, 307 or 308", spec->status);
}

/* "/old" to "https://new.example": "/older" would get the host "new.exampleer", so it needs a slash. */
static void check_rest(const struct compilation *at, const struct route *route)
{
	struct bytes prefix = route->text, to = route->to.text;

	if (route->to.host_end == to.size && prefix.base[prefix.size - 1] == '/')
		problems_add(at->problems, PLACE_KEY(at->place, "to"),
			     "what follows the prefix would change the host; write %.*s/", (int)to.size,
			     (const char *)to.base);
}

/* Of a pattern this is not known before it is tried. */
static void check_loop(const struct compilation *at, const struct route *route)
{
	bool is_whole = route->match == MATCH_FROM;
	struct text location = TEXT_EMPTY;

	if (route->to.host_end > 0)
		return;
	if (!destination_expand(&route->to, NULL, bytes_make(NULL, 0), &location) &&
	    leads_to(text_bytes(&location), route->text, is_whole))
		problems_add(at->problems, PLACE_KEY(at->place, "to"), "redirects to itself%s",
			     is_whole ? "" : ": it starts with the prefix; end both with / or use a pattern");
	text_deinit(&location);
}

/* Try a rewrite with a name for everything that comes from the path. */
static void check_servable(const struct compilation *at, const struct route *route)
{
	struct bytes name = BYTES("x");
	struct pattern_match match = { .count = PATTERN_CAPTURES };
	struct text path = TEXT_EMPTY;
	const char *reason;

	for (unsigned i = 0; i < PATTERN_CAPTURES; i++)
		match.capture[i] = name;
	reason = destination_expand(&route->to, &match,
				    route->match == MATCH_PREFIX ? name : bytes_make(NULL, 0), &path);
	if (reason || (!path.failed && !is_servable(text_bytes(&path))))
		problems_add(at->problems, PLACE_KEY(at->place, "to"),
			     "\"%.*s\" is never served: expected a path without //, . and .., and without "
			     "names that "
			     "start with a dot",
			     (int)route->to.text.size, (const char *)route->to.text.base);
	text_deinit(&path);
}

/* A part that is wrong does not keep what is wrong with the others from being said. */
static void compile_route(const struct compilation *at, const struct route_spec *spec, struct route *route)
{
	int groups = DESTINATION_NO_GROUPS;
	bool is_sound = read_match(at, spec, route);

	read_status(at, spec, route);
	if (!is_sound)
		groups = PATTERN_CAPTURES - 1;
	else if (route->match != MATCH_PATTERN)
		is_sound = check_path(at, route);
	else if (compile_pattern(at, route))
		groups = (int)pattern_groups(route->pattern);
	else
		groups = PATTERN_CAPTURES - 1;
	if (!compile_target(at, spec, groups, route) || !is_sound)
		return;
	if (at->kind == ROUTE_REWRITES)
		check_servable(at, route);
	else if (route->match == MATCH_PREFIX)
		check_rest(at, route);
	if (at->kind == ROUTE_REDIRECTS && route->match != MATCH_PATTERN)
		check_loop(at, route);
}
