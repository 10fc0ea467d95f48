/* SPDX-License-Identifier: MIT */
/*
 * How operations are carried out, and how they complete.
 *
 * Called by the engine's wait (engine.c). In each round every operation that has something to say is asked
 * in an order of chance, several times over, so that completions of different operations mix in all ways,
 * while those of one keep their order.
 *
 * The one hard thing is what a contract does not forbid: delays, early ends of multishots, a cancelled
 * operation that completes with what it had reached.
 */
#include "engine_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "serve/fetch_steps.h"
#include "session.h"
#include "world.h"

#define ROUNDS 3

static void complete(struct operation *operation, int32_t result, uint32_t flags)
{
	struct engine *engine = engine_state();

	if (!engine->batch)
		engine->batch = malloc(ENGINE_BATCH * sizeof(*engine->batch));
	world_check(engine->batch && engine->batch_count < ENGINE_BATCH, "too many completions");
	engine->batch[engine->batch_count++] = (struct completion){ operation->tag, result, flags };
	operation->is_over = !(flags & COMPLETION_MORE);
	world_next();
	world_log("completion: op %d, %u: %d%s", op_kind(operation->tag), op_index(operation->tag), result,
		  flags & COMPLETION_MORE ? ", more" : "");
}

static struct client *client_of(const struct operation *operation)
{
	return descriptors_get(operation->fd, DESCRIPTOR_SOCKET, "an operation")->object;
}

/* Submissions */

static const struct fetch *fetch_of(uint64_t tag)
{
	return session_worker()->fetches[op_index(tag)];
}

void engine_note_look(const struct operation *operation)
{
	const struct fetch *fetch = fetch_of(operation->tag);

	if (operation->how.flags & O_PATH)
		files_look(operation->path, op_index(operation->tag), fetch->entry);
	else
		files_look_goes_on(op_index(operation->tag), fetch->entry);
}

static uint64_t draw_due_ms(enum kind kind)
{
	if (kind != KIND_OPEN && kind != KIND_READ)
		return world.now_ms;
	if (world_happens(CHANCE_slow)) {
		world.slow_step = world.step;
		return world.now_ms + world_between(50, 40000);
	}
	return world_happens(CHANCE_delay) ? world.now_ms + world_below(20) : world.now_ms;
}

/* A read takes what the first half is when it begins, and the other when it ends: as a disk does. */
static void begin_read(struct operation *operation)
{
	struct node *node = descriptors_get(operation->fd, DESCRIPTOR_FILE, "read")->object;

	operation->torn_size = operation->size / 2;
	operation->torn = malloc(operation->torn_size + 1);
	world_check(operation->torn, "no memory");
	operation->torn_size =
		files_read(node, operation->torn, (size_t)operation->torn_size, operation->offset);
}

void engine_start(const struct operation *operation)
{
	struct engine *engine = engine_state();
	struct operation *started = &engine->operation[engine->count++];

	world_check(engine->count < ENGINE_OPERATIONS, "too many operations in flight");
	*started = *operation;
	started->due_ms = draw_due_ms(operation->kind);
	descriptors_find(operation->fd, "an operation")->in_flight++;
	if (operation->kind == KIND_EDGES)
		client_of(operation)->edge = client_is_writable(client_of(operation));
	if (operation->kind == KIND_READ)
		begin_read(started);
}

static size_t total_of(const struct iovec *piece, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += piece[i].iov_len;
	return total;
}

void engine_send(const struct operation *operation, const struct iovec *piece, size_t count)
{
	struct client *client = client_of(operation);
	size_t total = total_of(piece, count);
	struct operation send = *operation;
	int64_t taken;

	client->send_queued = false;
	taken = client_take_some(client, piece, count, false);
	if (taken == -EAGAIN && world_happens(CHANCE_send_zero))
		taken = 0;
	else if (taken == -EAGAIN && world_happens(CHANCE_send_interrupted))
		taken = -EINTR;
	if (taken != (int64_t)total)
		complete(&send, (int32_t)taken, 0);
}

void engine_close(int fd)
{
	struct descriptor *descriptor = descriptors_find(fd, "close");
	bool is_socket = descriptor->kind == DESCRIPTOR_SOCKET;
	struct client *client = descriptor->object;

	descriptors_close(fd);
	world_log("close of %d", fd);
	if (is_socket)
		session_on_close(client);
}

