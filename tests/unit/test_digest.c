/* SPDX-License-Identifier: MIT */
/*
 * serve/digest: what is sent as a digest is one, in the form that RFC 9530 and RFC 9110 ask for.
 *
 * The digests are the published answers of FIPS 180-2 and its examples; files are memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "serve/digest.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static const _Atomic bool never;

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	return fd;
}

static void assert_digest(const uint8_t digest[DIGEST_SIZE], const char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		assert_int_equal(digits[digest[i] >> 4], hex[2 * i]);
		assert_int_equal(digits[digest[i] & 15], hex[2 * i + 1]);
	}
}

static void assert_digest_of(const void *data, size_t size, const char *hex)
{
	uint8_t digest[DIGEST_SIZE];
	int fd = file_of(data, size);

	assert_int_equal(digest_sha256(fd, size, &never, digest), 0);
	assert_digest(digest, hex);
	/* The position is the caller's. */
	assert_int_equal(lseek(fd, 0, SEEK_CUR), size);
	close(fd);
}

static void the_digest_is_the_published_one(void **state)
{
	char *million = malloc(1000000);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', 1000000);
	assert_digest_of("", 0, EMPTY);
	assert_digest_of("abc", 3, ABC);
	assert_digest_of(million, 1000000, MILLION_A);
	free(million);
}

/* A file that grows while it is sent: the digest belongs to what is sent. */
static void bytes_behind_the_size_do_not_count(void **state)
{
	uint8_t digest[DIGEST_SIZE];
	int fd = file_of("abcdef", 6);

	(void)state;
	assert_int_equal(digest_sha256(fd, 3, &never, digest), 0);
	assert_digest(digest, ABC);
	close(fd);
}

/* Nothing is made up for a file that was cut, or cannot be read, and nothing is written to the result. */
static void a_file_that_cannot_be_read_to_its_size_has_no_digest(void **state)
{
	static const uint8_t untouched[DIGEST_SIZE] = { 1, 2, 3 };
	uint8_t digest[DIGEST_SIZE] = { 1, 2, 3 };
	int fd = file_of("abc", 3);

	(void)state;
	assert_int_equal(digest_sha256(fd, 4, &never, digest), -ESTALE);
	assert_int_equal(digest_sha256(fd, UINT64_C(1) << 40, &never, digest), -ESTALE);
	close(fd);
	assert_int_equal(digest_sha256(-1, 3, &never, digest), -EBADF);
	assert_memory_equal(digest, untouched, DIGEST_SIZE);
}

/* The connection is gone, or the server stops: nobody waits for a large file. */
static void a_cancelled_digest_ends_at_once(void **state)
{
	static const _Atomic bool cancelled = true;
	uint8_t digest[DIGEST_SIZE];
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	assert_int_equal(digest_sha256(fd, UINT64_C(1) << 40, &cancelled, digest), -ECANCELED);
	close(fd);
}

/* RFC 9530 2: a dictionary member whose value is a byte sequence, base64 between colons, filled up with "=".
 */
static void the_field_value_is_a_byte_sequence(void **state)
{
	uint8_t digest[DIGEST_SIZE];
	char value[DIGEST_REPR_SIZE];
	int fd = file_of("", 0);

	(void)state;
	assert_int_equal(digest_sha256(fd, 0, &never, digest), 0);
	digest_write_repr(digest, value);
	assert_string_equal(value, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
	assert_int_equal(strlen(value), DIGEST_REPR_SIZE - 1);
	memset(digest, 0xff, sizeof(digest));
	digest_write_repr(digest, value);
	assert_string_equal(value, "sha-256=://////////////////////////////////////////8=:");
	close(fd);
}

/* RFC 9110 8.8.3: strong, quoted; of characters that need no care in a URL or a file name either. */
static void the_tag_is_strong_and_quoted(void **state)
{
	uint8_t digest[DIGEST_SIZE];
	char tag[DIGEST_TAG_SIZE];
	int fd = file_of("", 0);

	(void)state;
	assert_int_equal(digest_sha256(fd, 0, &never, digest), 0);
	digest_write_tag(digest, tag);
	assert_string_equal(tag, "\"47DEQpj8HBSa-_TImW-5JCeu\"");
	assert_int_equal(strlen(tag), DIGEST_TAG_SIZE - 1);
	memset(digest, 0, sizeof(digest));
	digest_write_tag(digest, tag);
	assert_string_equal(tag, "\"AAAAAAAAAAAAAAAAAAAAAAAA\"");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_the_published_one),
		cmocka_unit_test(bytes_behind_the_size_do_not_count),
		cmocka_unit_test(a_file_that_cannot_be_read_to_its_size_has_no_digest),
		cmocka_unit_test(a_cancelled_digest_ends_at_once),
		cmocka_unit_test(the_field_value_is_a_byte_sequence),
		cmocka_unit_test(the_tag_is_strong_and_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
