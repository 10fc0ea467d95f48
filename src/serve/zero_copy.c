/* SPDX-License-Identifier: MIT */
/*
 * The last rung of the send ladder: registered memory, sends under way, and what they report.
 *
 * Called by serve/send (begin, submit), worker (completions, the end) and whoever drops an asset. Owns
 * three tables per worker, made at start and of fixed size: which asset is registered at which place
 * of the ring's table; the sends that the kernel has not let go of; the addresses of this machine that
 * bodies have left from, with the last reports of each. A full table never fails an answer: it is sent
 * by copying.
 *
 * The hard thing is what a notification may outlive: its connection, that connection's slot, the cache
 * entry. It holds a reference to the asset and nothing else, so the memory, and its registration, end
 * behind the last of them.
 */
#include "serve/zero_copy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/op.h"
#include "io/ring.h"
#include "serve/body_file.h"
#include "serve/progress.h"
#include "serve/send.h"
#include "serve/worker.h"

/* Bodies registered at a time: also a bound of what dead clients can keep in memory, times --small. */
#define PLACES 1024
#define BUCKETS 1024 /* a power of two */
/* Sends that the kernel has not let go of; a client has a few, as many as its socket's buffer has room for.
 */
#define SENDINGS 4096
#define NO_PLACE UINT16_MAX

/* Of the last WINDOW reports so many were of a copy: leave. */
#define WINDOW 16
#define COPIED_MAX 8
#define AWAY_MS 60000
/* Back after that: the first report of a copy is enough. */
#define ON_PROBATION ((1u << (COPIED_MAX - 1)) - 1)
/* Registering failed, most likely for a limit: not again for this long, since each try is a system call. */
#define REGISTER_AGAIN_MS 1000

#define PATHS 16 /* further addresses share the last; a machine has few */
#define PATH_UNKNOWN 0
#define PATH_NEVER UINT8_MAX /* of a connection: its socket has none. Others: index + 1 */

/* log_is_new() keys. */
#define TOLD_UNREGISTERED UINT64_C(0x7a65726f636f7079)

struct registered {
	const struct asset *asset; /* registered here; no reference, since it is forgotten when it goes */
	uint16_t next;             /* in its bucket, or of the free ones */
};

struct sending {
	struct asset *asset; /* one reference */
	uint32_t conn_index;
	uint32_t conn_generation;
	uint32_t size; /* asked for */
	uint16_t next_free;
	uint8_t path;
	bool took; /* at least a byte: only then is the report one */
	bool answered;
	bool notified; /* or never will be */
};

/* What leaves from one address of this machine; to itself is a path of its own, because that is loopback. */
struct path {
	struct in6_addr address;
	uint16_t family;  /* AF_INET or AF_INET6; AF_UNSPEC: to this machine itself */
	uint16_t reports; /* the last WINDOW, latest lowest; 1: copied */
	uint64_t away_ms; /* left until then */
};

struct zero_copy {
	struct registered place[PLACES];
	uint16_t bucket[BUCKETS];
	uint16_t free_place;
	uint64_t register_ms; /* not before */
	struct sending sending[SENDINGS];
	uint16_t free_sending; /* SENDINGS: none */
	unsigned pending;
	struct path path[PATHS];
	unsigned path_count;
};

_Static_assert(PLACES < NO_PLACE && SENDINGS <= UINT16_MAX && PATHS < PATH_NEVER - 1, "indexes fit");
_Static_assert(WINDOW == 8 * sizeof(((struct path *)0)->reports), "the window is the width of the field");

bool zero_copy_init(struct worker *worker)
{
	struct zero_copy *zero_copy;
	int error;

	if (worker->config->zero_copy == 0)
		return true;
	error = ring_zero_copy_start(worker->ring, PLACES);
	if (error < 0) {
		if (worker->index == 0)
			log_warning("zero_copy has no effect: %s",
				    error == -EOPNOTSUPP ? "it needs io_uring and Linux 6.2 or newer"
							 : strerror(-error));
		return true;
	}
	zero_copy = mem_alloc_zeroed(1, sizeof(*zero_copy));
	if (!zero_copy)
		return false;
	memset(zero_copy->bucket, 0xff, sizeof(zero_copy->bucket));
	for (unsigned i = 0; i < PLACES; i++)
		zero_copy->place[i].next = i + 1 < PLACES ? (uint16_t)(i + 1) : NO_PLACE;
	for (unsigned i = 0; i < SENDINGS; i++)
		zero_copy->sending[i].next_free = (uint16_t)(i + 1);
	worker->zero_copy = zero_copy;
	worker->zero_copy_size = worker->config->zero_copy;
	return true;
}

