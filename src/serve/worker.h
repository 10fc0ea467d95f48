/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread, one ring, its own connections, cache, timers and counters.
 *
 * Workers share five things only: configuration and sites (constant once published), the commands
 * (one word that the control plane sets), the counters (which others only read), and two that a request
 * from the cache never comes to: the queue of the helper threads, and the table of addresses, which is
 * there only where these are limited, for accepts and closes.
 */
#ifndef QUOIT_SERVE_WORKER_H
#define QUOIT_SERVE_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/stats.h"
#include "base/text.h"
#include "http/http1.h"
#include "http/scan.h"
#include "io/listen.h"
#include "io/ring.h"
#include "io/timer.h"
#include "serve/config.h"
#include "serve/conn.h"
#include "serve/jobs.h"
#include "serve/recall.h"
#include "serve/recorder.h"
#include "site/cache.h"
#include "site/pages.h"
#include "site/site.h"

/* Bits of worker->commands; each may be set again while an earlier one is carried out. */
#define WORKER_DRAIN 1u  /* stop accepting, finish what is under way, end */
#define WORKER_STOP 2u   /* end now */
#define WORKER_RELOAD 4u /* take the sites from server_sites(), forget what is cached */
#define WORKER_ANSWER 8u /* nothing but to take it away, which shows that the loop goes round */

/* Files that precompress remembers to have tried: a power of two is not needed. */
#define WORKER_COMPRESS_TRIED 4096

struct addresses;
struct server;
struct fetch;
struct flight;
struct work;
struct compressor;
struct zero_copy;

/* One address of this worker. */
struct accept {
	int *fd; /* in the listener; -1 once closed */
	const struct listener *listener;
	bool armed;
	bool is_multishot; /* armed: takes all that come, not one */
	bool cancelled;    /* armed: and on its way to end */
	bool draining;     /* no longer armed: accept what is queued, then close ... */
	bool ended;        /* ... which is done */
};

struct worker {
	/* What other threads write, on lines of its own: no command and no helper takes one that requests
	 * use. */
	_Alignas(CACHE_LINE) _Atomic unsigned commands;
	_Atomic bool ended;
	int wake_fd; /* eventfd */
	pthread_t thread;
	struct job_outbox outbox;

	/* From here on: this worker's alone, or constant. */
	_Alignas(CACHE_LINE) struct server *server;
	const struct config *config;
	unsigned index;
	int cpu; /* pinned to; -1: not pinned */

	struct ring *ring;
	struct clock clock;
	uint8_t epoch;  /* counts EPOCH_MS, from 0 again after 255 */
	uint32_t peers; /* connections from which something came in this one */
	uint8_t date[DATE_SIZE];
	int64_t date_s;          /* what `date` says */
	uint64_t zero_copy_size; /* bodies from here on may leave without a copy; UINT64_MAX: none does */
	struct timer_wheel wheel;

	struct conn_table conns;
	struct accept *accepts;
	unsigned accept_count;
	bool accept_paused;          /* the table is full */
	struct addresses *addresses; /* shared by all workers; NULL: --address-connections is off */
	uint32_t turning_away;       /* connections that are answered 429 */
	uint64_t accept_retry_ms;    /* when to try again after descriptors ran out; 0: not waiting */
	uint64_t accept_end_ms;      /* draining: who is on the way in is let in until then; 0: nobody is */

	struct sites *sites; /* what is served; one reference */
	uint32_t reloads;    /* how often that has changed */
	struct cache cache;
	struct recall recall;
	struct pages pages;
	struct fetch **fetches; /* by index in the tag */
	uint32_t fetch_capacity;
	uint32_t *fetch_free;
	uint32_t fetch_free_count;

	struct jobs *jobs;             /* the helpers, shared by all workers */
	struct work *works;            /* given away and not yet back */
	struct compressor *compressor; /* shared by all workers; NULL: nothing is compressed */
	int compress_folder;           /* its folder, or -1 */
	uint64_t *compress_tried;      /* WORKER_COMPRESS_TRIED of them; NULL without compressor */

	struct conn *queued; /* have output for this turn's flush, in order */
	struct conn **queued_tail;
	struct conn *flying; /* their quiet sends were submitted, and settle after the wait */
	struct conn *ready;  /* their turn goes on after this one */
	struct conn **ready_tail;
	struct flight *flights;      /* free ones */
	struct zero_copy *zero_copy; /* NULL: never (serve/zero_copy.h) */
	struct text joined;          /* fields of a request that came in several lines */
	uint8_t *cold;               /* where cold file pages are read to, and forgotten */

	bool draining;         /* accepts no more, keeps no connection alive */
	bool stopping;         /* everything is closed; waits for the operations in flight */
	uint64_t end_ms;       /* draining: then stop; stopping: then end with what is in flight */
	uint64_t grace_end_ms; /* draining: until then pipelines are answered to their end */

	sem_t *started; /* posted once, when start has succeeded or failed */
	int start_error;
	struct fault start_fault;

	struct http1_limits limits;
	struct scan scan; /* of the buffer that is being handled */
	struct recorder recorder;
	struct stats stats;
};

_Static_assert(sizeof(struct worker) % CACHE_LINE == 0 && offsetof(struct worker, server) % CACHE_LINE == 0 &&
		       offsetof(struct worker, stats) % CACHE_LINE == 0,
	       "no line is shared by two workers, or by a worker and those who command it");

/* Start the thread; the outcome is in start_error after `started` was posted. 0 or -errno. */
int worker_start(struct worker *worker);
/* Any thread. */
void worker_command(struct worker *worker, unsigned command);

/* The loop; returns when the worker has drained or was stopped. Its own thread, when all is made. */
void worker_run(struct worker *worker);
/* Nothing is open, in the kernel or with a helper. */
bool worker_is_quiet(const struct worker *worker);
void worker_read_clock(struct worker *worker);

/* One reference less; the last one closes the roots. Any thread. */
void worker_release_sites(struct sites *sites);

/* A connection slot became free. */
void worker_on_slot_free(struct worker *worker);

/* An asset lost its last reference: it goes, and what hangs on its chain with it. */
void worker_drop_asset(struct worker *worker, struct asset *asset);

/* The connection's current state must be left within this time. */
static inline void worker_set_deadline(struct worker *worker, struct conn *conn, uint64_t timeout_ms)
{
	timer_set(&worker->wheel, &conn->timer, worker->clock.monotonic_ms + timeout_ms);
}

static inline void worker_release(struct worker *worker, struct asset *asset)
{
	if (asset_unref(asset))
		worker_drop_asset(worker, asset);
}

#endif
