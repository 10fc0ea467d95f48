/* SPDX-License-Identifier: MIT */
/*
 * From a path to a file: which questions the file system must be asked, in which order.
 *
 * Pure: it says what to do next (open, stat, read), serve/fetch does it and brings the result.
 *
 *   begin -> OPEN -> STAT -+-> DONE   unchanged, folder, refused, large file (descriptor kept)
 *              ^           +-> READ -> STAT -> DONE   small file, the same version before and after
 *              +-- read was disturbed: again, at most RESOLVE_ATTEMPTS times
 *
 * The kernel keeps every open inside the root (RESOLVE_BENEATH): a path, symbolic link or race
 * that leads out fails with EXDEV and is answered 404 like anything else that is not there.
 */
#ifndef QUOIT_SITE_RESOLVE_H
#define QUOIT_SITE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "site/asset.h"

#define RESOLVE_ATTEMPTS 5

enum resolve_step {
	RESOLVE_OPEN, /* open resolve->name below the root, read-only, non-blocking */
	RESOLVE_STAT, /* the version and type of the open file */
	RESOLVE_READ, /* version.size bytes from the start */
	RESOLVE_DONE, /* look at outcome */
};

enum resolve_outcome {
	RESOLVED_UNCHANGED, /* the known asset still is the file */
	RESOLVED_FILE,      /* serve from the descriptor (in_memory: from what was read) */
	RESOLVED_FOLDER,    /* 301 to the path with a slash */
	RESOLVED_STATUS,    /* answer with status: 403, 404, 500, 503 */
};

enum file_type { FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

struct resolve {
	char *name; /* relative to the root, NUL-terminated; caller's memory, RESOLVE_NAME_SIZE() bytes */
	const struct asset *known; /* the asset in use so far, or NULL; borrowed */
	uint64_t small_max;        /* bodies up to this many bytes are read into memory */
	struct version version;
	enum resolve_outcome outcome;
	uint16_t status;
	uint8_t attempts;
	bool is_index; /* the path ends in a slash: a folder's index is looked for */
	bool has_read;
	bool in_memory;
};

#define RESOLVE_INDEX "index.html"
/* Memory for resolve->name. */
#define RESOLVE_NAME_SIZE(path_size) ((path_size) + sizeof(RESOLVE_INDEX) + 1)

/* `path` is normalised and starts with a slash (http/target.h). */
enum resolve_step resolve_begin(struct resolve *resolve, struct bytes path, const struct asset *known,
				uint64_t small_max, char *name);

/* `error`: 0, or the negative errno of the open. */
enum resolve_step resolve_on_open(struct resolve *resolve, int error);
/* `error`: 0 with type and version, or a negative errno. */
enum resolve_step resolve_on_stat(struct resolve *resolve, int error, enum file_type type,
				  const struct version *version);
/* `count`: bytes read of the version.size asked for, or a negative errno. */
enum resolve_step resolve_on_read(struct resolve *resolve, int64_t count);

#endif
