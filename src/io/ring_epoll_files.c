/* SPDX-License-Identifier: MIT */
/*
 * What may wait for a disk, kept away from the thread that serves (ring_epoll_files.h).
 *
 * An open is tried with RESOLVE_CACHED (Linux 5.12) and a read with RWF_NOWAIT (4.14): both answer from
 * memory or not at all. What they cannot answer goes to one thread, in order; a file system or kernel
 * that does not know them costs that way for every file, and nothing else. RESOLVE_CACHED is about the
 * path: what is opened can still make an open wait (a FIFO) unless O_NONBLOCK or O_PATH is asked for.
 * One thread keeps a disk busy; its reads come one after the other, where io_uring has all under way.
 *
 * The one hard thing is the end: a disk that does not answer must not hold up whoever ends, so a
 * thread in the middle of a work is left alone, and frees the rest when it comes back.
 */
#include "io/ring_epoll_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

struct file_queue {
	struct file_work *first, **last;
};

struct epoll_files {
	int wake_fd;
	bool started;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows; held for a few instructions */
	pthread_cond_t queued;
	struct file_queue waiting;
	struct file_queue done;
	bool working;
	bool stopping;
};

static void queue_clear(struct file_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_add(struct file_queue *queue, struct file_work *work)
{
	work->next = NULL;
	*queue->last = work;
	queue->last = &work->next;
}

static int32_t open_file(int folder, const char *path, const struct open_how *how)
{
	long fd = syscall(SYS_openat2, folder, path, how, sizeof(*how));

	return fd < 0 ? -errno : (int32_t)fd;
}

static int32_t perform(const struct file_work *work)
{
	ssize_t size;

	if (work->path)
		return open_file(work->fd, work->path, &work->how);
	size = pread(work->fd, work->base, work->size, (off_t)work->offset);
	return size < 0 ? -errno : (int32_t)size;
}

/* Nobody waits for it any more. */
static void drop(struct file_work *work)
{
	if (work->path && work->result >= 0)
		close(work->result);
	mem_free(work);
}

static void release(struct epoll_files *files)
{
	for (struct file_work *work = files->done.first, *next; work; work = next) {
		next = work->next;
		drop(work);
	}
	for (struct file_work *work = files->waiting.first, *next; work; work = next) {
		next = work->next;
		mem_free(work);
	}
	close(files->wake_fd);
	pthread_cond_destroy(&files->queued);
	pthread_mutex_destroy(&files->lock);
	mem_free(files);
}

/* The worker may be bound to one processor, and would take turns with its own thread there. */
static void settle(void)
{
	cpu_set_t cpus;

	/* Those of the process's first thread; where that is refused it stays where it began. */
	if (sched_getaffinity(getpid(), sizeof(cpus), &cpus) == 0)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	pthread_setname_np(pthread_self(), "quoit-files");
}

/* Under the lock. */
static void finish(struct epoll_files *files, struct file_work *work)
{
	uint64_t one = 1;

	if (!files->done.first)
		check(write(files->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
	queue_add(&files->done, work);
}

static void *run(void *argument)
{
	struct epoll_files *files = argument;
	bool left_alone = false;

	settle();
	pthread_mutex_lock(&files->lock);
	while (!files->stopping) {
		struct file_work *work = files->waiting.first;

		if (!work) {
			pthread_cond_wait(&files->queued, &files->lock);
			continue;
		}
		files->waiting.first = work->next;
		if (!work->next)
			files->waiting.last = &files->waiting.first;
		files->working = true;
		pthread_mutex_unlock(&files->lock);
		work->result = perform(work);
		pthread_mutex_lock(&files->lock);
		files->working = false;
		finish(files, work);
		left_alone = files->stopping;
	}
	pthread_mutex_unlock(&files->lock);
	if (left_alone)
		release(files);
	return NULL;
}

int epoll_files_create(struct epoll_files **ret_files)
{
	struct epoll_files *files = mem_alloc_zeroed(1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	files->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (files->wake_fd < 0) {
		int error = -errno;

		mem_free(files);
		return error;
	}
	pthread_mutex_init(&files->lock, NULL);
	pthread_cond_init(&files->queued, NULL);
	queue_clear(&files->waiting);
	queue_clear(&files->done);
	*ret_files = files;
	return 0;
}

void epoll_files_destroy(struct epoll_files *files)
{
	pthread_t thread;
	bool working;

	if (!files)
		return;
	if (!files->started) {
		release(files);
		return;
	}
	thread = files->thread;
	pthread_mutex_lock(&files->lock);
	files->stopping = true;
	working = files->working;
	pthread_cond_signal(&files->queued);
	pthread_mutex_unlock(&files->lock);
	if (working) {
		pthread_detach(thread);
		return;
	}
	pthread_join(thread, NULL);
	release(files);
}

int epoll_files_wake_fd(const struct epoll_files *files)
{
	return files->wake_fd;
}

/* Signals belong to the program's own threads. */
static bool start(struct epoll_files *files)
{
	sigset_t all, before;

	if (files->started)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	files->started = pthread_create(&files->thread, NULL, run, files) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return files->started;
}

/* To the thread. Without memory or a thread it is done here, late but right. */
static bool hand_over(struct epoll_files *files, const struct file_work *order, int32_t *ret_result)
{
	struct file_work *work = start(files) ? mem_alloc(sizeof(*work)) : NULL;

	if (!work) {
		*ret_result = perform(order);
		return true;
	}
	*work = *order;
	pthread_mutex_lock(&files->lock);
	queue_add(&files->waiting, work);
	pthread_cond_signal(&files->queued);
	pthread_mutex_unlock(&files->lock);
	return false;
}

bool epoll_files_open(struct epoll_files *files, uint64_t tag, int folder, const char *path,
		      const struct open_how *how, int32_t *ret_result)
{
	struct file_work order = { .tag = tag, .path = path, .how = *how, .fd = folder };
	int32_t result;

	order.how.resolve |= RESOLVE_CACHED;
	result = open_file(folder, path, &order.how);
	/* EINVAL: this kernel does not know the flag, or the caller's own are wrong, which the thread tells.
	 */
	if (result != -EAGAIN && result != -EINVAL) {
		*ret_result = result;
		return true;
	}
	order.how = *how;
	return hand_over(files, &order, ret_result);
}

bool epoll_files_read(struct epoll_files *files, uint64_t tag, int fd, void *base, size_t size,
		      uint64_t offset, int32_t *ret_result)
{
	struct file_work order = { .tag = tag, .fd = fd, .base = base, .size = size, .offset = offset };
	struct iovec vector = { .iov_base = base, .iov_len = size };

	check(size <= INT32_MAX);
	/* A short one may be the end of the file as well as the first page that is not in memory. */
	if (preadv2(fd, &vector, 1, (off_t)offset, RWF_NOWAIT) == (ssize_t)size) {
		*ret_result = (int32_t)size;
		return true;
	}
	return hand_over(files, &order, ret_result);
}

struct file_work *epoll_files_take(struct epoll_files *files)
{
	struct file_work *work;
	uint64_t count;

	pthread_mutex_lock(&files->lock);
	/* Written only when this list became non-empty, so there is something to read. */
	check(read(files->wake_fd, &count, sizeof(count)) == (ssize_t)sizeof(count) || errno == EAGAIN);
	work = files->done.first;
	queue_clear(&files->done);
	pthread_mutex_unlock(&files->lock);
	return work;
}

bool epoll_files_cancel(struct epoll_files *files, uint64_t tag)
{
	struct file_work **link = &files->waiting.first;
	struct file_work *work;

	pthread_mutex_lock(&files->lock);
	while (*link && (*link)->tag != tag)
		link = &(*link)->next;
	work = *link;
	if (work) {
		*link = work->next;
		if (!work->next)
			files->waiting.last = link;
	}
	pthread_mutex_unlock(&files->lock);
	mem_free(work);
	return work != NULL;
}
