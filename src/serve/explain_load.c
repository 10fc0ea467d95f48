/* SPDX-License-Identifier: MIT */
/*
 * From a path to assets at once, for an explanation.
 *
 * Called by serve/explain where the server would call serve/fetch. site/resolve asks for
 * the same steps, and they are done with blocking calls; the assets are made by serve/file_spec, as the
 * server's are. No body is read, as only heads are told: every body counts as one that stays in its file.
 * The one hard thing is what the server has and this has not: the folder of compressed files may be missing
 * here, and then none of its names is there.
 */
#include "serve/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "serve/digest.h"
#include "serve/file_spec.h"
#include "serve/listing_scan.h"

struct loading {
	struct explanation *explanation;
	const struct site *site;
	struct bytes path; /* that was asked for */
	struct resolve resolve;
	struct text name;
	int fd;
	struct asset *chain;
	struct asset *last;
	uint8_t digest[DIGEST_SIZE];
};

const _Atomic bool explain_never;

static void release(struct asset *asset)
{
	while (asset && asset_unref(asset)) {
		struct asset *next = asset->next;

		if (asset->fd >= 0)
			close(asset->fd);
		asset_free(asset);
		asset = next;
	}
}

/* Hold one more; NULL stays NULL, and is remembered. */
static struct asset *keep(struct explanation *explanation, struct asset *asset)
{
	if (!asset) {
		explanation->failed = true;
		return NULL;
	}
	check(explanation->chain_count < EXPLAIN_CHAINS);
	explanation->chain[explanation->chain_count++] = asset;
	return asset;
}

void explain_end(struct explanation *explanation)
{
	for (unsigned i = 0; i < explanation->chain_count; i++)
		release(explanation->chain[i]);
	while (explanation->notes) {
		struct explain_note *note = explanation->notes;

		explanation->notes = note->next;
		text_deinit(&note->lines);
		mem_free(note);
	}
}

/* Opens */

static void close_file(struct loading *loading)
{
	if (loading->fd >= 0)
		close(loading->fd);
	loading->fd = -1;
}

static void drop_loaded(struct loading *loading)
{
	close_file(loading);
	release(loading->chain);
	loading->chain = NULL;
	loading->last = NULL;
}

static int open_below(int folder, const char *name, const struct open_how *how)
{
	long fd = syscall(SYS_openat2, folder, name, how, sizeof(*how));

	return fd < 0 ? -errno : (int)fd;
}

/* An absolute link may lead back into the root. */
static int follow(const struct site *site, const char *name, const struct open_how *how)
{
	struct text inside = TEXT_EMPTY;
	int fd = open_below(site->root, name, file_spec_how_to_follow()), result = -EXDEV;

	if (fd < 0)
		return result;
	if (file_spec_inside(site, fd, &inside))
		result = open_below(site->root, text_string(&inside), how);
	close(fd);
	text_deinit(&inside);
	return result;
}

static int open_name(struct loading *loading, enum resolve_step step)
{
	const struct site *site = loading->site;
	const struct open_how *how = file_spec_how(&loading->resolve, step);
	const char *name = text_string(&loading->name);
	int fd;

	close_file(loading);
	if (file_spec_is_made(&loading->resolve, step)) {
		if (loading->explanation->compress_folder < 0)
			return -ENOENT;
		fd = open_below(loading->explanation->compress_folder, name, how);
	} else {
		fd = open_below(site->root, name, how);
		if (file_spec_may_follow(site, fd))
			fd = follow(site, name, how);
	}
	if (fd < 0)
		return fd;
	loading->fd = fd;
	return 0;
}

/* Steps */

static int stat_file(struct loading *loading, enum file_type *ret_type, struct version *ret_version)
{
	struct statx status;

	if (statx(loading->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) < 0)
		return -errno;
	*ret_type = file_spec_version(&status, ret_version);
	return 0;
}

static enum resolve_step do_look(struct loading *loading)
{
	enum file_type type = FILE_OTHER;
	struct version version = { 0 };
	int error;

