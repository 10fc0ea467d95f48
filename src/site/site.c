/* SPDX-License-Identifier: MIT */
/*
 * Sites: compiled from a configuration, asked where assets are made, found for every request.
 *
 * Built by serve/plan at start and for a reload, on the main thread; from then on constant, but for
 * the count of references. What a part of a site means is in its own file (options, route, rule,
 * hints, types, hosts); here is what belongs to which site, and in which order it counts.
 *
 * The order: a host's own redirects and rewrites are asked before those of the top level, since the
 * first that matches counts; its own header rules come behind those, since the last that sets a
 * field counts. Options, presets among them, are not merged but replaced.
 *
 * The hard thing is what a site shares with the one above it, and must not free: what it inherits.
 */
#include "site/site.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "site/options.h"
#include "site/pattern.h"

/* Calls what it is given once for each row of site.def, by the kind of the row. */
#define FOR_TEXT(field, action) action(field)
#define FOR_LIST(field, action) action(field)
#define FOR_CHOICE(field, action)
#define FOR_SWITCH(field, action)
#define FOR_COUNT(field, action)
#define FOR_SIZE(field, action)
#define FOR_SECONDS(field, action)

/* False: no memory. The site has a copy of what there was memory for, and no text of anybody else. */
static bool copy_options(struct site *site, const struct site_options *options)
{
	struct site_options *copy = &site->options;
	bool is_whole = true;

	*copy = *options;
#define COPY(field)                                                                                          \
	copy->field = mem_string(options->field);                                                            \
	is_whole = is_whole && copy->field;
#define OPTION(field, kind, default, min, max, sentence) FOR_##kind(field, COPY)
#include "site/site.def"
#undef OPTION
#undef COPY
	return is_whole;
}

static void free_options(struct site_options *options)
{
#define FREE(field) mem_free(options->field);
#define OPTION(field, kind, default, min, max, sentence) FOR_##kind(field, FREE)
#include "site/site.def"
#undef OPTION
#undef FREE
}

static void compare_options(struct site *site)
{
	const struct site_options *own = &site->options, *above = &site->above->options;

#define COMPARE(field) site->inherits[SITE_OPTION_##field] = strcmp(own->field, above->field) == 0;
#define OPTION(field, kind, default, min, max, sentence) FOR_##kind(field, COMPARE)
#include "site/site.def"
#undef OPTION
#undef COMPARE
}

static bool compile_rules(struct site *site, const struct host_spec *spec, const char *label,
			  const struct place *place, struct problems *problems)
{
	if (spec->headers_count == 0)
		return true;
	site->headers = rules_compile(spec->headers, spec->headers_count, label, PLACE_KEY(place, "headers"),
				      problems);
	return site->headers;
}

static bool compile_redirects(struct site *site, const struct host_spec *spec, const char *label,
			      const struct place *place, struct problems *problems)
{
	if (spec->redirects_count == 0)
		return true;
	site->redirects = routes_compile(spec->redirects, spec->redirects_count, ROUTE_REDIRECTS, label,
					 PLACE_KEY(place, "redirects"), problems);
	return site->redirects;
}

static bool compile_rewrites(struct site *site, const struct host_spec *spec, const char *label,
			     const struct place *place, struct problems *problems)
{
	if (spec->rewrites_count == 0)
		return true;
	site->rewrites = routes_compile(spec->rewrites, spec->rewrites_count, ROUTE_REWRITES, label,
					PLACE_KEY(place, "rewrites"), problems);
	return site->rewrites;
}

typedef bool compile_function(struct site *site, const struct host_spec *spec, const char *label,
			      const struct place *place, struct problems *problems);

/* In a trace, the lists of a host carry its first name: "www.example.org redirects[0]". */
static bool compile_list(struct site *site, const struct host_spec *spec, const char *key,
			 compile_function *compile, const struct place *place, struct problems *problems)
{
	struct text label = TEXT_EMPTY;
	bool is_done;

	if (spec->names_count > 0)
		text_format(&label, "%s ", spec->names[0]);
	text_add(&label, bytes_string(key));
	is_done = !label.failed && compile(site, spec, text_string(&label), place, problems);
	text_deinit(&label);
	return is_done;
}

