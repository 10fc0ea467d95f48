/* SPDX-License-Identifier: MIT */
/*
 * What is known of names, who waits for what is not known yet, and when it is asked again.
 *
 * Called by receive on every request (fetch_asset: a hit is a look-up and two comparisons).
 * Freshness is decided here: an entry that was checked longer than --fresh ago is asked again before
 * it is used. Redirects and rewrites of the site come before any file (they depend on the path alone,
 * so they are cached like one); the steps that ask the file system are in fetch_steps.
 */
#include "serve/fetch.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/compress.h"
#include "serve/fetch_steps.h"
#include "serve/file_spec.h"
#include "serve/receive.h"
#include "site/pages.h"

enum started {
	START_ASKED,   /* entry->resolving, until fetch_finish() */
	START_SETTLED, /* entry->asset is what it stands for */
	START_FAILED,  /* no memory, or as many under way as there may be */
};

static bool grow_table(struct worker *worker)
{
	uint32_t capacity = worker->fetch_capacity ? worker->fetch_capacity * 2 : 64;
	struct fetch **fetches = mem_resize(worker->fetches, capacity * sizeof(*fetches));
	uint32_t *free_slots;

	if (!fetches)
		return false;
	worker->fetches = fetches;
	free_slots = mem_resize(worker->fetch_free, capacity * sizeof(*free_slots));
	if (!free_slots)
		return false;
	worker->fetch_free = free_slots;
	for (uint32_t i = capacity; i > worker->fetch_capacity; i--) {
		fetches[i - 1] = NULL;
		free_slots[worker->fetch_free_count++] = i - 1;
	}
	worker->fetch_capacity = capacity;
	return true;
}

static struct fetch *fetch_create(struct worker *worker, struct entry *entry)
{
	struct fetch *fetch;

	if (worker->fetch_capacity - worker->fetch_free_count >= worker->config->fetches)
		return NULL;
	if (worker->fetch_free_count == 0 && !grow_table(worker))
		return NULL;
	fetch = mem_alloc(sizeof(*fetch));
	if (!fetch)
		return NULL;
	/* Not the struct resolve in it, which is large and begins by itself. */
	fetch->index = worker->fetch_free[--worker->fetch_free_count];
	fetch->sites = worker->sites;
	sites_ref(fetch->sites);
	fetch->entry = entry;
	fetch->name = TEXT_EMPTY;
	fetch->rewritten = TEXT_EMPTY;
	fetch->inside = TEXT_EMPTY;
	fetch->is_following = false;
	fetch->is_opening = false;
	fetch->fd = -1;
	fetch->asset = NULL;
	fetch->chain = NULL;
	fetch->last = NULL;
	worker->fetches[fetch->index] = fetch;
	return fetch;
}

static void fetch_destroy(struct worker *worker, struct fetch *fetch)
{
	fetch_drop_loaded(worker, fetch);
	text_deinit(&fetch->name);
	text_deinit(&fetch->rewritten);
	text_deinit(&fetch->inside);
	worker_release_sites(fetch->sites);
	worker->fetches[fetch->index] = NULL;
	worker->fetch_free[worker->fetch_free_count++] = fetch->index;
	mem_free(fetch);
}

/* The asset that the outcome of a fetch stands for: one reference. NULL: no memory. */
static struct asset *outcome_asset(struct worker *worker, struct fetch *fetch)
{
	struct asset *asset = NULL;

	switch (fetch->resolve.outcome) {
	case RESOLVED_UNCHANGED:
		asset = fetch->entry->asset;
		asset_ref(asset);
		break;
	case RESOLVED_FILES:
	case RESOLVED_LISTING:
		asset = fetch->chain;
		fetch->chain = NULL;
		break;
	case RESOLVED_REDIRECT:
		asset = file_spec_redirect(&fetch->resolve, worker->date_s, NULL);
		break;
	case RESOLVED_STATUS:
		asset = pages_get(&worker->pages, fetch->resolve.status);
		asset_ref(asset);
		break;
	}
	return asset;
}

