/* SPDX-License-Identifier: MIT */
/*
 * Content codings, made and undone, for helper threads (serve/jobs.h): gzip (RFC 1952), brotli (RFC 7932),
 * zstd (RFC 8878).
 *
 * Both functions write to `out_fd` from offset 0; it is an empty file or memfd, and its position is neither
 * used nor moved. When they do not return 0 it is empty again. `cancel` is looked at between pieces of 64
 * KiB, which take milliseconds, except where stated. Of what runs out first the caller hears: -ECANCELED,
 * -ENOMEM, or the errno of reading or writing. The coding is never CODING_IDENTITY.
 */
#ifndef QUOIT_SERVE_CODEC_H
#define QUOIT_SERVE_CODEC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/coding.h"

enum codec_result {
	CODEC_DONE = 0,
	CODEC_NO_GAIN = 1, /* what was made is not smaller than 95 % of what was given */
};

/*
 * Undo the coding of the first `in_size` bytes of `in_fd`, wherever its position is. All of them must belong
 * to it: one or more members (gzip) or frames (zstd), one stream (brotli), and nothing behind.
 *
 * 0, or besides the above: -EFBIG (more than `out_size_max` bytes come out; no more than that are ever
 * written), -EBADMSG (damaged, cut short, with something behind it, or in need of a zstd window above 128
 * MiB), -ESTALE (the file ends before `in_size`). Takes at most 129 MiB of memory, besides what is written.
 */
int codec_decode(enum coding coding, int in_fd, uint64_t in_size, int out_fd, uint64_t out_size_max,
		 const _Atomic bool *cancel, uint64_t *ret_size);

/*
 * Compress as well as is reasonable for what is compressed once and sent often; the same input gives the same
 * output as long as the libraries are the same. `in` is memory that stays: not a mapping of a file that
 * somebody could truncate.
 *
 * CODEC_DONE, CODEC_NO_GAIN (always for less than two bytes), or besides the above -ETIME: it took more than
 * `time_max_ms` of processor time (not of the clock: a busy machine starves a low job, which says nothing
 * about the file). Limit and `cancel` may be met up to about a second late, in the last piece of brotli and
 * in gzip below 2 MiB. Takes at most 100 MiB of memory.
 */
int codec_encode(enum coding coding, struct bytes in, uint64_t time_max_ms, const _Atomic bool *cancel,
		 int out_fd, uint64_t *ret_size);

#endif
