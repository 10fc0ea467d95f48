/* SPDX-License-Identifier: MIT */
/*
 * serve/codec: what is decoded is what was encoded, and nothing that a file claims costs more than is
 * allowed.
 *
 * Coded files come from the libraries' own one-shot functions, so that decoding does not depend on
 * what is worth encoding, and, where they are installed, from the programs gzip, brotli and
 * zstd. Inputs and outputs are files in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <brotli/encode.h>
#include <libdeflate.h>
#include <zstd.h>

#include "serve/codec.h"

#define PIECE 65536 /* as in codec.c: sizes around it are the interesting ones */
#define NO_LIMIT ((uint64_t)1 << 40)
#define TIME_MS 60000
#define UNTOUCHED UINT64_C(0xabcdef)

static const enum coding codings[] = { CODING_GZIP, CODING_BR, CODING_ZSTD };
static const _Atomic bool never;
static const _Atomic bool cancelled = true;

/* `words` different words in random order, the same in every run: text. 0: noise. Freed by free(). */
static struct bytes text_of(size_t size, unsigned words)
{
	uint8_t *text = malloc(size + 16);

	assert_non_null(text);
	for (size_t at = 0; at < size;) {
		if (words > 0)
			at += (size_t)sprintf((char *)text + at, "%u ", (unsigned)(random() % words) * 7919);
		else
			text[at++] = (uint8_t)(random() >> 16);
	}
	return bytes_make(text, size);
}

/* What the library makes of it in one call. Freed by free(). */
static struct bytes pack(enum coding coding, struct bytes in)
{
	size_t room = in.size + in.size / 8 + 4096;
	uint8_t *out = malloc(room);
	struct libdeflate_compressor *libdeflate;

	assert_non_null(out);
	switch (coding) {
	case CODING_GZIP:
		libdeflate = libdeflate_alloc_compressor(6);
		room = libdeflate_gzip_compress(libdeflate, in.base, in.size, out, room);
		libdeflate_free_compressor(libdeflate);
		break;
	case CODING_BR:
		assert_int_equal(
			BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, in.size, in.base, &room, out), 1);
		break;
	default:
		room = ZSTD_compress(out, room, in.base, in.size, 3);
		assert_false(ZSTD_isError(room));
	}
	return bytes_make(out, room);
}

static int file_of(struct bytes content)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, content.base, content.size, 0), content.size);
	return fd;
}

static void assert_file(int fd, struct bytes content)
{
	uint8_t *copy = malloc(content.size + 1);

	assert_non_null(copy);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0); /* nobody moved it */
	assert_int_equal(pread(fd, copy, content.size + 1, 0), content.size);
	if (content.size > 0)
		assert_memory_equal(copy, content.base, content.size);
	free(copy);
}

/* Decodes into a file of its own, which goes to the caller. */
static int decode_to(enum coding coding, struct bytes coded, uint64_t max, int *ret_fd, uint64_t *ret_size)
{
	int in_fd = file_of(coded), result;

	*ret_fd = file_of(BYTES(""));
	result = codec_decode(coding, in_fd, coded.size, *ret_fd, max, &never, ret_size);
	assert_int_equal(lseek(in_fd, 0, SEEK_CUR), 0);
	close(in_fd);
	return result;
}

static void assert_decodes(enum coding coding, struct bytes coded, struct bytes plain)
{
	uint64_t size = UNTOUCHED;
	int fd;

	assert_int_equal(decode_to(coding, coded, plain.size, &fd, &size), 0);
	assert_int_equal(size, plain.size);
	assert_file(fd, plain);
	close(fd);
}

/* It fails, and leaves nothing. */
static void assert_refused(enum coding coding, struct bytes coded, uint64_t size_max, int error)
{
	uint64_t size = UNTOUCHED;
	int fd;

	assert_int_equal(decode_to(coding, coded, size_max, &fd, &size), error);
	assert_int_equal(size, UNTOUCHED);
	assert_file(fd, BYTES(""));
	close(fd);
}

/* It is worth it; freed by free(). */
static struct bytes encode(enum coding coding, struct bytes plain)
{
	int fd = file_of(BYTES(""));
	uint64_t size = 0;
	uint8_t *coded;

	assert_int_equal(codec_encode(coding, plain, TIME_MS, &never, fd, &size), 0);
	coded = malloc(size);
	assert_non_null(coded);
	assert_int_equal(pread(fd, coded, size, 0), size);
	assert_file(fd, bytes_make(coded, size));
	close(fd);
	return bytes_make(coded, size);
}

