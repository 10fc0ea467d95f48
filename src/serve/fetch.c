/* SPDX-License-Identifier: MIT */
/*
 * Carries out what site/resolve asks for, and keeps those who wait.
 *
 * Called by receive on every request (fetch_asset: a hit is a look-up and two comparisons) and
 * by worker for the completions of opens and reads. Freshness is decided here: an entry that
 * was checked longer than --fresh ago is asked again before it is used. Nothing here waits:
 * openat2 and read go through the ring, statx is told to use what the kernel knows
 * (ring_stat_file), which is recent because the open has just asked.
 */
#include "serve/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "http/target.h"
#include "io/op.h"
#include "serve/receive.h"
#include "serve/worker.h"
#include "site/mime.h"
#include "site/resolve.h"

/*
 * A file changed less than this before it was looked at may be changed again without a change
 * of its times: a kernel tick is 1 to 10 ms before Linux 6.13, and some file systems are coarser.
 */
#define RACY_NS (INT64_C(50) * 1000 * 1000)

/* A root folder outlives a reload for as long as something is being opened in it. */
struct root {
	int fd;
	uint32_t users; /* the worker, and every open in flight */
};

struct fetch {
	uint32_t index;
	struct root *root; /* that the open in flight uses; NULL: none */
	struct entry *entry;
	struct resolve resolve;
	struct asset *asset; /* being filled: small files */
	int fd;
	bool is_look;    /* the open in flight only looks, and fd gives no access to the content */
	bool has_looked; /* ... and this is what it saw */
	enum file_type type;
	struct version version;
	char name[];
};

/*
 * A name is looked at before it is opened: opening a FIFO would release its writer, opening a
 * device may do anything, and neither is ever served.
 */
static const struct open_how look_how = {
	.flags = O_PATH | O_CLOEXEC,
	.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
};

/*
 * O_NONBLOCK: a FIFO must not hold anybody up, should one have taken the file's place. RESOLVE_BENEATH: the
 * kernel refuses every way out of the root, however it is made. Each openat2 gets this same struct.
 */
static const struct open_how open_how = {
	.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
};

static void root_release(struct worker *worker, struct root *root)
{
	if (--root->users > 0)
		return;
	ring_submit_close(worker->ring, root->fd);
	mem_free(root);
}

int fetch_set_root(struct worker *worker, int fd)
{
	struct root *root = mem_alloc(sizeof(*root));

	if (!root)
		return -ENOMEM;
	*root = (struct root){ .fd = fd, .users = 1 };
	if (worker->root)
		root_release(worker, worker->root);
	worker->root = root;
	return 0;
}

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

static struct fetch *fetch_create(struct worker *worker, size_t path_size)
{
	struct fetch *fetch;

	if (worker->fetch_free_count == 0 && !grow_table(worker))
		return NULL;
	fetch = mem_alloc(sizeof(*fetch) + RESOLVE_NAME_SIZE(path_size));
	if (!fetch)
		return NULL;
	fetch->index = worker->fetch_free[--worker->fetch_free_count];
	fetch->asset = NULL;
	fetch->root = NULL;
	fetch->fd = -1;
	fetch->has_looked = false;
	worker->fetches[fetch->index] = fetch;
	return fetch;
}

static void close_file(struct worker *worker, struct fetch *fetch)
{
	if (fetch->fd >= 0)
		ring_submit_close(worker->ring, fetch->fd);
	fetch->fd = -1;
}

static void fetch_destroy(struct worker *worker, struct fetch *fetch)
{
	close_file(worker, fetch);
	if (fetch->asset)
		worker_release(worker, fetch->asset);
	worker->fetches[fetch->index] = NULL;
	worker->fetch_free[worker->fetch_free_count++] = fetch->index;
	mem_free(fetch);
}

static enum file_type version_of(const struct statx *status, struct version *ret_version)
{
	*ret_version = (struct version){
		.device = (uint64_t)status->stx_dev_major << 32 | status->stx_dev_minor,
		.inode = status->stx_ino,
		.size = status->stx_size,
		.modified_ns = status->stx_mtime.tv_sec * INT64_C(1000000000) + status->stx_mtime.tv_nsec,
		.changed_ns = status->stx_ctime.tv_sec * INT64_C(1000000000) + status->stx_ctime.tv_nsec,
	};
	return S_ISREG(status->stx_mode)   ? FILE_REGULAR
	       : S_ISDIR(status->stx_mode) ? FILE_FOLDER
					   : FILE_OTHER;
}

static enum resolve_step stat_open_file(struct worker *worker, struct fetch *fetch)
{
	struct version version;
	struct statx status;
	enum file_type type;
	int error = ring_stat_file(worker->ring, fetch->fd, &status);

