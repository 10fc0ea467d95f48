/* SPDX-License-Identifier: MIT */
/* New connections: multishot accept, paused while there is no room. */
#ifndef QUOIT_SERVE_ACCEPT_H
#define QUOIT_SERVE_ACCEPT_H

#include "io/ring.h"
#include "serve/worker.h"

/* New connections without a request are given this long when the worker drains. */
#define DRAIN_GRACE_MS 500

void accept_start(struct worker *worker);
void accept_on_accept(struct worker *worker, const struct completion *completion);

/* A slot is free, or the time to try again has come. */
void accept_resume(struct worker *worker);

/* Accept what the kernel has queued, then stop. */
void accept_drain(struct worker *worker);

#endif
