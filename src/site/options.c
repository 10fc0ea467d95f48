/* SPDX-License-Identifier: MIT */
/*
 * The options of a site, taken apart.
 *
 * Called by site/site when a configuration is compiled; nothing here runs for a request. A list is
 * text with commas: its items become slices of it, in their order, each checked for what it is
 * a name of. An empty list is "" or "none".
 *
 * The hard thing is inheritance. A thousand hosts begin with the options of the top level: they share
 * what was made of those, and a mistake in one is told once, where it was written.
 *
 * References: RFC 5646 2.1 (language tags), RFC 9110 5.6.2 (tokens), 8.3.2 (character sets).
 */
#include "site/options.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/scan.h"
#include "http/target.h"
#include "site/destination.h"
#include "site/pattern.h"

#define PRESETS_MAX 8 /* more than there are */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct compilation {
	struct site *site;
	const struct place *place; /* of the host */
	struct problems *problems;
	struct bytes presets[PRESETS_MAX];
	unsigned preset_count;
};

/* One item of a list, at `place`. */
typedef void take_function(struct compilation *at, struct bytes item, const struct place *place);

static take_function take_index, take_coding, take_language, take_preset, take_field;

static void take_list(struct compilation *at, const char *key, const char *text, take_function *take)
{
	const struct place *list = PLACE_KEY(at->place, key);
	struct bytes rest = bytes_trim(bytes_string(text));

	if (bytes_equal(rest, BYTES("none")))
		return;
	for (unsigned i = 0; rest.size > 0; i++) {
		const uint8_t *comma = memchr(rest.base, ',', rest.size);
		size_t size = comma ? (size_t)(comma - rest.base) : rest.size;
		struct bytes item = bytes_trim(bytes_make(rest.base, size));

		rest = bytes_skip(rest, comma ? size + 1 : size);
		if (item.size == 0)
			problems_add(at->problems, PLACE_ITEM(list, i),
				     "nothing between two commas; take one out");
		else if (bytes_equal(item, BYTES("none")))
			problems_add(at->problems, PLACE_ITEM(list, i), "none stands alone");
		else
			take(at, item, PLACE_ITEM(list, i));
	}
}

static void copy_inherited(struct site *site)
{
	const struct site *above = site->above;

	if (site->inherits[SITE_OPTION_index]) {
		memcpy(site->index, above->index, sizeof(site->index));
		site->index_count = above->index_count;
	}
	if (site->inherits[SITE_OPTION_codings]) {
		memcpy(site->codings, above->codings, sizeof(site->codings));
		site->coding_count = above->coding_count;
	}
	if (site->inherits[SITE_OPTION_languages]) {
		memcpy(site->languages, above->languages, sizeof(site->languages));
		site->language_count = above->language_count;
	}
	if (site->inherits[SITE_OPTION_order]) {
		memcpy(site->order, above->order, sizeof(site->order));
		site->order_count = above->order_count;
	}
	if (site->inherits[SITE_OPTION_charset])
		site->charset = above->charset;
	if (site->inherits[SITE_OPTION_presets])
		site->presets = above->presets;
	if (site->inherits[SITE_OPTION_fingerprint])
		site->fingerprint = above->fingerprint;
}

/* A list of a site that is being filled. */
struct item_list {
	struct bytes *items;
	unsigned max;
	unsigned *count;
	bool any_case; /* of its items the case does not matter */
};

/* Put an item into a list, unless it is there already. */
static void keep_item(struct compilation *at, const struct item_list *list, struct bytes item,
		      const struct place *place)
{
	for (unsigned i = 0; i < *list->count; i++) {
		if (!(list->any_case ? bytes_equal_nocase : bytes_equal)(list->items[i], item))
			continue;
		problems_add(at->problems, place, "\"%.*s\" is in the list already", (int)item.size,
			     (const char *)item.base);
		return;
	}
	if (*list->count == list->max)
		problems_add(at->problems, place, "one too many; expected at most %u", list->max);
	else
		list->items[(*list->count)++] = item;
}

