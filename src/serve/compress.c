/* SPDX-License-Identifier: MIT */
/*
 * Makes coded variants by a helper thread of low priority.
 *
 * Called by fetch when a file was found without them. The helper opens the file anew and makes sure
 * that it is the version that was asked for before and after it has read it, compresses it, and renames
 * the result into place; then the name is looked at again. What could not be made, or did not pay, is not
 * tried again while this worker remembers it. The one hard thing is the bound on the folder: its
 * content is counted once, by the first job, and from then on kept count of; at the limit the
 * oldest go, down to nine tenths.
 */
#include "serve/compress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/codec.h"
#include "serve/fetch_steps.h"
#include "serve/file_spec.h"
#include "serve/work.h"
#include "site/names.h"

struct compressor {
	int folder;
	uint64_t size_max; /* of the folder */
	uint64_t time_max_ms;
	/* Of the low thread. */
	bool is_counted;
	uint64_t size;
};

struct compress_work {
	struct work work;
	struct compressor *compressor;
	struct sites *sites; /* a reference */
	const struct site *site;
	struct text path; /* of the key, to have it looked at again */
	unsigned kind;
	struct text name; /* of the plain file, relative to the root */
	struct version version;
	unsigned wanted; /* bit per coding */
	unsigned made;
};

struct aged {
	int64_t modified_ns;
	uint64_t size;
	char name[64];
};

static int refuse_folder(const struct config *config, int error, struct fault *fault)
{
	return fault_set(
		fault, error,
		"precompress cannot use the folder %s: %s; create it for the user that quoit runs as, or "
		"name another with compress-folder",
		config->compress_folder, strerror(-error));
}

/* The folder that this one is in, or is to be made in: "." behind its path. */
static void write_parent(const char *path, struct text *out)
{
	text_add(out, bytes_string(path));
	while (out->size > 1 && out->base[out->size - 1] == '/')
		out->size--;
	while (out->size > 0 && out->base[out->size - 1] != '/')
		out->size--;
	text_add(out, BYTES("."));
}

int compress_try(const struct config *config, struct fault *fault)
{
	const char *path = config->compress_folder;
	struct text parent = TEXT_EMPTY;
	struct stat status;
	int error = 0;

	if (!*path) {
		error = -ENOENT;
	} else if (stat(path, &status) == 0) {
		if (!S_ISDIR(status.st_mode))
			error = -ENOTDIR;
		else if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
			error = -errno;
	} else if (errno != ENOENT) {
		error = -errno;
	} else {
		write_parent(path, &parent);
		if (faccessat(AT_FDCWD, text_string(&parent), W_OK | X_OK, AT_EACCESS) < 0)
			error = -errno;
		text_deinit(&parent);
	}
	return error < 0 ? refuse_folder(config, error, fault) : 0;
}

static bool is_served(const struct site *site, int fd, const struct stat *status)
{
	struct text path = TEXT_EMPTY;
	struct stat root;
	bool inside = file_spec_inside(site, fd, &path);

	text_deinit(&path);
	return inside || (fstat(site->root, &root) == 0 && root.st_dev == status->st_dev &&
			  root.st_ino == status->st_ino);
}

int compress_check_place(const struct config *config, const struct sites *sites, struct fault *fault)
{
	int fd = open(config->compress_folder, O_PATH | O_DIRECTORY | O_CLOEXEC), error = 0;
	struct text parent = TEXT_EMPTY;
	struct stat status;

	if (fd < 0) {
		write_parent(config->compress_folder, &parent);
		fd = open(text_string(&parent), O_PATH | O_DIRECTORY | O_CLOEXEC);
		text_deinit(&parent);
	}
	if (fd < 0 || fstat(fd, &status) < 0)
		return 0; /* compress_try() and compress_create() say so */
	for (unsigned i = 0; i < sites->count && error == 0; i++)
		if (is_served(sites->site[i], fd, &status))
			error = fault_set(
				fault, -EINVAL,
				"the compress-folder %s is inside of %s, which is served; name one that is "
				"not",
				config->compress_folder, sites->site[i]->options.root);
	close(fd);
	return error;
}

