/* SPDX-License-Identifier: MIT */
/*
 * The steps of a fetch: looks, opens and reads through the ring, digests and folders by a helper.
 *
 * Driven by completions; site/resolve says what comes next. Nothing here waits: openat2 and read go
 * through the ring, statx is told to use what the kernel knows (ring_stat_file), which is recent
 * because the open has just asked. A name is looked at before it is opened: opening a FIFO would
 * release its writer, opening a device may do anything, and neither is ever served.
 *
 * Beneath a root that came after the workers gave up what they could not need, they may look (O_PATH is
 * no access), but not open: a helper does that with the same root, name and flags, and sends the descriptor.
 */
#include "serve/fetch_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/op.h"
#include "serve/fetch.h"
#include "serve/file_spec.h"
#include "serve/folder.h"
#include "serve/work.h"

/*
 * A file changed less than this before it was looked at may be changed again without a change
 * of its times: a kernel tick is 1 to 10 ms before Linux 6.13, and some file systems are coarser.
 */
#define RACY_NS (INT64_C(50) * 1000 * 1000)

static void close_file(struct worker *worker, struct fetch *fetch)
{
	if (fetch->fd >= 0)
		ring_submit_close(worker->ring, fetch->fd);
	fetch->fd = -1;
}

void fetch_drop_loaded(struct worker *worker, struct fetch *fetch)
{
	close_file(worker, fetch);
	if (fetch->asset)
		worker_release(worker, fetch->asset);
	if (fetch->chain)
		worker_release(worker, fetch->chain);
	fetch->asset = NULL;
	fetch->chain = NULL;
	fetch->last = NULL;
}

bool fetch_file_is_same(struct worker *worker, const struct asset *asset)
{
	struct version version;
	struct statx status;

	if (ring_stat_file(worker->ring, asset->fd, &status) < 0)
		return false;
	file_spec_version(&status, &version);
	/* Not the change time: that moves when the file's name is given to another. */
	return version.size == asset->version.size && version.modified_ns == asset->version.modified_ns;
}

/* Opens */

static void run_open(struct job *job)
{
	const struct delegated_open *open = (const struct delegated_open *)job;
	long fd = syscall(SYS_openat2, open->root, open->name, open->how, sizeof(*open->how));

	job->result = fd < 0 ? -errno : (int)fd;
}

static void open_done(struct worker *worker, struct work *work)
{
	const struct delegated_open *open = (const struct delegated_open *)work;

	fetch_on_open(worker, open->fetch->index, work->job.result);
}

static bool delegate(struct worker *worker, struct fetch *fetch, const char *name, const struct open_how *how)
{
	fetch->delegated = (struct delegated_open){
		.work = { .job.run = run_open, .done = open_done },
		.fetch = fetch,
		.root = fetch->entry->site->root,
		.name = name,
		.how = how,
	};
	return work_start(worker, &fetch->delegated.work) == 0;
}

static void submit(struct worker *worker, struct fetch *fetch, const char *name, const struct open_how *how)
{
	bool is_made = file_spec_is_made(&fetch->resolve, fetch->step);

	fetch->is_opening = true;
	/* A pool that has been renewed has its threads; should it take nothing all the same, the open fails.
	 */
	if (fetch->entry->site->is_delegated && !is_made && !(how->flags & O_PATH) &&
	    delegate(worker, fetch, name, how))
		return;
	ring_submit_open(worker->ring, op_tag(OP_OPEN, 0, fetch->index),
			 is_made ? worker->compress_folder : fetch->entry->site->root, name, how);
}

static void submit_open(struct worker *worker, struct fetch *fetch, enum resolve_step step)
{
	close_file(worker, fetch);
	if (step == RESOLVE_LOOK && (fetch->chain || fetch->asset))
		fetch_drop_loaded(worker, fetch); /* it begins again */
	fetch->step = step;
	fetch->has_followed = false;
	submit(worker, fetch, text_string(&fetch->name), file_spec_how(&fetch->resolve, step));
}

/* An absolute link may lead back into the root: find out where it leads (file_spec.h). */
static bool follow(struct worker *worker, struct fetch *fetch, int result)
{
	if (fetch->has_followed || !file_spec_may_follow(fetch->entry->site, result))
		return false;
	fetch->has_followed = true;
	fetch->is_following = true;
	submit(worker, fetch, text_string(&fetch->name), file_spec_how_to_follow());
	return true;
}

