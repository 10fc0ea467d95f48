/* SPDX-License-Identifier: MIT */
/*
 * A folder of its own for a test, in $TMPDIR or /tmp, removed with all that is in it.
 *
 * Names are relative to its descriptor, as the server's are to the root it serves.
 */
#ifndef QUOIT_TESTS_KERNEL_FOLDER_H
#define QUOIT_TESTS_KERNEL_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

#include "kernel.h"

struct folder {
	int fd; /* O_PATH */
	char path[PATH_MAX];
};

static inline void folder_create(struct folder *folder)
{
	const char *parent = getenv("TMPDIR");

	snprintf(folder->path, sizeof(folder->path), "%s/quoit-kernel-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(folder->path));
	folder->fd = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder->fd >= 0);
}

static inline int folder_remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat, (void)type, (void)walk;
	return remove(path);
}

static inline void folder_destroy(struct folder *folder)
{
	close(folder->fd);
	nftw(folder->path, folder_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_write(struct folder *folder, const char *name, const void *data, size_t size)
{
	int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

#endif
