/* SPDX-License-Identifier: MIT */
/*
 * The ring: submissions, the wait, buffers; what completes and how is in engine_kernel.c.
 *
 * Driven by the worker through io/ring.h. A turn of it:
 *
 *   wait: submissions are carried out in their order (quiet sends at once), then the checks, then the
 *         world moves, until something completes or the time is over
 *
 * The one hard thing is to be no kinder than a kernel: paths and memory are looked at when an operation is
 * carried out, which may be long after it was submitted, so that what has been freed meanwhile is seen.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "client.h"
#include "descriptors.h"
#include "engine_kernel.h"
#include "session.h"
#include "world.h"

#define ENTRIES_MAX 65536

enum entry_kind { ENTRY_OPERATION, ENTRY_SEND, ENTRY_CANCEL, ENTRY_CLOSE };

/* What waits for the next wait to be passed on. */
struct entry {
	enum entry_kind kind;
	struct operation operation;
	const struct iovec *piece;
	size_t piece_count;
	struct iovec single;
};

static struct entry *entries;
static unsigned entry_count, entry_capacity;
static struct engine engine;

struct engine *engine_state(void)
{
	return &engine;
}

void engine_begin(void)
{
	uint8_t *owner = engine.buffer_owner;
	struct completion *batch = engine.batch;

	memset(&engine, 0, sizeof(engine));
	free(owner);
	engine.batch = batch;
	entry_count = 0;
}

uint64_t engine_wait(void)
{
	return engine.waits;
}

static struct entry *add_entry(enum entry_kind kind)
{
	struct entry *entry;

	if (entry_count == entry_capacity) {
		entry_capacity = entry_capacity ? 2 * entry_capacity : 256;
		world_check(entry_capacity <= ENTRIES_MAX, "too many submissions in one turn");
		entries = realloc(entries, entry_capacity * sizeof(*entries));
		world_check(entries, "no memory");
	}
	entry = &entries[entry_count++];
	memset(entry, 0, sizeof(*entry));
	entry->kind = kind;
	return entry;
}

static struct operation *add(enum kind kind, uint64_t tag, int fd)
{
	struct operation *operation = &add_entry(ENTRY_OPERATION)->operation;

	world_check(!engine_has(op_kind(tag), op_generation(tag), op_index(tag)) || kind == KIND_OPEN ||
			    kind == KIND_READ,
		    "operation %d of %u is submitted while one like it is in flight", op_kind(tag),
		    op_index(tag));
	operation->kind = kind;
	operation->tag = tag;
	operation->fd = fd;
	return operation;
}

/* Submissions */

static void submit_accept(struct ring *ring, uint64_t tag, int listener)
{
	(void)ring;
	descriptors_get(listener, DESCRIPTOR_LISTENER, "accept");
	add(KIND_ACCEPT, tag, listener)->is_multishot = true;
}

static void submit_accept_one(struct ring *ring, uint64_t tag, int listener)
{
	(void)ring;
	descriptors_get(listener, DESCRIPTOR_LISTENER, "accept");
	add(KIND_ACCEPT, tag, listener);
}

static void submit_recv(struct ring *ring, uint64_t tag, int fd)
{
	(void)ring;
	descriptors_get(fd, DESCRIPTOR_SOCKET, "recv");
	add(KIND_RECV, tag, fd)->is_multishot = true;
}

static struct entry *add_send(uint64_t tag, int fd)
{
	struct client *client = descriptors_get(fd, DESCRIPTOR_SOCKET, "send")->object;
	struct entry *entry = add_entry(ENTRY_SEND);

	world_check(!client->send_queued, "client %u: two sends between two waits", client->number);
	client->send_queued = true;
	entry->operation.tag = tag;
	entry->operation.fd = fd;
	return entry;
}

static void submit_send(struct ring *ring, uint64_t tag, int fd, const void *base, size_t size)
{
	struct entry *entry = add_send(tag, fd);

	(void)ring;
	entry->single = (struct iovec){ .iov_base = (void *)base, .iov_len = size };
	entry->piece_count = 1;
}

static void submit_send_gather(struct ring *ring, uint64_t tag, int fd, const struct msghdr *message)
{
	struct entry *entry = add_send(tag, fd);

	(void)ring;
	entry->piece = message->msg_iov;
	entry->piece_count = message->msg_iovlen;
}

static void submit_writable(struct ring *ring, uint64_t tag, int fd)
{
	(void)ring;
	descriptors_get(fd, DESCRIPTOR_SOCKET, "poll");
	add(KIND_WRITABLE, tag, fd);
}

static void submit_writable_edges(struct ring *ring, uint64_t tag, int fd)
{
	(void)ring;
	descriptors_get(fd, DESCRIPTOR_SOCKET, "poll");
	add(KIND_EDGES, tag, fd)->is_multishot = true;
}

static void submit_readable(struct ring *ring, uint64_t tag, int fd)
{
	(void)ring;
	descriptors_get(fd, DESCRIPTOR_EVENT, "poll");
	add(KIND_READABLE, tag, fd);
}

static void submit_open(struct ring *ring, uint64_t tag, int folder, const char *path,
			const struct open_how *how)
{
	struct operation *operation;

	(void)ring;
	descriptors_get(folder, DESCRIPTOR_FILE, "open below");
	operation = add(KIND_OPEN, tag, folder);
	operation->path = path;
	operation->how = *how;
	engine_note_look(operation);
}

static void submit_read(struct ring *ring, uint64_t tag, int fd, void *base, size_t size, uint64_t offset)
{
	struct operation *operation;

	(void)ring;
	world_check(!descriptors_get(fd, DESCRIPTOR_FILE, "read")->path_only, "read of a path");
	operation = add(KIND_READ, tag, fd);
	operation->base = base;
	operation->size = size;
	operation->offset = offset;
}

