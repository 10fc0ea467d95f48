/* SPDX-License-Identifier: MIT */
/*
 * Listings of folders.
 *
 * Called by serve/fetch_steps. A helper reads the folder, sorts and writes both forms; what is longer than
 * --small goes into a memory file (memfd), so that it leaves in turns like any larger file and a
 * hundred thousand names hold nobody up. Back on the worker's thread the assets are made.
 */
#include "serve/folder.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "serve/fetch.h"
#include "serve/fetch_steps.h"
#include "serve/file_spec.h"
#include "serve/listing_scan.h"
#include "serve/memory_file.h"
#include "serve/plan.h"
#include "serve/work.h"

struct folder_work {
	struct work work;
	struct folder_input input;
	struct listing_scan scan;
	struct text path; /* that was asked for: what the page calls itself */
	struct text name;
	struct text served; /* the folder's own, for header rules */
	uint64_t small;
	struct text page;
	struct text json;
	int page_fd; /* where they went, when they are not small; else -1 */
	int json_fd;
};

static int store(const struct folder_work *folder, struct text *text, int *ret_fd)
{
	if (text->failed)
		return -ENOMEM;
	if (text->size <= folder->small)
		return 0;
	*ret_fd = memory_file_create(text_bytes(text));
	return *ret_fd < 0 ? *ret_fd : 0;
}

/* On a helper thread. */
static void run(struct job *job)
{
	struct folder_work *folder = (struct folder_work *)job;
	struct listing listing;

	folder->scan.cancel = &job->cancel;
	job->result = listing_scan(&folder->scan, &listing);
	if (job->result < 0)
		return;
	listing_sort(&listing);
	listing_write_html(&listing, text_bytes(&folder->path), &folder->page);
	listing_write_json(&listing, &folder->json);
	listing_deinit(&listing);
	job->result = store(folder, &folder->page, &folder->page_fd);
	if (job->result == 0)
		job->result = store(folder, &folder->json, &folder->json_fd);
}

static struct asset *make_asset(struct worker *worker, const struct folder_work *folder, bool is_json,
				const struct text *text, int fd)
{
	struct asset *asset = file_spec_create_listing(folder->input.site, text_bytes(&folder->served),
						       is_json, text->size, fd < 0, worker->date_s, NULL);

	if (!asset)
		return NULL;
	asset->made_ms = worker->clock.monotonic_ms;
	if (fd < 0) {
		memcpy(asset->body, text->base, text->size);
		return asset;
	}
	asset->fd = fd;
	asset->memory += text->size;
	memory_file_version(fd, &asset->version);
	return asset;
}

static struct asset *make_chain(struct worker *worker, struct folder_work *folder)
{
	struct asset *page, *json;

	page = make_asset(worker, folder, false, &folder->page, folder->page_fd);
	if (!page)
		return NULL;
	folder->page_fd = -1;
	json = make_asset(worker, folder, true, &folder->json, folder->json_fd);
	if (!json) {
		worker_release(worker, page);
		return NULL;
	}
	folder->json_fd = -1;
	page->next = json;
	return page;
}

static void destroy(struct folder_work *folder)
{
	if (folder->page_fd >= 0)
		close(folder->page_fd);
	if (folder->json_fd >= 0)
		close(folder->json_fd);
	text_deinit(&folder->page);
	text_deinit(&folder->json);
	text_deinit(&folder->path);
	text_deinit(&folder->name);
	text_deinit(&folder->served);
	worker_release_sites(folder->input.sites);
	mem_free(folder);
}

static void done(struct worker *worker, struct work *work)
{
	struct folder_work *folder = (struct folder_work *)work;
	struct folder_input input = folder->input;
	int error = work->job.result;
	struct asset *listing = NULL;

	close(input.fd);
	if (error == 0) {
		listing = make_chain(worker, folder);
		error = listing ? 0 : -ENOMEM;
	}
	destroy(folder);
	input.done(worker, input.context, listing, error);
}

int folder_start(struct worker *worker, const struct folder_input *input)
{
	struct folder_work *folder = mem_alloc_zeroed(1, sizeof(*folder));
	int error = -ENOMEM;

	if (!folder)
		return -ENOMEM;
	folder->input = *input;
	folder->work.job.run = run;
	folder->work.done = done;
	folder->small = worker->config->small;
	folder->page_fd = -1;
	folder->json_fd = -1;
	text_add(&folder->path, input->path);
	text_add(&folder->name, bytes_string(input->name));
	file_spec_write_folder(bytes_string(input->name), &folder->served);
	folder->scan = (struct listing_scan){
		.folder_fd = input->fd,
		.root_fd = input->site->root,
		.folder_path = text_string(&folder->name),
		.resolve_flags = file_spec_resolve_flags(input->site),
		.entries_max = worker->config->listing_entries,
	};
	sites_ref(input->sites);
	if (!folder->path.failed && !folder->name.failed && !folder->served.failed)
		error = work_start(worker, &folder->work);
	if (error < 0)
		destroy(folder);
	return error;
}
