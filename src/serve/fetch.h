/* SPDX-License-Identifier: MIT */
/*
 * From a path to an asset: at once when it is cached and fresh, else through the file system.
 *
 * One fetch serves everybody who waits for the same name. Opens and reads go through the ring;
 * site/resolve says which.
 */
#ifndef QUOIT_SERVE_FETCH_H
#define QUOIT_SERVE_FETCH_H

#include "base/bytes.h"
#include "serve/conn.h"

/*
 * The asset of a normalised path (borrowed, for the answer that is made now), or NULL: then the
 * connection is RESOLVING, or CLOSING when there was no memory, and receive_resume() follows
 * with conn->resolved.
 */
struct asset *fetch_asset(struct worker *worker, struct conn *conn, struct bytes path);

/* The connection waits no longer. */
void fetch_leave(struct conn *conn);

void fetch_on_open(struct worker *worker, uint32_t index, int result);
void fetch_on_read(struct worker *worker, uint32_t index, int result);

/* Is the asset's open file still the version it was made of, apart from its names? */
bool fetch_file_is_same(struct worker *worker, const struct asset *asset);

/*
 * Look names up in another folder from now on; takes over the descriptor. What is being opened in the
 * old one goes on there, and closes it at last. -ENOMEM: nothing has changed.
 */
int fetch_set_root(struct worker *worker, int fd);

/* Is any open or read in the kernel? */
bool fetch_is_busy(const struct worker *worker);

/* At the end of a worker, when none is busy. */
void fetch_deinit(struct worker *worker);

#endif