void zero_copy_deinit(struct worker *worker)
{
	mem_free(worker->zero_copy);
	worker->zero_copy = NULL;
}

/* Registered memory */

static uint16_t *bucket_of(struct zero_copy *zero_copy, const struct asset *asset)
{
	/* Allocations of this size differ above the low bits; the golden ratio spreads them (TAOCP 6.4). */
	uint64_t hash = (uint64_t)(uintptr_t)asset * UINT64_C(0x9e3779b97f4a7c15);

	return &zero_copy->bucket[hash >> 32 & (BUCKETS - 1)];
}

/* The link that leads to the asset's place, or to NO_PLACE. */
static uint16_t *find(struct zero_copy *zero_copy, const struct asset *asset)
{
	uint16_t *link = bucket_of(zero_copy, asset);

	while (*link != NO_PLACE && zero_copy->place[*link].asset != asset)
		link = &zero_copy->place[*link].next;
	return link;
}

static bool register_memory(struct worker *worker, const struct asset *asset)
{
	struct zero_copy *zero_copy = worker->zero_copy;
	uint16_t place = zero_copy->free_place;
	uint16_t *bucket = bucket_of(zero_copy, asset);
	int error;

	if (place == NO_PLACE || worker->clock.monotonic_ms < zero_copy->register_ms)
		return false;
	error = ring_zero_copy_set(worker->ring, place, asset->body, asset->size);
	if (error < 0) {
		zero_copy->register_ms = worker->clock.monotonic_ms + REGISTER_AGAIN_MS;
		if (log_is_new(TOLD_UNREGISTERED))
			log_warning("zero_copy: memory cannot be registered (%s), so it is sent by copying%s",
				    strerror(-error),
				    error == -ENOMEM ? "; raise the limit on locked memory (ulimit -l, "
						       "LimitMEMLOCK=)"
						     : "");
		return false;
	}
	zero_copy->free_place = zero_copy->place[place].next;
	zero_copy->place[place] = (struct registered){ asset, *bucket };
	*bucket = place;
	return true;
}

void zero_copy_forget(struct worker *worker, const struct asset *asset)
{
	struct zero_copy *zero_copy = worker->zero_copy;
	uint16_t *link, place;

	if (!zero_copy)
		return;
	link = find(zero_copy, asset);
	place = *link;
	if (place == NO_PLACE)
		return;
	/* A place that is there can be cleared; were it not, the memory would be sent for another's. */
	check(ring_zero_copy_set(worker->ring, place, NULL, 0) == 0);
	*link = zero_copy->place[place].next;
	zero_copy->place[place] = (struct registered){ NULL, zero_copy->free_place };
	zero_copy->free_place = place;
}

/* Paths */

static void read_address(const struct sockaddr_storage *from, struct path *ret_path)
{
	ret_path->family = from->ss_family;
	if (from->ss_family == AF_INET)
		memcpy(&ret_path->address, &((const struct sockaddr_in *)from)->sin_addr,
		       sizeof(struct in_addr));
	else
		ret_path->address = ((const struct sockaddr_in6 *)from)->sin6_addr;
}

