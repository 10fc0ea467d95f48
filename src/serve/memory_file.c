/* SPDX-License-Identifier: MIT */
/*
 * Files in memory.
 *
 * Made on helper threads (listings, plain forms of coded files), sent by body_file like any other. Their
 * pages count for nobody's budget but the cache's, which is told their size.
 */
#include "serve/memory_file.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

int memory_file_create(struct bytes content)
{
	int fd = memfd_create("quoit", MFD_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	while (content.size > 0) {
		ssize_t size = write(fd, content.base, content.size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0) {
			error = size < 0 ? -errno : -ENOSPC;
			close(fd);
			return error;
		}
		content = bytes_skip(content, (size_t)size);
	}
	return fd;
}

void memory_file_version(int fd, struct version *ret_version)
{
	struct stat status;

	/* An own, open descriptor: it cannot fail. */
	check(fstat(fd, &status) == 0);
	*ret_version = (struct version){
		.device = status.st_dev,
		.inode = status.st_ino,
		.size = (uint64_t)status.st_size,
		.modified_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec,
		.changed_ns = status.st_ctim.tv_sec * INT64_C(1000000000) + status.st_ctim.tv_nsec,
	};
}