/* "there is no coding "brr"; did you mean br?", or which there are. */
static void tell_unknown(struct compilation *at, struct bytes item, const struct place *place,
			 const char *what, const char *const *words, unsigned count)
{
	struct text list = TEXT_EMPTY;
	const char *near;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)item.size, (const char *)item.base);
	near = problems_nearest(word, words, count);
	for (unsigned i = 0; i < count; i++)
		text_format(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", words[i]);
	if (near)
		problems_add(at->problems, place, "there is no %s \"%s\"; did you mean %s?", what, word,
			     near);
	else
		problems_add(at->problems, place, "there is no %s \"%s\"; there are %s", what, word,
			     text_string(&list));
	text_deinit(&list);
}

static void take_index(struct compilation *at, struct bytes item, const struct place *place)
{
	struct site *site = at->site;

	if (memchr(item.base, '/', item.size) || item.base[0] == '.') {
		problems_add(at->problems, place,
			     "\"%.*s\" is no index; expected the name of a file, without / and not hidden by "
			     "a dot",
			     (int)item.size, (const char *)item.base);
		return;
	}
	keep_item(at, &(struct item_list){ site->index, SITE_INDEX_MAX, &site->index_count, false }, item,
		  place);
}

static void take_coding(struct compilation *at, struct bytes item, const struct place *place)
{
	static const char *const words[] = {
#define CODING(constant, token, ending) token,
#include "http/coding.def"
#undef CODING
	};
	struct site *site = at->site;
	enum coding coding = coding_find(item);

	if (coding == CODING_COUNT) {
		tell_unknown(at, item, place, "coding", words, COUNT(words));
		return;
	}
	if (coding == CODING_IDENTITY) {
		problems_add(at->problems, place, "identity is no coding, and always there; take it out");
		return;
	}
	for (unsigned i = 0; i < site->coding_count; i++) {
		if (site->codings[i] == coding) {
			problems_add(at->problems, place, "%s is in the list already",
				     (const char *)coding_token(coding).base);
			return;
		}
	}
	site->codings[site->coding_count++] = coding;
}

static bool is_letter(uint8_t byte)
{
	uint8_t lower = byte_lower(byte);

	return lower >= 'a' && lower <= 'z';
}

/* Subtags of one to eight letters or digits, the first of letters alone. */
static bool is_language_tag(struct bytes tag)
{
	bool is_first = true;
	size_t size = 0;

	for (size_t i = 0; i < tag.size; i++) {
		uint8_t byte = tag.base[i];

		if (byte == '-' && size > 0) {
			is_first = false;
			size = 0;
			continue;
		}
		if (!is_letter(byte) && (is_first || !byte_is_digit(byte)))
			return false;
		if (++size > 8)
			return false;
	}
	return size > 0;
}

static void take_language(struct compilation *at, struct bytes item, const struct place *place)
{
	struct site *site = at->site;

	if (!is_language_tag(item)) {
		problems_add(at->problems, place,
			     "\"%.*s\" is no language tag; expected one such as en or pt-BR", (int)item.size,
			     (const char *)item.base);
		return;
	}
	keep_item(at, &(struct item_list){ site->languages, SITE_LANGUAGES_MAX, &site->language_count, true },
		  item, place);
}

static void take_preset(struct compilation *at, struct bytes item, const struct place *place)
{
	static const char *const words[] = { "security", "cors" };
	unsigned count;

	if (rules_preset(item, &count))
		keep_item(at, &(struct item_list){ at->presets, PRESETS_MAX, &at->preset_count, true }, item,
			  place);
	else
		tell_unknown(at, item, place, "preset", words, COUNT(words));
}

static bool is_token(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (scan_is(SCAN_NAME, text.base[i]))
			return false;
	return text.size > 0;
}

