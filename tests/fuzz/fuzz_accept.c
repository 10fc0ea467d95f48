/* SPDX-License-Identifier: MIT */
/*
 * What a client would rather have: http/accept.
 *
 * The whole input is the value of Accept-Encoding, Accept-Language, Accept and Want-Repr-Digest at once.
 *
 * The three lists of RFC 9110 are read a second time by accept_model.h, where they hold no quoted string,
 * and the choice that the header promises is made of that by going through all that there is. Whatever the
 * value: letters count without case, an empty element in front changes nothing, and of two languages that are
 * the same the first is taken. A Dictionary is all or nothing, and its last member of a name counts.
 */
#include <ctype.h>

#include "accept_model.h"
#include "fuzz.h"
#include "http/accept.h"

#define VALUE_SIZE_MAX 1024

static const char *const tags[] = {
	"en", "de", "de-CH", "de-CH-1996", "fr-x-a", "en-GB", "zh-Hant-TW", "en"
};
#define TAGS (sizeof(tags) / sizeof(tags[0]))

static struct bytes swap_case(struct bytes value)
{
	static uint8_t swapped[VALUE_SIZE_MAX];

	for (size_t i = 0; i < value.size; i++)
		swapped[i] =
			value.base[i] < 0x80 && isalpha(value.base[i]) ? value.base[i] ^ 0x20 : value.base[i];
	return fuzz_place(1, bytes_make(swapped, value.size));
}

/* `value` between two texts. */
static struct bytes between(const char *before, struct bytes value, const char *behind)
{
	uint8_t *room = fuzz_room(2, strlen(before) + value.size + strlen(behind));

	memcpy(room, before, strlen(before));
	memcpy(room + strlen(before), value.base, value.size);
	memcpy(room + strlen(before) + value.size, behind, strlen(behind));
	return bytes_make(room, strlen(before) + value.size + strlen(behind));
}

static void check_codings(struct bytes value, const struct accept_model *model)
{
	static const enum coding order[] = { CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY };
	struct accept_codings codings, again;
	enum coding chosen;

	accept_parse_codings(value, &codings);
	chosen = accept_choose_coding(&codings, order, CODING_COUNT);
	for (unsigned i = 0; i < CODING_COUNT; i++) {
		check(codings.weight[i] <= ACCEPT_WEIGHT_MAX);
		check(chosen != CODING_COUNT || codings.weight[i] == 0);
		if (model)
			check(codings.weight[i] == accept_model_coding(model, (enum coding)i));
	}
	for (unsigned i = 0; chosen != CODING_COUNT && i < CODING_COUNT; i++)
		check(codings.weight[order[i]] <= codings.weight[chosen]);
	accept_parse_codings(swap_case(value), &again);
	check(memcmp(&codings, &again, sizeof(codings)) == 0);
	accept_parse_codings(between(",", value, ""), &again);
	check(memcmp(&codings, &again, sizeof(codings)) == 0);
}

static void check_languages(struct bytes value, const struct accept_model *model)
{
	struct bytes available[TAGS];
	int chosen;

	for (unsigned i = 0; i < TAGS; i++)
		available[i] = bytes_string(tags[i]);
	chosen = accept_choose_language(value, available, TAGS);
	check(chosen >= -1 && chosen < (int)TAGS - 1);
	check(accept_choose_language(value, available, 0) == -1);
	check(accept_choose_language(swap_case(value), available, TAGS) == chosen);
	check(accept_choose_language(between(" , ", value, ""), available, TAGS) == chosen);
	if (model)
		check(accept_model_language(model, available, TAGS) == chosen);
}

static void check_media(struct bytes value, const struct accept_model *model)
{
	static const char *const types[] = { "text/html", "application/json", "image/svg+xml" };

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct bytes type = bytes_string(types[i]);
		uint16_t weight = accept_media_weight(value, type);
		bool is_listed = accept_lists_media(value, type);

		check(weight <= ACCEPT_WEIGHT_MAX && (!is_listed || weight > 0));
		check(accept_media_weight(swap_case(value), type) == weight);
		check(accept_lists_media(between(",", value, ""), type) == is_listed);
		if (model)
			check(accept_model_media(model, type, &is_listed) == weight &&
			      is_listed == accept_lists_media(value, type));
	}
}

/* Another member is asked for behind it: refused only when the value itself is malformed, or empty. */
static void check_digest(struct bytes value)
{
	bool is_sound = accept_wants_sha256(between("", value, ", sha-256=1"));

	if (accept_wants_sha256(value)) {
		check(memmem(value.base, value.size, "sha-256", 7) != NULL);
		check(is_sound);
	}
	check(!accept_wants_sha256(between("", value, ", sha-256=0")));
	check(!accept_wants_sha256(between("", value, ",")));
	check(accept_wants_sha256(between("a, ", value, ", sha-256=1")) == is_sound);
	check(accept_wants_sha256(between("sha-256=10, ", value, ", sha-256=1")) == is_sound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes value = fuzz_place(0, bytes_make(data, size < VALUE_SIZE_MAX ? size : VALUE_SIZE_MAX));
	static struct accept_model model;
	bool is_modelled = accept_model_read(value, &model);

	check_codings(value, is_modelled ? &model : NULL);
	check_languages(value, is_modelled ? &model : NULL);
	check_media(value, is_modelled ? &model : NULL);
	check_digest(value);
	return 0;
}
