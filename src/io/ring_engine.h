/* SPDX-License-Identifier: MIT */
/*
 * What an engine is: the functions of io/ring.h behind one table, and what every engine has alike.
 *
 * Included by io/ring.h, for the calls below to be inline: a request goes through three of them, and
 * the indirect call is then all that the choice of an engine costs. Only engines look at the fields.
 */
#ifndef QUOIT_IO_RING_ENGINE_H
#define QUOIT_IO_RING_ENGINE_H

#ifndef QUOIT_IO_RING_H
#error "include io/ring.h"
#endif

#include <errno.h>

#include "base/check.h"

struct ring_zero_copy {
	int (*start)(struct ring *ring, unsigned count);
	int (*set_memory)(struct ring *ring, unsigned place, const void *base, size_t size);
	void (*submit_send)(struct ring *ring, uint64_t tag, int fd, unsigned place, const void *base,
			    size_t size);
};

struct ring_engine {
	const char *name;
	int (*create)(const struct ring_options *options, struct ring **ret_ring, struct fault *fault);
	void (*destroy)(struct ring *ring);
	void (*submit_accept)(struct ring *ring, uint64_t tag, int listener);
	void (*submit_accept_one)(struct ring *ring, uint64_t tag, int listener);
	void (*submit_recv)(struct ring *ring, uint64_t tag, int fd);
	void (*submit_send)(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size);
	void (*submit_send_gather)(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message);
	void (*submit_writable)(struct ring *ring, uint64_t tag, int fd);
	void (*submit_writable_edges)(struct ring *ring, uint64_t tag, int fd);
	void (*submit_readable)(struct ring *ring, uint64_t tag, int fd);
	void (*submit_open)(struct ring *ring, uint64_t tag, int folder, const char *path,
			    const struct open_how *how);
	void (*submit_read)(struct ring *ring, uint64_t tag, int fd, void *base, size_t size,
			    uint64_t offset);
	void (*submit_cancel)(struct ring *ring, uint64_t tag);
	void (*submit_close_socket)(struct ring *ring, int fd);
	void (*submit_close)(struct ring *ring, int fd);
	unsigned (*wait)(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions);
	void (*bytes_return)(struct ring *ring, const struct completion *completion);
	int (*adopt)(struct ring *ring, int fd);           /* an accepted real descriptor; NULL: as it is */
	int (*real_descriptor)(struct ring *ring, int fd); /* NULL: the descriptors are real ones */
	const struct ring_zero_copy *zero_copy;            /* NULL: there is none */
};

/* First member of every engine's own struct. */
struct ring {
	const struct ring_engine *engine;
	struct stats *stats;
	uint8_t *buffers;      /* of receive; buffer_count * buffer_size bytes */
	uint32_t *buffer_used; /* bytes at the start of each that were handed out; NULL: always from the start
				*/
	unsigned buffer_count;
	unsigned buffer_size;
	uint32_t peers; /* ring_expect() */
};

extern const struct ring_engine ring_uring;
extern const struct ring_engine ring_epoll;

static inline void ring_destroy(struct ring *ring)
{
	if (ring)
		ring->engine->destroy(ring);
}

static inline const char *ring_name(const struct ring *ring)
{
	return ring->engine->name;
}

static inline void ring_submit_accept(struct ring *ring, uint64_t tag, int listener)
{
	ring->engine->submit_accept(ring, tag, listener);
}

static inline void ring_submit_accept_one(struct ring *ring, uint64_t tag, int listener)
{
	ring->engine->submit_accept_one(ring, tag, listener);
}

static inline void ring_submit_recv(struct ring *ring, uint64_t tag, int fd)
{
	ring->engine->submit_recv(ring, tag, fd);
}

static inline void ring_submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size)
{
	ring->engine->submit_send(ring, tag, fd, base, size);
}

static inline void ring_submit_send_gather(struct ring *ring, uint64_t tag, int fd,
					   const struct msghdr *message)
{
	ring->engine->submit_send_gather(ring, tag, fd, message);
}

static inline void ring_submit_writable(struct ring *ring, uint64_t tag, int fd)
{
	ring->engine->submit_writable(ring, tag, fd);
}

static inline void ring_submit_writable_edges(struct ring *ring, uint64_t tag, int fd)
{
	ring->engine->submit_writable_edges(ring, tag, fd);
}

static inline void ring_submit_readable(struct ring *ring, uint64_t tag, int fd)
{
	ring->engine->submit_readable(ring, tag, fd);
}

static inline void ring_submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
				    const struct open_how *how)
{
	ring->engine->submit_open(ring, tag, folder, path, how);
}

static inline void ring_submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size,
				    uint64_t offset)
{
	ring->engine->submit_read(ring, tag, fd, base, size, offset);
}

static inline int ring_zero_copy_start(struct ring *ring, unsigned count)
{
	return ring->engine->zero_copy ? ring->engine->zero_copy->start(ring, count) : -EOPNOTSUPP;
}

static inline int ring_zero_copy_set(struct ring *ring, unsigned place, const void *base, size_t size)
{
	return ring->engine->zero_copy->set_memory(ring, place, base, size);
}

static inline void ring_submit_send_zero_copy(struct ring *ring, uint64_t tag, int fd, unsigned place,
					      const void *base, size_t size)
{
	ring->engine->zero_copy->submit_send(ring, tag, fd, place, base, size);
}

static inline int ring_address(struct ring *ring, int fd, bool other, struct sockaddr_storage *ret_address)
{
	int real = ring->engine->real_descriptor ? ring->engine->real_descriptor(ring, fd) : fd;
	struct sockaddr *address = (struct sockaddr *)ret_address;
	socklen_t size = sizeof(*ret_address);
	int result = other ? getpeername(real, address, &size) : getsockname(real, address, &size);

	stats_add(ring->stats, COUNTER_calls, 1);
	return result < 0 ? -errno : 0;
}

static inline void ring_submit_cancel(struct ring *ring, uint64_t tag)
{
	ring->engine->submit_cancel(ring, tag);
}

static inline void ring_submit_close_socket(struct ring *ring, int fd)
{
	ring->engine->submit_close_socket(ring, fd);
}

static inline void ring_submit_close(struct ring *ring, int fd)
{
	ring->engine->submit_close(ring, fd);
}

static inline void ring_expect(struct ring *ring, uint32_t peers)
{
	ring->peers = peers;
}

static inline unsigned ring_wait(struct ring *ring, uint64_t timeout_ms,
				 const struct completion **ret_completions)
{
	return ring->engine->wait(ring, timeout_ms, ret_completions);
}

static inline const uint8_t *ring_bytes(const struct ring *ring, const struct completion *completion)
{
	uint16_t buffer = completion_buffer(completion);
	const uint8_t *base = ring->buffers + (size_t)buffer * ring->buffer_size;

	check(buffer < ring->buffer_count);
	return ring->buffer_used ? base + ring->buffer_used[buffer] : base;
}

static inline void ring_bytes_return(struct ring *ring, const struct completion *completion)
{
	ring->engine->bytes_return(ring, completion);
}

#endif
