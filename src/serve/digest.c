/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 by libcrypto, which uses the processor's own instructions where it has them.
 *
 * Called on helper threads, for Repr-Digest and for entity tags that follow the content. It
 * blocks on the disk and never on anything else; it stops within one piece of being asked to.
 * It reads through the page cache like sendfile does, so that what was digested for one request
 * is warm for the answer.
 */
#include "serve/digest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <openssl/evp.h>

#include "base/mem.h"

/* Large enough that the system call costs nothing beside the arithmetic, small enough for the second-level
 * cache. */
#define PIECE_SIZE ((size_t)256 * 1024)

/* 144 bits: two files never share them by chance, and base64 needs no "=" to fill up. */
#define TAG_BYTES 18

/* `size` bytes from `fd` into the digest. */
static int add_file(EVP_MD_CTX *context, int fd, uint64_t size, const _Atomic bool *cancel, uint8_t *piece)
{
	uint64_t at = 0;

	while (at < size) {
		size_t wanted = size - at < PIECE_SIZE ? (size_t)(size - at) : PIECE_SIZE;
		ssize_t got;

		if (atomic_load_explicit(cancel, memory_order_relaxed))
			return -ECANCELED;
		got = pread(fd, piece, wanted, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ESTALE;
		if (EVP_DigestUpdate(context, piece, (size_t)got) != 1)
			return -ENOTSUP;
		at += (uint64_t)got;
	}
	return 0;
}

int digest_sha256(int fd, uint64_t size, const _Atomic bool *cancel, uint8_t ret_digest[DIGEST_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t *piece = mem_alloc(PIECE_SIZE);
	uint8_t digest[EVP_MAX_MD_SIZE];
	int error = context && piece ? 0 : -ENOMEM;

	if (error == 0 && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		error = -ENOTSUP;
	if (error == 0)
		error = add_file(context, fd, size, cancel, piece);
	if (error == 0 && EVP_DigestFinal_ex(context, digest, NULL) != 1)
		error = -ENOTSUP;
	if (error == 0)
		memcpy(ret_digest, digest, DIGEST_SIZE);
	mem_free(piece);
	EVP_MD_CTX_free(context);
	return error;
}

/*
 * Base64 (RFC 4648 4, 5): three bytes are four characters, the last one or two bytes are filled up with
 * "=". The alphabets differ in their last two characters, `last`. Returns the end of what was written.
 */
static char *write_base64(const uint8_t *bytes, size_t size, const char *last, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t at = 0; at < size; at += 3) {
		uint32_t group = 0;

		for (size_t i = 0; i < 3; i++)
			group = group << 8 | (at + i < size ? bytes[at + i] : 0);
		for (size_t i = 0; i < 4; i++) {
			uint32_t value = group >> (18 - 6 * i) & 63;

			if (at + i > size)
				*out++ = '=';
			else
				*out++ = value < 62 ? alphabet[value] : last[value - 62];
		}
	}
	return out;
}

void digest_write_repr(const uint8_t digest[DIGEST_SIZE], char ret_value[DIGEST_REPR_SIZE])
{
	static const char begin[] = "sha-256=:";
	char *end;

	memcpy(ret_value, begin, sizeof(begin) - 1);
	end = write_base64(digest, DIGEST_SIZE, "+/", ret_value + sizeof(begin) - 1);
	memcpy(end, ":", 2);
}

void digest_write_tag(const uint8_t digest[DIGEST_SIZE], char ret_tag[DIGEST_TAG_SIZE])
{
	char *end;

	ret_tag[0] = '"';
	end = write_base64(digest, TAG_BYTES, "-_", ret_tag + 1);
	memcpy(end, "\"", 2);
}