static void take_field(struct compilation *at, struct bytes item, const struct place *place)
{
	struct site *site = at->site;

	if (!is_token(item)) {
		problems_add(at->problems, place, "\"%.*s\" is no name of a field; expected one such as Date",
			     (int)item.size, (const char *)item.base);
		return;
	}
	keep_item(at, &(struct item_list){ site->order, SITE_ORDER_MAX, &site->order_count, true }, item,
		  place);
}

/* All presets as one list of rules. */
static bool compile_presets(struct compilation *at)
{
	struct header_spec *specs;
	unsigned count = 0, used = 0, size;

	if (at->preset_count == 0)
		return true;
	for (unsigned i = 0; i < at->preset_count; i++) {
		rules_preset(at->presets[i], &size);
		count += size;
	}
	specs = mem_alloc(count * sizeof(*specs));
	if (!specs)
		return false;
	for (unsigned i = 0; i < at->preset_count; i++, used += size) {
		const struct header_spec *preset = rules_preset(at->presets[i], &size);

		memcpy(specs + used, preset, size * sizeof(*specs));
	}
	at->site->presets =
		rules_compile(specs, count, "presets", PLACE_KEY(at->place, "presets"), at->problems);
	mem_free(specs);
	return at->site->presets;
}

static void read_charset(struct compilation *at)
{
	struct bytes charset = bytes_trim(bytes_string(at->site->options.charset));

	if (charset.size == 0 || bytes_equal(charset, BYTES("none")))
		return;
	if (is_token(charset))
		at->site->charset = charset;
	else
		problems_add(at->problems, PLACE_KEY(at->place, "charset"),
			     "\"%.*s\" is no name of a character set; expected one such as utf-8, or none",
			     (int)charset.size, (const char *)charset.base);
}

/* An empty pattern would find a fingerprint in every name: it means that there are none. */
static void compile_fingerprint(struct compilation *at)
{
	struct bytes text = bytes_string(at->site->options.fingerprint);
	struct fault fault;

	if (text.size == 0)
		return;
	at->site->fingerprint = pattern_create_regex(text, &fault);
	if (!at->site->fingerprint)
		problems_add(at->problems, PLACE_KEY(at->place, "fingerprint"), "%s", fault.text);
}

bool options_check_page(const char *path, const struct place *place, struct problems *problems)
{
	struct bytes text = bytes_string(path);
	const char *mistake = NULL;
	bool hidden;

	if (!target_is_normal(text, &hidden))
		mistake = "is no path; expected one such as /index.html, from the root";
	else if (hidden)
		mistake = "is hidden by a name that starts with a dot, and never served";
	else if (path[text.size - 1] == '/')
		mistake = "is a folder; expected a file in it, such as index.html";
	if (!mistake)
		return destination_check_path(text, place, problems);
	problems_add(problems, place, "\"%s\" %s", path, mistake);
	return false;
}

bool options_compile(struct site *site, const struct place *place, struct problems *problems)
{
	const struct site_options *options = &site->options;
	const bool *inherits = site->inherits;
	struct compilation at = { .site = site, .place = place, .problems = problems };

	copy_inherited(site);
	if (!inherits[SITE_OPTION_index])
		take_list(&at, "index", options->index, take_index);
	if (!inherits[SITE_OPTION_codings])
		take_list(&at, "codings", options->codings, take_coding);
	if (!inherits[SITE_OPTION_languages])
		take_list(&at, "languages", options->languages, take_language);
	if (!inherits[SITE_OPTION_order])
		take_list(&at, "order", options->order, take_field);
	if (!inherits[SITE_OPTION_presets])
		take_list(&at, "presets", options->presets, take_preset);
	if (!inherits[SITE_OPTION_charset])
		read_charset(&at);
	if (!inherits[SITE_OPTION_fingerprint])
		compile_fingerprint(&at);
	if (!inherits[SITE_OPTION_fallback] && options->fallback[0])
		options_check_page(options->fallback, PLACE_KEY(place, "fallback"), problems);
	return compile_presets(&at);
}