static void wake_waiting(struct worker *worker, struct entry *entry, struct asset *asset)
{
	struct conn *conn = entry->waiting;

	entry->waiting = NULL;
	for (struct conn *each = conn; each; each = each->next_waiting)
		each->wait = NULL;
	while (conn) {
		struct conn *next = conn->next_waiting;

		conn->next_waiting = NULL;
		asset_ref(asset);
		if (conn->awaits == AWAITS_PAGE)
			conn->page = asset;
		else
			conn->resolved = asset;
		conn->is_fallback = conn->is_fallback || conn->awaits == AWAITS_FALLBACK;
		receive_resume(worker, conn);
		conn = next;
	}
}

/* Once for each site and name: it is a mistake of a deployment, and would be said at every look. */
static void warn_stale(struct worker *worker, struct fetch *fetch)
{
	const struct entry *entry = fetch->entry;
	struct bytes path = bytes_make(entry->path, entry->path_size);

	if (!fetch->resolve.stale)
		return;
	stats_add(&worker->stats, COUNTER_codings_stale, 1);
	if (log_is_new(cache_stable_hash(entry->site, path)))
		log_warning("a coded form of %s is older than the file itself and is not used; make it anew",
			    (const char *)entry->path);
}

void fetch_finish(struct worker *worker, struct fetch *fetch)
{
	struct entry *entry = fetch->entry;
	struct asset *asset = outcome_asset(worker, fetch);
	/* A trouble that may be over in a second is not remembered. */
	bool forget = !asset || (asset->kind == ASSET_PAGE && asset->status >= 500) || entry->outdated;

	if (!asset) {
		asset = pages_get(&worker->pages, 503);
		asset_ref(asset);
	}
	if (asset->status == 503 && asset->kind == ASSET_PAGE)
		stats_add(&worker->stats, COUNTER_exhausted, 1);
	if (fetch->resolve.outcome != RESOLVED_UNCHANGED && entry->asset && asset_is_file(entry->asset))
		stats_add(&worker->stats, COUNTER_files_changed, 1);
	entry->checked_ms = worker->clock.monotonic_ms;
	entry->resolving = false;
	entry->outdated = false;
	warn_stale(worker, fetch);
	if (asset->lacks_fields && fetch->resolve.outcome == RESOLVED_FILES)
		log_warning("the header rules give %s more than %d fields; the last are left out",
			    (const char *)entry->path, FIELDS_MAX);
	compress_wanted(worker, fetch);
	asset_ref(asset); /* for the time in which those who wait are answered */
	cache_set_asset(&worker->cache, entry, asset);
	fetch_destroy(worker, fetch);
	wake_waiting(worker, entry, asset);
	worker_release(worker, asset);
	if (forget && !entry->resolving) {
		cache_remove(&worker->cache, entry);
		entry = NULL;
	}
	stats_add(&worker->stats, COUNTER_cache_evictions, cache_trim(&worker->cache, entry));
}

/*
 * What the site's rules say of a path before any file is looked for; NULL: nothing, or no memory, then
 * ret_rewritten->failed. One reference.
 */
static struct asset *route(struct worker *worker, const struct entry *entry, struct text *ret_rewritten)
{
	struct bytes path = bytes_make(entry->path, entry->path_size);
	struct text location = TEXT_EMPTY;
	struct asset *asset = NULL;
	unsigned status;

	if (entry->kind != RESOLVE_PATH)
		return NULL;
	status = site_redirect(entry->site, path, &location, NULL);
	if (status != 0 && !location.failed)
		asset = pages_create_redirect(entry->site, status, text_bytes(&location), worker->date_s);
	ret_rewritten->failed = location.failed || (status != 0 && !asset);
	text_deinit(&location);
	if (status != 0 || ret_rewritten->failed)
		return asset;
	if (site_rewrite(entry->site, path, ret_rewritten, NULL) == ROUTE_NOWHERE) {
		asset = pages_get(&worker->pages, 404);
		asset_ref(asset);
	}
	return asset;
}

/* It needed no file system; NULL: there was no memory. */
static enum started settle(struct worker *worker, struct entry *entry, struct asset *asset)
{
	if (!asset)
		return START_FAILED;
	cache_set_asset(&worker->cache, entry, asset);
	entry->checked_ms = worker->clock.monotonic_ms;
	stats_add(&worker->stats, COUNTER_cache_evictions, cache_trim(&worker->cache, entry));
	return START_SETTLED;
}

/* Find out what an entry stands for: by its path alone, or START_ASKED the file system. */
static enum started start(struct worker *worker, struct entry *entry)
{
	struct fetch *fetch = fetch_create(worker, entry);
	struct resolve_input input;
	enum resolve_step step;
	struct asset *asset;

