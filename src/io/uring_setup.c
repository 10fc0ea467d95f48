/* SPDX-License-Identifier: MIT */
/*
 * Makes a ring as its switches say, and ends it.
 *
 * Called through the engine's table, in the thread that will use the ring. What a switch asks for by
 * name and the kernel lacks is refused with a sentence; a default that it lacks is left out. The ring
 * is set up without liburing (see abi.h): one mapping holds both queues (IORING_FEAT_SINGLE_MMAP, Linux
 * 5.4), one the entries. The order is the kernel's: memory for waits, and what is refused from then on
 * (uring_restrict.c), while the ring is still disabled, everything else once it is enabled.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/refusal.h"
#include "io/uring.h"

/* How long the kernel's thread polls an idle queue before it sleeps: long enough for a pause within a load.
 */
#define POLL_IDLE_MS 100

static bool is_made_disabled(const struct ring_tuning *tuning)
{
	return tuning->registered_wait || tuning->restrictions;
}

/* SUBMIT_ALL: one refused entry must not stop those behind it. CQSIZE: multishot completes more than it
 * submits. */
static unsigned setup_flags(const struct ring_tuning *tuning)
{
	static const unsigned taskrun[] = {
		[RING_TASKRUN_NONE] = 0,
		[RING_TASKRUN_COOP] = IORING_SETUP_COOP_TASKRUN,
		[RING_TASKRUN_DEFER] = IORING_SETUP_DEFER_TASKRUN,
	};

	return IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
	       taskrun[tuning->taskrun] | (tuning->sqpoll ? IORING_SETUP_SQPOLL : 0) |
	       (tuning->sqarray == RING_SQARRAY_OFF ? IORING_SETUP_NO_SQARRAY : 0) |
	       (is_made_disabled(tuning) ? IORING_SETUP_R_DISABLED : 0);
}

static int open_ring(const struct ring_options *options, unsigned flags, struct io_uring_params *ret_params)
{
	*ret_params = (struct io_uring_params){
		.flags = flags,
		.cq_entries = options->completions,
		.sq_thread_idle = POLL_IDLE_MS,
	};
	return abi_setup(options->entries, ret_params);
}

/* EINVAL does not say which flag it means. All but one are as old as what is promised. */
static int explain_setup(const struct ring_options *options, unsigned flags, int error, struct fault *fault)
{
	struct io_uring_params params;
	int fd;

	if (error != -EINVAL || !(flags & IORING_SETUP_NO_SQARRAY))
		return refusal_explain(fault, error);
	fd = open_ring(options, flags & ~IORING_SETUP_NO_SQARRAY, &params);
	if (fd < 0)
		return refusal_explain(fault, fd);
	close(fd);
	return ring_tuning_lacks(&options->tuning, RING_SWITCH_sqarray, fault);
}

static void *map(int fd, size_t size, uint64_t offset)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);

	return base == MAP_FAILED ? NULL : base;
}

static bool map_queues(struct uring *uring, const struct io_uring_params *params)
{
	const struct io_sqring_offsets *sq = &params->sq_off;
	const struct io_cqring_offsets *cq = &params->cq_off;
	bool has_array = !(params->flags & IORING_SETUP_NO_SQARRAY);
	size_t array_end = has_array ? sq->array + params->sq_entries * sizeof(unsigned) : 0;
	size_t cqes_end = cq->cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	uint8_t *base;

	uring->rings_size = array_end > cqes_end ? array_end : cqes_end;
	uring->entries_size = params->sq_entries * sizeof(struct io_uring_sqe);
	uring->rings = base = map(uring->fd, uring->rings_size, IORING_OFF_SQ_RING);
	uring->entries = map(uring->fd, uring->entries_size, IORING_OFF_SQES);
	if (!base || !uring->entries)
		return false;
	uring->sq_mask = params->sq_entries - 1;
	uring->sq_khead = (_Atomic unsigned *)(base + sq->head);
	uring->sq_ktail = (_Atomic unsigned *)(base + sq->tail);
	uring->sq_kflags = (_Atomic unsigned *)(base + sq->flags);
	uring->cqes = (struct completion *)(base + cq->cqes);
	uring->cq_mask = params->cq_entries - 1;
	uring->cq_khead = (_Atomic unsigned *)(base + cq->head);
	uring->cq_ktail = (_Atomic unsigned *)(base + cq->tail);
	/* An entry's place in the queue and its index are always the same here, so this is written once. */
	for (unsigned i = 0; has_array && i < params->sq_entries; i++)
		((unsigned *)(base + sq->array))[i] = i;
	return true;
}

