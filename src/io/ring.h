/* SPDX-License-Identifier: MIT */
/*
 * The seam to the kernel: submit operations, wait, get completions.
 *
 * A ring belongs to the thread that created it; no function may be called from another. It
 * knows sockets, files and buffers, and nothing of HTTP. `tag` (io/op.h) comes back with the
 * completion.
 *
 * Operations are queued by ring_submit_*() and reach the kernel at the next ring_wait(), in the
 * order of submission; a full queue is passed on early. Memory and paths given to an operation
 * must stay until its completion came, with one exception:
 *
 *   Quiet sends. ring_submit_send() completes only when something is left: a short count, or
 *   -EAGAIN when the socket took nothing, or an error. Its completion is among those of the
 *   very ring_wait() that submitted it; when it is not there, all bytes were taken. Either
 *   way the kernel keeps no reference to the memory once ring_wait() has returned. So at most
 *   one send per socket may be submitted between two waits.
 *
 * Engines: io_uring (ring_uring.c), epoll (ring_epoll.c). An engine fills in one `struct ring_engine`;
 * everything above this file calls the functions below and never sees which engine answers. A
 * descriptor that was given to a ring is closed through that ring.
 */
#ifndef QUOIT_IO_RING_H
#define QUOIT_IO_RING_H

#include <linux/openat2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/stats.h"
#include "io/ring_tuning.h"

struct ring;

/* How the kernel is driven; the words of the option `engine`, in their order. */
enum ring_kind {
	RING_AUTO, /* io_uring, or epoll where it is refused */
	RING_URING,
	RING_EPOLL,
};

struct ring_options {
	enum ring_kind kind;
	unsigned entries;     /* submission queue, a power of two */
	unsigned completions; /* completion queue, a power of two */
	unsigned buffers;     /* receive buffers, a power of two, at most 32768 */
	unsigned buffer_size; /* bytes of each */
	unsigned sockets;     /* that may be open at once, those included that an accept takes too many */
	bool zero_copy;       /* ring_zero_copy_start() may follow */
	struct ring_tuning tuning; /* of io_uring alone */
	struct stats *stats;       /* of the worker; counts enters, submissions, completions, overflows */
};

/* As io_uring writes it (struct io_uring_cqe), so that engine has nothing to translate. */
struct completion {
	uint64_t tag;
	int32_t result; /* >= 0, or a negative errno */
	uint32_t flags;
};

#define COMPLETION_BUFFER                                                                                    \
	UINT32_C(1)                 /* flags: a receive buffer comes with it, which the receiver returns     \
				     */
#define COMPLETION_MORE UINT32_C(2) /* flags: a multishot operation goes on; without it, it has ended */
#define COMPLETION_NOTIFICATION                                                                              \
	UINT32_C(8) /* flags: the second completion of a zero-copy send: its memory is free again */
#define COMPLETION_BUFFER_MORE                                                                               \
	UINT32_C(16) /* flags: further arrivals will use the rest of this receive buffer */

/* The receive buffer, when there is COMPLETION_BUFFER. */
static inline uint16_t completion_buffer(const struct completion *completion)
{
	return (uint16_t)(completion->flags >> 16);
}

/*
 * Create in the thread that will use it. -errno with a sentence that names the cause and the cure. With
 * RING_AUTO and io_uring refused the ring is an epoll one and `fault` says why, though 0 is returned.
 */
int ring_create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault);
/* A read that is under way may still write to its memory. */
static inline void ring_destroy(struct ring *ring);

/* "io_uring", "epoll". */
static inline const char *ring_name(const struct ring *ring);

/* Multishot: one completion per connection, result = a non-blocking, close-on-exec descriptor. */
static inline void ring_submit_accept(struct ring *ring, uint64_t tag, int listener);

/* The same, for one connection. */
static inline void ring_submit_accept_one(struct ring *ring, uint64_t tag, int listener);

/* Multishot: one completion per arrival with a receive buffer; 0 at end of stream; -ENOBUFS when no buffer is
 * free. */
static inline void ring_submit_recv(struct ring *ring, uint64_t tag, int fd);

/* Quiet (above). */
static inline void ring_submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size);
static inline void ring_submit_send_gather(struct ring *ring, uint64_t tag, int fd,
					   const struct msghdr *message);

/* Completes once when the socket takes bytes again, or has failed. */
static inline void ring_submit_writable(struct ring *ring, uint64_t tag, int fd);
/*
 * For a socket whose peer has ended its side, which the one above finds ready always (io_uring
 * polls for POLLRDHUP unasked): multishot, completes at once when the socket takes bytes, and maybe when
 * it is full, then each time that it takes bytes again after it was full. The caller sends until
 * -EAGAIN before it waits.
 */
