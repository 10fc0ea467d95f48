/* SPDX-License-Identifier: MIT */
/*
 * From a path to files: which questions the file system must be asked, in which order.
 *
 * Pure: it says what to do next, serve/fetch does it and brings the result. First every name that
 * may stand for the path is looked at (index files, clean URLs, languages, codings); then, unless
 * that is just what is known already, what was found is loaded:
 *
 *   begin -> LOOK -+-> LOOK ...       the next name
 *                  +-> LIST           a folder without an index, when listings are wanted
 *                  +-> DONE           unchanged, redirect to a folder, or nothing there
 *                  +-> OPEN -> STAT [-> HASH] [-> READ -> STAT] -> VARIANT -+-> OPEN ...   the next one found
 *                        ^      |                                           +-> DONE
 *                        +------+ was disturbed: looked at again from the start, at most
 *                                 RESOLVE_ATTEMPTS times
 *
 * The kernel keeps every open inside the root (RESOLVE_BENEATH): a path, symbolic link or race
 * that leads out fails with EXDEV and is answered 404 like anything else that is not there.
 */
#ifndef QUOIT_SITE_RESOLVE_H
#define QUOIT_SITE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/trace.h"
#include "site/asset.h"
#include "site/site.h"

#define RESOLVE_ATTEMPTS 5
#define RESOLVE_VARIANTS 64

enum resolve_step {
	RESOLVE_LOOK,    /* type and version of resolve->name, without access to its content */
	RESOLVE_OPEN,    /* open resolve->name, read-only, non-blocking */
	RESOLVE_STAT,    /* the version and type of the open file */
	RESOLVE_HASH,    /* the SHA-256 of the open file, version.size bytes */
	RESOLVE_READ,    /* version.size bytes from the start */
	RESOLVE_VARIANT, /* the open file, or what was read of it, is found[loading] in `version` */
	RESOLVE_LIST,    /* the folder resolve->name */
	RESOLVE_DONE,    /* look at outcome */
};

enum resolve_outcome {
	RESOLVED_UNCHANGED, /* what is known still is what there is */
	RESOLVED_FILES,     /* as many RESOLVE_VARIANT as were brought, in order of the chain */
	RESOLVED_LISTING,
	RESOLVED_REDIRECT, /* 301 to what resolve_write_location() writes */
	RESOLVED_STATUS,   /* answer with status: 403, 404, 500, 503 */
};

enum file_type { FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

/* What a path is looked up for. */
enum resolve_kind {
	RESOLVE_PATH,     /* a request */
	RESOLVE_FALLBACK, /* the site's fallback: exactly this file */
	RESOLVE_PAGE,     /* an error page, for status resolve_kind: any value from 400 on */
};

/* Borrowed until RESOLVE_DONE. */
struct resolve_input {
	const struct site *site;
	struct bytes path;  /* normalised, starts with a slash (http/target.h) */
	struct bytes asked; /* where a rewrite led to `path`: what was asked for; else size 0 */
	unsigned kind;      /* enum resolve_kind, or a status */
	struct text *name;  /* where names to ask about are written, relative to the root of the step */
	const struct asset *known; /* first of the chain in use so far, or NULL */
	uint64_t small_max;        /* bodies up to this many bytes are read into memory */
	uint64_t compress_max; /* files up to this are looked for in the folder of compressed ones; 0: none */
	const struct trace *trace;
};

struct found {
	unsigned form;        /* of the name (resolve.c) */
	unsigned number;      /* 0: the plain file; from 1: of the coding in site->codings */
	unsigned language;    /* LANGUAGE_NONE, or an index into site->languages */
	bool is_made;         /* by precompress: in the folder of such, under a name of its own */
	unsigned wanted;      /* of a plain file: bit per coding that precompress should make */
	struct version plain; /* the version of the plain file beside it, for is_made */
	struct version version;
};

struct resolve {
	struct resolve_input input;

	/* The plan: candidate names, their forms by language, and the codings of each form. */
	struct bytes base; /* of input.path, without the first slash and, where it is to go, the last */
	unsigned candidate;
	unsigned form;
	unsigned number;
	bool is_folder;  /* candidates are index files */
	bool has_folder; /* the path without a slash is a folder, whose turn comes after the page of this name
			  */
	bool is_made;    /* the name is one in the folder of compressed files */
	bool is_stripped; /* the path has a slash too many: what is found is redirected to */
	unsigned plain;   /* of this form: its number in found[]; RESOLVE_VARIANTS: it is not there */

	struct found found[RESOLVE_VARIANTS];
	unsigned found_count;
	unsigned stale; /* coded files that are older than their plain one, and so not used */
	unsigned vary;  /* VARY_*, of every answer of what was found */

	/* What is being loaded: found[loading], then the representation of RESOLVE_VARIANT. */
	unsigned loading;
	struct version version; /* of the open file */
	uint8_t attempts;
	bool has_hash;
	bool has_read;
	bool in_memory;

	enum resolve_outcome outcome;
	uint16_t status;
};

/* The first look. `resolve` is the caller's memory, whatever it holds. */
enum resolve_step resolve_begin(struct resolve *resolve, const struct resolve_input *input);

/* `error`: 0, or a negative errno of looking; then type and version are not read. */
enum resolve_step resolve_on_look(struct resolve *resolve, int error, enum file_type type,
				  const struct version *version);
/* `error`: 0, or the negative errno of the open. */
enum resolve_step resolve_on_open(struct resolve *resolve, int error);
/* `error`: 0 with type and version, or a negative errno. */
enum resolve_step resolve_on_stat(struct resolve *resolve, int error, enum file_type type,
				  const struct version *version);
enum resolve_step resolve_on_hash(struct resolve *resolve, int error);
/* `count`: bytes read of the version.size asked for, or a negative errno. */
enum resolve_step resolve_on_read(struct resolve *resolve, int64_t count);
/* `error`: 0, or -ENOMEM. */
enum resolve_step resolve_on_variant(struct resolve *resolve, int error);
/* `error`: 0, or the negative errno of opening or reading the folder. */
enum resolve_step resolve_on_list(struct resolve *resolve, int error);

/* Of found[loading]. */
enum coding resolve_coding(const struct resolve *resolve);
/* The path of its plain file from the root: "/a/b.html", also where what is loaded is a coded form. Appended.
 */
void resolve_write_path(const struct resolve *resolve, struct text *out);

/* The same without a language in its name: what its media type is told by. Appended. */
void resolve_write_plain(const struct resolve *resolve, struct text *out);

/* Where RESOLVED_REDIRECT leads to: a decoded path. Appended. */
void resolve_write_location(const struct resolve *resolve, struct text *out);

#endif
