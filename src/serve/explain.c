/* SPDX-License-Identifier: MIT */
/*
 * Why is this answered so? The journey of one request without a server: quoit_explain().
 *
 *   URL and fields -> bytes of a request -> http1 -> target -> site -> explain_load -> site/answer -> head
 *
 * Called on the embedding program's thread. The request is really written and parsed, so that what the
 * server would refuse is refused here, for the same reason; what follows is what serve/receive and
 * serve/request do, without connection, ring and cache. It never sends, binds or changes anything. The hard
 * thing is to stay the same as the server: every decision is a call of what the server calls, and a test
 * compares the heads, byte for byte.
 */
#include "serve/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/body.h"
#include "http/host.h"
#include "http/multipart.h"
#include "http/scan.h"
#include "quoit.h"
#include "serve/request.h"
#include "serve/server.h"
#include "site/resolve.h"

/* Too large for a stack that is not ours. */
struct journey {
	struct explanation explanation;
	const char *method;
	struct bytes authority; /* of the URL */
	struct bytes url_target;
	struct text wire; /* the request as a client would send it */
	struct scan scan;
	struct request request;
	struct text joined; /* fields that came in several lines */
	struct target target;
	uint8_t scratch[32768]; /* the largest --target-size */
	struct subject subject;
	struct answer answer;
	bool is_continued; /* 100 Continue goes first */
};

/* The request */

static bool has_line_end(const char *text)
{
	return strpbrk(text, "\r\n");
}

/* "https://user@host:1/a?b#c" to "host:1" and "/a?b"; "/a?b" has no authority. False: neither. */
static bool split_url(struct journey *journey, const char *url)
{
	struct bytes rest = bytes_make(url, strcspn(url, "#")), http = BYTES("http://"),
		     https = BYTES("https://");
	const uint8_t *at;

	journey->authority = bytes_make(url, 0);
	journey->url_target = rest;
	if (rest.size > 0 && (url[0] == '/' || bytes_equal(rest, BYTES("*"))))
		return true;
	if (rest.size >= https.size && bytes_equal_nocase(bytes_make(url, https.size), https))
		rest = bytes_skip(rest, https.size);
	else if (rest.size >= http.size && bytes_equal_nocase(bytes_make(url, http.size), http))
		rest = bytes_skip(rest, http.size);
	else
		return false;
	journey->authority = bytes_make(rest.base, strcspn((const char *)rest.base, "/?#"));
	journey->url_target = bytes_skip(rest, journey->authority.size);
	at = memrchr(journey->authority.base, '@', journey->authority.size);
	if (at)
		journey->authority =
			bytes_skip(journey->authority, (size_t)(at - journey->authority.base) + 1);
	return journey->authority.size > 0;
}

static bool is_host_line(const char *line)
{
	return bytes_equal_nocase(bytes_make(line, strcspn(line, ":")), BYTES("Host"));
}

static bool gives_host(const struct quoit_request *request)
{
	for (unsigned i = 0; i < request->field_count; i++)
		if (is_host_line(request->fields[i]))
			return true;
	return false;
}

/* What a client writes; -EINVAL for what none could. */
static int write_request(struct journey *journey, const struct quoit_request *request, struct fault *fault)
{
	struct text *wire = &journey->wire;

	journey->method = request->method ? request->method : "GET";
	if (!split_url(journey, request->url))
		return fault_set(fault, -EINVAL, "\"%s\" is no URL; write /path or http://host/path",
				 request->url);
	if (has_line_end(request->url) || has_line_end(journey->method))
		return fault_set(fault, -EINVAL, "neither a URL nor a method has a line end");
	text_format(wire, "%s %s%.*s HTTP/1.1\r\n", journey->method,
		    journey->url_target.size == 0 || journey->url_target.base[0] == '?' ? "/" : "",
		    (int)journey->url_target.size, (const char *)journey->url_target.base);
	if (!gives_host(request)) {
		struct bytes host = journey->authority.size > 0 ? journey->authority : BYTES("localhost");

		text_format(wire, "Host: %.*s\r\n", (int)host.size, (const char *)host.base);
	}
	for (unsigned i = 0; i < request->field_count; i++) {
		const char *line = request->fields[i];

		if (!strchr(line, ':') || has_line_end(line))
			return fault_set(fault, -EINVAL,
					 "\"%s\" is no field; write one such as 'Accept-Encoding: br'", line);
		text_format(wire, "%s\r\n", line);
	}
	text_add(wire, BYTES("\r\n"));
	return wire->failed ? fault_set(fault, -ENOMEM, "no memory") : 0;
}

