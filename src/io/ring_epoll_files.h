/* SPDX-License-Identifier: MIT */
/*
 * Opens and reads of files for the epoll engine: at once from the kernel's caches, else by a thread.
 *
 * All functions belong to the thread of the ring. Memory and paths stay the caller's until the result came.
 */
#ifndef QUOIT_IO_RING_EPOLL_FILES_H
#define QUOIT_IO_RING_EPOLL_FILES_H

#include <linux/openat2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoll_files;

/* One that the thread was asked for. */
struct file_work {
	struct file_work *next;
	uint64_t tag;
	int32_t result; /* >= 0, or a negative errno */

	const char *path; /* of an open; NULL: a read */
	struct open_how how;
	int fd; /* the folder of the path, or what is read */
	void *base;
	size_t size;
	uint64_t offset;
};

/* -errno. No thread is started before there is work for it. */
int epoll_files_create(struct epoll_files **ret_files);

/* Does not wait for a work that a disk has not answered: what is read then is still written to. NULL is
 * ignored. */
void epoll_files_destroy(struct epoll_files *files);

/* Readable when something has been done. */
int epoll_files_wake_fd(const struct epoll_files *files);

/* True: done, with that result. False: epoll_files_take() will have it. */
bool epoll_files_open(struct epoll_files *files, uint64_t tag, int folder, const char *path,
		      const struct open_how *how, int32_t *ret_result);
bool epoll_files_read(struct epoll_files *files, uint64_t tag, int fd, void *base, size_t size,
		      uint64_t offset, int32_t *ret_result);

/* What has been done, the oldest first; each is the caller's to mem_free(). Call it when the descriptor is
 * readable. */
struct file_work *epoll_files_take(struct epoll_files *files);

/* True: it was still waiting for the thread, and never happens. */
bool epoll_files_cancel(struct epoll_files *files, uint64_t tag);

#endif
