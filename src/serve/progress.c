/* SPDX-License-Identifier: MIT */
/*
 * Looks at what a peer takes; see progress.h for when and why.
 *
 * Called by send_drive when a socket is full, and when the timer of a watched connection ends. It decides
 * and never closes. A look is one ioctl, four in --send-time for each connection that waits for its peer, and
 * none for one that never found its socket full.
 */
#include "serve/progress.h"

#include "io/ring.h"
#include "serve/worker.h"

#define LOOKS 4 /* in a period: a stall is seen a quarter of it late at the most */

/* `unread` < 0: the kernel does not tell; then what it takes itself is all that is known. */
static void begin_period(struct conn *conn, int unread)
{
	conn->balance = unread > 0 ? (uint32_t)unread : 0;
	conn->taken = 0;
	conn->looks = 0;
}

static void set_next_look(struct worker *worker, struct conn *conn)
{
	worker_set_deadline(worker, conn, worker->config->send_time / LOOKS);
}

void progress_watch(struct worker *worker, struct conn *conn)
{
	if (conn->watched)
		return;
	conn->watched = true;
	conn->quiet = 0;
	begin_period(conn, ring_unread(worker->ring, conn->fd));
	set_next_look(worker, conn);
}

/* True: no byte for all of --send-time. */
static bool is_stalled(struct conn *conn, int unread)
{
	uint32_t left = unread > 0 ? (uint32_t)unread : 0;
	uint32_t taken = conn->balance > left ? conn->balance - left : 0;

	conn->quiet = taken > conn->taken ? 0 : conn->quiet + 1;
	conn->taken = taken;
	return conn->quiet == LOOKS;
}

/* Bytes of a period; no more than is counted. */
static uint64_t least(const struct config *config)
{
	uint64_t bytes = config->send_rate * config->send_time / 1000;

	return bytes < UINT32_MAX / 2 ? bytes : UINT32_MAX / 2;
}

enum progress progress_look(struct worker *worker, struct conn *conn)
{
	const struct config *config = worker->config;
	int unread = ring_unread(worker->ring, conn->fd);

	if (unread == 0) {
		/* It has all there is: what it waits for is this server. */
		conn->quiet = 0;
		begin_period(conn, 0);
	} else if (is_stalled(conn, unread)) {
		return PROGRESS_STALLED;
	} else if (++conn->looks == LOOKS) {
		if (conn->taken < least(config))
			return PROGRESS_SLOW;
		begin_period(conn, unread);
	}
	set_next_look(worker, conn);
	return PROGRESS_FINE;
}
