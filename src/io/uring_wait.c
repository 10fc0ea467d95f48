/* SPDX-License-Identifier: MIT */
/*
 * Enters the kernel and hands out completions: the one system call of a turn.
 *
 * Called by serve/worker once per turn (uring_wait), and by the operations when the queue is full. An
 * enter submits, lets deferred work run and waits, all in one. Completions are handed out in place, as
 * the range of the queue that they lie in; their slots are the kernel's again at the next wait. Only a
 * range that goes around the end of the queue, or what must be filtered or fetched in several steps, is
 * copied.
 *
 * The hard thing is that "no completion" carries meaning here (quiet sends, ring.h): an entry that was
 * not taken and a completion that overflowed the queue are both fetched before a wait ends.
 *
 * What is rare stands in functions that are not inlined, so that what is not keeps few registers.
 */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/uring.h"

#define ATTEMPTS 10000 /* a millisecond each, but for the first ones */
#define ATTEMPTS_AT_ONCE 8

#define RARE __attribute__((noinline, cold))

/* The kernel has not done what it must: give it time; after ten seconds, end as on any broken state. */
static void give_time(unsigned attempt)
{
	check(attempt < ATTEMPTS);
	if (attempt < ATTEMPTS_AT_ONCE)
		sched_yield();
	else
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static bool has_flag(const struct uring *uring, unsigned flag)
{
	return atomic_load_explicit(uring->sq_kflags, memory_order_relaxed) & flag;
}

static unsigned completions_there(const struct uring *uring)
{
	return atomic_load_explicit(uring->cq_ktail, memory_order_acquire) - uring->cq_head;
}

/* Interruptions and timeouts are not errors: the caller looks at the completion queue anyway. */
RARE static void check_result(int result)
{
	check(result >= 0 || result == -EINTR || result == -ETIME || result == -EAGAIN || result == -EBUSY);
}

static void enter_with(struct uring *uring, unsigned submit, unsigned wait, unsigned flags)
{
	int result;

	stats_add(uring->ring.stats, COUNTER_enters, 1);
	result = abi_enter(uring->enter_ring, submit, wait, flags, uring->enter_argument,
			   uring->enter_argument_size);
	if (__builtin_expect(result < 0, 0))
		check_result(result);
}

/*
 * Pass the queue on. With IORING_ENTER_GETEVENTS among the flags deferred work runs as well, overflowed
 * completions move, and it sleeps until `wait` completions are there or the time is over.
 */
static inline void enter(struct uring *uring, unsigned wait, unsigned flags)
{
	unsigned count = uring->sq_tail - uring->sq_head;

	atomic_store_explicit(uring->sq_ktail, uring->sq_tail, memory_order_release);
	stats_add(uring->ring.stats, COUNTER_submissions, count);
	enter_with(uring, count, wait, flags);
	/* With SUBMIT_ALL every entry is consumed; only an enter that failed before it looked leaves them. */
	uring->sq_head = atomic_load_explicit(uring->sq_khead, memory_order_relaxed);
}

/*
 * sqpoll=on: the kernel's thread takes the entries. It moves the head when it has issued all it saw, so
 * a head that has reached the tail is what the return of an enter is otherwise: all sends are settled.
 */
static void enter_polled(struct uring *uring, unsigned wait)
{
	atomic_store_explicit(uring->sq_ktail, uring->sq_tail, memory_order_release);
	stats_add(uring->ring.stats, COUNTER_submissions, uring->sq_tail - uring->sq_head);
	for (unsigned attempt = 0;; attempt++) {
		uring->sq_head = atomic_load_explicit(uring->sq_khead, memory_order_acquire);
		if (uring->sq_head == uring->sq_tail)
			break;
		/* The thread says that it will sleep, then looks at the tail again: here the other way round.
		 */
		atomic_thread_fence(memory_order_seq_cst);
		if (has_flag(uring, IORING_SQ_NEED_WAKEUP))
			enter_with(uring, 0, 0, uring->enter_flags | IORING_ENTER_SQ_WAKEUP);
		give_time(attempt);
	}
	if (completions_there(uring) < wait || has_flag(uring, IORING_SQ_CQ_OVERFLOW))
		enter_with(uring, 0, wait, uring->enter_flags);
}

static size_t size_to_send(const struct io_uring_sqe *entry)
{
	const struct msghdr *message = (const struct msghdr *)(uintptr_t)entry->addr;
	size_t size = 0;

	if (entry->opcode == IORING_OP_SEND)
		return entry->len;
	for (size_t i = 0; i < message->msg_iovlen; i++)
		size += message->msg_iov[i].iov_len;
	return size;
}

/* cqe_skip=off: which reports of success are to be dropped. */
static void expect_reports(struct uring *uring)
{
	for (unsigned at = uring->sq_head; at != uring->sq_tail; at++) {
		const struct io_uring_sqe *entry = &uring->entries[at & uring->sq_mask];

		if (entry->opcode != IORING_OP_SEND && entry->opcode != IORING_OP_SENDMSG)
			continue;
		if (uring->report_count == uring->report_capacity) {
			uring->report_capacity = uring->report_capacity ? 2 * uring->report_capacity : 256;
			uring->reports =
				mem_resize(uring->reports, uring->report_capacity * sizeof(*uring->reports));
			/* A send that is neither silent nor expected would be settled wrongly. */
			check(uring->reports);
		}
		uring->reports[uring->report_count++] =
			(struct uring_report){ .tag = entry->user_data, .size = size_to_send(entry) };
	}
}

static void enter_any(struct uring *uring, unsigned wait, unsigned flags)
{
	if (uring->has_reports)
		expect_reports(uring);
	if (uring->is_polled)
		enter_polled(uring, wait);
	else
		enter(uring, wait, flags);
}

/*
 * Between two waits: no deferred work, which would accept more connections before the worker has seen
 * those that came already and could stop it.
 */
static void submit(struct uring *uring)
{
	enter_any(uring, 0, uring->enter_flags & ~IORING_ENTER_GETEVENTS);
}

RARE void uring_make_room(struct uring *uring)
{
	/* It empties unless memory or the completion queue is short. */
	for (unsigned attempt = 0; uring->sq_tail - uring->sq_head > uring->sq_mask; attempt++) {
		if (attempt > 0)
			give_time(attempt);
		submit(uring);
	}
}

RARE static void set_timeout(struct uring *uring, uint64_t timeout_ms)
{
	struct __kernel_timespec timeout = {
		.tv_sec = (long long)(timeout_ms / 1000),
		.tv_nsec = (long long)(timeout_ms % 1000) * 1000000,
	};
	bool forever = timeout_ms == RING_FOREVER;

	uring->timeout_ms = timeout_ms;
	if (uring->wait) {
		uring->wait->timeout = timeout;
		uring->wait->flags = forever ? 0 : ABI_WAIT_HAS_TIMEOUT;
		return;
	}
	uring->timeout = timeout;
	uring->argument.timeout = forever ? 0 : (uintptr_t)&uring->timeout;
}

static void apply_pace(struct uring *uring)
{
	uint32_t min_us = uring->pace.count > 1 ? uring->pace.min_us : 0;

	if (uring->wait)
		uring->wait->min_wait_us = min_us;
	else
		uring->argument.min_wait_us = min_us;
}

void uring_start_pace(struct uring *uring, const struct ring_tuning *tuning, bool has_min_wait)
{
	uring_pace_init(&uring->pace, tuning, has_min_wait);
	apply_pace(uring);
}

RARE static void change_pace(struct uring *uring, unsigned count)
{
	uring_pace_turn(&uring->pace, count, uring->ring.peers);
	apply_pace(uring);
}

/* Has the kernel more for us than the queues show: entries not taken, completions held back? */
static bool is_unfinished(const struct uring *uring)
{
	return uring->sq_head != uring->sq_tail || has_flag(uring, IORING_SQ_CQ_OVERFLOW);
}

/*
 * Does it say that a send took everything? Sends complete in the order of submission, but before Linux 6.2
 * those that come back with something left overtake the others: they change places with the first one
 * expected.
 */
static bool is_dropped(struct uring *uring, const struct completion *completion)
{
	struct uring_report *next = &uring->reports[uring->reported], *report = next;
	const struct uring_report *end = &uring->reports[uring->report_count];
	size_t size;

	if (completion->flags & COMPLETION_BUFFER)
		return false; /* of a receive */
	while (report < end && report->tag != completion->tag)
		report++;
	if (report == end)
		return false;
	size = report->size;
	memmove(next + 1, next, (size_t)(report - next) * sizeof(*next));
	uring->reported++;
	return completion->result >= 0 && (size_t)completion->result == size;
}

/* Move what the completion queue holds behind what is gathered already. */
static void gather(struct uring *uring)
{
	struct uring_batch *batch = &uring->gathered;
	unsigned count = completions_there(uring);
	unsigned capacity = batch->capacity ? batch->capacity : 256;

	while (capacity < batch->count + count)
		capacity *= 2;
	if (capacity != batch->capacity) {
		batch->completion = mem_resize(batch->completion, capacity * sizeof(*batch->completion));
		/* Losing a completion would be worse than stopping. */
		check(batch->completion);
		batch->capacity = capacity;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct completion *completion = &uring->cqes[(uring->cq_head + i) & uring->cq_mask];

		if (!is_dropped(uring, completion))
			batch->completion[batch->count++] = *completion;
	}
	uring->cq_head += count;
	atomic_store_explicit(uring->cq_khead, uring->cq_head, memory_order_release);
	stats_add(uring->ring.stats, COUNTER_completions, count);
}

/*
 * Without memory the kernel takes fewer entries than it was given; with a full completion queue it keeps
 * completions to itself. Neither may pass for "nothing came back", so ask until both have ended.
 */
static void finish(struct uring *uring)
{
	gather(uring);
	for (unsigned attempt = 0; is_unfinished(uring); attempt++) {
		stats_add(uring->ring.stats, COUNTER_overflows, 1);
		enter_any(uring, 0, uring->enter_flags);
		gather(uring);
		give_time(attempt);
	}
	check(uring->reported == uring->report_count);
	uring->reported = uring->report_count = 0;
}

RARE static unsigned hand_out_gathered(struct uring *uring, const struct completion **ret_completions)
{
	struct uring_batch batch = uring->batch;

	finish(uring);
	uring->batch = uring->gathered;
	uring->gathered = batch;
	uring->gathered.count = 0;
	*ret_completions = uring->batch.completion;
	return uring->batch.count;
}

__attribute__((noinline)) static unsigned wait_gathering(struct uring *uring, unsigned wait,
							 const struct completion **ret_completions)
{
	unsigned count;

	enter_any(uring, uring->gathered.count > 0 ? 0 : wait, uring->enter_flags);
	count = completions_there(uring);
	if (count >= uring->pace.calm_below)
		change_pace(uring, count);
	return hand_out_gathered(uring, ret_completions);
}

unsigned uring_wait(struct ring *ring, uint64_t timeout_ms, const struct completion **ret_completions)
{
	struct uring *uring = uring_of(ring);
	unsigned wait = timeout_ms > 0 ? uring->pace.count : 0;
	unsigned place, count;

	atomic_store_explicit(uring->cq_khead, uring->cq_head, memory_order_release);
	if (__builtin_expect(timeout_ms != uring->timeout_ms, 0))
		set_timeout(uring, timeout_ms);
	if (__builtin_expect(!uring->is_plain, 0))
		return wait_gathering(uring, wait, ret_completions);
	enter(uring, wait, uring->enter_flags);
	count = completions_there(uring);
	if (__builtin_expect(count >= uring->pace.calm_below, 0))
		change_pace(uring, count);
	place = uring->cq_head & uring->cq_mask;
	if (__builtin_expect(place + count > uring->cq_mask + 1 || is_unfinished(uring), 0))
		return hand_out_gathered(uring, ret_completions);
	uring->cq_head += count;
	stats_add(ring->stats, COUNTER_completions, count);
	*ret_completions = &uring->cqes[place];
	return count;
}

int uring_run(struct uring *uring, uint64_t tag)
{
	struct uring_batch *batch = &uring->gathered;
	unsigned looked = batch->count;

	check(!uring->is_plain);
	for (unsigned attempt = 0;; attempt++) {
		if (attempt == 0)
			submit(uring);
		else
			enter_any(uring, 0, uring->enter_flags); /* its completion has overflowed */
		gather(uring);
		for (; looked < batch->count; looked++) {
			struct completion *completion = &batch->completion[looked];
			int result = completion->result;

			if (completion->tag != tag)
				continue;
			batch->count--;
			memmove(completion, completion + 1, (batch->count - looked) * sizeof(*completion));
			return result;
		}
		give_time(attempt);
	}
}
