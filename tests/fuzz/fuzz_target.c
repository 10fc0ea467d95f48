/* SPDX-License-Identifier: MIT */
/*
 * A request target: http/target.
 *
 *   byte 0      the method
 *   the rest    the target
 *
 * What is taken for a path is normal, says so of itself, is as long as the raw one at most, and lies in the
 * target or in the scratch. Encoded and read again it is the same path. A path without a query is what the
 * plain model of tests/unit makes of it; and any bytes are called normal exactly when reading them changes
 * nothing.
 */
#include "fuzz.h"
#include "http/target.h"
#include "target_model.h"

#define TARGET_SIZE_MAX 8192
#define MODELLED_SIZE_MAX (2 * MODEL_SEGMENTS_MAX)

/* No "//", no "." or ".." between slashes, one slash in front. */
static void check_segments(struct bytes path)
{
	check(path.size > 0 && path.base[0] == '/');
	check(memchr(path.base, 0, path.size) == NULL);
	path = bytes_skip(path, 1);
	while (path.size > 0) {
		struct bytes segment = fuzz_take_until(&path, '/');

		check(segment.size > 0);
		check(!bytes_equal(segment, BYTES(".")) && !bytes_equal(segment, BYTES("..")));
	}
}

/* Encoded as in a Location, read as a target: the same path. False: the target is not taken. */
static bool comes_back(struct bytes path, bool *ret_hidden)
{
	static uint8_t out[3 * TARGET_SIZE_MAX];
	struct bytes encoded = bytes_make(out, target_encode(path, out));
	struct target target;

	check(encoded.size <= 3 * path.size);
	encoded = fuzz_place(2, encoded);
	for (size_t i = 0; i < encoded.size; i++)
		check(encoded.base[i] > ' ' && encoded.base[i] < 0x7f && encoded.base[i] != '?');
	if (target_parse(encoded, METHOD_GET, fuzz_room(3, encoded.size), &target) != TARGET_OK)
		return false;
	check(target.query.size == 0 && target.authority.size == 0 && !target.asterisk);
	*ret_hidden = target.hidden;
	return bytes_equal(target.path, path);
}

static void check_target(const struct target *target, struct bytes raw, struct bytes scratch)
{
	bool hidden = false;

	check(fuzz_is_within(target->path, raw) || fuzz_is_within(target->path, scratch) ||
	      bytes_equal(target->path, BYTES("/")));
	check(fuzz_is_within(target->query, raw) && fuzz_is_within(target->authority, raw));
	check(target->query.size == 0 || target->query.base[0] == '?');
	if (target->asterisk) {
		check(target->path.size == 0 && bytes_equal(raw, BYTES("*")));
		return;
	}
	check(target->path.size <= raw.size);
	check_segments(target->path);
	check(target_is_normal(target->path, &hidden) && hidden == target->hidden);
	check(comes_back(target->path, &hidden) && hidden == target->hidden);
}

/* The path before the query, read by the model, must be what came out. */
static void check_against_model(struct bytes raw, enum target_result result, const struct target *target)
{
	static struct model model;
	const uint8_t *mark = memchr(raw.base, '?', raw.size);
	struct bytes path = bytes_make(raw.base, mark ? (size_t)(mark - raw.base) : raw.size);
	bool has_bad_query = false;

	if (path.size > MODELLED_SIZE_MAX)
		return;
	for (size_t i = path.size; i < raw.size; i++)
		has_bad_query |= raw.base[i] <= ' ' || raw.base[i] == 0x7f || raw.base[i] == '#';
	model_run(path, &model);
	if (model.result == TARGET_OK && has_bad_query)
		model.result = TARGET_MALFORMED;
	check(result == model.result);
	if (result != TARGET_OK)
		return;
	check(bytes_equal(target->path, bytes_make(model.path, model.size)) &&
	      target->hidden == model.hidden);
	check(bytes_equal(target->query, bytes_skip(raw, path.size)));
}

/* The bytes as a path that was never encoded: a rewrite's, or one of the configuration. */
static void check_as_path(struct bytes path)
{
	bool hidden = false, hidden_again = false;
	bool is_normal = target_is_normal(path, &hidden);

	check(is_normal == (path.size > 0 && path.base[0] == '/' && comes_back(path, &hidden_again)));
	check(!is_normal || hidden == hidden_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_make(data, size < TARGET_SIZE_MAX ? size : TARGET_SIZE_MAX), raw, scratch;
	enum method method = (enum method)(fuzz_take_number(&input, 1) % (METHOD_COUNT + 1));
	struct target target;
	enum target_result result;

	raw = fuzz_place(0, input);
	scratch = bytes_make(fuzz_room(1, raw.size), raw.size);
	result = target_parse(raw, method, (uint8_t *)scratch.base, &target);
	check(result == TARGET_OK || result == TARGET_MALFORMED || result == TARGET_NOWHERE);
	if (method == METHOD_CONNECT)
		check(result == TARGET_MALFORMED);
	else if (raw.size > 0 && raw.base[0] == '/')
		check_against_model(raw, result, &target);
	if (result == TARGET_OK)
		check_target(&target, raw, scratch);
	check_as_path(raw);
	return 0;
}