/* Completions; each is asked whether it has something to say, and says one thing. */

static void cancel(struct operation *operation)
{
	complete(operation, -ECANCELED, 0);
}

static void complete_accept(struct operation *operation)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR };
	bool late = operation->is_cancelled && !world_happens(CHANCE_cancel_late);

	if (late || (operation->is_cancelled && !session_queued())) {
		cancel(operation);
		return;
	}
	if (!session_queued())
		return;
	if (world_happens(CHANCE_accept_error))
		complete(operation, -errors[world_below(6)], 0);
	else
		complete(operation, session_accept(),
			 operation->is_multishot && !world_happens(CHANCE_accept_end) ? COMPLETION_MORE : 0);
}

static int take_buffer(void)
{
	struct engine *engine = engine_state();
	unsigned count = engine->ring->buffer_count;
	unsigned first = (unsigned)world_below(count);

	if (engine->buffers_lent == count)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		unsigned buffer = (first + i) % count;

		if (!engine->buffer_owner[buffer]) {
			engine->buffer_owner[buffer] = true;
			engine->buffers_lent++;
			return (int)buffer;
		}
	}
	return -1;
}

static void deliver(struct operation *operation, struct client *client)
{
	struct engine *engine = engine_state();
	size_t size = client->sent - client->delivered;
	int buffer = world_happens(CHANCE_recv_buffers) ? -1 : take_buffer();
	uint32_t flags;

	if (buffer < 0) {
		complete(operation, -ENOBUFS, 0);
		return;
	}
	if (size > engine->ring->buffer_size)
		size = engine->ring->buffer_size;
	if (world_happens(CHANCE_recv_split))
		size = (size_t)world_between(1, size);
	world_next();
	size = client_deliver(client, engine->ring->buffers + (size_t)buffer * engine->ring->buffer_size,
			      size);
	flags = COMPLETION_BUFFER | (uint32_t)buffer << 16;
	if (!world_happens(CHANCE_recv_end))
		flags |= COMPLETION_MORE;
	complete(operation, (int32_t)size, flags);
}

static void complete_recv(struct operation *operation)
{
	struct client *client = client_of(operation);

	if (operation->is_cancelled &&
	    (client->delivered == client->sent || !world_happens(CHANCE_cancel_late))) {
		cancel(operation);
		return;
	}
	if (!client_is_readable(client))
		return;
	if (world_happens(CHANCE_recv_error)) {
		client->is_faulty = true;
		client->error = ETIMEDOUT;
	}
	if (world_happens(CHANCE_recv_again))
		complete(operation, world_one_in(2) ? -EAGAIN : -EINTR, 0);
	else if (client->error)
		complete(operation, -client->error, 0);
	else if (client->delivered < client->sent)
		deliver(operation, client);
	else {
		client->end_delivered = true;
		client->received_ms = world.now_ms;
		complete(operation, 0, 0);
	}
}

static void complete_writable(struct operation *operation)
{
	struct client *client = client_of(operation);
	bool is_ready = client_is_writable(client) || client->ended;

	if (operation->is_cancelled && (!is_ready || !world_happens(CHANCE_cancel_late)))
		cancel(operation);
	else if (is_ready || world_happens(CHANCE_poll_spurious))
		complete(operation, POLLOUT, 0);
}

static void complete_edges(struct operation *operation)
{
	struct client *client = client_of(operation);

	if (operation->is_cancelled) {
		cancel(operation);
		return;
	}
	if (!client->edge && !world_happens(CHANCE_poll_spurious))
		return;
	client->edge = false;
	complete(operation, POLLOUT, world_happens(CHANCE_recv_end) ? 0 : COMPLETION_MORE);
}

static void complete_readable(struct operation *operation)
{
	const uint64_t *count = descriptors_get(operation->fd, DESCRIPTOR_EVENT, "poll")->object;

	if (*count > 0)
		complete(operation, POLLIN, 0);
}

/* Made up; the server may look at the name again. */
static int make_error(const struct operation *operation, const int *errors, unsigned count)
{
	struct name *name = operation->path ? files_find(operation->path) : NULL;

	world.file_failed_step = world.step;
	if (name)
		name->disturbed++;
	return -errors[world_below(count)];
}

