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

/* Its ready head is to say that the connection ends. The line becomes shorter, and all behind it moves up. */
static void say_close(struct asset *asset)
{
	struct asset_head *head = &asset->ready;
	uint8_t *line = head->base + head->connection_offset;
	size_t cut = HEAD_KEEP_ALIVE.size - HEAD_CLOSE.size;
	const uint8_t *behind = line + HEAD_KEEP_ALIVE.size;

	memcpy(line, HEAD_CLOSE.base, HEAD_CLOSE.size);
	memmove(line + HEAD_CLOSE.size, behind, (size_t)(asset->body + asset->size - behind));
	head->size -= (uint32_t)cut;
	asset->body -= cut;
	if (head->date_offset > head->connection_offset)
		head->date_offset -= (uint32_t)cut;
	if (asset->type.base > line)
		asset->type.base -= cut;
	asset->closes = true;
}

static bool add_page(struct asset **place, const struct site *site, unsigned status, int64_t now)
{
	*place = pages_create(site, status, now);
	if (*place)
		(*place)->is_shared = true;
	return *place != NULL;
}

bool pages_init(struct pages *pages, const struct site *site, int64_t now)
{
	memset(pages, 0, sizeof(*pages));
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		if (!has_page(codes[i]))
			continue;
		if (!add_page(&pages->page[i], site, codes[i], now))
			goto fail;
		if (codes[i] < 400)
			continue;
		if (!add_page(&pages->refusal[i], site, codes[i], now))
			goto fail;
		say_close(pages->refusal[i]);
	}
	return true;
fail:
	pages_deinit(pages);
	return false;
}

static void drop(struct asset *asset)
{
	if (asset && asset_unref(asset))
		asset_free(asset);
}

void pages_deinit(struct pages *pages)
{
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		drop(pages->page[i]);
		drop(pages->refusal[i]);
	}
	memset(pages, 0, sizeof(*pages));
}

static struct asset *find(struct asset *const set[PAGE_COUNT], unsigned status)
{
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		if (codes[i] == status) {
			check(set[i]);
			return set[i];
		}
	}
	check(!"a status without a row");
	return NULL;
}

struct asset *pages_get(const struct pages *pages, unsigned status)
{
	return find(pages->page, status);
}

struct asset *pages_get_refusal(const struct pages *pages, unsigned status)
{
	return find(pages->refusal, status);
}
