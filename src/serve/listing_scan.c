/* SPDX-License-Identifier: MIT */
/*
 * Reads a folder into a listing: readdir(3), and statx(2) for each name.
 *
 * Called by a helper thread. Opens no file for its content: a plain name is looked at below the
 * folder's descriptor without following it, a symbolic link by an O_PATH descriptor of what it leads
 * to. statx is told to use what the kernel knows, so that a network file system is not asked 100,000
 * times, and automounts stay asleep.
 *
 * The hard thing is symbolic links. Whether one stays inside is a question about the root, not about
 * this folder ("../x" is fine below "a/"), so links are opened by their path from the root, by the
 * same rule as a request for them would be. That path is walked anew, and by then may lead elsewhere:
 * at worst a listing names what is not served.
 *
 * References: readdir(3), statx(2), openat2(2).
 */
#include "serve/listing_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

/* openat2 gives EAGAIN when a rename disturbed the walk past ".."; on a quiet system once is enough. */
#define ATTEMPTS_MAX 8

#define STATUS_WANTED (STATX_TYPE | STATX_SIZE | STATX_MTIME)
#define STATUS_FLAGS (AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)

struct walk {
	const struct listing_scan *scan;
	DIR *folder; /* with a position of its own */
	struct text path;
	size_t prefix_size; /* of path: the folder's part, with its slash */
	struct listing listing;
};

static int open_folder(const struct listing_scan *scan, DIR **ret_folder);
static int walk_folder(struct walk *walk);

int listing_scan(const struct listing_scan *scan, struct listing *ret_listing)
{
	struct walk walk = { .scan = scan, .path = TEXT_EMPTY };
	int error = open_folder(scan, &walk.folder);

	if (error < 0)
		return error;
	listing_init(&walk.listing);
	error = walk_folder(&walk);
	text_deinit(&walk.path);
	closedir(walk.folder);
	if (error < 0) {
		listing_deinit(&walk.listing);
		return error;
	}
	*ret_listing = walk.listing;
	return 0;
}

/* Opened anew, because copies of a descriptor share one position. */
static int open_folder(const struct listing_scan *scan, DIR **ret_folder)
{
	int fd = openat(scan->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder;

	if (fd < 0)
		return -errno;
	folder = fdopendir(fd);
	if (!folder) {
		int error = -errno;

		close(fd);
		return error;
	}
	*ret_folder = folder;
	return 0;
}

/* Errors that say nothing about the name, but that this process has no room to look at it. */
static bool is_shortage(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static int look_at(int fd, const char *name, int flags, struct statx *ret_status)
{
	return statx(fd, name, STATUS_FLAGS | flags, STATUS_WANTED, ret_status) < 0 ? -errno : 0;
}

/* An O_PATH descriptor of what the link leads to, or a negative errno. */
static int open_link(struct walk *walk, const char *name)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = walk->scan->resolve_flags };
	long fd = -1;

	walk->path.size = walk->prefix_size;
	text_add(&walk->path, bytes_string(name));
	if (walk->path.failed)
		return -ENOMEM;
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		fd = syscall(SYS_openat2, walk->scan->root_fd, text_string(&walk->path), &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

static int look_behind_link(struct walk *walk, const char *name, struct statx *ret_status)
{
	int fd = open_link(walk, name);
	int error;

	if (fd < 0)
		return fd;
	error = look_at(fd, "", AT_EMPTY_PATH, ret_status);
	close(fd);
	return error;
}

/* 1: the list is full. 0: added, or not for the list. */
static int take_name(struct walk *walk, const char *name)
{
	struct listing_entry entry = { .name = name };
	struct statx status;
	int error = look_at(dirfd(walk->folder), name, 0, &status);

	if (error == 0 && S_ISLNK(status.stx_mode))
		error = look_behind_link(walk, name, &status);
	if (error < 0)
		return is_shortage(error) ? error : 0;
	entry.is_folder = S_ISDIR(status.stx_mode);
	if (!entry.is_folder && !S_ISREG(status.stx_mode))
		return 0;
	if (walk->listing.count >= walk->scan->entries_max)
		return 1;
	entry.size = entry.is_folder ? 0 : status.stx_size;
	entry.modified_s = status.stx_mtime.tv_sec;
	return listing_add(&walk->listing, &entry);
}

/* Spares the look at what is nothing for the list. DT_UNKNOWN: this file system does not say. */
static bool is_candidate(const struct dirent *item)
{
	if (item->d_name[0] == '.')
		return false;
	return item->d_type == DT_REG || item->d_type == DT_DIR || item->d_type == DT_LNK ||
	       item->d_type == DT_UNKNOWN;
}

static bool set_prefix(struct walk *walk)
{
	struct bytes folder = bytes_string(walk->scan->folder_path);

	text_add(&walk->path, folder);
	if (folder.size > 0 && folder.base[folder.size - 1] != '/')
		text_add_byte(&walk->path, '/');
	walk->prefix_size = walk->path.size;
	return !walk->path.failed;
}

static int walk_folder(struct walk *walk)
{
	if (!set_prefix(walk))
		return -ENOMEM;
	while (!atomic_load_explicit(walk->scan->cancel, memory_order_relaxed)) {
		const struct dirent *item;
		int result;

		errno = 0;
		item = readdir(walk->folder);
		if (!item)
			return -errno;
		if (!is_candidate(item))
			continue;
		result = take_name(walk, item->d_name);
		if (result < 0)
			return result;
		walk->listing.truncated = result > 0;
		if (walk->listing.truncated)
			return 0;
	}
	return -ECANCELED;
}