static struct bytes join(struct bytes a, struct bytes b)
{
	uint8_t *both = malloc(a.size + b.size + 1);

	assert_non_null(both);
	memcpy(both, a.base, a.size);
	memcpy(both + a.size, b.base, b.size);
	return bytes_make(both, a.size + b.size);
}

static void drop(struct bytes owned)
{
	free((void *)owned.base);
}

/* With exactly its size as the limit. */
static void what_was_packed_is_unpacked(void **state)
{
	static const size_t sizes[9] = { 0,      1, 2, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7,
					 1500000 };
	static const unsigned words[3] = { 0, 1, 5000 };

	(void)state;
	for (size_t i = 0; i < 9 * 3 * 3; i++) {
		enum coding coding = codings[i % 3];
		struct bytes plain = text_of(sizes[i / 9], words[i / 3 % 3]), coded = pack(coding, plain);

		assert_decodes(coding, coded, plain);
		if (plain.size > 0)
			assert_refused(coding, coded, plain.size - 1, -EFBIG);
		drop(coded);
		drop(plain);
	}
}

/* Twice, to the same bytes: what is made anew after a restart keeps its entity tag. */
static void what_is_encoded_decodes_to_the_same(void **state)
{
	/* The strong and the quick way of each: the thresholds are 2, 1 and 8 MiB. */
	static const size_t sizes[3 * 3] = { 200, 90000, 2097153, 200, 90000, 1048577, 200, 90000, 8388609 };

	(void)state;
	for (size_t i = 0; i < 3 * 3; i++) {
		enum coding coding = codings[i / 3];
		struct bytes plain = text_of(sizes[i], 300), coded = encode(coding, plain);
		struct bytes again = encode(coding, plain);

		assert_true(coded.size * 100 < plain.size * 95);
		assert_true(bytes_equal(coded, again));
		assert_decodes(coding, coded, plain);
		drop(coded);
		drop(again);
		drop(plain);
	}
}

/*
 * RFC 1952 2.3.1: neither a name nor a time, in both ways to make it. RFC 9659: every client has a window of
 * 8 MiB; it is the byte behind the frame's flags (RFC 8878 3.1.1.1).
 */
static void a_header_tells_no_secrets_and_asks_for_little(void **state)
{
	static const size_t sizes[] = { 1000, 2097153, 9000000 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes plain = text_of(sizes[i], 1), gzip = encode(CODING_GZIP, plain);
		struct bytes zstd = encode(CODING_ZSTD, plain);

		assert_memory_equal(gzip.base, "\x1f\x8b\x08\0\0\0\0\0", 8);
		assert_memory_equal(zstd.base, "\x28\xb5\x2f\xfd", 4);
		/* A single segment is its own window. */
		assert_true(zstd.base[4] & 0x20 ? plain.size <= 8 << 20 : zstd.base[5] <= (23 - 10) << 3);
		drop(zstd);
		drop(gzip);
		drop(plain);
	}
}

/* What others write is read, and what is written here others read. */
static void the_programs_of_each_coding_agree(void **state)
{
	static const char *const programs[] = { "gzip", "brotli", "zstd" };
	struct bytes plain = text_of(150000, 300);
	int plain_fd = file_of(plain), coded_fd, fd, pid = getpid();
	uint64_t size;
	char command[200];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(command, sizeof(command), "command -v %s >/dev/null", programs[i]);
		if (system(command) != 0)
			continue;
		coded_fd = file_of(BYTES(""));
		assert_int_equal(codec_encode(codings[i], plain, 9999, &never, coded_fd, &size), 0);
		snprintf(command, sizeof(command), "%s -dc </proc/%d/fd/%d | cmp - /proc/%d/fd/%d",
			 programs[i], pid, coded_fd, pid, plain_fd);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof(command), "%s -5 -c </proc/%d/fd/%d >/proc/%d/fd/%d", programs[i],
			 pid, plain_fd, pid, coded_fd);
		assert_int_equal(system(command), 0);
		fd = file_of(BYTES(""));
		size = (uint64_t)lseek(coded_fd, 0, SEEK_END);
		assert_int_equal(codec_decode(codings[i], coded_fd, size, fd, plain.size, &never, &size), 0);
		assert_file(fd, plain);
		close(fd);
		close(coded_fd);
	}
	close(plain_fd);
	drop(plain);
}

