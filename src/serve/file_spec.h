/* SPDX-License-Identifier: MIT */
/*
 * From what was found in the file system to assets: how names are opened, and what the answers are
 * made of.
 *
 * Shared by who asks the file system through the ring (serve/fetch_steps, making, folder) and who asks it
 * at once (serve/explain_load), so that both make the same answers of the same files. A trace may be NULL;
 * what it is told is said in struct asset_spec. A NULL that is returned: no memory.
 */
#ifndef QUOIT_SERVE_FILE_SPEC_H
#define QUOIT_SERVE_FILE_SPEC_H

#include "base/text.h"
#include "base/trace.h"
#include "site/asset.h"
#include "site/resolve.h"

struct open_how;
struct statx;

/* How the name of this step (RESOLVE_LOOK, RESOLVE_OPEN or RESOLVE_LIST) is opened, by the site's policy.
 * Static. */
const struct open_how *file_spec_how(const struct resolve *resolve, enum resolve_step step);

/* How openat2(2) may follow symbolic links below the site's root. */
uint64_t file_spec_resolve_flags(const struct site *site);

/* Is the name of this step in the folder of compressed files, not in the root? */
bool file_spec_is_made(const struct resolve *resolve, enum resolve_step step);

/*
 * RESOLVE_BENEATH refuses every absolute link, also one that leads back into the root. So, where an open
 * failed for that reason (`error`), the name is opened by file_spec_how_to_follow(), and where that leads is
 * opened by its path below the root, again beneath it: whoever changes the link meanwhile wins nothing.
 */
bool file_spec_may_follow(const struct site *site, int error);
const struct open_how *file_spec_how_to_follow(void);
/* The path below the root of `fd`, which following opened; false: it is not inside, or there was no memory.
 */
bool file_spec_inside(const struct site *site, int fd, struct text *ret_path);

/* Of type, size, times and inode of *status. */
enum file_type file_spec_version(const struct statx *status, struct version *ret_version);

/*
 * Of found[loading], in `version`; with in_memory the body is the caller's to fill. `digest` is that of the
 * file, where resolve->has_hash says so.
 */
struct asset *file_spec_create(const struct resolve *resolve, const uint8_t *digest, int64_t now,
			       const struct trace *trace);

/* The redirect of RESOLVED_REDIRECT. */
struct asset *file_spec_redirect(const struct resolve *resolve, int64_t now, const struct trace *trace);

/* What was decoded. */
struct file_spec_plain {
	const struct site *site;
	const struct asset *coded;     /* what it was made of */
	const struct version *version; /* of the memory file that holds it */
	uint64_t size;
	bool is_fallback;
	bool in_memory;        /* as in struct asset_spec */
	const uint8_t *digest; /* of it; NULL: its tag is not made of it */
};
struct asset *file_spec_create_plain(const struct file_spec_plain *plain, int64_t now,
				     const struct trace *trace);

/* One form of the listing of a folder, `size` bytes; `path` by file_spec_write_folder(). */
struct asset *file_spec_create_listing(const struct site *site, struct bytes path, bool is_json,
				       uint64_t size, bool in_memory, int64_t now, const struct trace *trace);
/* The path of the folder that RESOLVE_LIST names, as header rules know it: with both slashes. Appended. */
void file_spec_write_folder(struct bytes name, struct text *out);

#endif
