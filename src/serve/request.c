/* SPDX-License-Identifier: MIT */
/*
 * Site, target, asset, answer: the second half of a request's journey.
 *
 *   target -> site by Host -> fetch (assets) -> site/answer -> send
 *                               ^                 |
 *                               +-- a fallback, an error page, a digest, a plain form is needed first
 *
 * Called by receive with a whole head. Whatever has to be waited for leaves the head in the stash; when
 * it is there the same request comes again, and what was waited for is in the connection.
 */
#include "serve/request.h"

#include "base/check.h"
#include "http/target.h"
#include "serve/fetch.h"
#include "serve/making.h"
#include "serve/recall.h"
#include "serve/send.h"
#include "serve/worker.h"
#include "site/answer.h"
#include "site/resolve.h"

/* Out of line: a small file from the cache need not save registers for what others need. */
#define ASIDE __attribute__((noinline))

/* What is known of the request beside its head. */
struct inquiry {
	struct request *request;
	struct target target;
	struct subject subject;
	struct answer answer;
	struct cache_key key; /* of subject.first */
	struct entry *hit;    /* what the answer hangs on alone; NULL: on more, or it was waited for */
	bool is_looked_at;    /* the answer's file, in this turn */
};

bool request_is_served(enum method method)
{
	return method == METHOD_GET || method == METHOD_HEAD || method == METHOD_OPTIONS;
}

void request_drop(struct worker *worker, struct conn *conn)
{
	if (conn->resolved)
		worker_release(worker, conn->resolved);
	if (conn->page)
		worker_release(worker, conn->page);
	conn->resolved = NULL;
	conn->page = NULL;
	conn->is_fallback = false;
}

static const struct site *find_site(struct worker *worker, const struct request *request,
				    struct bytes authority)
{
	const struct sites *sites = worker->sites;

	if (!sites->hosts)
		return sites->site[0];
	return sites_find(sites, request_host(request, authority));
}

static struct cache_key fallback_key(const struct site *site)
{
	return (struct cache_key){ site, RESOLVE_FALLBACK, bytes_string(site->options.fallback) };
}

/* What is waited for next must not lose what has been found. */
static void hold(struct conn *conn, struct asset *first)
{
	if (conn->resolved || !first)
		return;
	conn->resolved = first;
	asset_ref(first);
}

/* The name is not there, and somebody navigates to it: the site's fallback stands in. */
static bool use_fallback(struct worker *worker, struct conn *conn, struct inquiry *inquiry)
{
	struct asset *asset;

	request_drop(worker, conn); /* what is not there is needed no more */
	inquiry->key = fallback_key(inquiry->subject.site);
	asset = fetch_asset(worker, conn, &inquiry->key, AWAITS_FALLBACK, &inquiry->hit);
	inquiry->hit = NULL;
	if (!asset)
		return false;
	inquiry->subject.first = asset;
	inquiry->subject.is_fallback = true;
	answer_asset(&inquiry->answer, inquiry->request, &inquiry->subject, NULL);
	return true;
}

static bool use_page(struct worker *worker, struct conn *conn, struct inquiry *inquiry)
{
	const struct site *site = inquiry->subject.site;
	unsigned status = inquiry->answer.status;
	struct bytes path = site_error_page(site, status);
	struct asset *page = conn->page;
	struct asset *built_in;

	if (!page && path.size > 0) {
		struct cache_key key = { site, status, path };

		hold(conn, inquiry->subject.first);
		page = fetch_asset(worker, conn, &key, AWAITS_PAGE, &inquiry->hit);
		inquiry->hit = NULL;
		if (!page)
			return false;
	}
	built_in = fetch_built_in(worker, site, status);
	answer_page(&inquiry->answer, inquiry->request, site, status, page ? page : built_in, built_in);
	return true;
}

static bool use_made(struct worker *worker, struct conn *conn, struct inquiry *inquiry)
{
	struct subject *subject = &inquiry->subject;

	inquiry->hit = NULL;
	if (making_wait(worker, conn, inquiry->answer.need, &inquiry->key, subject->first,
			inquiry->answer.asset)) {
		hold(conn, subject->first);
		return false;
	}
	answer_asset(&inquiry->answer, inquiry->request, subject, NULL);
	return true;
}

/* Go on until the answer needs nothing more. False: something is waited for, or there was no memory. */
ASIDE static bool complete(struct worker *worker, struct conn *conn, struct inquiry *inquiry)
{
	for (;;) {
		bool is_there = true;

		switch (inquiry->answer.need) {
		case NEED_NOTHING:
			return true;
		case NEED_FALLBACK:
			is_there = use_fallback(worker, conn, inquiry);
			break;
		case NEED_PAGE:
			is_there = use_page(worker, conn, inquiry);
			break;
		case NEED_DECODED:
		case NEED_DIGEST:
			is_there = use_made(worker, conn, inquiry);
			break;
		}
		if (!is_there)
			return false;
	}
}

/*
 * The body of a larger file is read when it is sent, so its head must not be older: one that has changed is
 * asked for again. What has just been waited for is new enough.
 */