static void what_does_not_shrink_is_not_kept(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 30, 100000, 2200000 };
	int fd = file_of(BYTES(""));
	uint64_t size = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < 6 * 3; i++) {
		struct bytes noise = text_of(sizes[i / 3], 0);

		assert_int_equal(codec_encode(codings[i % 3], noise, TIME_MS, &never, fd, &size),
				 CODEC_NO_GAIN);
		assert_int_equal(size, UNTOUCHED);
		assert_file(fd, BYTES(""));
		drop(noise);
	}
	close(fd);
}

/* At every byte. A half-written sidecar is not half a page. */
static void a_file_that_is_cut_short_is_refused(void **state)
{
	struct bytes plain = text_of(3000, 100);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes coded = pack(codings[i], plain);

		for (size_t size = 0; size < coded.size; size++)
			assert_refused(codings[i], bytes_make(coded.base, size), NO_LIMIT, -EBADMSG);
		drop(coded);
	}
	drop(plain);
}

/*
 * Every byte, with one bit and with all bits turned. gzip has a checksum, so what is accepted is right (some
 * bytes of its header mean nothing). Without one wrong bytes can come out, but never more than allowed.
 */
static void damage_is_refused_or_harmless(void **state)
{
	struct bytes plain = text_of(3000, 100);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes coded = pack(codings[i], plain);
		unsigned refused = 0;

		for (size_t at = 0; at < 2 * coded.size; at++) {
			uint8_t *byte = (uint8_t *)coded.base + at / 2, before = *byte;
			uint64_t size = 0;
			int fd, result;

			*byte ^= at % 2 ? 0xff : (uint8_t)(1 << at / 2 % 8);
			result = decode_to(codings[i], coded, plain.size + 100, &fd, &size);
			*byte = before;
			assert_true(result == 0 || result == -EBADMSG || result == -EFBIG);
			assert_true(size <= plain.size + 100);
			if (result == 0 && codings[i] == CODING_GZIP)
				assert_file(fd, plain);
			refused += result != 0;
			close(fd);
		}
		assert_true(refused > coded.size / 2);
		drop(coded);
	}
	drop(plain);
}

static void what_stands_behind_the_end_is_refused(void **state)
{
	static const struct bytes tails[] = { { (const uint8_t *)"x", 1 },
					      { (const uint8_t *)"garbage behind", 14 },
					      { (const uint8_t *)"\0\0\0", 3 },
					      { (const uint8_t *)"\x28\xb5\x2f\xfd", 4 } };
	struct bytes plain = text_of(PIECE, 100);

	(void)state;
	for (size_t i = 0; i < 3 * 4; i++) {
		struct bytes coded = pack(codings[i / 4], plain), longer = join(coded, tails[i % 4]);

		assert_refused(codings[i / 4], longer, NO_LIMIT, -EBADMSG);
		drop(longer);
		drop(coded);
	}
	drop(plain);
}

/* RFC 1952 2.2, RFC 8878 3: rotated logs, and what parallel compressors write. A brotli file is one stream.
 */
static void joined_members_and_frames_are_one_file(void **state)
{
	static const struct bytes skippable = { (const uint8_t *)"\x50\x2a\x4d\x18\3\0\0\0abc", 11 };
	struct bytes plain[3] = { text_of(PIECE, 100), text_of(0, 0), text_of(200000, 0) };
	struct bytes all = join(plain[0], plain[2]);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes coded =
			codings[i] == CODING_ZSTD ? join(skippable, skippable) : pack(codings[i], BYTES(""));

		for (size_t j = 0; j < 3; j++) {
			struct bytes one = pack(codings[i], plain[j]), more = join(coded, one);

			drop(one);
			drop(coded);
			coded = more;
		}
		if (codings[i] == CODING_BR)
			assert_refused(CODING_BR, coded, NO_LIMIT, -EBADMSG);
		else
			assert_decodes(codings[i], coded, all);
		drop(coded);
	}
	drop(all);
	for (size_t i = 0; i < 3; i++)
		drop(plain[i]);
}

