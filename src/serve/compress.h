/* SPDX-License-Identifier: MIT */
/*
 * precompress: coded variants that no one has put beside their file, made in the background.
 *
 * They go into a folder of their own, never into the site, under names made of the version they were
 * made of (site/names.h), so one that is there is right. The folder is bounded in size, a file in size
 * and time. All workers share one compressor; it is used by the one thread for low jobs only.
 */
#ifndef QUOIT_SERVE_COMPRESS_H
#define QUOIT_SERVE_COMPRESS_H

#include "base/fault.h"
#include "serve/config.h"

struct compressor;
struct sites;
struct fetch;
struct worker;

/* Creates --compress-folder where it is missing. -errno with a sentence. */
int compress_create(const struct config *config, struct compressor **ret_compressor, struct fault *fault);
/* Would it succeed? The same result and sentence, and nothing is created. */
int compress_try(const struct config *config, struct fault *fault);
/* -EINVAL with a sentence when --compress-folder is in what one of the sites serves, or would be. */
int compress_check_place(const struct config *config, const struct sites *sites, struct fault *fault);
/* NULL is ignored. No job may be under way. */
void compress_destroy(struct compressor *compressor);

/* Its folder, for openat2(2); -1 without a compressor. */
int compress_folder(const struct compressor *compressor);

/* Start what site/resolve found wanting; whoever asked does not wait for it. */
void compress_wanted(struct worker *worker, struct fetch *fetch);

#endif
