/* SPDX-License-Identifier: MIT */
/*
 * Bodies that leave from memory without a copy: the option zero_copy (docs/io_uring.md).
 *
 * A body in memory that is long enough is registered with the worker's ring when it is first asked for,
 * and leaves behind its head by SEND_ZC, a turn at a time, in state SENDING. Each send completes twice:
 *
 *   SEND_ZC --> result: bytes taken -----> the connection goes on (send_on_zero_copy)
 *           +-> notification, later -----> the asset's reference goes, and the report is counted
 *
 * The notification may come when the connection is long gone, so both are kept in a slot of this module.
 * It also says whether the kernel has copied all the same. Where most sends are reported so (loopback
 * always copies), the address they left from is given up: its bodies are sent like any other,
 * but for one send a minute that tries again.
 *
 * Heads never leave this way: their date is patched in place.
 */
#ifndef QUOIT_SERVE_ZERO_COPY_H
#define QUOIT_SERVE_ZERO_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "http/range.h"
#include "serve/body_file.h"
#include "serve/conn.h"

struct worker;
struct asset;
struct answer;
struct completion;

/* In the worker's thread, with its ring there. Without the option, or where the ring has none: nothing
 * follows from it. False: no memory. */
bool zero_copy_init(struct worker *worker);
void zero_copy_deinit(struct worker *worker);

/* Have these bytes of the body follow what is queued, in conn->file. False: they are to be sent as ever. */
bool zero_copy_begin(struct worker *worker, struct conn *conn, struct asset *asset,
		     const struct range *range);
/* The same for the body of an answer, if it has one: is it in conn->file then? */
void zero_copy_offer(struct worker *worker, struct conn *conn, const struct answer *answer);

/*
 * Send the next turn of it. BODY_FILE_COLD: send_on_zero_copy() follows, in the turn of the next
 * ring_wait(). BODY_FILE_TURN_OVER: it cannot go on this way (given up meanwhile, or too much is under
 * way), and the rest is now queued as ordinary memory.
 */
enum body_file_result zero_copy_turn(struct worker *worker, struct conn *conn);

void zero_copy_on_completion(struct worker *worker, const struct completion *completion);

/* The asset goes: nothing uses its memory any more. */
void zero_copy_forget(struct worker *worker, const struct asset *asset);

/* May the kernel still read memory of a body? */
bool zero_copy_is_pending(const struct worker *worker);

#endif
