/* SPDX-License-Identifier: MIT */
/*
 * An asset: one version of one file, with its response compiled.
 *
 * A response is compiled once and thrown many times. An asset holds ready heads, and for a
 * small file its body behind the head, so that an answer is one contiguous send:
 *
 *   block   | head of the 200 ... Connection: keep-alive | body (small files) | head of the 304 |
 *            ^date           ^connection                                        ^date
 *
 * Redirects and error pages have the same shape (another status, no validators), so that the
 * sending side knows one kind of answer.
 *
 * An asset belongs to one worker; its reference count is not atomic. The name cache holds one
 * reference, every answer that is not yet taken by the kernel another. No system call happens
 * here: the descriptor is opened and closed by serve/.
 */
#ifndef QUOIT_SITE_ASSET_H
#define QUOIT_SITE_ASSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/condition.h"
#include "http/date.h"

/* Which version of which file: equal means the same bytes, as far as a file system can tell. */
struct version {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t modified_ns; /* since 1970 */
	int64_t changed_ns;
};

struct asset_head {
	uint8_t *base; /* in the asset's block */
	uint32_t size;
	uint32_t connection_offset; /* where the Connection line starts */
	uint16_t date_offset;
};

#define ASSET_ETAG_MAX 40

struct asset {
	uint32_t refs;
	uint16_t status; /* of the ready head: 200, 301, 404 ... */
	bool is_file;    /* has a version, validators and a 304 */
	bool racy; /* changed so shortly before it was read that its version may not tell the next change */
	int fd;    /* of the file whose body is not in memory; -1 otherwise */
	uint64_t warm_ms; /* monotonic: when all of the file was last sent, so that its pages are in memory */
	uint64_t size;    /* of the body, bytes */
	uint8_t *body;    /* in the block, directly behind the ready head; NULL when fd serves it */
	int64_t date;     /* the second that both heads carry */
	struct asset_head ready;
	struct asset_head not_modified; /* base NULL when !is_file */
	struct bytes type;              /* Content-Type; static memory */
	struct version version;
	struct validators validators; /* etag points to etag_text */
	uint8_t etag_text[ASSET_ETAG_MAX];
	size_t memory; /* bytes allocated for it, this struct included */
	uint8_t block[];
};

/*
 * A file's asset. With in_memory its body is for the caller to fill: size bytes at
 * asset->body; else asset->fd is for the caller to set. One reference. NULL: no memory.
 */
struct asset *asset_create_file(const struct version *version, struct bytes type, bool in_memory,
				int64_t now);

/* A 301 to `location` (already encoded), with a small HTML body. */
struct asset *asset_create_redirect(struct bytes location, int64_t now);

/*
 * An error page, or with status 204 the empty answer to OPTIONS. `extra` holds whole field
 * lines with their CRLF ("Allow: GET\r\n"), or nothing.
 */
struct asset *asset_create_page(unsigned status, struct bytes extra, int64_t now);

static inline void asset_ref(struct asset *asset)
{
	asset->refs++;
}

/* True when that was the last reference: the caller closes asset->fd and calls asset_free(). */
static inline bool asset_unref(struct asset *asset)
{
	return --asset->refs == 0;
}

void asset_free(struct asset *asset);

/* Bring the date in both heads up to `now`. Only while no send of them is queued. */
void asset_set_date(struct asset *asset, int64_t now, const uint8_t date[DATE_SIZE]);

/* The date inside the ready heads that covers `at`: first byte after it, or NULL when `at` is not within one.
 */
const uint8_t *asset_date_end(const struct asset *asset, const uint8_t *at);

bool version_equal(const struct version *a, const struct version *b);

#endif
