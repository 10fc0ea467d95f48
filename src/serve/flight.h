/* SPDX-License-Identifier: MIT */
/* Output in several pieces: struct flight is in serve/send.h. */
#ifndef QUOIT_SERVE_FLIGHT_H
#define QUOIT_SERVE_FLIGHT_H

#include "serve/send.h"

/* Give the connection a flight, with its single piece moved into it. False: no memory. */
bool flight_need(struct worker *worker, struct conn *conn);

/* Give the connection's flight back, with all references it holds. */
void flight_release(struct worker *worker, struct conn *conn);

/* Append a piece; there must be room. Takes over one reference to `asset` (may be NULL). */
void flight_add(struct flight *flight, const uint8_t *base, size_t size, struct asset *asset);

/* Memory for a head of up to `size` bytes, then how much of it was used. NULL: no memory. */
uint8_t *flight_scratch(struct flight *flight, size_t size);
void flight_scratch_used(struct flight *flight, const uint8_t *text, size_t size);

/* Drop the first `size` bytes; true when none is left. The rest stays sendable whatever date comes. */
bool flight_take(struct worker *worker, struct flight *flight, size_t size);

/* Bytes still to send. */
size_t flight_size(const struct flight *flight);

#endif