static bool compile_types(struct site *site, const struct host_spec *spec, const struct place *place,
			  struct problems *problems)
{
	const struct types *above = site->above ? site->above->types : NULL;

	if (spec->types_count == 0 && !above)
		return true;
	site->types =
		types_compile(spec->types, spec->types_count, above, PLACE_KEY(place, "types"), problems);
	return site->types;
}

static bool compile_hints(struct site *site, const struct host_spec *spec, const struct place *place,
			  struct problems *problems)
{
	if (spec->hints_count == 0)
		return true;
	site->hints = hints_compile(spec->hints, spec->hints_count, PLACE_KEY(place, "hints"), problems);
	return site->hints;
}

static bool compile_errors(struct site *site, const struct host_spec *spec, const struct place *place,
			   struct problems *problems)
{
	static const char *const keys[] = {
#define X(code) #code,
		ERROR_PAGES(X)
#undef X
	};
	const struct place *errors = PLACE_KEY(place, "errors");

	for (unsigned i = 0; i < ERROR_PAGE_COUNT; i++) {
		if (!spec->errors[i] ||
		    !options_check_page(spec->errors[i], PLACE_KEY(errors, keys[i]), problems))
			continue;
		site->errors[i] = mem_string(spec->errors[i]);
		if (!site->errors[i])
			return false;
	}
	return true;
}

/* False: no memory. */
static bool compile(struct site *site, const struct host_spec *spec, const struct place *place,
		    struct problems *problems)
{
	return options_compile(site, place, problems) &&
	       compile_list(site, spec, "headers", compile_rules, place, problems) &&
	       compile_list(site, spec, "redirects", compile_redirects, place, problems) &&
	       compile_list(site, spec, "rewrites", compile_rewrites, place, problems) &&
	       compile_types(site, spec, place, problems) && compile_hints(site, spec, place, problems) &&
	       compile_errors(site, spec, place, problems);
}

/* What the default site has and this one has not makes a difference as well. */
static bool has_own_pages(const struct site *site)
{
	const struct site_options *options = &site->options;

	return site->presets || site->headers || site->order_count > 0 || options->cache == CACHE_AUTO ||
	       options->fallback[0] || (site->above && !site->inherits[SITE_OPTION_charset]) ||
	       (site->above && !site->inherits[SITE_OPTION_retry_after]) ||
	       (site->above && site->above->has_own_pages);
}

struct site *site_create(const struct host_spec *spec, const struct site_options *options,
			 const struct site *above, const struct place *place, struct problems *problems)
{
	struct site *site = mem_alloc_zeroed(1, sizeof(*site));

	if (!site)
		return NULL;
	site->above = above;
	site->root = -1;
	if (!copy_options(site, options))
		goto fail;
	if (above)
		compare_options(site);
	if (!compile(site, spec, place, problems))
		goto fail;
	snprintf(site->max_age, sizeof(site->max_age), "max-age=%" PRIu64, options->max_age / 1000);
	site->has_own_pages = has_own_pages(site);
	return site;
fail:
	site_destroy(site);
	return NULL;
}

void site_destroy(struct site *site)
{
	if (!site)
		return;
	if (!site->inherits[SITE_OPTION_presets])
		rules_destroy(site->presets);
	if (!site->inherits[SITE_OPTION_fingerprint])
		pattern_destroy(site->fingerprint);
	rules_destroy(site->headers);
	routes_destroy(site->redirects);
	routes_destroy(site->rewrites);
	hints_destroy(site->hints);
	mem_free(site->types);
	for (unsigned i = 0; i < ERROR_PAGE_COUNT; i++)
		mem_free(site->errors[i]);
	free_options(&site->options);
	mem_free(site);
}

struct sites *sites_create(struct site **site, unsigned count, const struct host_spec *specs,
			   struct problems *problems)
{
	struct hosts *hosts = count > 1 ? hosts_create(specs, count - 1, problems) : NULL;
	struct sites *sites = mem_alloc_zeroed(1, sizeof(*sites));
	struct site **copy = mem_alloc(count * sizeof(*copy));

