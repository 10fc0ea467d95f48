/* SPDX-License-Identifier: MIT */
/*
 * What must hold of the worker's own state whenever it waits.
 *
 * It looks inside (serve/worker.h, serve/conn.h), where the model looks only at what clients see: a
 * connection that is deaf, or that nothing will wake, is found here long before a client would notice.
 */
#ifndef QUOIT_TESTS_SIM_CHECK_H
#define QUOIT_TESTS_SIM_CHECK_H

#include <stdint.h>

/* At the begin of a wait: the turn is over, its submissions are still queued. */
void check_before(uint64_t timeout_ms);
/* They have been passed on. */
void check_after(void);

struct worker;
/* check_assets.c: each asset has as many references as there are holders. */
void check_assets(const struct worker *worker);

#endif