	if (loading->chain)
		drop_loaded(loading); /* it begins again */
	error = open_name(loading, RESOLVE_LOOK);
	if (error == 0)
		error = stat_file(loading, &type, &version);
	return resolve_on_look(&loading->resolve, error, type, &version);
}

static enum resolve_step do_stat(struct loading *loading)
{
	enum file_type type = FILE_OTHER;
	struct version version = { 0 };
	int error = stat_file(loading, &type, &version);

	return resolve_on_stat(&loading->resolve, error, type, &version);
}

/* One more member of the chain. */
static enum resolve_step do_variant(struct loading *loading)
{
	struct explanation *explanation = loading->explanation;
	struct explain_note *note = explain_note_create(explanation);
	struct asset *asset = explain_noted(note, file_spec_create(&loading->resolve, loading->digest,
								   explanation->now, explain_trace_of(note)));

	if (!asset)
		return resolve_on_variant(&loading->resolve, -ENOMEM);
	asset->fd = loading->fd;
	loading->fd = -1;
	if (loading->last)
		loading->last->next = asset;
	else
		loading->chain = asset;
	loading->last = asset;
	return resolve_on_variant(&loading->resolve, 0);
}

/* Listings */

static struct asset *make_listing(struct loading *loading, bool is_json, const struct text *text)
{
	struct explanation *explanation = loading->explanation;
	struct explain_note *note = explain_note_create(explanation);
	struct text path = TEXT_EMPTY;
	struct asset *asset = NULL;

	file_spec_write_folder(text_bytes(&loading->name), &path);
	if (!path.failed && !text->failed)
		asset = explain_noted(
			note, file_spec_create_listing(loading->site, text_bytes(&path), is_json, text->size,
						       false, explanation->now, explain_trace_of(note)));
	text_deinit(&path);
	return asset;
}

static int make_listings(struct loading *loading, struct listing *listing)
{
	struct text page = TEXT_EMPTY, json = TEXT_EMPTY;

	listing_sort(listing);
	listing_write_html(listing, loading->path, &page);
	listing_write_json(listing, &json);
	loading->chain = make_listing(loading, false, &page);
	if (loading->chain)
		loading->chain->next = make_listing(loading, true, &json);
	text_deinit(&page);
	text_deinit(&json);
	if (loading->chain && loading->chain->next)
		return 0;
	drop_loaded(loading);
	return -ENOMEM;
}

static int list_folder(struct loading *loading)
{
	struct listing_scan scan = {
		.folder_fd = loading->fd,
		.root_fd = loading->site->root,
		.folder_path = text_string(&loading->name),
		.resolve_flags = file_spec_resolve_flags(loading->site),
		.entries_max = loading->explanation->plan->config.listing_entries,
		.cancel = &explain_never,
	};
	struct listing listing;
	int error = listing_scan(&scan, &listing);

	if (error < 0)
		return error;
	explain_say(loading->explanation, "listing", "%zu %s%s", listing.count,
		    listing.count == 1 ? "entry" : "entries",
		    listing.truncated ? ", and more than are listed (--listing-entries)" : "");
	error = make_listings(loading, &listing);
	listing_deinit(&listing);
	return error;
}

static enum resolve_step do_list(struct loading *loading)
{
	int error = open_name(loading, RESOLVE_LIST);

	if (error == 0)
		error = list_folder(loading);
	return resolve_on_list(&loading->resolve, error);
}

static void run(struct loading *loading, enum resolve_step step)
{
	struct resolve *resolve = &loading->resolve;

	for (;;) {
		switch (step) {
		case RESOLVE_LOOK:
			step = do_look(loading);
			break;
		case RESOLVE_OPEN:
			step = resolve_on_open(resolve, open_name(loading, RESOLVE_OPEN));
			break;
		case RESOLVE_STAT:
			step = do_stat(loading);
			break;
		case RESOLVE_HASH:
			step = resolve_on_hash(resolve, digest_sha256(loading->fd, resolve->version.size,
								      &explain_never, loading->digest));
			break;
		case RESOLVE_READ:
			step = resolve_on_read(resolve, (int64_t)resolve->version.size);
			break;
		case RESOLVE_VARIANT:
			step = do_variant(loading);
			break;
		case RESOLVE_LIST:
			step = do_list(loading);
			break;
		case RESOLVE_DONE:
			close_file(loading);
			return;
		}
	}
}

