/* SPDX-License-Identifier: MIT */
/*
 * An asset: one version of one representation, with its response compiled.
 *
 * A response is compiled once and thrown many times. An asset holds ready heads, and for a
 * small file its body behind the head, so that an answer is one contiguous send:
 *
 *   block   | head of the 200 ... Connection: keep-alive | body (small files) | head of the 304 | hints, path
 * | ^date           ^connection                                        ^date
 *
 * Redirects, pages and listings have the same shape (another status, no validators), so that the
 * sending side knows one kind of answer. All that the rules of the site make of the fields is in the
 * heads: a hit pays nothing for them.
 *
 * What a name resolves to is a chain of assets, one per coding and language there is; the first
 * owns the next, and site/variant chooses. A single representation is a chain of one.
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
#include "http/coding.h"
#include "http/condition.h"
#include "http/date.h"
#include "site/mime.h"

struct site;
struct trace;
struct work;

/* Which version of which file: equal means the same bytes, as far as a file system can tell. */
struct version {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t modified_ns; /* since 1970 */
	int64_t changed_ns;
};

enum asset_kind {
	ASSET_FILE, /* has a version; a 200 has validators, a 304, and ranges */
	ASSET_LISTING,
	ASSET_REDIRECT,
	ASSET_PAGE, /* an error, or the empty answer to OPTIONS; no file stands behind it */
};

/* What the choice among a chain depends on, and so what Vary names. */
#define VARY_ENCODING 1u
#define VARY_LANGUAGE 2u
#define VARY_ACCEPT 4u
#define VARY_MODE 8u /* Sec-Fetch-Mode */

/* The same with the names of the request's fields, in the order in which Vary says them. */
#define VARY_MEMBERS 4
struct vary_member {
	unsigned bit;
	struct bytes name;
};
extern const struct vary_member asset_vary[VARY_MEMBERS];

#define LANGUAGE_NONE 255u /* else an index into site->languages */

/* How far something that is made on request has come. */
enum made { MAKING_NOT, MAKING_READY, MAKING_FAILED };

struct asset_head {
	uint8_t *base; /* in the asset's block; NULL: there is none */
	uint32_t size;
	uint32_t connection_offset; /* where the Connection line starts */
	uint32_t date_offset;
};

#define ASSET_ALLOW "GET, HEAD, OPTIONS" /* the methods that are served */
#define ASSET_DIGEST_SIZE 55             /* "sha-256=:" 44 characters ":" and a NUL */
#define ASSET_TAG_SIZE 48                /* the longest that asset_tag() writes */

struct asset {
	uint32_t refs;
	uint16_t status; /* of the ready head: 200, 301, 404 ... */
	uint8_t kind;    /* enum asset_kind */
	uint8_t coding;  /* enum coding */
	uint8_t language;
	uint8_t vary;      /* VARY_* of the chain it belongs to */
	bool is_json;      /* of a listing */
	bool is_decoded;   /* made of a coded form: there is no such file */
	bool lacks_fields; /* the rules gave it more than a head can have (site/fields.h) */
	bool closes;       /* its ready head says "Connection: close" (site/pages.h) */
	bool is_shared;    /* a page that many entries hold: counted by none of them */
	bool racy; /* changed so shortly before it was read that its version may not tell the next change */
	uint8_t decoded;  /* enum made: the plain form of one that is there coded only */
	uint8_t digested; /* enum made: digest[] */
	int fd;           /* of the file whose body is not in memory; -1 otherwise */
	uint64_t warm_ms; /* monotonic: when all of the file was last sent, so that its pages are in memory */
	uint64_t made_ms; /* monotonic: when a listing was made */
	uint64_t size;    /* of the body, bytes */
	uint8_t *body;    /* in the block, directly behind the ready head; NULL when fd serves it */
	int64_t date;     /* the second that both heads carry */
	struct asset_head ready;
	struct asset_head not_modified;
	struct bytes hints; /* a whole 103 head; size 0: none */
	struct bytes type;  /* Content-Type; in the ready head; size 0: none */
	struct bytes path;  /* of the file, as in asset_spec; in the block */
	struct asset *next; /* of the chain; one reference */
	struct work *work;  /* that makes something of it now; NULL: none */
	struct version version;
	struct validators validators;   /* etag: in the ready head */
	char digest[ASSET_DIGEST_SIZE]; /* value of Repr-Digest, not terminated */
	size_t memory;                  /* bytes allocated for it, this struct included */
	uint8_t block[];
};

/* What an asset is made of; its slices need last only for the call. */
struct asset_spec {
	const struct site *site;
	unsigned status;
	enum asset_kind kind;
	enum coding coding;
	unsigned language;
	unsigned vary;
	bool is_fallback;  /* the file answers for one that is not there */
	bool in_memory;    /* the caller fills `size` bytes at asset->body; else it sets asset->fd */
	struct bytes path; /* of the file, from the root, with its slash; size 0 without one */
	struct mime type;  /* type.size 0: no content, and no Content-Length */
	uint64_t size;
	const struct version *version; /* NULL: no file, no validators */
	const struct version *dated;   /* whose time Last-Modified says; NULL: that of `version` */
	struct bytes tag;              /* ETag; size 0: none */
	struct bytes location;         /* Location; size 0: none */
	/* Told what the rules do, each head behind a line "status N"; NULL: nobody asks. */
	const struct trace *trace;
};

/* One reference. NULL: no memory. */
struct asset *asset_create(const struct asset_spec *spec, int64_t now);

/* The strong entity tag made of modification time, size and coding, with its quotes; returns its size. */
size_t asset_tag(const struct version *version, enum coding coding, char out[ASSET_TAG_SIZE]);

static inline void asset_ref(struct asset *asset)
{
	asset->refs++;
}

/* True when that was the last reference: the caller closes asset->fd, releases asset->next, calls
 * asset_free(). */
static inline bool asset_unref(struct asset *asset)
{
	return --asset->refs == 0;
}

void asset_free(struct asset *asset);

static inline bool asset_is_file(const struct asset *asset)
{
	return asset->kind == ASSET_FILE;
}

/* Bring the date in both heads up to `now`. Only while no send of them is queued. */
void asset_set_date(struct asset *asset, int64_t now, const uint8_t date[DATE_SIZE]);

/* The date inside the ready heads that covers `at`: first byte after it, or NULL when `at` is not within one.
 */
const uint8_t *asset_date_end(const struct asset *asset, const uint8_t *at);

bool version_equal(const struct version *a, const struct version *b);

#endif