static void say_request(struct journey *journey)
{
	const char *line = text_string(&journey->wire), *end;

	for (; (end = strstr(line, "\r\n")) && end > line; line = end + 2)
		explain_say(&journey->explanation, "request", "%.*s", (int)(end - line), line);
}

/* Refusals */

static void say_refusal(struct journey *journey, unsigned status)
{
	const struct config *config = &journey->explanation.plan->config;
	struct explanation *explanation = &journey->explanation;

	switch (status) {
	case 413:
		explain_say(explanation, "refused", "413: a body longer than --body-size, %llu bytes",
			    (unsigned long long)config->body_size);
		break;
	case 414:
		explain_say(explanation, "refused", "414: a target longer than --target-size, %llu bytes",
			    (unsigned long long)config->target_size);
		break;
	case 417:
		explain_say(explanation, "refused", "417: of expectations only 100-continue is known");
		break;
	case 431:
		explain_say(explanation, "refused",
			    "431: a head longer than --head-size, %llu bytes, or of more than --fields, %llu",
			    (unsigned long long)config->head_size, (unsigned long long)config->fields);
		break;
	case 501:
		explain_say(explanation, "refused",
			    "501: a method, or a transfer coding, that is not known here");
		break;
	default:
		if (journey->authority.size > 0 && !host_is_valid(journey->authority))
			explain_say(explanation, "refused", "%u: %.*s is no host", status,
				    (int)journey->authority.size, (const char *)journey->authority.base);
		else
			explain_say(explanation, "refused",
				    "%u: the request line, a field or the Host is malformed (RFC 9112)",
				    status);
	}
}

/* Answer and close. */
static void refuse(struct journey *journey, unsigned status)
{
	struct explanation *explanation = &journey->explanation;
	struct asset *page = explain_built_in(explanation, explanation->plan->sites->site[0], status);

	if (page)
		answer_refusal(&journey->answer, journey->request.method, page);
}

/* The status to refuse the request with before its body is there, or 0. */
static unsigned look_at_body(struct journey *journey)
{
	struct request *request = &journey->request;
	struct body body;

	if (!request_has_body(request))
		return 0;
	if (body_begin(&body, request, journey->explanation.plan->config.body_size) == BODY_TOO_LARGE)
		return 413;
	if (request->expect_continue && !request_is_served(request->method))
		return 405;
	journey->is_continued = request->expect_continue;
	explain_say(&journey->explanation, "body", "is read off first, and thrown away");
	return 0;
}

/* The decision */

static void use_fallback(struct journey *journey)
{
	struct explanation *explanation = &journey->explanation;
	struct subject *subject = &journey->subject;
	const char *fallback = subject->site->options.fallback;

	explain_say(explanation, "fallback", "%s, as this is a navigation", fallback);
	explain_forget(explanation);
	subject->first = explain_load(explanation, subject->site, RESOLVE_FALLBACK, bytes_string(fallback));
	if (!subject->first)
		return;
	subject->is_fallback = true;
	explain_say_forms(explanation, subject->site, subject->first, &journey->request);
	answer_asset(&journey->answer, &journey->request, subject, &explanation->trace);
}

static void use_page(struct journey *journey)
{
	struct explanation *explanation = &journey->explanation;
	const struct site *site = journey->subject.site;
	unsigned status = journey->answer.status;
	struct bytes path = site_error_page(site, status);
	struct asset *page = NULL, *built_in;

	if (path.size > 0) {
		explain_say(explanation, "error page", "%.*s for %u", (int)path.size, (const char *)path.base,
			    status);
		page = explain_load(explanation, site, status, path);
	}
	built_in = explain_built_in(explanation, site, status);
	if (explanation->failed)
		return;
	answer_page(&journey->answer, &journey->request, site, status, page ? page : built_in, built_in);
}