ASIDE static bool is_current(struct worker *worker, struct conn *conn, struct inquiry *inquiry)
{
	const struct asset *asset = inquiry->answer.asset;
	struct asset *again;

	if (asset->kind != ASSET_FILE || inquiry->answer.need != NEED_NOTHING ||
	    fetch_file_is_same(worker, asset))
		return true;
	again = fetch_again(worker, conn, &inquiry->key,
			    inquiry->subject.is_fallback ? AWAITS_FALLBACK : AWAITS_FILE);
	if (!again)
		return false;
	inquiry->hit = NULL;
	inquiry->subject.first = again;
	answer_asset(&inquiry->answer, inquiry->request, &inquiry->subject, NULL);
	return true;
}

/* Find what the path stands for, and decide. False: as complete(). */
static bool decide(struct worker *worker, struct conn *conn, struct inquiry *inquiry)
{
	struct subject *subject = &inquiry->subject;

	subject->query = inquiry->target.query;
	subject->now = worker->clock.wall_s;
	subject->first = conn->resolved;
	subject->is_fallback = conn->is_fallback;
	inquiry->key = (struct cache_key){ subject->site, RESOLVE_PATH, inquiry->target.path };
	if (subject->is_fallback)
		inquiry->key = fallback_key(subject->site);
	if (!subject->first)
		subject->first = fetch_asset(worker, conn, &inquiry->key, AWAITS_FILE, &inquiry->hit);
	if (!subject->first)
		return false;
	answer_asset(&inquiry->answer, inquiry->request, subject, NULL);
	if (inquiry->answer.asset->fd >= 0 && !conn->resolved) {
		if (!is_current(worker, conn, inquiry))
			return false;
		inquiry->is_looked_at = inquiry->answer.need == NEED_NOTHING;
	}
	return inquiry->answer.need == NEED_NOTHING || complete(worker, conn, inquiry);
}

/* A status that is known without a file. */
ASIDE static bool answer_status(struct worker *worker, struct conn *conn, struct inquiry *inquiry,
				unsigned status)
{
	inquiry->answer.need = NEED_PAGE;
	inquiry->answer.status = (uint16_t)status;
	inquiry->answer.target = NULL;
	inquiry->subject.first = NULL;
	return complete(worker, conn, inquiry);
}

/* Lists that came in several lines are one list (RFC 9110 5.3). Kept until the answer is made. */
ASIDE static void join(struct worker *worker, struct request *request)
{
	uint8_t *out;

	text_clear(&worker->joined);
	out = text_reserve(&worker->joined, request->head_size);
	if (out)
		http1_join(request, out, request->head_size);
}

/*
 * In a drain every answer is the last one of its connection. But what came with its request, pipelined, would
 * be lost with it: for a moment it is answered first.
 */
static bool must_part(const struct worker *worker, const struct request *request)
{
	return worker->draining &&
	       (worker->clock.monotonic_ms >= worker->grace_end_ms ||
		request->head + request->head_size >= worker->scan.base + worker->scan.size ||
		request_has_body(request));
}

enum request_result request_answer(struct worker *worker, struct conn *conn, struct request *request)
{
	uint8_t scratch[32768]; /* the largest --target-size */
	struct inquiry inquiry;
	unsigned status;
	bool decided;

	/* A target that leads nowhere is not written: it has no authority that could outweigh Host. */
	inquiry.target.authority = bytes_make(NULL, 0);
	status = request_status(request, &inquiry.target, scratch);
	/* What was found under the configuration before does not go with the rules of this one. */
	if (conn->reloads != worker->reloads && (conn->resolved || conn->page))
		request_drop(worker, conn);
	/* Whoever sends a malformed target may mean something else by what follows, too. */
	if (status == 400 || must_part(worker, request) || request->method == METHOD_CONNECT)
		request->keep_alive = false;
	if (request->repeated & HTTP1_LIST_FIELDS)
		join(worker, request);
	inquiry.request = request;
	inquiry.hit = NULL;
	inquiry.is_looked_at = false;
	inquiry.subject.site = find_site(worker, request, inquiry.target.authority);
	decided =
		status == 0 ? decide(worker, conn, &inquiry) : answer_status(worker, conn, &inquiry, status);
	if (!decided)
		return conn->state == CONN_RESOLVING ? REQUEST_WAITS : REQUEST_LAST;
	if (status == 400) {
		stats_add(&worker->stats, COUNTER_requests_refused, 1);
		stats_add(&worker->stats, COUNTER_refused_400, 1);
	}
	if (inquiry.answer.status == 503)
		inquiry.answer.keep_alive = false; /* its slot may be what others need */
	send_answer(worker, conn, &inquiry.answer);
	/* Of anything else the first turn makes sure: it may have been waited for, or be a page that was not
	 * looked at. */
	if (conn->file && inquiry.is_looked_at)
		conn->file_is_same = true;
	if (inquiry.hit && !worker->draining)
		recall_keep(worker, request, inquiry.hit, &inquiry.answer);
	if (conn->resolved || conn->page)
		request_drop(worker, conn);
	return inquiry.answer.keep_alive ? REQUEST_ANSWERED : REQUEST_LAST;
}