static void complete_open(struct operation *operation)
{
	static const int again[] = { EAGAIN, EINTR };
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, EIO, EACCES };
	int result;

	if (world_happens(CHANCE_open_again))
		result = make_error(operation, again, 2);
	else if (world_happens(CHANCE_open_error))
		result = make_error(operation, errors, 5);
	else
		result = files_open(operation->path, (int)operation->how.flags);
	world_log("open %s%s: %d", operation->path, operation->how.flags & O_PATH ? " (look)" : "", result);
	files_look_goes_on(op_index(operation->tag), fetch_of(operation->tag)->entry);
	complete(operation, result, 0);
}

static void complete_read(struct operation *operation)
{
	static const int errors[] = { EIO, EINTR, EAGAIN };
	struct node *node = descriptors_get(operation->fd, DESCRIPTOR_FILE, "read")->object;
	size_t size;

	if (op_kind(operation->tag) == OP_READ)
		files_look_goes_on(op_index(operation->tag), fetch_of(operation->tag)->entry);
	if (world_happens(CHANCE_read_error)) {
		complete(operation, make_error(operation, errors, 3), 0);
		return;
	}
	size = files_read(node, operation->base, (size_t)operation->size, operation->offset);
	memcpy(operation->base, operation->torn, (size_t)operation->torn_size);
	if (size > 0 && world_happens(CHANCE_read_short)) {
		world.file_failed_step = world.step;
		size = (size_t)world_below(size);
	}
	complete(operation, (int32_t)size, 0);
}

static void ask(struct operation *operation)
{
	switch (operation->kind) {
	case KIND_ACCEPT:
		complete_accept(operation);
		break;
	case KIND_RECV:
		complete_recv(operation);
		break;
	case KIND_WRITABLE:
		complete_writable(operation);
		break;
	case KIND_EDGES:
		complete_edges(operation);
		break;
	case KIND_READABLE:
		complete_readable(operation);
		break;
	case KIND_OPEN:
		complete_open(operation);
		break;
	case KIND_READ:
		complete_read(operation);
		break;
	}
}

static void forget(struct operation *operation)
{
	descriptors_find(operation->fd, "an operation")->in_flight--;
	free(operation->torn);
}

static void drop_over(struct engine *engine)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < engine->count; i++) {
		if (engine->operation[i].is_over)
			forget(&engine->operation[i]);
		else
			engine->operation[kept++] = engine->operation[i];
	}
	engine->count = kept;
}

/* A server that ends does not wait for ever for a disk, and leaves memory to it: that is not tried. */
static bool is_due(const struct operation *operation)
{
	return operation->due_ms <= world.now_ms || session_worker()->stopping;
}

void engine_complete(void)
{
	struct engine *engine = engine_state();
	unsigned rounds = world.calm ? 1 : (unsigned)world_between(1, ROUNDS);

	for (; rounds > 0 && engine->count > 0; rounds--) {
		unsigned first = (unsigned)world_below(engine->count);

		for (unsigned i = 0; i < engine->count; i++) {
			struct operation *operation = &engine->operation[(first + i) % engine->count];

			if (operation->is_over || !is_due(operation) || world_happens(CHANCE_delay))
				continue;
			ask(operation);
		}
	}
	drop_over(engine);
}

uint64_t engine_due_ms(void)
{
	const struct engine *engine = engine_state();
	uint64_t due_ms = UINT64_MAX;

	for (unsigned i = 0; i < engine->count; i++) {
		const struct operation *operation = &engine->operation[i];

		if (operation->kind != KIND_OPEN && operation->kind != KIND_READ)
			continue;
		if (operation->due_ms < due_ms)
			due_ms = operation->due_ms;
	}
	return due_ms;
}

void engine_sleep(uint64_t until_ms)
{
	uint64_t due_ms = engine_due_ms();
	uint64_t next_ms = session_next_ms();

	if (due_ms < next_ms)
		next_ms = due_ms;
	if (until_ms < next_ms)
		next_ms = until_ms;
	world_check(next_ms != UINT64_MAX, "nothing will ever happen any more");
	world_pass_ms(next_ms > world.now_ms ? next_ms - world.now_ms : 0);
}