/* Go on until the answer needs nothing more. */
static void complete(struct journey *journey)
{
	struct explanation *explanation = &journey->explanation;

	while (!explanation->failed) {
		switch (journey->answer.need) {
		case NEED_NOTHING:
			return;
		case NEED_FALLBACK:
			use_fallback(journey);
			break;
		case NEED_PAGE:
			use_page(journey);
			break;
		case NEED_DECODED:
		case NEED_DIGEST:
			explain_make(explanation, &journey->subject, &journey->answer);
			answer_asset(&journey->answer, &journey->request, &journey->subject,
				     &explanation->trace);
			break;
		}
	}
}

/* Find what the path stands for, and decide. */
static void decide(struct journey *journey)
{
	struct explanation *explanation = &journey->explanation;
	struct subject *subject = &journey->subject;

	subject->query = journey->target.query;
	subject->now = explanation->now;
	subject->first = explain_load(explanation, subject->site, RESOLVE_PATH, journey->target.path);
	if (!subject->first)
		return;
	explain_say_forms(explanation, subject->site, subject->first, &journey->request);
	answer_asset(&journey->answer, &journey->request, subject, &explanation->trace);
	if (journey->answer.need == NEED_PAGE && subject->first->status == 404 &&
	    subject->site->options.fallback[0])
		explain_say(explanation, "fallback", "not used: this is no navigation");
	complete(journey);
}

/* A status that is known without a file, and why. */
static void answer_status(struct journey *journey, unsigned status)
{
	struct explanation *explanation = &journey->explanation;

	if (status == 400)
		explain_say(explanation, "target",
			    "400: malformed: a bad %%, a %%00, a .. above the root, or no form of a target");
	else if (status == 405)
		explain_say(explanation, "method", "405: %s is not served", journey->method);
	else if (status == 204)
		explain_say(explanation, "method", "204: OPTIONS is told what there is");
	else if (journey->target.hidden)
		explain_say(explanation, "refused", "%u: a name that begins with a dot is never served",
			    status);
	else
		explain_say(explanation, "refused", "%u: no name of a file contains a slash (%%2F)", status);
	journey->answer.need = NEED_PAGE;
	journey->answer.status = (uint16_t)status;
	complete(journey);
}

static void join(struct journey *journey)
{
	struct request *request = &journey->request;
	uint8_t *out = text_reserve(&journey->joined, request->head_size);

	if (out)
		http1_join(request, out, request->head_size);
	else
		journey->explanation.failed = true;
}

static void answer(struct journey *journey)
{
	struct explanation *explanation = &journey->explanation;
	struct request *request = &journey->request;
	unsigned status = request_status(request, &journey->target, journey->scratch);
	struct bytes host;

	if (status == 400 || request->method == METHOD_CONNECT)
		request->keep_alive = false;
	if (request->repeated & HTTP1_LIST_FIELDS)
		join(journey);
	host = request_host(request, journey->target.authority);
	journey->subject.site = sites_find(explanation->plan->sites, host);
	explain_say_host(explanation, journey->subject.site, host);
	if (status == 0 || status == 204 || journey->target.hidden)
		explain_say_target(explanation, request->target, &journey->target);
	if (status == 0)
		decide(journey);
	else
		answer_status(journey, status);
}

/* The head */

static void add_composed(const struct journey *journey, struct text *head)
{
	const struct answer *given = &journey->answer;
	struct multipart multipart;
	uint8_t *out = text_reserve(head, answer_compose_size(given));

	if (!out)
		return;
	/* The server's boundary is another one each time. */
	if (given->is_parts)
		multipart_init(&multipart, &given->ranges, given->asset->size, given->asset->type, 0);
	head->size +=
		answer_compose(given, given->is_parts ? &multipart : NULL, journey->explanation.now, out);
	head->base[head->size] = 0;
}