	if (error < 0)
		return resolve_on_stat(&fetch->resolve, error, FILE_OTHER, NULL);
	type = version_of(&status, &version);
	return resolve_on_stat(&fetch->resolve, 0, type, &version);
}

static enum resolve_step stat_file(struct worker *worker, struct fetch *fetch)
{
	if (fetch->has_looked) {
		fetch->has_looked = false;
		return resolve_on_stat(&fetch->resolve, 0, fetch->type, &fetch->version);
	}
	return stat_open_file(worker, fetch);
}

/*
 * O_NONBLOCK was for what is no file. A read of a file that carries it is not tried again by the
 * kernel where the file system cannot read without waiting (io_rw_init_file in Linux 6.1).
 */
static void clear_nonblock(const struct fetch *fetch)
{
	/* An own, open descriptor: it cannot fail. */
	check(fcntl(fetch->fd, F_SETFL, 0) == 0);
}

/* Start reading a small file into its asset. False: it is read already, being empty, or cannot be. */
static bool submit_read(struct worker *worker, struct fetch *fetch, enum resolve_step *ret_step)
{
	const struct version *version = &fetch->resolve.version;
	struct bytes name = bytes_string(fetch->resolve.name);

	if (fetch->asset)
		worker_release(worker, fetch->asset);
	fetch->asset = asset_create_file(version, mime_type(name), true, worker->date_s);
	if (!fetch->asset) {
		*ret_step = resolve_on_read(&fetch->resolve, -ENOMEM);
		return false;
	}
	if (version->size == 0) {
		*ret_step = resolve_on_read(&fetch->resolve, 0);
		return false;
	}
	clear_nonblock(fetch);
	ring_submit_read(worker->ring, op_tag(OP_READ, 0, fetch->index), fetch->fd, fetch->asset->body,
			 version->size, 0);
	return true;
}

static bool is_racy(const struct version *version)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return version->changed_ns + RACY_NS > time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The asset that the outcome of a fetch stands for: one reference. NULL: no memory. */
static struct asset *outcome_asset(struct worker *worker, struct fetch *fetch)
{
	struct resolve *resolve = &fetch->resolve;
	struct entry *entry = fetch->entry;
	struct bytes path = bytes_make(entry->path, entry->path_size);
	struct asset *asset = NULL;
	uint8_t *location;
	size_t size;

	switch (resolve->outcome) {
	case RESOLVED_UNCHANGED:
		asset = entry->asset;
		asset_ref(asset);
		break;
	case RESOLVED_FILE:
		if (resolve->in_memory) {
			asset = fetch->asset;
			fetch->asset = NULL;
		} else {
			asset = asset_create_file(&resolve->version, mime_type(bytes_string(resolve->name)),
						  false, worker->date_s);
			if (asset) {
				clear_nonblock(fetch);
				asset->fd = fetch->fd;
				fetch->fd = -1;
			}
		}
		if (asset)
			asset->racy = is_racy(&resolve->version);
		break;
	case RESOLVED_FOLDER:
		location = mem_alloc(path.size * 3 + 1);
		if (!location)
			break;
		size = target_encode(path, location);
		location[size++] = '/';
		asset = asset_create_redirect(bytes_make(location, size), worker->date_s);
		mem_free(location);
		break;
	case RESOLVED_STATUS:
		asset = pages_get(&worker->pages, resolve->status);
		asset_ref(asset);
		break;
	}
	return asset;
}

static void wake_waiting(struct worker *worker, struct entry *entry, struct asset *asset)
{
	struct conn *conn = entry->waiting;

	entry->waiting = NULL;
	while (conn) {
		struct conn *next = conn->next_waiting;

		conn->entry = NULL;
		conn->next_waiting = NULL;
		conn->resolved = asset;
		asset_ref(asset);
		receive_resume(worker, conn);
		conn = next;
	}
}

