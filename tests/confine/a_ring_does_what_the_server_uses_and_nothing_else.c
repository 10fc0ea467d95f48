/* SPDX-License-Identifier: MIT */
/*
 * A ring that is restricted refuses every operation that the server does not use, every flag and every
 * registration; one that is not does them.
 *
 * The ring is made through io/ring.h as a worker makes it, and asked by entries written by hand, as code that
 * an attacker has brought into a worker could write them. Exit 77: this kernel, or a filter, has no rings.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/confine.h"
#include "io/uring.h"

#define TAG 4711
#define OPERATIONS 256

static unsigned failures;

static void expect(bool holds, const char *what, unsigned number, int result)
{
	if (holds)
		return;
	failures++;
	fprintf(stderr, "%s %u: %d\n", what, number, result);
}

static struct ring *create(bool restricted, bool direct, bool zero_copy, struct stats *stats)
{
	struct ring_options options = {
		.kind = RING_URING,
		.entries = 64,
		.completions = 128,
		.buffers = 16,
		.buffer_size = 1024,
		.sockets = 16,
		.zero_copy = zero_copy,
		.stats = stats,
	};
	struct ring *ring = NULL;
	struct fault fault;
	int error;

	ring_tuning_init(&options.tuning);
	options.tuning.restrictions = restricted;
	options.tuning.direct = direct;
	error = ring_create(&options, &ring, &fault);
	if (error < 0) {
		printf("skipped: %s\n", fault.text);
		exit(error == -EINVAL ? 1 : 77);
	}
	return ring;
}

/* What comes back for the entry. */
static int submit(struct ring *ring, const struct io_uring_sqe *entry)
{
	const struct completion *batch;

	*uring_entry(uring_of(ring)) = *entry;
	uring_entry(uring_of(ring))->user_data = TAG;
	uring_push(uring_of(ring));
	for (unsigned turn = 0; turn < 100; turn++) {
		unsigned count = ring_wait(ring, 20, &batch);

		for (unsigned i = 0; i < count; i++)
			if (batch[i].tag == TAG)
				return batch[i].result;
	}
	return 1; /* taken, and waiting for something */
}

static bool is_used(unsigned operation, bool direct, bool zero_copy)
{
	switch (operation) {
	case IORING_OP_ACCEPT:
	case IORING_OP_RECV:
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_POLL_ADD:
	case IORING_OP_OPENAT2:
	case IORING_OP_READ:
	case IORING_OP_ASYNC_CANCEL:
	case IORING_OP_CLOSE:
		return true;
	case IORING_OP_SEND_ZC:
		return zero_copy;
	case IORING_OP_FILES_UPDATE:
	case ABI_OP_FIXED_FD_INSTALL:
		return direct;
	default:
		return false;
	}
}

/* How many operations this kernel knows: their numbers are from 0 on. */
static unsigned known_operations(void)
{
	_Alignas(struct io_uring_probe) uint8_t
		bytes[sizeof(struct io_uring_probe) + OPERATIONS * sizeof(struct io_uring_probe_op)] = { 0 };
	struct io_uring_probe *probe = (struct io_uring_probe *)bytes;
	struct stats stats = { 0 };
	struct ring *ring = create(false, false, false, &stats);
	int error = abi_register(uring_of(ring)->fd, IORING_REGISTER_PROBE, probe, OPERATIONS);

	expect(error == 0, "the kernel's operations", 0, error);
	ring_destroy(ring);
	return probe->last_op + 1u;
}

/* EINVAL: no kernel knows it. Those that are used complain of the descriptor, or of what else is missing. */
static void try_operations(bool direct, bool zero_copy)
{
	struct stats stats = { 0 };
	struct ring *ring = create(true, direct, zero_copy, &stats);
	unsigned refused = 0, used = 0, known = known_operations();

	for (unsigned operation = 0; operation < OPERATIONS; operation++) {
		struct io_uring_sqe entry = { .opcode = (uint8_t)operation, .fd = -1 };
		int result;

		if (is_used(operation, direct, zero_copy)) {
			used += operation < known;
			continue;
		}
		result = submit(ring, &entry);
		refused += result == -EACCES;
		expect(result == -EACCES || (result == -EINVAL && operation >= IORING_OP_LAST), "operation",
		       operation, result);
	}
	expect(refused >= known - used, "operations that were refused", refused, (int)(known - used));
	ring_destroy(ring);
}

static void try_by_name(void)
{
	static const struct {
		uint8_t operation;
		const char *name;
	} dangerous[] = {
		{ IORING_OP_OPENAT, "openat" },       { IORING_OP_CONNECT, "connect" },
		{ IORING_OP_SOCKET, "socket" },       { IORING_OP_UNLINKAT, "unlinkat" },
		{ IORING_OP_WRITE, "write" },         { IORING_OP_RENAMEAT, "renameat" },
		{ IORING_OP_URING_CMD, "uring_cmd" }, { IORING_OP_MSG_RING, "msg_ring" },
		{ IORING_OP_SPLICE, "splice" },
	};
	struct stats stats = { 0 };
	struct ring *ring = create(true, false, false, &stats);

	for (unsigned i = 0; i < sizeof(dangerous) / sizeof(*dangerous); i++) {
		struct io_uring_sqe entry = { .opcode = dangerous[i].operation, .fd = AT_FDCWD };
		int result;

		entry.addr = (uintptr_t) "/etc/passwd";
		result = submit(ring, &entry);
		expect(result == -EACCES, dangerous[i].name, dangerous[i].operation, result);
	}
	ring_destroy(ring);
}