static void submit_cancel(struct ring *ring, uint64_t tag)
{
	(void)ring;
	add_entry(ENTRY_CANCEL)->operation.tag = tag;
}

static void submit_close(struct ring *ring, int fd)
{
	(void)ring;
	world_check(descriptors_find(fd, "close"), "close of %d, which is no descriptor", fd);
	add_entry(ENTRY_CLOSE)->operation.fd = fd;
}

/* Passing on */

static void pass_on_cancel(uint64_t tag)
{
	for (unsigned i = 0; i < engine.count; i++)
		if (engine.operation[i].tag == tag)
			engine.operation[i].is_cancelled = true;
}

static void pass_on(struct entry *entry)
{
	struct operation *operation = &entry->operation;

	switch (entry->kind) {
	case ENTRY_OPERATION:
		engine_start(operation);
		break;
	case ENTRY_SEND:
		engine_send(operation, entry->piece ? entry->piece : &entry->single, entry->piece_count);
		break;
	case ENTRY_CANCEL:
		pass_on_cancel(operation->tag);
		break;
	case ENTRY_CLOSE:
		engine_close(operation->fd);
		break;
	}
}

static bool is_about_to_be(uint64_t tag)
{
	for (unsigned i = 0; i < entry_count; i++)
		if (entries[i].kind == ENTRY_OPERATION && entries[i].operation.tag == tag)
			return true;
	return false;
}

bool engine_has(enum op op, uint32_t generation, uint32_t index)
{
	uint64_t tag = op_tag(op, generation, index);

	for (unsigned i = 0; i < engine.count; i++)
		if (engine.operation[i].tag == tag)
			return true;
	return is_about_to_be(tag);
}

void engine_check_buffers(void)
{
	world_check(engine.buffers_lent == 0, "%u receive buffers were not given back", engine.buffers_lent);
}

static void bytes_return(struct ring *ring, const struct completion *completion)
{
	uint16_t buffer = completion_buffer(completion);

	world_check(completion->flags & COMPLETION_BUFFER, "a buffer is given back that never came");
	world_check(buffer < ring->buffer_count, "there is no buffer %u", buffer);
	world_check(engine.buffer_owner[buffer], "buffer %u is given back twice", buffer);
	engine.buffer_owner[buffer] = false;
	engine.buffers_lent--;
	/* The kernel may write into it from now on. */
	memset(ring->buffers + (size_t)buffer * ring->buffer_size, 0xee, ring->buffer_size);
}

/* The wait */

static unsigned wait(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions)
{
	uint64_t until_ms = timeout_ms == RING_FOREVER ? UINT64_MAX : world.now_ms + timeout_ms;

	(void)ring;
	if (engine.waits++ == 0)
		session_park();
	engine.batch_count = 0;
	check_before(timeout_ms);
	for (unsigned i = 0; i < entry_count; i++)
		pass_on(&entries[i]);
	entry_count = 0;
	check_after();
	for (;;) {
		session_step(until_ms - world.now_ms);
		engine_complete();
		if (engine.batch_count > 0 || world.now_ms >= until_ms || world_happens(CHANCE_early))
			break;
		engine_sleep(until_ms);
	}
	*ret_completions = engine.batch;
	return engine.batch_count;
}

/* Life */

static int create(const struct ring_options *ring_options, struct ring **ret_ring, struct fault *fault);

static void destroy(struct ring *ring)
{
	for (unsigned i = 0; i < engine.count; i++)
		world_check(engine.operation[i].kind == KIND_READABLE,
			    "the ring ends with an operation of kind %d in flight", engine.operation[i].kind);
	if (engine.count > 0)
		descriptors_find(engine.operation[0].fd, "poll")->in_flight--;
	world_check(entry_count == 0, "the ring ends with submissions that were not passed on");
	free(ring->buffers);
	free(ring);
}

static const struct ring_engine sim_engine = {
	.name = "io_uring",
	.create = create,
	.destroy = destroy,
	.submit_accept = submit_accept,
	.submit_accept_one = submit_accept_one,
	.submit_recv = submit_recv,
	.submit_send = submit_send,
	.submit_send_gather = submit_send_gather,
	.submit_writable = submit_writable,
	.submit_writable_edges = submit_writable_edges,
	.submit_readable = submit_readable,
	.submit_open = submit_open,
	.submit_read = submit_read,
	.submit_cancel = submit_cancel,
	.submit_close_socket = submit_close,
	.submit_close = submit_close,
	.wait = wait,
	.bytes_return = bytes_return,
};

static int create(const struct ring_options *ring_options, struct ring **ret_ring, struct fault *fault)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	(void)fault;
	world_check(ring, "no memory");
	ring->engine = &sim_engine;
	ring->stats = ring_options->stats;
	ring->buffer_count = ring_options->buffers;
	ring->buffer_size = ring_options->buffer_size;
	ring->buffers = malloc((size_t)ring->buffer_count * ring->buffer_size);
	engine.buffer_owner = calloc(ring->buffer_count, 1);
	world_check(ring->buffers && engine.buffer_owner, "no memory");
	engine.ring = ring;
	*ret_ring = ring;
	return 0;
}

int __wrap_ring_create(const struct ring_options *ring_options, struct ring **ret_ring, struct fault *fault);

int __wrap_ring_create(const struct ring_options *ring_options, struct ring **ret_ring, struct fault *fault)
{
	fault->text[0] = 0;
	return create(ring_options, ret_ring, fault);
}
