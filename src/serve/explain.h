/* SPDX-License-Identifier: MIT */
/*
 * One explanation under way: what serve/explain (the journey of a request), serve/explain_load and
 * explain_make (from a path to assets) and serve/explain_tell (lines for a person) share.
 *
 * A second driver of what decides for the server: the same functions of http/ and site/, asked one after
 * the other on the caller's thread, with the file system asked at once and a trace that is written down.
 * Nothing is cached and no body is read.
 */
#ifndef QUOIT_SERVE_EXPLAIN_H
#define QUOIT_SERVE_EXPLAIN_H

#include "base/text.h"
#include "base/trace.h"
#include "http/http1.h"
#include "serve/plan.h"
#include "site/answer.h"

/* Chains and pages that one answer can come by: of the path, its fallback, an error's page, and built-in
 * ones. */
#define EXPLAIN_CHAINS 8

/* What the header rules did where an asset was made. */
struct explain_note {
	struct explain_note *next;
	const struct asset *asset;
	struct trace trace;
	struct text lines; /* each with a newline */
};

struct explanation {
	const struct plan *plan;
	void (*report)(void *context, const char *line);
	void *context;
	int64_t now;
	int compress_folder; /* -1: there is none */
	bool failed;         /* no memory: something is missing */

	struct trace trace;  /* what decides tells it here */
	const char *section; /* of the line before */
	const char *topic;   /* of traced lines that name none themselves */
	unsigned told;       /* bit per line of a trace that is told once (explain_tell.c) */

	struct asset *chain[EXPLAIN_CHAINS]; /* one reference each */
	unsigned chain_count;
	struct explain_note *notes;
};

/* Of explain_tell.c */

void explain_begin(struct explanation *explanation);
/* A line of a section; its name stands in front of the first of several. Control bytes are written as \x1b.
 */
void explain_say(struct explanation *explanation, const char *section, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* From here on conditions, ranges, language and coding are told anew. */
void explain_forget(struct explanation *explanation);
/* Has the trace said something of this section ("range")? */
bool explain_has_told(const struct explanation *explanation, const char *section);

/*
 * A note, to be taken by one asset: it is made with the note's trace. NULL: no memory; the asset can be made
 * nonetheless.
 */
struct explain_note *explain_note_create(struct explanation *explanation);

static inline const struct trace *explain_trace_of(const struct explain_note *note)
{
	return note ? &note->trace : NULL;
}

static inline struct asset *explain_noted(struct explain_note *note, struct asset *asset)
{
	if (note)
		note->asset = asset;
	return asset;
}

/* What the rules did to an answer of this status. */
void explain_say_rules(struct explanation *explanation, const struct asset *asset, unsigned status);

void explain_say_host(struct explanation *explanation, const struct site *site, struct bytes host);
void explain_say_target(struct explanation *explanation, struct bytes raw, const struct target *target);
/* The chain that a name resolved to, and by what the choice in it is made. */
void explain_say_forms(struct explanation *explanation, const struct site *site, const struct asset *first,
		       const struct request *request);
void explain_say_answer(struct explanation *explanation, const struct request *request,
			const struct answer *answer);

/* Of explain_load.c; NULL: no memory. What is returned is held until the end. */

/* What a path stands for: a chain, a redirect or a page. `kind` as in struct resolve_input. */
struct asset *explain_load(struct explanation *explanation, const struct site *site, unsigned kind,
			   struct bytes path);
/* The built-in page of a status. */
struct asset *explain_built_in(struct explanation *explanation, const struct site *site, unsigned status);
/* Release what is held. */
void explain_end(struct explanation *explanation);

/* Nobody cancels: whoever waits for an explanation can end the process. */
extern const _Atomic bool explain_never;

/* Of explain_make.c */

/* Make what an answer needs: NEED_DIGEST of its asset, or NEED_DECODED of it, for the subject's chain. */
void explain_make(struct explanation *explanation, const struct subject *subject,
		  const struct answer *answer);

#endif
