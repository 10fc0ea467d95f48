/* SPDX-License-Identifier: MIT */
/* SHA-256 of a file, and how HTTP writes it. Runs on helper threads (serve/jobs.h): it reads the whole file.
 */
#ifndef QUOIT_SERVE_DIGEST_H
#define QUOIT_SERVE_DIGEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_REPR_SIZE 55 /* sha-256=:44 characters: and a NUL */
#define DIGEST_TAG_SIZE 27  /* "24 characters" with its quotes, and a NUL */

/*
 * Of the first `size` bytes of `fd`, whose position is neither used nor moved. `cancel` is looked at every
 * 256 KiB. Whether the file was written to meanwhile is for the caller to find out (fstat before and after).
 * Results: 0, -ECANCELED, -ESTALE (the file ends before `size`), -ENOMEM, -ENOTSUP (the cryptography of this
 * system refuses SHA-256), or the errno of reading.
 */
int digest_sha256(int fd, uint64_t size, const _Atomic bool *cancel, uint8_t ret_digest[DIGEST_SIZE]);

/* The value of Repr-Digest (RFC 9530 2; a byte sequence of RFC 8941 3.3.5), NUL-terminated. */
void digest_write_repr(const uint8_t digest[DIGEST_SIZE], char ret_value[DIGEST_REPR_SIZE]);

/*
 * A strong entity tag (RFC 9110 8.8.3) of 144 bits of the digest, NUL-terminated. Strong means: of the bytes
 * that are sent, so a coded variant's tag is made from the digest of the coded file, not from that of the
 * plain one.
 */
void digest_write_tag(const uint8_t digest[DIGEST_SIZE], char ret_tag[DIGEST_TAG_SIZE]);

#endif