/* Timeouts in registered memory; only while the ring is disabled. */
static int register_wait(struct uring *uring, const struct ring_tuning *tuning, struct fault *fault)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct abi_region region = { .size = size, .flags = ABI_REGION_IS_OURS };
	struct abi_region_register registration = {
		.region = (uintptr_t)&region,
		.flags = ABI_REGION_HOLDS_WAITS,
	};
	int error;

	uring->wait = mem_reserve(size);
	if (!uring->wait)
		return refusal_explain(fault, -ENOMEM);
	region.address = (uintptr_t)uring->wait;
	error = abi_register(uring->fd, ABI_REGISTER_MEM_REGION, &registration, 1);
	if (error == -EINVAL)
		return ring_tuning_lacks(tuning, RING_SWITCH_registered_wait, fault);
	return error < 0 ? refusal_explain(fault, error) : 0;
}

/* Saves the look-up of the ring's descriptor on every enter. */
static bool register_ring(struct uring *uring)
{
	struct io_uring_rsrc_update update = { .offset = UINT32_MAX, .data = (uint64_t)uring->fd };

	if (abi_register(uring->fd, IORING_REGISTER_RING_FDS, &update, 1) != 1)
		return false;
	uring->enter_ring = update.offset;
	uring->enter_flags |= IORING_ENTER_REGISTERED_RING;
	return true;
}

static int prepare_enter(struct uring *uring, const struct ring_tuning *tuning, unsigned features,
			 struct fault *fault)
{
	bool has_min_wait = features & IORING_FEAT_MIN_TIMEOUT;
	bool has_no_iowait = features & IORING_FEAT_NO_IOWAIT;

	uring->enter_ring = (unsigned)uring->fd;
	uring->enter_flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	uring->enter_argument = &uring->argument;
	uring->enter_argument_size = sizeof(uring->argument);
	if (uring->wait) {
		uring->enter_flags |= IORING_ENTER_EXT_ARG_REG;
		uring->enter_argument = NULL; /* the first one in the registered memory */
		uring->enter_argument_size = sizeof(*uring->wait);
	}
	if (tuning->no_iowait && has_no_iowait)
		uring->enter_flags |= IORING_ENTER_NO_IOWAIT;
	else if (tuning->no_iowait && ring_tuning_is_given(tuning, RING_SWITCH_no_iowait))
		return ring_tuning_lacks(tuning, RING_SWITCH_no_iowait, fault);
	if (tuning->registered_ring && !register_ring(uring) &&
	    ring_tuning_is_given(tuning, RING_SWITCH_registered_ring))
		return ring_tuning_lacks(tuning, RING_SWITCH_registered_ring, fault);
	if (!has_min_wait && tuning->wait != RING_ADAPTIVE && tuning->wait > 1)
		return ring_tuning_lacks(tuning, RING_SWITCH_wait, fault);
	if (!has_min_wait && tuning->min_wait != RING_ADAPTIVE && tuning->min_wait > 0)
		return ring_tuning_lacks(tuning, RING_SWITCH_min_wait, fault);
	uring_start_pace(uring, tuning, has_min_wait);
	return 0;
}

static int create_ring(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	const struct ring_tuning *tuning = &options->tuning;
	unsigned flags = setup_flags(tuning);
	struct io_uring_params params;
	int error;

	uring->fd = open_ring(options, flags, &params);
	if (uring->fd < 0)
		return explain_setup(options, flags, uring->fd, fault);
	if (!map_queues(uring, &params))
		return refusal_explain(fault, -ENOMEM);
	error = tuning->registered_wait ? register_wait(uring, tuning, fault) : 0;
	return error < 0 ? error : prepare_enter(uring, tuning, params.features, fault);
}

static int create_buffers(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	struct ring *ring = &uring->ring;
	bool incremental = options->tuning.incremental;
	struct abi_buffer_ring registration = {
		.entries = options->buffers,
		.group = URING_BUFFER_GROUP,
		.flags = incremental ? ABI_BUFFER_RING_INCREMENTAL : 0,
	};
	int error;

	ring->buffer_count = options->buffers;
	ring->buffer_size = options->buffer_size;
	uring->buffer_mask = options->buffers - 1;
	ring->buffers = mem_reserve((size_t)options->buffers * options->buffer_size);
	uring->buffer_ring = mem_reserve(options->buffers * sizeof(struct io_uring_buf));
	if (incremental)
		ring->buffer_used = mem_alloc_zeroed(options->buffers, sizeof(*ring->buffer_used));
	if (!ring->buffers || !uring->buffer_ring || (incremental && !ring->buffer_used))
		return fault_set(fault, -ENOMEM,
				 "no memory for %u receive buffers of %u bytes; use fewer --buffers",
				 options->buffers, options->buffer_size);

	registration.address = (uintptr_t)uring->buffer_ring;
	error = abi_register(uring->fd, IORING_REGISTER_PBUF_RING, &registration, 1);
	if (error == -EINVAL && incremental)
		return ring_tuning_lacks(&options->tuning, RING_SWITCH_incremental, fault);
	if (error < 0)
		return refusal_explain(fault, error);
	for (unsigned i = 0; i < options->buffers; i++)
		uring_give_buffer(uring, i);
	return 0;
}