	if (!fetch)
		return START_FAILED;
	asset = route(worker, entry, &fetch->rewritten);
	if (asset || fetch->rewritten.failed) {
		fetch_destroy(worker, fetch);
		return settle(worker, entry, asset);
	}
	input = (struct resolve_input){
		.site = entry->site,
		.path = fetch->rewritten.size > 0 ? text_bytes(&fetch->rewritten)
						  : bytes_make(entry->path, entry->path_size),
		.kind = entry->kind,
		.name = &fetch->name,
		.known = entry->asset,
		.small_max = worker->config->small,
		.compress_max = worker->compress_folder >= 0 ? worker->config->compress_size : 0,
	};
	if (fetch->rewritten.size > 0)
		input.asked = bytes_make(entry->path, entry->path_size);
	step = resolve_begin(&fetch->resolve, &input);
	/* Without an index a listing is the first thing asked for: nobody waits for it yet. */
	if (step == RESOLVE_LIST && fetch_keep_listing(worker, fetch))
		step = RESOLVE_DONE;
	if (step == RESOLVE_DONE) {
		asset = outcome_asset(worker, fetch);
		fetch_destroy(worker, fetch);
		return settle(worker, entry, asset);
	}
	entry->resolving = true;
	fetch_carry_on(worker, fetch, step);
	return START_ASKED;
}

/* What is answered where memory, or another limit, does not allow to find out. */
static struct asset *exhausted(struct worker *worker)
{
	stats_add(&worker->stats, COUNTER_exhausted, 1);
	return pages_get(&worker->pages, 503);
}

/* The asset of an entry that is not fresh, or 503; NULL: `conn` waits for it. */
static struct asset *ask(struct worker *worker, struct conn *conn, struct entry *entry, enum awaits awaits)
{
	stats_add(&worker->stats, COUNTER_cache_misses, 1);
	if (!entry)
		return exhausted(worker);
	if (!entry->resolving) {
		enum started started = start(worker, entry);

		if (started == START_SETTLED)
			return entry->asset;
		if (started == START_FAILED) {
			if (!entry->asset)
				cache_remove(&worker->cache, entry);
			return exhausted(worker);
		}
	}
	conn->awaits = (uint8_t)awaits;
	conn_wait(worker, conn, &entry->waiting);
	return NULL;
}

struct asset *fetch_asset(struct worker *worker, struct conn *conn, const struct cache_key *key,
			  enum awaits awaits, struct entry **ret_hit)
{
	struct entry *entry = cache_find(&worker->cache, key);

	*ret_hit = NULL;
	if (entry && fetch_is_fresh(worker, entry)) {
		stats_add(&worker->stats, COUNTER_cache_hits, 1);
		*ret_hit = entry;
		return entry->asset;
	}
	return ask(worker, conn, entry ? entry : cache_add(&worker->cache, key), awaits);
}

struct asset *fetch_again(struct worker *worker, struct conn *conn, const struct cache_key *key,
			  enum awaits awaits)
{
	struct entry *entry = cache_find(&worker->cache, key);

	return ask(worker, conn, entry ? entry : cache_add(&worker->cache, key), awaits);
}

struct asset *fetch_built_in(struct worker *worker, const struct site *site, unsigned status)
{
	struct cache_key key = { site, status, bytes_make("", 0) };
	struct entry *entry;
	struct asset *asset;

	if (site->number == 0 || !site->has_own_pages)
		return pages_get(&worker->pages, status);
	entry = cache_find(&worker->cache, &key);
	if (entry)
		return entry->asset;
	asset = pages_create(site, status, worker->date_s);
	entry = asset ? cache_add(&worker->cache, &key) : NULL;
	if (!entry) {
		if (asset)
			worker_release(worker, asset);
		return pages_get(&worker->pages, status);
	}
	cache_set_asset(&worker->cache, entry, asset);
	return asset;
}

bool fetch_is_busy(const struct worker *worker)
{
	return worker->fetch_free_count < worker->fetch_capacity;
}

void fetch_deinit(struct worker *worker)
{
	check(!fetch_is_busy(worker));
	mem_free(worker->fetches);
	mem_free(worker->fetch_free);
}