static inline void ring_submit_writable_edges(struct ring *ring, uint64_t tag, int fd);
/* Completes once when there is something to read. */
static inline void ring_submit_readable(struct ring *ring, uint64_t tag, int fd);

/* result = a descriptor. `how` may be reused after the next ring_wait(), `path` not before completion. */
static inline void ring_submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
				    const struct open_how *how);
static inline void ring_submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size,
				    uint64_t offset);

/*
 * Sends that the kernel is asked not to copy, from memory that was registered before. Not every engine
 * or kernel has them: the other two functions may be called only when ring_zero_copy_start() was answered
 * with 0. `count` is the size of the table of registered memory. -EOPNOTSUPP: there are none; another
 * -errno: the table could not be made.
 */
static inline int ring_zero_copy_start(struct ring *ring, unsigned count);
/*
 * Register memory at an empty place of the table, or with NULL and 0 clear the place, at once and also while
 * sends from it are under way. The memory must stay where it is until it is cleared. -ENOMEM: above
 * RLIMIT_MEMLOCK; or another -errno.
 */
static inline int ring_zero_copy_set(struct ring *ring, unsigned place, const void *base, size_t size);
/*
 * Completes twice. First like a quiet send, but always: with the bytes taken or -errno, and
 * COMPLETION_MORE when the other follows; -EOPNOTSUPP: this socket cannot. Then, it may be much later,
 * with COMPLETION_NOTIFICATION: until then the bytes must stay as they are, even if the socket is closed.
 */
static inline void ring_submit_send_zero_copy(struct ring *ring, uint64_t tag, int fd, unsigned place,
					      const void *base, size_t size);
/* In the end, were they copied all the same? A send that took no byte says so, too. */
static inline bool completion_was_copied(const struct completion *notification)
{
	return notification->result < 0;
}

/* The address of this end of a connection, or of the other. 0 or -errno. */
static inline int ring_address(struct ring *ring, int fd, bool other, struct sockaddr_storage *ret_address);

/* End the operation with this tag; it completes with -ECANCELED, or with what it had reached. */
static inline void ring_submit_cancel(struct ring *ring, uint64_t tag);
/*
 * Closes in the order of submission; nothing reports back. What came from an accept is a socket; its
 * number need not be a descriptor that other calls than these know.
 */
static inline void ring_submit_close_socket(struct ring *ring, int fd);
static inline void ring_submit_close(struct ring *ring, int fd);

/* How many connections had something to say lately: an engine may wait for several of them at a time. */
static inline void ring_expect(struct ring *ring, uint32_t peers);

/*
 * Pass everything on to the kernel, wait until something completes, at most timeout_ms (0:
 * do not wait; RING_FOREVER), and return all completions that are there. *ret_completions is
 * the ring's own memory, valid until the next call.
 */
#define RING_FOREVER UINT64_MAX
static inline unsigned ring_wait(struct ring *ring, uint64_t timeout_ms,
				 const struct completion **ret_completions);

/*
 * The bytes that came with a completion that has COMPLETION_BUFFER. Give each such completion's
 * buffer back as soon as its bytes are read, never twice, in the order of the completions.
 */
static inline const uint8_t *ring_bytes(const struct ring *ring, const struct completion *completion);
static inline void ring_bytes_return(struct ring *ring, const struct completion *completion);

/*
 * At once, without the queue: for bodies that come from the page cache. Bytes taken, or
 * -EAGAIN on a full socket, or another -errno. `more`: further bytes follow directly.
 */
ssize_t ring_send_now(struct ring *ring, int fd, const struct msghdr *message, bool more);
/* 0 when the file ends at `offset`. */
ssize_t ring_send_file(struct ring *ring, int fd, int file, uint64_t offset, size_t size);
/* As ring_submit_accept_one() would, from what the listener has queued: -EAGAIN when it is empty. */
int ring_accept_now(struct ring *ring, int listener);
/* Bytes that were sent, and that the peer has not acknowledged (of a unix socket: read). Or -errno. */
int ring_unread(struct ring *ring, int fd);
/* Say that nothing more comes (FIN). 0 or -errno. */
int ring_shut_down(struct ring *ring, int fd);
/*
 * statx(2) of an open descriptor, from what the kernel already knows of the file
 * (AT_STATX_DONT_SYNC), so that it never waits for a disk or a server. 0 or -errno.
 */
int ring_stat_file(struct ring *ring, int file, struct statx *ret_status);
/* Are the file's pages at `offset` in memory? Never waits for a disk. True where that cannot be told. */
bool ring_file_is_warm(struct ring *ring, int file, uint64_t offset);

#include "io/ring_engine.h"

#endif
