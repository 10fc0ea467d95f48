/* SPDX-License-Identifier: MIT */
/*
 * A stack of jobs without a lock: any thread pushes, and one takes all there is. For serve/jobs only.
 *
 *   push   link in front of the first one, with a compare-and-swap
 *   take   exchange the whole list for nothing, then turn it around: the oldest first
 *
 * Nothing is ever taken from the middle, so a node that comes back at the same address harms nothing.
 * Whoever made a stack non-empty wakes the one who takes from it.
 */
#ifndef QUOIT_SERVE_JOB_STACK_H
#define QUOIT_SERVE_JOB_STACK_H

#include "serve/jobs.h"

/* True when the stack was empty. */
static inline bool job_stack_push(_Atomic(struct job *) *stack, struct job *job)
{
	struct job *top = atomic_load_explicit(stack, memory_order_relaxed);

	do
		job->next = top;
	while (!atomic_compare_exchange_weak_explicit(stack, &top, job, memory_order_release,
						      memory_order_relaxed));
	return !top;
}

/* Everything, the oldest first. */
static inline struct job *job_stack_take(_Atomic(struct job *) *stack)
{
	struct job *job = atomic_exchange_explicit(stack, NULL, memory_order_acquire);
	struct job *oldest = NULL;

	while (job) {
		struct job *older = job->next;

		job->next = oldest;
		oldest = job;
		job = older;
	}
	return oldest;
}

#endif
