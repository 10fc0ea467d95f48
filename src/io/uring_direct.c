/* SPDX-License-Identifier: MIT */
/*
 * Direct descriptors (direct=on): accepted sockets live in a table of the ring, and a socket's number in
 * ring.h is its place there.
 *
 * Called through the engine's table, and by ring_uring.c to close. The process's own table is not
 * touched by an accept or a close, nor by the operations of the ring. What is no operation of the ring
 * (sendfile, sendmsg, shutdown) needs a real descriptor: it is made when first asked for, kept, and
 * closed together with the socket, which goes when both are gone.
 *
 * The hard thing is a full table: a connection that finds no place in it was accepted already, and is
 * lost. So the table has a place for every connection there may be, and more for those that a
 * multishot accept takes before it is cancelled (ring_options.sockets).
 */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/uring.h"

/* Of an operation whose result is taken at once; no tag of a caller (its op would be number 255). */
#define TAG_AT_ONCE UINT64_MAX

#define PLACES_MAX (1U << 20) /* the kernel's own limit */

int uring_direct_create(struct uring *uring, unsigned places)
{
	struct io_uring_rsrc_register registration = { .flags = IORING_RSRC_REGISTER_SPARSE };
	struct rlimit limit;

	/* The kernel takes no larger table than the process may have descriptors, nor may there be more of
	 * them.
	 */
	if (places > PLACES_MAX)
		places = PLACES_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < places)
		places = (unsigned)limit.rlim_cur;
	uring->descriptors = mem_reserve(places * sizeof(*uring->descriptors));
	uring->places = places;
	if (!uring->descriptors)
		return -ENOMEM;
	registration.nr = places;
	return abi_register(uring->fd, IORING_REGISTER_FILES2, &registration, sizeof(registration));
}

void uring_direct_destroy(struct uring *uring)
{
	for (unsigned place = 0; uring->descriptors && place < uring->places; place++)
		if (uring->descriptors[place] > 0)
			close(uring->descriptors[place] - 1);
	mem_unreserve(uring->descriptors, uring->places * sizeof(*uring->descriptors));
}

int uring_direct_real(struct ring *ring, int place)
{
	struct uring *uring = uring_of(ring);
	int fd;

	check(place >= 0 && (unsigned)place < uring->places);
	if (uring->descriptors[place] > 0)
		return uring->descriptors[place] - 1;
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = ABI_OP_FIXED_FD_INSTALL,
		.flags = IOSQE_FIXED_FILE,
		.fd = place,
		.user_data = TAG_AT_ONCE,
	};
	uring_push(uring);
	fd = uring_run(uring, TAG_AT_ONCE);
	if (fd >= 0)
		uring->descriptors[place] = fd + 1;
	return fd;
}

int uring_direct_adopt(struct ring *ring, int fd)
{
	struct uring *uring = uring_of(ring);
	int32_t place = fd; /* the kernel writes the place here */
	int result;

	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_FILES_UPDATE,
		.fd = -1,
		.off = IORING_FILE_INDEX_ALLOC,
		.addr = (uintptr_t)&place,
		.len = 1,
		.user_data = TAG_AT_ONCE,
	};
	uring_push(uring);
	result = uring_run(uring, TAG_AT_ONCE);
	if (result != 1) {
		close(fd);
		return result < 0 ? result : -ENFILE;
	}
	check(place >= 0 && (unsigned)place < uring->places);
	uring->descriptors[place] = fd + 1;
	return place;
}

void uring_direct_submit_close(struct uring *uring, int place)
{
	int *descriptor;

	check(place >= 0 && (unsigned)place < uring->places);
	descriptor = &uring->descriptors[place];
	*uring_entry(uring) = (struct io_uring_sqe){
		.opcode = IORING_OP_CLOSE,
		.flags = IOSQE_CQE_SKIP_SUCCESS,
		.file_index = (unsigned)place + 1,
	};
	uring_push(uring);
	if (*descriptor > 0)
		ring_submit_close(&uring->ring, *descriptor - 1);
	*descriptor = 0;
}
