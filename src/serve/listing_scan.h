/* SPDX-License-Identifier: MIT */
/*
 * Reads a folder into a listing. Blocks on the file system: for a helper thread, never a worker.
 *
 * Its time is bounded by the names in the folder, its memory by `entries_max`, and whoever waits no
 * longer sets *cancel, which is looked at before every name.
 */
#ifndef QUOIT_SERVE_LISTING_SCAN_H
#define QUOIT_SERVE_LISTING_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "site/listing.h"

struct listing_scan {
	int folder_fd;              /* O_DIRECTORY; borrowed, and its position is neither used nor moved */
	int root_fd;                /* of the site; borrowed */
	const char *folder_path;    /* of the folder, relative to the root: "" or "a/b", perhaps with a "/" */
	uint64_t resolve_flags;     /* of openat2(2), by which symbolic links are followed from the root */
	uint64_t entries_max;       /* more are left out, and the listing says that it is truncated */
	const _Atomic bool *cancel; /* set by any thread */
};

/*
 * What is listed is what would be served: regular files and folders whose name does not start with
 * ".", and symbolic links that lead to one under the rule of `resolve_flags`, with the size and date of
 * what they lead to. In the order of the file system, so listing_sort() is the caller's next step.
 *
 * 0: *ret_listing is filled and the caller's to deinit, whatever it held before. -ECANCELED, -ENOMEM,
 * -EMFILE and -ENFILE, or another -errno of reading the folder: untouched. An entry that cannot be
 * looked at is left out, and a folder that was removed meanwhile is empty.
 */
int listing_scan(const struct listing_scan *scan, struct listing *ret_listing);

#endif