static void try_flags(void)
{
	static const uint8_t flags[] = { IOSQE_IO_LINK, IOSQE_IO_DRAIN, IOSQE_ASYNC, IOSQE_IO_HARDLINK,
					 IOSQE_FIXED_FILE };
	struct stats stats = { 0 };
	struct ring *ring = create(true, false, false, &stats);

	for (unsigned i = 0; i < sizeof(flags); i++) {
		struct io_uring_sqe entry = { .opcode = IORING_OP_READ, .flags = flags[i], .fd = -1 };
		int result = submit(ring, &entry);

		expect(result == -EACCES, "flag", flags[i], result);
	}
	ring_destroy(ring);
}

static void try_registrations(void)
{
	static const uint8_t operations[] = {
		IORING_REGISTER_BUFFERS,  IORING_REGISTER_FILES,       IORING_REGISTER_EVENTFD,
		IORING_REGISTER_PROBE,    IORING_REGISTER_PERSONALITY, IORING_REGISTER_RESTRICTIONS,
		IORING_REGISTER_FILES2,   IORING_REGISTER_BUFFERS2,    IORING_REGISTER_PBUF_RING,
		IORING_REGISTER_RING_FDS, IORING_REGISTER_IOWQ_AFF,
	};
	struct stats stats = { 0 };
	struct ring *ring = create(true, false, false, &stats);

	for (unsigned i = 0; i < sizeof(operations); i++) {
		int result = abi_register(uring_of(ring)->fd, operations[i], NULL, 1);

		expect(result == -EACCES, "registration", operations[i], result);
	}
	ring_destroy(ring);
}

/* What is refused above is done here, so it is the restriction that refuses. */
static void try_without(void)
{
	struct stats stats = { 0 };
	struct ring *ring = create(false, false, false, &stats);
	struct io_uring_sqe open = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD };
	struct io_uring_sqe nothing = { .opcode = IORING_OP_NOP, .flags = IOSQE_ASYNC };
	int result;

	open.addr = (uintptr_t) "/etc/passwd";
	result = submit(ring, &open);
	expect(result >= 0, "without restrictions: openat", 0, result);
	if (result >= 0)
		close(result);
	result = submit(ring, &nothing);
	expect(result == 0, "without restrictions: nop", 0, result);
	ring_destroy(ring);
}

/* What a filter does not see, Landlock does: an open through the ring is this thread's. */
static void *try_files(void *argument)
{
	const struct confine *confine = argument;
	struct stats stats = { 0 };
	struct ring *ring = create(true, false, false, &stats);
	struct open_how reading = { .flags = O_RDONLY }, writing = { .flags = O_WRONLY };
	struct io_uring_sqe open = { .opcode = IORING_OP_OPENAT2, .fd = AT_FDCWD, .len = sizeof(reading) };
	struct fault fault;
	int result;

	expect(confine_files(confine, CONFINE_WORKER_URING, &fault) == 0, "confined", 0, 0);
	open.addr2 = (uintptr_t)&reading;
	open.addr = (uintptr_t) "/usr";
	result = submit(ring, &open);
	expect(result >= 0, "open of what may be read", 0, result);
	open.addr2 = (uintptr_t)&writing;
	open.addr = (uintptr_t) "/dev/null";
	result = submit(ring, &open);
	expect(result == -EACCES, "open to write", 0, result);
#ifndef QUOIT_SANITIZED
	open.addr2 = (uintptr_t)&reading;
	open.addr = (uintptr_t) "/etc/passwd";
	result = submit(ring, &open);
	expect(result == -EACCES, "open of what may not be read", 0, result);
#endif
	ring_destroy(ring);
	return NULL;
}

static void try_files_on_a_thread(void)
{
	int folder = open("/usr", O_PATH | O_CLOEXEC);
	struct confine_setup setup = {
		.landlock = CONFINE_ON,
		.seccomp = CONFINE_OFF,
		.folder = &folder,
		.folder_count = 1,
		.written = -1,
	};
	struct confine *confine = NULL;
	struct fault fault;
	pthread_t thread;

	if (confine_create(&setup, &confine, &fault) < 0) {
		printf("without Landlock: %s\n", fault.text);
		return;
	}
	expect(pthread_create(&thread, NULL, try_files, confine) == 0, "thread", 0, 0);
	pthread_join(thread, NULL);
	confine_destroy(confine);
	close(folder);
}

int main(void)
{
	try_operations(false, false);
	try_operations(false, true);
	try_by_name();
	try_flags();
	try_registrations();
	try_without();
	try_files_on_a_thread();
	return failures > 0;
}