static void finish(struct worker *worker, struct fetch *fetch)
{
	struct entry *entry = fetch->entry;
	struct asset *asset = outcome_asset(worker, fetch);
	/* A trouble that may be over in a second is not remembered. */
	bool forget = !asset || asset->status >= 500 || entry->outdated;

	if (!asset) {
		asset = pages_get(&worker->pages, 503);
		asset_ref(asset);
	}
	if (fetch->resolve.outcome != RESOLVED_UNCHANGED && entry->asset && entry->asset->is_file)
		stats_add(&worker->stats, COUNTER_files_changed, 1);
	entry->checked_ms = worker->clock.monotonic_ms;
	entry->resolving = false;
	entry->outdated = false;
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

static void submit_open(struct worker *worker, struct fetch *fetch, bool is_look)
{
	close_file(worker, fetch);
	fetch->is_look = is_look;
	fetch->root = worker->root;
	fetch->root->users++;
	ring_submit_open(worker->ring, op_tag(OP_OPEN, 0, fetch->index), fetch->root->fd, fetch->resolve.name,
			 is_look ? &look_how : &open_how);
}

/* Does the look show that the content is needed: a regular file, and not the version that is known? */
static bool must_open(struct worker *worker, struct fetch *fetch)
{
	const struct asset *known = fetch->resolve.known;
	struct statx status;

	if (ring_stat_file(worker->ring, fetch->fd, &status) < 0)
		return true;
	fetch->type = version_of(&status, &fetch->version);
	fetch->has_looked = fetch->type != FILE_REGULAR ||
			    (known && !known->racy && version_equal(&fetch->version, &known->version));
	return !fetch->has_looked;
}

/* Do what resolve asks for until something must be waited for, or all is known. */
static void carry_on(struct worker *worker, struct fetch *fetch, enum resolve_step step)
{
	for (;;) {
		switch (step) {
		case RESOLVE_OPEN:
			submit_open(worker, fetch, true);
			return;
		case RESOLVE_STAT:
			step = stat_file(worker, fetch);
			break;
		case RESOLVE_READ:
			if (submit_read(worker, fetch, &step))
				return;
			break;
		case RESOLVE_DONE:
			finish(worker, fetch);
			return;
		}
	}
}

void fetch_on_open(struct worker *worker, uint32_t index, int result)
{
	struct fetch *fetch = worker->fetches[index];

	check(fetch && fetch->root);
	root_release(worker, fetch->root);
	fetch->root = NULL;
	if (result >= 0)
		fetch->fd = result;
	if (result >= 0 && fetch->is_look && must_open(worker, fetch)) {
		submit_open(worker, fetch, false);
		return;
	}
	if (result >= 0 && !fetch->is_look)
		stats_add(&worker->stats, COUNTER_files_opened, 1);
	carry_on(worker, fetch, resolve_on_open(&fetch->resolve, result < 0 ? result : 0));
}

void fetch_on_read(struct worker *worker, uint32_t index, int result)
{
	struct fetch *fetch = worker->fetches[index];

	check(fetch);
	carry_on(worker, fetch, resolve_on_read(&fetch->resolve, result));
}

/* Ask the file system about an entry; whoever comes while it is asked joins those who wait. */
static bool start(struct worker *worker, struct entry *entry)
{
	struct fetch *fetch = fetch_create(worker, entry->path_size);

	if (!fetch)
		return false;
	fetch->entry = entry;
	entry->resolving = true;
	carry_on(worker, fetch,
		 resolve_begin(&fetch->resolve, bytes_make(entry->path, entry->path_size), entry->asset,
			       worker->config->small, fetch->name));
	return true;
}

static bool is_fresh(struct worker *worker, const struct entry *entry)
{
	if (entry->resolving || !entry->asset ||
	    worker->clock.monotonic_ms - entry->checked_ms >= worker->config->fresh)
		return false;
	/* The body of a larger file is read when it is sent, so its head must not be older. */
	return entry->asset->fd < 0 || fetch_file_is_same(worker, entry->asset);
}

struct asset *fetch_asset(struct worker *worker, struct conn *conn, struct bytes path)
{
	struct entry *entry = cache_find(&worker->cache, path);

	if (entry && is_fresh(worker, entry)) {
		stats_add(&worker->stats, COUNTER_cache_hits, 1);
		return entry->asset;
	}
	stats_add(&worker->stats, COUNTER_cache_misses, 1);
	if (!entry)
		entry = cache_add(&worker->cache, path);
	if (!entry || (!entry->resolving && !start(worker, entry))) {
		conn_close(worker, conn);
		return NULL;
	}
	conn->entry = entry;
	conn->next_waiting = entry->waiting;
	entry->waiting = conn;
	conn_set_state(conn, CONN_RESOLVING);
	worker_set_deadline(worker, conn, worker->config->send_time);
	return NULL;
}

void fetch_leave(struct conn *conn)
{
	struct conn **link = &conn->entry->waiting;

	while (*link != conn)
		link = &(*link)->next_waiting;
	*link = conn->next_waiting;
	conn->entry = NULL;
	conn->next_waiting = NULL;
}

bool fetch_file_is_same(struct worker *worker, const struct asset *asset)
{
	struct version version;
	struct statx status;

	if (ring_stat_file(worker->ring, asset->fd, &status) < 0)
		return false;
	version_of(&status, &version);
	/* Not the change time: that moves when the file's name is given to another. */
	return version.size == asset->version.size && version.modified_ns == asset->version.modified_ns;
}

bool fetch_is_busy(const struct worker *worker)
{
	return worker->fetch_free_count < worker->fetch_capacity;
}

void fetch_deinit(struct worker *worker)
{
	check(!fetch_is_busy(worker));
	if (worker->root)
		root_release(worker, worker->root);
	mem_free(worker->fetches);
	mem_free(worker->fetch_free);
}