	if (!sites || !copy || (count > 1 && !hosts) || problems_any(problems)) {
		hosts_destroy(hosts);
		mem_free(sites);
		mem_free(copy);
		return NULL;
	}
	for (unsigned i = 0; i < count; i++) {
		copy[i] = site[i];
		copy[i]->number = i;
	}
	atomic_init(&sites->refs, 1);
	sites->site = copy;
	sites->count = count;
	sites->hosts = hosts;
	return sites;
}

void sites_ref(struct sites *sites)
{
	atomic_fetch_add_explicit(&sites->refs, 1, memory_order_relaxed);
}

/* Whoever was last must see what the others did before they let go. */
bool sites_want_precompress(const struct sites *sites)
{
	for (unsigned i = 0; i < sites->count; i++)
		if (sites->site[i]->options.precompress)
			return true;
	return false;
}

bool sites_unref(struct sites *sites)
{
	return atomic_fetch_sub_explicit(&sites->refs, 1, memory_order_acq_rel) == 1;
}

void sites_destroy(struct sites *sites)
{
	for (unsigned i = 0; i < sites->count; i++)
		site_destroy(sites->site[i]);
	hosts_destroy(sites->hosts);
	mem_free(sites->site);
	mem_free(sites);
}

const struct site *sites_find(const struct sites *sites, struct bytes host)
{
	return sites->site[sites->hosts ? hosts_find(sites->hosts, host) : 0];
}

/* "Text/HTML ; charset=utf-8", as an override may bring it, to "Text/HTML". */
static struct bytes without_parameters(struct bytes type)
{
	const uint8_t *semicolon = type.size > 0 ? memchr(type.base, ';', type.size) : NULL;

	return semicolon ? bytes_trim(bytes_make(type.base, (size_t)(semicolon - type.base))) : type;
}

void site_apply_rules(const struct site *site, const struct served *served, bool is_fallback,
		      struct fields *fields, const struct trace *trace)
{
	const struct served plain = { served->status, served->path, without_parameters(served->type) };
	struct bytes cache = site_cache_control(site, &plain, is_fallback, trace);

	if (cache.size > 0)
		fields_set(fields, BYTES("Cache-Control"), cache);
	rules_apply(site->presets, &plain, fields, trace);
	if (site->above)
		rules_apply(site->above->headers, &plain, fields, trace);
	rules_apply(site->headers, &plain, fields, trace);
	fields_order(fields, site->order, site->order_count);
}

struct bytes site_hints(const struct site *site, struct bytes path)
{
	struct bytes head = bytes_make(NULL, 0);

	if (site->hints)
		head = hints_find(site->hints, path);
	return head.size == 0 && site->above ? site_hints(site->above, path) : head;
}

struct mime site_mime(const struct site *site, struct bytes name)
{
	return site->types ? mime_find(name, site->types->override, site->types->count)
			   : mime_find(name, NULL, 0);
}

unsigned site_redirect(const struct site *site, struct bytes path, struct text *ret_location,
		       const struct trace *trace)
{
	unsigned status = 0;

	if (site->redirects)
		status = routes_redirect(site->redirects, path, ret_location, trace);
	return status == 0 && site->above ? site_redirect(site->above, path, ret_location, trace) : status;
}

enum route_rewrite site_rewrite(const struct site *site, struct bytes path, struct text *ret_path,
				const struct trace *trace)
{
	enum route_rewrite result = ROUTE_NONE;

	if (site->rewrites)
		result = routes_rewrite(site->rewrites, path, ret_path, trace);
	return result == ROUTE_NONE && site->above ? site_rewrite(site->above, path, ret_path, trace)
						   : result;
}

static enum error_page error_page_of(unsigned status)
{
	switch (status) {
#define X(code)                                                                                              \
	case code:                                                                                           \
		return ERROR_PAGE_##code;
		ERROR_PAGES(X)
#undef X
	default:
		return ERROR_PAGE_COUNT;
	}
}

struct bytes site_error_page(const struct site *site, unsigned status)
{
	enum error_page page = error_page_of(status);

	if (page == ERROR_PAGE_COUNT)
		return bytes_make(NULL, 0);
	if (site->errors[page])
		return bytes_string(site->errors[page]);
	return site->above ? site_error_page(site->above, status) : bytes_make(NULL, 0);
}