/* As serve/send puts it together. */
static void write_head(const struct journey *journey, struct text *head)
{
	const struct answer *given = &journey->answer;
	const struct asset *asset = given->asset;
	const struct asset_head *made = given->head == ANSWER_READY ? &asset->ready : &asset->not_modified;
	size_t behind = made->connection_offset + HEAD_KEEP_ALIVE.size;

	if (journey->is_continued)
		text_add(head, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
	if (given->has_hints)
		text_add(head, asset->hints);
	if (given->head == ANSWER_COMPOSED) {
		add_composed(journey, head);
	} else if (given->keep_alive) {
		text_add(head, bytes_make(made->base, made->size));
	} else {
		text_add(head, bytes_make(made->base, made->connection_offset));
		text_add(head, HEAD_CLOSE);
		text_add(head, bytes_make(made->base + behind, made->size - behind));
	}
}

/* Each line keeps its CR. */
static void report_head(struct journey *journey)
{
	struct explanation *explanation = &journey->explanation;
	struct text head = TEXT_EMPTY;
	uint8_t *line, *end;

	write_head(journey, &head);
	explanation->failed = head.failed;
	if (!head.failed)
		explanation->report(explanation->context, "");
	for (line = head.base; !head.failed && line < head.base + head.size; line = end + 1) {
		end = memchr(line, '\n', (size_t)(head.base + head.size - line));
		*end = 0;
		explanation->report(explanation->context, (const char *)line);
	}
	text_deinit(&head);
}

static void travel(struct journey *journey)
{
	const struct config *config = &journey->explanation.plan->config;
	const struct http1_limits limits = {
		.head_size_max = (uint32_t)config->head_size,
		.target_size_max = (uint32_t)config->target_size,
		.fields_max = (uint32_t)config->fields,
	};
	size_t size = journey->wire.size < SCAN_SIZE_MAX ? journey->wire.size : SCAN_SIZE_MAX;
	unsigned refusal;

	say_request(journey);
	scan_index(&journey->scan, journey->wire.base, size);
	if (http1_parse(&journey->scan, 0, &limits, &journey->request) == HTTP1_COMPLETE)
		refusal = look_at_body(journey);
	else
		refusal = journey->request.refusal;
	if (refusal == 0) {
		answer(journey);
	} else {
		if (refusal == 405)
			explain_say(&journey->explanation, "method", "405: %s is not served",
				    journey->method);
		else
			say_refusal(journey, refusal);
		refuse(journey, refusal);
	}
	if (journey->explanation.failed)
		return;
	explain_say_answer(&journey->explanation, &journey->request, &journey->answer);
	report_head(journey);
}

static int explain(struct journey *journey, struct server *server)
{
	struct explanation *explanation = &journey->explanation;
	struct plan plan;
	int error;

	server_raise_descriptors();
	error = server_make_plan(server, &plan);
	if (error < 0)
		return error;
	explain_begin(explanation);
	explanation->plan = &plan;
	explanation->now = time(NULL);
	explanation->compress_folder = open(plan.config.compress_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	travel(journey);
	explain_end(explanation);
	if (explanation->compress_folder >= 0)
		close(explanation->compress_folder);
	plan_deinit(&plan);
	return explanation->failed ? fault_set(&server->fault, -ENOMEM, "no memory") : 0;
}

int quoit_explain(struct quoit *quoit, const struct quoit_request *request,
		  void (*report)(void *context, const char *line), void *context)
{
	struct server *server = server_of(quoit);
	struct journey *journey = mem_alloc_zeroed(1, sizeof(*journey));
	int error;

	if (!journey)
		return fault_set(&server->fault, -ENOMEM, "no memory");
	journey->explanation.report = report;
	journey->explanation.context = context;
	error = write_request(journey, request, &server->fault);
	if (error == 0)
		error = explain(journey, server);
	text_deinit(&journey->wire);
	text_deinit(&journey->joined);
	mem_free(journey);
	return error;
}
