/* SPDX-License-Identifier: MIT */
/*
 * Compiles the answers that no file stands behind.
 *
 * Those of the default site are made at a worker's start, one for each error of http/status.def, so
 * that an error costs no more to answer than a file; those of other sites whose rules change them
 * are made by serve/fetch when they are needed, and cached like files. A page says what the status
 * says and repeats nothing of the request.
 */
#include "site/pages.h"

#include "base/check.h"
#include "base/text.h"
#include "http/head.h"
#include "site/escape.h"

static const uint16_t codes[PAGE_COUNT] = {
#define STATUS(code, reason) code,
#include "http/status.def"
#undef STATUS
};

static bool has_page(unsigned status)
{
	return status == 204 || status >= 400;
}

/* The small HTML body; where it leads to is left out when there is nowhere. */
static void write_page(struct text *text, unsigned status, struct bytes location)
{
	const char *reason = (const char *)status_reason(status).base;

	text_format(text,
		    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%u %s</title>\n"
		    "<h1>%u %s</h1>\n",
		    status, reason, status, reason);
	if (location.size > 0) {
		text_add(text, BYTES("<p>It is <a href=\""));
		escape_html(text, location);
		text_add(text, BYTES("\">here</a>.</p>\n"));
	}
	text_add(text, BYTES("</html>\n"));
}

static struct asset *create(struct asset_spec *spec, int64_t now)
{
	struct text text = TEXT_EMPTY;
	struct asset *asset = NULL;

	if (spec->status != 204) {
		spec->type = (struct mime){ BYTES("text/html"), true };
		write_page(&text, spec->status, spec->location);
	}
	spec->language = LANGUAGE_NONE;
	spec->size = text.size;
	spec->in_memory = true;
	if (!text.failed)
		asset = asset_create(spec, now);
	if (asset && text.size > 0)
		memcpy(asset->body, text.base, text.size);
	text_deinit(&text);
	return asset;
}

struct asset *pages_trace(const struct site *site, unsigned status, int64_t now, const struct trace *trace)
{
	struct asset_spec spec = { .site = site, .kind = ASSET_PAGE, .status = status, .trace = trace };

	/* Where a navigation would have been answered by the fallback, the answer depends on it. */
	if (status == 404 && site->options.fallback[0])
		spec.vary = VARY_ACCEPT | VARY_MODE;
	return create(&spec, now);
}

struct asset *pages_create(const struct site *site, unsigned status, int64_t now)
{
	return pages_trace(site, status, now, NULL);
}

struct asset *pages_trace_redirect(const struct site *site, unsigned status, struct bytes location,
				   int64_t now, const struct trace *trace)
{
	struct asset_spec spec = {
		.site = site, .kind = ASSET_REDIRECT, .status = status, .location = location, .trace = trace
	};

	return create(&spec, now);
}

struct asset *pages_create_redirect(const struct site *site, unsigned status, struct bytes location,
				    int64_t now)
{
	return pages_trace_redirect(site, status, location, now, NULL);
}

bool pages_init(struct pages *pages, const struct site *site, int64_t now)
{
	memset(pages, 0, sizeof(*pages));
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		if (!has_page(codes[i]))
			continue;
		pages->page[i] = pages_create(site, codes[i], now);
		if (!pages->page[i]) {
			pages_deinit(pages);
			return false;
		}
		pages->page[i]->is_shared = true;
	}
	return true;
}

void pages_deinit(struct pages *pages)
{
	for (unsigned i = 0; i < PAGE_COUNT; i++)
		if (pages->page[i] && asset_unref(pages->page[i]))
			asset_free(pages->page[i]);
	memset(pages, 0, sizeof(*pages));
}

struct asset *pages_get(const struct pages *pages, unsigned status)
{
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		if (codes[i] == status) {
			check(pages->page[i]);
			return pages->page[i];
		}
	}
	check(!"a status without a row");
	return NULL;
}
