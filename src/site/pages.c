/* SPDX-License-Identifier: MIT */
/*
 * Compiles one page per status at a worker's start, so that an error costs no more to answer
 * than a file. The rows are those of http/status.def.
 */
#include "site/pages.h"

#include "base/check.h"

static const uint16_t codes[PAGE_COUNT] = {
#define STATUS(code, reason) code,
#include "http/status.def"
#undef STATUS
};

/* Fields that a status asks for beyond the usual ones. */
static struct bytes extra_fields(unsigned status)
{
	switch (status) {
	case 204:
	case 405:
		return BYTES("Allow: " PAGES_ALLOW "\r\n"); /* RFC 9110 10.2.1 and 15.5.6 */
	case 503:
		return BYTES("Retry-After: 1\r\n");
	default:
		return bytes_make(NULL, 0);
	}
}

static bool has_page(unsigned status)
{
	return status == 204 || status >= 400;
}

bool pages_init(struct pages *pages, int64_t now)
{
	memset(pages, 0, sizeof(*pages));
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		if (!has_page(codes[i]))
			continue;
		pages->page[i] = asset_create_page(codes[i], extra_fields(codes[i]), now);
		if (!pages->page[i]) {
			pages_deinit(pages);
			return false;
		}
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
