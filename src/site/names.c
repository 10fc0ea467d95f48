/* SPDX-License-Identifier: MIT */
/*
 * Names of translations and of coded forms.
 *
 * Called by site/resolve for the names it asks about, and by serve/ when it keeps a compressed
 * variant. A dot that starts a name hides the file and starts no ending.
 */
#include "site/names.h"

#include <inttypes.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "http/coding.h"

size_t names_ending_at(struct bytes name)
{
	size_t ending = name.size;

	for (size_t at = name.size; at > 0 && name.base[at - 1] != '/'; at--) {
		bool begins_segment = at == 1 || name.base[at - 2] == '/';

		if (name.base[at - 1] == '.' && !begins_segment && ending == name.size)
			ending = at - 1;
	}
	return ending;
}

bool names_are_coded(struct bytes name)
{
	for (int coding = CODING_IDENTITY + 1; coding < CODING_COUNT; coding++) {
		struct bytes ending = coding_ending((enum coding)coding);

		if (name.size > ending.size && bytes_equal(bytes_skip(name, name.size - ending.size), ending))
			return true;
	}
	return false;
}

void names_translate(struct text *name, size_t begin, struct bytes language, bool inside)
{
	uint8_t ending[256]; /* a file name has no more */
	struct bytes tail = bytes_make(ending, 0);
	size_t at;

	if (name->failed)
		return;
	at = begin + names_ending_at(bytes_make(name->base + begin, name->size - begin));
	if (inside && name->size - at <= sizeof(ending)) {
		tail.size = name->size - at;
		memcpy(ending, name->base + at, tail.size);
		name->size = at;
	}
	text_add_byte(name, '.');
	text_add(name, language);
	text_add(name, tail);
}

void names_write_made(const struct version *plain, enum coding coding, struct text *out)
{
	XXH128_hash_t hash = XXH3_128bits(plain, sizeof(*plain));
	struct bytes ending = coding_ending(coding);

	text_format(out, "%016" PRIx64 "%016" PRIx64 "%.*s", hash.high64, hash.low64, (int)ending.size,
		    ending.base);
}
