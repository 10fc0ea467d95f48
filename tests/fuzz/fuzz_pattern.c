/* SPDX-License-Identifier: MIT */
/*
 * Globs and regular expressions: site/pattern.
 *
 *   byte 0     'g' glob on a path, 't' glob on a type, else a regular expression
 *   a line     the pattern
 *   the rest   the subject
 *
 * Any text is compiled or refused with a sentence; captures lie in the subject. A glob made of *, ?, two
 * stars and plain bytes matches exactly what a plain matcher says, and what has no sign of a glob matches
 * itself.
 */
#include "fuzz.h"
#include "site/pattern.h"

#define INPUT_SIZE_MAX 512
#define MODELLED_SIZE_MAX 16

/* Two stars that are a whole segment, slash included: any segments, or none. */
static bool is_deep(struct bytes glob, bool is_start)
{
	return is_start && bytes_starts_with(glob, BYTES("**/"));
}

/* Does the glob match all of the subject? `is_start`: at the start of a segment. */
static bool glob_matches(struct bytes glob, struct bytes subject, bool is_start)
{
	uint8_t sign = glob.size > 0 ? glob.base[0] : 0;
	bool is_far = bytes_starts_with(glob, BYTES("**"));

	if (glob.size == 0)
		return subject.size == 0;
	if (is_deep(glob, is_start)) {
		struct bytes rest = bytes_skip(glob, 3);

		if (glob_matches(rest, subject, true))
			return true;
		for (size_t i = 0; i < subject.size; i++)
			if (subject.base[i] == '/' && glob_matches(rest, bytes_skip(subject, i + 1), true))
				return true;
		return false;
	}
	if (sign == '*') {
		for (size_t i = 0;; i++) {
			if (glob_matches(bytes_skip(glob, is_far ? 2 : 1), bytes_skip(subject, i), false))
				return true;
			if (i == subject.size || (!is_far && subject.base[i] == '/'))
				return false;
		}
	}
	if (subject.size == 0 || (sign == '?' ? subject.base[0] == '/' : subject.base[0] != sign))
		return false;
	return glob_matches(bytes_skip(glob, 1), bytes_skip(subject, 1), sign == '/');
}

/* Only what the plain matcher knows: letters, digits, "/", "-", ".", ?, and stars alone or as a whole
 * segment. */
static bool is_modelled(struct bytes glob, struct bytes subject)
{
	if (glob.size == 0 || glob.size > MODELLED_SIZE_MAX || subject.size > MODELLED_SIZE_MAX)
		return false;
	for (size_t i = 0; i < glob.size; i++) {
		uint8_t byte = glob.base[i], lower = byte_lower(byte);
		bool is_double = byte == '*' && i + 1 < glob.size && glob.base[i + 1] == '*';

		if (!(lower >= 'a' && lower <= 'z') && !byte_is_digit(byte) && !memchr("/-.?*", byte, 5))
			return false;
		if (!is_double)
			continue;
		if (i == 0 || glob.base[i - 1] != '/' || (i + 2 < glob.size && glob.base[i + 2] != '/'))
			return false;
		i++;
	}
	return true;
}

static void check_glob(const struct pattern *pattern, struct bytes glob, struct bytes subject)
{
	struct bytes name = subject;

	if (!is_modelled(glob, subject))
		return;
	check(pattern_matches(pattern, subject, NULL) == glob_matches(glob, subject, true));
	while (name.size > 0 && memchr(name.base, '/', name.size))
		name = bytes_skip(name, 1);
	if (memchr(glob.base, '/', glob.size))
		name = subject;
	if (subject.size > 0) /* a path has a slash at least */
		check(pattern_matches_path(pattern, subject) == glob_matches(glob, name, true));
}

static void check_captures(const struct pattern *pattern, struct bytes subject)
{
	struct pattern_match match;

	if (!pattern_matches(pattern, subject, &match))
		return;
	check(match.count >= 1 && match.count <= PATTERN_CAPTURES);
	check(match.count <= pattern_groups(pattern) + 1);
	for (unsigned i = 0; i < PATTERN_CAPTURES; i++)
		check(match.capture[i].size == 0 || fuzz_is_within(match.capture[i], subject));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_make(data, size < INPUT_SIZE_MAX ? size : INPUT_SIZE_MAX);
	uint8_t kind = (uint8_t)fuzz_take_number(&rest, 1);
	struct bytes text = fuzz_place(0, fuzz_take_line(&rest));
	struct bytes subject = fuzz_place(1, rest);
	struct fault fault = { .text = "" };
	struct pattern *pattern;

	if (kind == 'g')
		pattern = pattern_create_glob(text, &fault);
	else if (kind == 't')
		pattern = pattern_create_type(text, &fault);
	else
		pattern = pattern_create_regex(text, &fault);
	if (!pattern) {
		check(fault.text[0] != 0);
		return 0;
	}
	check_captures(pattern, subject);
	pattern_matches_path(pattern, subject);
	if (kind == 'g')
		check_glob(pattern, text, subject);
	pattern_destroy(pattern);
	return 0;
}
