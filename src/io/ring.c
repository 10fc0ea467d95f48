/* SPDX-License-Identifier: MIT */
/*
 * What every engine does alike: being chosen, and the calls that are made at once.
 *
 * serve/ calls these beside the queued operations of an engine, where waiting for a turn would
 * cost more than the call: a head and the file behind it, a look at a file that is open.
 */
#include "io/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "io/refusal.h"

int ring_create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault)
{
	int error;

	fault->text[0] = 0;
	if (options->kind == RING_EPOLL)
		return ring_epoll.create(options, ret_ring, fault);
	error = ring_uring.create(options, ret_ring, fault);
	if (error == 0)
		fault->text[0] = 0; /* what is left of a way that was tried first is no refusal */
	if (options->kind == RING_URING || !refusal_leaves_epoll(error))
		return error;
	return ring_epoll.create(options, ret_ring, fault);
}

/* Counts the call, too. */
static int descriptor(struct ring *ring, int fd)
{
	stats_add(ring->stats, COUNTER_calls, 1);
	return ring->engine->real_descriptor ? ring->engine->real_descriptor(ring, fd) : fd;
}

ssize_t ring_send_now(struct ring *ring, int fd, const struct msghdr *message, bool more)
{
	ssize_t size =
		sendmsg(descriptor(ring, fd), message, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));

	return size < 0 ? -errno : size;
}

ssize_t ring_send_file(struct ring *ring, int fd, int file, uint64_t offset, size_t size)
{
	off_t position = (off_t)offset;
	ssize_t sent = sendfile(descriptor(ring, fd), file, &position, size);

	return sent < 0 ? -errno : sent;
}

int ring_accept_now(struct ring *ring, int listener)
{
	int fd;

	stats_add(ring->stats, COUNTER_calls, 1);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	return ring->engine->adopt ? ring->engine->adopt(ring, fd) : fd;
}

int ring_unread(struct ring *ring, int fd)
{
	int size;

	return ioctl(descriptor(ring, fd), SIOCOUTQ, &size) < 0 ? -errno : size;
}

int ring_shut_down(struct ring *ring, int fd)
{
	return shutdown(descriptor(ring, fd), SHUT_WR) < 0 ? -errno : 0;
}

int ring_stat_file(struct ring *ring, int file, struct statx *ret_status)
{
	const unsigned mask = STATX_TYPE | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_INO;

	stats_add(ring->stats, COUNTER_calls, 1);
	return statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, ret_status) < 0 ? -errno : 0;
}

bool ring_file_is_warm(struct ring *ring, int file, uint64_t offset)
{
	uint8_t byte;
	struct iovec vector = { .iov_base = &byte, .iov_len = 1 };

	stats_add(ring->stats, COUNTER_calls, 1);
	/* EOPNOTSUPP (a file system without it) and EPERM (a filter) count as warm: then nothing better is
	 * known. */
	return preadv2(file, &vector, 1, (off_t)offset, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}
