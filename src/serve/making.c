/* SPDX-License-Identifier: MIT */
/*
 * Digests and plain forms, made once per asset by a helper.
 *
 * Called by receive when site/answer needs one. Who asks while it is being made joins those who
 * wait. The asset is held until the helper is done, so its descriptor stays open; small bodies, which
 * have none, are handed over in a memory file. A result that belongs to a chain that is cached no
 * more is of use to those who waited, and goes with it.
 */
#include "serve/making.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "serve/codec.h"
#include "serve/digest.h"
#include "serve/fetch.h"
#include "serve/file_spec.h"
#include "serve/memory_file.h"
#include "serve/work.h"
#include "serve/worker.h"
#include "site/resolve.h"
#include "site/site.h"

struct making {
	struct work work;
	enum answer_need need;
	struct asset *first; /* references */
	struct asset *asset;
	struct sites *sites;
	const struct site *site;
	unsigned kind; /* of the key, as is path */
	struct text path;
	uint64_t decode_max;
	bool is_tagged; /* a digest of the plain form is wanted for its tag */
	int in_fd;      /* the asset's own, or -1: then its body is handed over */
	int out_fd;     /* the plain form */
	uint64_t out_size;
	uint8_t digest[DIGEST_SIZE];
};

static int run_decode(struct making *making, int in_fd)
{
	const struct asset *asset = making->asset;
	int error;

	making->out_fd = memfd_create("quoit", MFD_CLOEXEC);
	if (making->out_fd < 0)
		return -errno;
	error = codec_decode(asset->coding, in_fd, asset->size, making->out_fd, making->decode_max,
			     &making->work.job.cancel, &making->out_size);
	if (error == 0 && making->is_tagged)
		error = digest_sha256(making->out_fd, making->out_size, &making->work.job.cancel,
				      making->digest);
	return error;
}

/* On a helper thread. */
static void run(struct job *job)
{
	struct making *making = (struct making *)job;
	const struct asset *asset = making->asset;
	int fd = making->in_fd;

	if (fd < 0)
		fd = memory_file_create(bytes_make(asset->body, asset->size));
	if (fd < 0)
		job->result = fd;
	else if (making->need == NEED_DIGEST)
		job->result = digest_sha256(fd, asset->size, &job->cancel, making->digest);
	else
		job->result = run_decode(making, fd);
	if (fd >= 0 && fd != making->in_fd)
		close(fd);
}

static struct asset *make_plain(struct worker *worker, struct making *making)
{
	bool in_memory = making->out_size <= worker->config->small;
	struct version version;
	struct asset *asset;
	struct file_spec_plain plain = {
		.site = making->site,
		.coded = making->asset,
		.version = &version,
		.size = making->out_size,
		.is_fallback = making->kind == RESOLVE_FALLBACK,
		.in_memory = in_memory,
		.digest = making->is_tagged ? making->digest : NULL,
	};

	memory_file_version(making->out_fd, &version);
	asset = file_spec_create_plain(&plain, worker->date_s, NULL);
	if (!asset)
		return NULL;
	if (!in_memory) {
		asset->fd = making->out_fd;
		asset->memory += making->out_size;
		making->out_fd = -1;
	} else if (pread(making->out_fd, asset->body, making->out_size, 0) != (ssize_t)making->out_size) {
		check(asset_unref(asset)); /* a memory file is short of memory, or not what it was */
		asset_free(asset);
		return NULL;
	}
	return asset;
}

static void decoded(struct worker *worker, struct making *making)
{
	struct cache_key key = { making->site, making->kind, text_bytes(&making->path) };
	struct asset *plain = NULL, *last = making->first;
	struct entry *entry;

	if (making->work.job.result == 0)
		plain = make_plain(worker, making);
	making->asset->decoded = plain ? MAKING_READY : MAKING_FAILED;
	if (!plain)
		return;
	while (last->next)
		last = last->next;
	last->next = plain;
	entry = cache_find(&worker->cache, &key);
	if (entry && entry->asset == making->first)
		cache_recount(&worker->cache, entry);
}

static void destroy(struct worker *worker, struct making *making)
{
	if (making->out_fd >= 0)
		close(making->out_fd);
	text_deinit(&making->path);
	worker_release_sites(making->sites);
	worker_release(worker, making->asset);
	worker_release(worker, making->first);
	mem_free(making);
}

static void done(struct worker *worker, struct work *work)
{
	struct making *making = (struct making *)work;

	if (making->need == NEED_DIGEST) {
		making->asset->work = NULL;
		making->asset->digested = work->job.result == 0 ? MAKING_READY : MAKING_FAILED;
		digest_write_repr(making->digest, making->asset->digest);
	} else {
		making->first->work = NULL;
		decoded(worker, making);
	}
	stats_add(&worker->stats, work->job.result == 0 ? COUNTER_made : COUNTER_made_not, 1);
	destroy(worker, making);
}

static struct making *create(struct worker *worker, enum answer_need need, const struct cache_key *key,
			     struct asset *first, struct asset *asset)
{
	struct making *making = mem_alloc_zeroed(1, sizeof(*making));

	if (!making)
		return NULL;
	making->work.job.run = run;
	making->work.done = done;
	making->need = need;
	making->first = first;
	making->asset = asset;
	making->sites = worker->sites;
	making->site = key->site;
	making->kind = key->kind;
	making->decode_max = worker->config->decode_size;
	making->is_tagged = key->site->options.etag == ETAG_CONTENT;
	making->in_fd = asset->fd;
	making->out_fd = -1;
	text_add(&making->path, key->path);
	asset_ref(first);
	asset_ref(asset);
	sites_ref(making->sites);
	return making;
}

bool making_wait(struct worker *worker, struct conn *conn, enum answer_need need, const struct cache_key *key,
		 struct asset *first, struct asset *asset)
{
	struct asset *of = need == NEED_DIGEST ? asset : first;
	struct making *making = NULL;
	int error = -EFBIG;

	if (of->work) {
		work_wait(worker, conn, of->work);
		return true;
	}
	if (need == NEED_DECODED || asset->size <= worker->config->digest_size) {
		making = create(worker, need, key, first, asset);
		error = making && !making->path.failed ? work_start(worker, &making->work) : -ENOMEM;
	}
	if (error == 0) {
		of->work = &making->work;
		work_wait(worker, conn, of->work);
		return true;
	}
	if (making)
		destroy(worker, making);
	if (need == NEED_DIGEST)
		of->digested = MAKING_FAILED;
	else
		asset->decoded = MAKING_FAILED;
	return false;
}