/* What a path stands for */

static struct asset *redirect_to(struct explanation *explanation, const struct site *site, unsigned status,
				 const struct text *location)
{
	struct explain_note *note = explain_note_create(explanation);
	struct asset *asset = NULL;

	if (!location->failed)
		asset = explain_noted(note, pages_trace_redirect(site, status, text_bytes(location),
								 explanation->now, explain_trace_of(note)));
	return keep(explanation, asset);
}

/* What the site's rules say of a path before any file is looked for; NULL: nothing, or no memory. */
static struct asset *route(struct explanation *explanation, const struct site *site, struct bytes path,
			   struct text *ret_rewritten)
{
	struct text location = TEXT_EMPTY;
	struct asset *asset = NULL;
	unsigned status;

	explanation->topic = "redirects";
	status = site_redirect(site, path, &location, &explanation->trace);
	if (status != 0)
		asset = redirect_to(explanation, site, status, &location);
	text_deinit(&location);
	if (status != 0)
		return asset;
	explanation->topic = "rewrites";
	if (site_rewrite(site, path, ret_rewritten, &explanation->trace) == ROUTE_NOWHERE)
		return explain_built_in(explanation, site, 404);
	explanation->failed = explanation->failed || ret_rewritten->failed;
	return NULL;
}

static struct asset *take_outcome(struct loading *loading)
{
	struct explanation *explanation = loading->explanation;
	const struct resolve *resolve = &loading->resolve;
	struct explain_note *note;

	switch (resolve->outcome) {
	case RESOLVED_REDIRECT:
		explain_say(explanation, "file", "redirected to %s slash (--trailing-slash)",
			    resolve->is_stripped ? "the name without its" : "the folder with its");
		note = explain_note_create(explanation);
		return keep(explanation, explain_noted(note, file_spec_redirect(resolve, explanation->now,
										explain_trace_of(note))));
	case RESOLVED_STATUS:
		drop_loaded(loading);
		explain_say(explanation, "file", "%u: %s", resolve->status,
			    resolve->status == 404   ? "nothing is there"
			    : resolve->status == 403 ? "no permission to read it"
						     : "the file system has no answer now");
		return explain_built_in(explanation, loading->site, resolve->status);
	default:
		return keep(explanation, loading->chain);
	}
}

static struct asset *look_up(struct loading *loading, unsigned kind, struct bytes path)
{
	const struct config *config = &loading->explanation->plan->config;
	struct resolve_input input = {
		.site = loading->site,
		.path = path,
		.kind = kind,
		.name = &loading->name,
		.compress_max = config->compress_size,
		.trace = &loading->explanation->trace,
	};
	struct asset *asset;

	if (path.base != loading->path.base) /* a rewrite led here */
		input.asked = loading->path;
	run(loading, resolve_begin(&loading->resolve, &input));
	asset = take_outcome(loading);
	text_deinit(&loading->name);
	return asset;
}

struct asset *explain_load(struct explanation *explanation, const struct site *site, unsigned kind,
			   struct bytes path)
{
	struct loading loading = { .explanation = explanation, .site = site, .path = path, .fd = -1 };
	struct text rewritten = TEXT_EMPTY;
	struct asset *asset = NULL;

	if (kind == RESOLVE_PATH)
		asset = route(explanation, site, path, &rewritten);
	if (!asset && !explanation->failed)
		asset = look_up(&loading, kind, rewritten.size > 0 ? text_bytes(&rewritten) : path);
	text_deinit(&rewritten);
	return asset;
}

struct asset *explain_built_in(struct explanation *explanation, const struct site *site, unsigned status)
{
	const struct site *whose = site->has_own_pages ? site : explanation->plan->sites->site[0];
	struct explain_note *note = explain_note_create(explanation);

	return keep(explanation, explain_noted(note, pages_trace(whose, status, explanation->now,
								 explain_trace_of(note))));
}
