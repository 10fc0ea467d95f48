/* SPDX-License-Identifier: MIT */
/* New connections: multishot accept, paused while there is no room. */
#ifndef QUOIT_SERVE_ACCEPT_H
#define QUOIT_SERVE_ACCEPT_H

#include "io/ring.h"
#include "serve/worker.h"

/*
 * Slots beyond the limit of a worker, for what has been taken from the kernel when the limit is seen: one of
 * each listener, and what came to a queue while a multishot accept emptied it.
 */
#define ACCEPT_SPARE 256

void accept_start(struct worker *worker);
void accept_on_accept(struct worker *worker, const struct completion *completion);

/* A slot is free, or the time to try again has come. */
void accept_resume(struct worker *worker);

/* Accept what the kernel has queued, and for hold_ms what comes into its queue, then stop. */
void accept_drain(struct worker *worker, uint64_t hold_ms);

#endif