static bool is_same(const struct path *a, const struct path *b)
{
	return a->family == b->family && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

/* What the connection's bytes leave by. Whoever talks to an address of its own machine has that as its own.
 */
static uint8_t find_path(struct worker *worker, const struct conn *conn)
{
	struct zero_copy *zero_copy = worker->zero_copy;
	struct sockaddr_storage here, there;
	struct path path = { 0 }, peer = { 0 };
	unsigned i;

	if (ring_address(worker->ring, conn->fd, false, &here) < 0 ||
	    ring_address(worker->ring, conn->fd, true, &there) < 0 ||
	    (here.ss_family != AF_INET && here.ss_family != AF_INET6))
		return PATH_NEVER;
	read_address(&here, &path);
	read_address(&there, &peer);
	if (is_same(&path, &peer))
		path = (struct path){ .family = AF_UNSPEC };
	for (i = 0; i < zero_copy->path_count; i++)
		if (is_same(&zero_copy->path[i], &path))
			return (uint8_t)(i + 1);
	if (i == PATHS)
		return PATHS;
	zero_copy->path[zero_copy->path_count++] = path;
	return (uint8_t)(i + 1);
}

static bool may_leave(struct worker *worker, struct conn *conn)
{
	if (conn->zero_copy_path == PATH_UNKNOWN)
		conn->zero_copy_path = find_path(worker, conn);
	return conn->zero_copy_path != PATH_NEVER &&
	       worker->clock.monotonic_ms >= worker->zero_copy->path[conn->zero_copy_path - 1].away_ms;
}

static void leave(struct worker *worker, struct path *path)
{
	char text[INET6_ADDRSTRLEN] = "this machine to itself";
	uint64_t key = TOLD_UNREGISTERED + path->family;

	path->reports = ON_PROBATION;
	path->away_ms = worker->clock.monotonic_ms + AWAY_MS;
	stats_add(&worker->stats, COUNTER_zero_copy_left, 1);
	for (size_t i = 0; i < sizeof(path->address); i++)
		key = key * 31 + path->address.s6_addr[i];
	if (!log_is_new(key))
		return;
	if (path->family != AF_UNSPEC)
		inet_ntop(path->family, &path->address, text, sizeof(text));
	log_warning("zero_copy: the kernel copies what leaves from %s, so it is sent without; tried again "
		    "every %d s",
		    text, AWAY_MS / 1000);
}

static void count_report(struct worker *worker, uint8_t index, bool copied)
{
	struct path *path = &worker->zero_copy->path[index - 1];

	if (copied)
		stats_add(&worker->stats, COUNTER_zero_copy_copied, 1);
	/* What was under way when it was left says nothing new. */
	if (worker->clock.monotonic_ms < path->away_ms)
		return;
	path->reports = (uint16_t)(path->reports << 1 | copied);
	if (__builtin_popcount(path->reports) >= COPIED_MAX)
		leave(worker, path);
}

/* Bodies */

bool zero_copy_begin(struct worker *worker, struct conn *conn, struct asset *asset, const struct range *range)
{
	struct zero_copy *zero_copy = worker->zero_copy;
	uint64_t size = range->last - range->first + 1;

	/* Pages of the server's own are freed past worker_drop_asset(), so they are never registered. */
	if (!asset->body || !asset_is_file(asset) || asset->is_shared || size < worker->zero_copy_size ||
	    !may_leave(worker, conn))
		return false;
	if (*find(zero_copy, asset) == NO_PLACE && !register_memory(worker, asset)) {
		stats_add(&worker->stats, COUNTER_zero_copy_refused, 1);
		return false;
	}
	check(!conn->file);
	asset_ref(asset);
	conn->file = asset;
	conn->file_at = range->first;
	conn->file_end = range->last + 1;
	return true;
}

void zero_copy_offer(struct worker *worker, struct conn *conn, const struct answer *answer)
{
	if (answer->has_body && !answer->is_parts)
		zero_copy_begin(worker, conn, answer->asset, &answer->range);
}

/* What is left of the body becomes a piece as any other; nothing else is queued while a body is sent. */
static enum body_file_result go_on_by_copying(struct conn *conn)
{
	check(!conn->out && !conn->flight);
	conn->out = conn->file->body + conn->file_at;
	conn->out_size = (uint32_t)(conn->file_end - conn->file_at);
	conn->out_asset = conn->file; /* with its reference */
	conn->file = NULL;
	return BODY_FILE_TURN_OVER;
}

enum body_file_result zero_copy_turn(struct worker *worker, struct conn *conn)
{
	struct zero_copy *zero_copy = worker->zero_copy;
	uint64_t left = conn->file_end - conn->file_at;
	uint64_t size = left < worker->config->turn ? left : worker->config->turn;
	uint16_t index = zero_copy->free_sending;
	uint16_t place = *find(zero_copy, conn->file);
	struct sending *sending;

	check(place != NO_PLACE && !conn->zero_copying);
	if (!may_leave(worker, conn))
		return go_on_by_copying(conn);
	if (index == SENDINGS) {
		stats_add(&worker->stats, COUNTER_zero_copy_refused, 1);
		return go_on_by_copying(conn);
	}
	sending = &zero_copy->sending[index];
	zero_copy->free_sending = sending->next_free;
	zero_copy->pending++;
	*sending = (struct sending){
		.asset = conn->file,
		.conn_index = conn->index,
		.conn_generation = conn->generation,
		.size = (uint32_t)size,
		.path = conn->zero_copy_path,
	};
	asset_ref(conn->file);
	conn->zero_copying = true;
	ring_submit_send_zero_copy(worker->ring, op_tag(OP_ZERO_COPY, 0, index), conn->fd, place,
				   conn->file->body + conn->file_at, size);
	return BODY_FILE_COLD;
}

/* Sockets, kernels and limits may refuse SEND_ZC, but not a send. */
static bool is_refusal(int error)
{
	return error == -EOPNOTSUPP || error == -EINVAL || error == -EFAULT || error == -ENOMEM ||
	       error == -ENOBUFS;
}

/* What the result of a send means for the body. */
static enum body_file_result take(struct worker *worker, struct conn *conn, int result, uint32_t asked)
{
	if (result == 0 || result == -EAGAIN || result == -EINTR)
		return BODY_FILE_FULL;
	if (is_refusal(result)) {
		conn->zero_copy_path = PATH_NEVER;
		stats_add(&worker->stats, COUNTER_zero_copy_refused, 1);
		return go_on_by_copying(conn);
	}
	if (result < 0)
		return BODY_FILE_BROKEN;
	conn->file_at += (uint32_t)result;
	progress_add(conn, (uint32_t)result);
	stats_add(&worker->stats, COUNTER_bytes_sent, (uint32_t)result);
	stats_add(&worker->stats, COUNTER_zero_copy_sent, 1);
	if (conn->file_at == conn->file_end)
		return BODY_FILE_DONE;
	/* A short count is a full socket nearly always; where only a change of that is waited for, make sure.
	 */
	return (uint32_t)result == asked || conn->writable_armed ? BODY_FILE_TURN_OVER : BODY_FILE_FULL;
}

static void release(struct worker *worker, uint16_t index)
{
	struct zero_copy *zero_copy = worker->zero_copy;
	struct sending *sending = &zero_copy->sending[index];

	worker_release(worker, sending->asset);
	sending->asset = NULL;
	sending->next_free = zero_copy->free_sending;
	zero_copy->free_sending = index;
	zero_copy->pending--;
}

static void on_result(struct worker *worker, struct sending *sending, const struct completion *completion)
{
	struct conn *conn = conn_find(&worker->conns, sending->conn_index, sending->conn_generation);
	enum body_file_result result = BODY_FILE_BROKEN;

	sending->answered = true;
	sending->took = completion->result > 0;
	if (!(completion->flags & COMPLETION_MORE))
		sending->notified = true;
	/* Neither its slot nor its socket was given back while a send of it had no result. */
	check(conn && conn->zero_copying);
	conn->zero_copying = false;
	if (conn->state != CONN_CLOSING)
		result = take(worker, conn, completion->result, sending->size);
	send_on_zero_copy(worker, conn, result);
}

void zero_copy_on_completion(struct worker *worker, const struct completion *completion)
{
	uint16_t index = (uint16_t)op_index(completion->tag);
	struct sending *sending = &worker->zero_copy->sending[index];

	check(index < SENDINGS && sending->asset);
	if (!(completion->flags & COMPLETION_NOTIFICATION)) {
		on_result(worker, sending, completion);
	} else {
		sending->notified = true;
		if (sending->took)
			count_report(worker, sending->path, completion_was_copied(completion));
	}
	if (sending->answered && sending->notified)
		release(worker, index);
}

bool zero_copy_is_pending(const struct worker *worker)
{
	return worker->zero_copy && worker->zero_copy->pending > 0;
}