/* `fd` is where the link leads. True: it is inside the root, and being opened there. */
static bool open_inside(struct worker *worker, struct fetch *fetch, int fd)
{
	bool is_inside = file_spec_inside(fetch->entry->site, fd, &fetch->inside);

	ring_submit_close(worker->ring, fd);
	if (!is_inside)
		return false;
	submit(worker, fetch, text_string(&fetch->inside), file_spec_how(&fetch->resolve, fetch->step));
	return true;
}

static enum resolve_step stat_file(struct worker *worker, struct fetch *fetch, bool is_look)
{
	struct version version = { 0 };
	enum file_type type = FILE_OTHER;
	struct statx status;
	int error = ring_stat_file(worker->ring, fetch->fd, &status);

	if (error == 0)
		type = file_spec_version(&status, &version);
	return is_look ? resolve_on_look(&fetch->resolve, error, type, &version)
		       : resolve_on_stat(&fetch->resolve, error, type, &version);
}

/* Files */

/*
 * O_NONBLOCK was for what is no file. A read of a file that carries it is not tried again by the
 * kernel where the file system cannot read without waiting (io_rw_init_file in Linux 6.1).
 */
static void clear_nonblock(const struct fetch *fetch)
{
	/* An own, open descriptor: it cannot fail. */
	check(fcntl(fetch->fd, F_SETFL, 0) == 0);
}

static bool is_racy(const struct version *version)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return version->changed_ns + RACY_NS > time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Start reading a small file into its asset. False: it is read already, being empty, or cannot be. */
static bool submit_read(struct worker *worker, struct fetch *fetch, enum resolve_step *ret_step)
{
	uint64_t size = fetch->resolve.version.size;

	if (fetch->asset)
		worker_release(worker, fetch->asset);
	fetch->asset = file_spec_create(&fetch->resolve, fetch->digest, worker->date_s, NULL);
	if (!fetch->asset || size == 0) {
		*ret_step = resolve_on_read(&fetch->resolve, fetch->asset ? 0 : -ENOMEM);
		return false;
	}
	clear_nonblock(fetch);
	ring_submit_read(worker->ring, op_tag(OP_READ, 0, fetch->index), fetch->fd, fetch->asset->body, size,
			 0);
	return true;
}

/* One more member of the chain. */
static enum resolve_step keep_variant(struct worker *worker, struct fetch *fetch)
{
	struct asset *asset = fetch->asset;

	fetch->asset = NULL;
	if (!asset) {
		asset = file_spec_create(&fetch->resolve, fetch->digest, worker->date_s, NULL);
		if (!asset)
			return resolve_on_variant(&fetch->resolve, -ENOMEM);
		clear_nonblock(fetch);
		asset->fd = fetch->fd;
		fetch->fd = -1;
	}
	asset->racy = is_racy(&fetch->resolve.version);
	if (fetch->last)
		fetch->last->next = asset;
	else
		fetch->chain = asset;
	fetch->last = asset;
	return resolve_on_variant(&fetch->resolve, 0);
}

/* Digests */

struct hash_work {
	struct work work;
	struct fetch *fetch;
	int fd;
	uint64_t size;
	uint8_t digest[DIGEST_SIZE];
};

static void run_hash(struct job *job)
{
	struct hash_work *hash = (struct hash_work *)job;

	job->result = digest_sha256(hash->fd, hash->size, &job->cancel, hash->digest);
}

static void hash_done(struct worker *worker, struct work *work)
{
	struct hash_work *hash = (struct hash_work *)work;
	struct fetch *fetch = hash->fetch;
	int result = work->job.result;

	memcpy(fetch->digest, hash->digest, sizeof(fetch->digest));
	mem_free(hash);
	fetch_carry_on(worker, fetch, resolve_on_hash(&fetch->resolve, result));
}

static bool start_hash(struct worker *worker, struct fetch *fetch, enum resolve_step *ret_step)
{
	struct hash_work *hash = mem_alloc_zeroed(1, sizeof(*hash));
	int error = -ENOMEM;

	if (hash) {
		clear_nonblock(fetch);
		hash->work.job.run = run_hash;
		hash->work.done = hash_done;
		hash->fetch = fetch;
		hash->fd = fetch->fd;
		hash->size = fetch->resolve.version.size;
		error = work_start(worker, &hash->work);
	}
	if (error == 0)
		return true;
	mem_free(hash);
	*ret_step = resolve_on_hash(&fetch->resolve, -ENOMEM);
	return false;
}