int compress_create(const struct config *config, struct compressor **ret_compressor, struct fault *fault)
{
	const char *path = config->compress_folder;
	struct compressor *compressor = mem_alloc_zeroed(1, sizeof(*compressor));
	int error;

	if (!compressor)
		return fault_set(fault, -ENOMEM, "no memory");
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		error = -errno;
	else if ((compressor->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		error = -errno;
	else
		error = faccessat(compressor->folder, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	if (error < 0) {
		if (compressor->folder > 0)
			close(compressor->folder);
		mem_free(compressor);
		return refuse_folder(config, error, fault);
	}
	compressor->size_max = config->compress_folder_size;
	compressor->time_max_ms = config->compress_time;
	*ret_compressor = compressor;
	return 0;
}

void compress_destroy(struct compressor *compressor)
{
	if (!compressor)
		return;
	close(compressor->folder);
	mem_free(compressor);
}

int compress_folder(const struct compressor *compressor)
{
	return compressor ? compressor->folder : -1;
}

/* The folder's bound */

/* Only names that names_write_made() makes: 32 hexadecimal digits and an ending. */
static bool is_ours(const char *name)
{
	return strlen(name) < sizeof(((struct aged *)0)->name) && strspn(name, "0123456789abcdef") == 32 &&
	       name[32] == '.';
}

static int compare_age(const void *a, const void *b)
{
	const struct aged *first = a, *second = b;

	return first->modified_ns < second->modified_ns ? -1 : first->modified_ns > second->modified_ns;
}

/* All that is in the folder, the oldest first; NULL with count 0 when there is nothing or no memory. */
static struct aged *read_folder(const struct compressor *compressor, size_t *ret_count)
{
	int fd = openat(compressor->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct aged *list = NULL;
	size_t count = 0, capacity = 0;
	struct dirent *entry;
	struct stat status;

	*ret_count = 0;
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	while ((entry = readdir(folder))) {
		if (!is_ours(entry->d_name) || fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (count == capacity) {
			struct aged *more = mem_resize(list, (capacity ? 2 * capacity : 256) * sizeof(*list));

			if (!more)
				break;
			list = more;
			capacity = capacity ? 2 * capacity : 256;
		}
		list[count].modified_ns =
			status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
		list[count].size = (uint64_t)status.st_size;
		strcpy(list[count++].name, entry->d_name);
	}
	closedir(folder);
	if (count > 0)
		qsort(list, count, sizeof(*list), compare_age);
	*ret_count = count;
	return list;
}

/* Keep count of what was added, and make room when it is too much. */
static void account(struct compressor *compressor, uint64_t added)
{
	struct aged *list;
	size_t count;

	compressor->size += added;
	if (compressor->is_counted && compressor->size <= compressor->size_max)
		return;
	list = read_folder(compressor, &count);
	compressor->size = 0;
	for (size_t i = 0; i < count; i++)
		compressor->size += list[i].size;
	compressor->is_counted = true;
	if (compressor->size > compressor->size_max)
		for (size_t i = 0; i < count && compressor->size > compressor->size_max / 10 * 9; i++)
			if (unlinkat(compressor->folder, list[i].name, 0) == 0)
				compressor->size -= list[i].size;
	mem_free(list);
}

/* On the low thread */

static bool is_version(int fd, const struct version *version)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == version->inode &&
	       (uint64_t)status.st_size == version->size &&
	       status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec == version->modified_ns &&
	       status.st_ctim.tv_sec * INT64_C(1000000000) + status.st_ctim.tv_nsec == version->changed_ns;
}

/* The whole plain file, in memory of its own; NULL: it is not that version any more, or not to be had. */
static uint8_t *read_plain(const struct compress_work *compress)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
				.resolve = file_spec_resolve_flags(compress->site) };
	uint64_t size = compress->version.size, at = 0;
	int fd = (int)syscall(SYS_openat2, compress->site->root, text_string(&compress->name), &how,
			      sizeof(how));
	uint8_t *content = fd < 0 ? NULL : mem_alloc(size);

	while (content && at < size) {
		ssize_t count = pread(fd, content + at, size - at, (off_t)at);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		at += (uint64_t)count;
	}
	if (content && (at < size || !is_version(fd, &compress->version))) {
		mem_free(content);
		content = NULL;
	}
	if (fd >= 0)
		close(fd);
	return content;
}

/* One variant: written beside its place, then renamed into it. */
static bool make(struct compress_work *compress, enum coding coding, struct bytes content)
{
	struct compressor *compressor = compress->compressor;
	struct text name = TEXT_EMPTY, part = TEXT_EMPTY;
	uint64_t size = 0;
	bool made = false;
	int fd;

	names_write_made(&compress->version, coding, &name);
	text_format(&part, "%s.part-%d", text_string(&name), (int)getpid());
	if (!name.failed && !part.failed && faccessat(compressor->folder, text_string(&name), F_OK, 0) == 0) {
		made = true; /* another worker, or another server, was first */
	} else if (!name.failed && !part.failed) {
		/* A link of that name, or what a process of this number has left, is not written to. */
		unlinkat(compressor->folder, text_string(&part), 0);
		fd = openat(compressor->folder, text_string(&part), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			    0600);
		if (fd >= 0) {
			made = codec_encode(coding, content, compressor->time_max_ms,
					    &compress->work.job.cancel, fd, &size) == CODEC_DONE &&
			       renameat(compressor->folder, text_string(&part), compressor->folder,
					text_string(&name)) == 0;
			if (!made)
				unlinkat(compressor->folder, text_string(&part), 0);
			close(fd);
		}
	}
	if (size > 0 && made)
		account(compressor, size);
	text_deinit(&name);
	text_deinit(&part);
	return made;
}

static void run(struct job *job)
{
	struct compress_work *compress = (struct compress_work *)job;
	uint8_t *content = read_plain(compress);

	if (!content) {
		job->result = -ESTALE;
		return;
	}
	for (int coding = CODING_IDENTITY + 1; coding < CODING_COUNT && !job->cancel; coding++)
		if (compress->wanted & 1u << coding &&
		    make(compress, (enum coding)coding, bytes_make(content, compress->version.size)))
			compress->made |= 1u << coding;
	mem_free(content);
	job->result = 0;
}

/* On the worker's thread */

static void destroy(struct compress_work *compress)
{
	worker_release_sites(compress->sites);
	text_deinit(&compress->path);
	text_deinit(&compress->name);
	mem_free(compress);
}

static void done(struct worker *worker, struct work *work)
{
	struct compress_work *compress = (struct compress_work *)work;
	struct cache_key key = { compress->site, compress->kind, text_bytes(&compress->path) };
	struct entry *entry = cache_find(&worker->cache, &key);

	stats_add(&worker->stats, COUNTER_compressed, (uint64_t)__builtin_popcount(compress->made));
	if (compress->made && entry)
		entry->checked_ms = 0; /* there is more to be found now */
	destroy(compress);
}

/* Was this tried before? A table that forgets by being overwritten: at worst a file is tried twice. */
static bool is_tried(struct worker *worker, const struct version *version, unsigned wanted)
{
	struct text name = TEXT_EMPTY;
	uint64_t key, *place;
	bool tried;

	names_write_made(version, CODING_IDENTITY, &name);
	if (name.failed) {
		text_deinit(&name);
		return true;
	}
	key = strtoull((const char *)name.base + 16, NULL, 16) ^ wanted;
	text_deinit(&name);
	place = &worker->compress_tried[key % WORKER_COMPRESS_TRIED];
	tried = *place == key;
	*place = key;
	return tried;
}

static void start(struct worker *worker, struct fetch *fetch, unsigned number)
{
	const struct found *found = &fetch->resolve.found[number];
	struct compress_work *compress = mem_alloc_zeroed(1, sizeof(*compress));

	if (!compress)
		return;
	compress->work.job.run = run;
	compress->work.job.low = true;
	compress->work.done = done;
	compress->compressor = worker->compressor;
	compress->sites = fetch->sites;
	compress->site = fetch->entry->site;
	compress->kind = fetch->entry->kind;
	compress->version = found->version;
	compress->wanted = found->wanted;
	text_add(&compress->path, bytes_make(fetch->entry->path, fetch->entry->path_size));
	fetch->resolve.loading = number;
	resolve_write_path(&fetch->resolve, &compress->name);
	if (compress->name.size > 0) /* relative to the root: without its slash */
		memmove(compress->name.base, compress->name.base + 1, compress->name.size--);
	sites_ref(compress->sites);
	if (compress->path.failed || compress->name.failed || work_start(worker, &compress->work) < 0)
		destroy(compress);
}

void compress_wanted(struct worker *worker, struct fetch *fetch)
{
	const struct resolve *resolve = &fetch->resolve;

	if (resolve->outcome != RESOLVED_FILES && resolve->outcome != RESOLVED_UNCHANGED)
		return;
	for (unsigned i = 0; i < resolve->found_count; i++)
		if (resolve->found[i].wanted &&
		    !is_tried(worker, &resolve->found[i].version, resolve->found[i].wanted))
			start(worker, fetch, i);
}