static int start_busy_poll(struct uring *uring, const struct ring_tuning *tuning, struct fault *fault)
{
	struct abi_napi napi = { .busy_poll_us = tuning->napi };

	if (tuning->napi > 0 && abi_register(uring->fd, ABI_REGISTER_NAPI, &napi, 1) < 0)
		return ring_tuning_lacks(tuning, RING_SWITCH_napi, fault);
	return 0;
}

/*
 * Before Linux 6.13 direct descriptors work, but one that waits keeps others from going away long after they
 * were closed: no FIN. There is no sign for that but the version.
 */
static bool has_sound_direct_descriptors(void)
{
	struct utsname kernel;
	unsigned major, minor;

	return uname(&kernel) == 0 && sscanf(kernel.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 13));
}

static int create_direct(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	int error;

	if (!options->tuning.direct)
		return 0;
	if (!has_sound_direct_descriptors())
		return ring_tuning_lacks(&options->tuning, RING_SWITCH_direct, fault);
	error = uring_direct_create(uring, options->sockets);
	return error < 0 ? refusal_explain(fault, error) : 0;
}

static void choose_flags(struct uring *uring, const struct ring_tuning *tuning)
{
	uring->socket_flags = tuning->direct ? IOSQE_FIXED_FILE : 0;
	uring->send_flags = uring->socket_flags | (tuning->cqe_skip ? IOSQE_CQE_SKIP_SUCCESS : 0);
	uring->accept_flags = tuning->multishot_accept ? IORING_ACCEPT_MULTISHOT : 0;
	uring->recv_flags = (tuning->recv == RING_RECV_MULTISHOT ? IORING_RECV_MULTISHOT : 0) |
			    (tuning->poll_first ? IORING_RECVSEND_POLL_FIRST : 0);
	uring->is_polled = tuning->sqpoll;
	uring->has_reports = !tuning->cqe_skip;
	uring->is_plain = !tuning->sqpoll && !tuning->direct && tuning->cqe_skip;
}

/* When all is registered: from now on the ring works, and does what is allowed to it. */
static int enable(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	const struct ring_tuning *tuning = &options->tuning;
	int error;

	if (!is_made_disabled(tuning))
		return 0;
	if (tuning->restrictions) {
		error = uring_restrict(uring, options);
		if (error == -EINVAL)
			return ring_tuning_lacks(tuning, RING_SWITCH_restrictions, fault);
		if (error < 0)
			return refusal_explain(fault, error);
	}
	error = abi_register(uring->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return error < 0 ? refusal_explain(fault, error) : 0;
}

static int build(struct uring *uring, const struct ring_options *options, struct fault *fault)
{
	int error = create_ring(uring, options, fault);

	choose_flags(uring, &options->tuning);
	if (error == 0)
		error = create_buffers(uring, options, fault);
	if (error == 0)
		error = start_busy_poll(uring, &options->tuning, fault);
	if (error == 0)
		error = create_direct(uring, options, fault);
	return error < 0 ? error : enable(uring, options, fault);
}

int uring_create(const struct ring_options *options, struct ring **ret_ring, struct fault *fault)
{
	struct uring *uring = mem_alloc_zeroed(1, sizeof(*uring));
	int error;

	if (!uring)
		return fault_set(fault, -ENOMEM, "no memory for a ring");
	uring->ring.engine = &ring_uring;
	uring->ring.stats = options->stats;
	error = build(uring, options, fault);
	if (error < 0) {
		uring_destroy(&uring->ring);
		return error;
	}
	*ret_ring = &uring->ring;
	return 0;
}

static void close_ring(struct uring *uring)
{
	struct io_uring_rsrc_update update = { .offset = uring->enter_ring };

	if (uring->entries)
		munmap(uring->entries, uring->entries_size);
	if (uring->rings)
		munmap(uring->rings, uring->rings_size);
	/* Registered with the thread, which lives on. */
	if (uring->enter_flags & IORING_ENTER_REGISTERED_RING)
		abi_register(uring->fd, IORING_UNREGISTER_RING_FDS, &update, 1);
	if (uring->fd >= 0)
		close(uring->fd);
}

void uring_destroy(struct ring *ring)
{
	struct uring *uring = uring_of(ring);

	close_ring(uring);
	uring_direct_destroy(uring);
	mem_unreserve(uring->wait, (size_t)sysconf(_SC_PAGESIZE));
	mem_unreserve(uring->buffer_ring, ring->buffer_count * sizeof(struct io_uring_buf));
	mem_unreserve(ring->buffers, (size_t)ring->buffer_count * ring->buffer_size);
	mem_free(ring->buffer_used);
	mem_free(uring->batch.completion);
	mem_free(uring->gathered.completion);
	mem_free(uring->reports);
	mem_free(uring);
}