/* Folders */

bool fetch_keep_listing(const struct worker *worker, struct fetch *fetch)
{
	const struct asset *known = fetch->entry->asset;

	if (!known || known->kind != ASSET_LISTING ||
	    worker->clock.monotonic_ms - known->made_ms >= worker->config->listing_fresh)
		return false;
	fetch->resolve.outcome = RESOLVED_UNCHANGED;
	return true;
}

static bool start_list(struct worker *worker, struct fetch *fetch, enum resolve_step *ret_step)
{
	if (fetch_keep_listing(worker, fetch)) {
		*ret_step = RESOLVE_DONE;
		return false;
	}
	submit_open(worker, fetch, RESOLVE_LIST);
	return true;
}

static void on_listing(struct worker *worker, void *context, struct asset *listing, int error)
{
	struct fetch *fetch = context;

	fetch->chain = listing;
	fetch_carry_on(worker, fetch, resolve_on_list(&fetch->resolve, error));
}

/* The folder is open: have it read. */
static enum resolve_step read_folder(struct worker *worker, struct fetch *fetch, bool *ret_is_waiting)
{
	struct folder_input input = {
		.sites = fetch->sites,
		.site = fetch->entry->site,
		.path = bytes_make(fetch->entry->path, fetch->entry->path_size),
		.name = text_string(&fetch->name),
		.fd = fetch->fd,
		.done = on_listing,
		.context = fetch,
	};
	int error = folder_start(worker, &input);

	*ret_is_waiting = error == 0;
	if (error == 0)
		fetch->fd = -1; /* the work's */
	return error == 0 ? RESOLVE_LIST : resolve_on_list(&fetch->resolve, error);
}

void fetch_carry_on(struct worker *worker, struct fetch *fetch, enum resolve_step step)
{
	for (;;) {
		switch (step) {
		case RESOLVE_LOOK:
		case RESOLVE_OPEN:
			submit_open(worker, fetch, step);
			return;
		case RESOLVE_STAT:
			step = stat_file(worker, fetch, false);
			break;
		case RESOLVE_HASH:
			if (start_hash(worker, fetch, &step))
				return;
			break;
		case RESOLVE_READ:
			if (submit_read(worker, fetch, &step))
				return;
			break;
		case RESOLVE_VARIANT:
			step = keep_variant(worker, fetch);
			break;
		case RESOLVE_LIST:
			if (start_list(worker, fetch, &step))
				return;
			break;
		case RESOLVE_DONE:
			fetch_finish(worker, fetch);
			return;
		}
	}
}

void fetch_on_open(struct worker *worker, uint32_t index, int result)
{
	struct fetch *fetch = worker->fetches[index];
	enum resolve_step step;
	bool is_waiting = false;

	check(fetch && fetch->is_opening);
	fetch->is_opening = false;
	if (fetch->is_following) {
		fetch->is_following = false;
		if (result >= 0 && open_inside(worker, fetch, result))
			return;
		result = -EXDEV;
	} else if (follow(worker, fetch, result)) {
		return;
	}
	if (result >= 0)
		fetch->fd = result;
	if (fetch->step == RESOLVE_LOOK)
		step = result < 0 ? resolve_on_look(&fetch->resolve, result, FILE_OTHER, NULL)
				  : stat_file(worker, fetch, true);
	else if (fetch->step == RESOLVE_OPEN)
		step = resolve_on_open(&fetch->resolve, result < 0 ? result : 0);
	else
		step = result < 0 ? resolve_on_list(&fetch->resolve, result)
				  : read_folder(worker, fetch, &is_waiting);
	if (result >= 0 && fetch->step == RESOLVE_OPEN)
		stats_add(&worker->stats, COUNTER_files_opened, 1);
	if (!is_waiting)
		fetch_carry_on(worker, fetch, step);
}

void fetch_on_read(struct worker *worker, uint32_t index, int result)
{
	struct fetch *fetch = worker->fetches[index];

	check(fetch);
	fetch_carry_on(worker, fetch, resolve_on_read(&fetch->resolve, result));
}