/* A megabyte of gzip becomes a gigabyte. The file that takes them cannot grow beyond the limit here. */
static void a_bomb_costs_no_more_than_the_limit(void **state)
{
	static const uint64_t limit = 5000000;
	uint8_t *zeros = calloc(1, (size_t)1 << 26);

	(void)state;
	assert_non_null(zeros);
	for (size_t i = 0; i < 3; i++) {
		struct bytes bomb = pack(codings[i], bytes_make(zeros, (size_t)1 << 26));
		int in_fd = file_of(bomb), fd = file_of(BYTES(""));
		uint64_t size = UNTOUCHED, in_size = bomb.size;

		for (int j = 1; j < 16 && codings[i] != CODING_BR; j++, in_size += bomb.size)
			assert_int_equal(pwrite(in_fd, bomb.base, bomb.size, (off_t)in_size), bomb.size);
		assert_int_equal(ftruncate(fd, (off_t)limit), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
		assert_int_equal(codec_decode(codings[i], in_fd, in_size, fd, limit, &never, &size), -EFBIG);
		assert_int_equal(size, UNTOUCHED);
		assert_file(fd, BYTES(""));
		close(fd);
		close(in_fd);
		drop(bomb);
	}
	free(zeros);
}

/* A frame whose header asks for 256 MiB, and the same one with 128 MiB; both hold nothing. */
static void a_zstd_window_above_128_mib_is_refused(void **state)
{
	static const uint8_t huge[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, (28 - 10) << 3, 1, 0, 0 };
	static const uint8_t large[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, (27 - 10) << 3, 1, 0, 0 };

	(void)state;
	assert_refused(CODING_ZSTD, bytes_make(huge, sizeof(huge)), NO_LIMIT, -EBADMSG);
	assert_decodes(CODING_ZSTD, bytes_make(large, sizeof(large)), BYTES(""));
}

static void whoever_is_cancelled_ends_at_once(void **state)
{
	struct bytes plain = text_of(3 * PIECE, 100);
	int fd = file_of(BYTES(""));
	uint64_t size = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(codec_decode(codings[i], -1, 9, fd, 9, &cancelled, &size), -ECANCELED);
		assert_int_equal(codec_encode(codings[i], plain, 1000, &cancelled, fd, &size), -ECANCELED);
	}
	assert_int_equal(size, UNTOUCHED);
	assert_file(fd, BYTES(""));
	close(fd);
	drop(plain);
}

/* gzip up to 2 MiB has no place to stop. */
static void encoding_ends_when_its_time_is_over(void **state)
{
	struct bytes plain = text_of(3000000, 5000);
	int fd = file_of(BYTES(""));
	uint64_t size = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(codec_encode(codings[i], plain, 5, &never, fd, &size), -ETIME);
	assert_int_equal(size, UNTOUCHED);
	assert_file(fd, BYTES(""));
	close(fd);
	drop(plain);
}

static void what_cannot_be_read_or_written_is_told(void **state)
{
	struct bytes plain = text_of(1000, 100);
	int fd = file_of(BYTES("")), sealed_fd = file_of(BYTES(""));
	uint64_t size;

	(void)state;
	assert_int_equal(fcntl(sealed_fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	for (size_t i = 0; i < 3; i++) {
		struct bytes coded = pack(codings[i], plain);
		int in_fd = file_of(coded);

		assert_int_equal(codec_decode(codings[i], in_fd, coded.size + 1, fd, NO_LIMIT, &never, &size),
				 -ESTALE);
		assert_int_equal(codec_decode(codings[i], -1, 1, fd, NO_LIMIT, &never, &size), -EBADF);
		assert_int_equal(
			codec_decode(codings[i], in_fd, coded.size, sealed_fd, NO_LIMIT, &never, &size),
			-EPERM);
		assert_int_equal(codec_encode(codings[i], plain, 1000, &never, sealed_fd, &size), -EPERM);
		close(in_fd);
		drop(coded);
	}
	close(fd);
	close(sealed_fd);
	drop(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_is_unpacked),
		cmocka_unit_test(what_is_encoded_decodes_to_the_same),
		cmocka_unit_test(a_header_tells_no_secrets_and_asks_for_little),
		cmocka_unit_test(the_programs_of_each_coding_agree),
		cmocka_unit_test(what_does_not_shrink_is_not_kept),
		cmocka_unit_test(a_file_that_is_cut_short_is_refused),
		cmocka_unit_test(damage_is_refused_or_harmless),
		cmocka_unit_test(what_stands_behind_the_end_is_refused),
		cmocka_unit_test(joined_members_and_frames_are_one_file),
		cmocka_unit_test(a_bomb_costs_no_more_than_the_limit),
		cmocka_unit_test(a_zstd_window_above_128_mib_is_refused),
		cmocka_unit_test(whoever_is_cancelled_ends_at_once),
		cmocka_unit_test(encoding_ends_when_its_time_is_over),
		cmocka_unit_test(what_cannot_be_read_or_written_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
