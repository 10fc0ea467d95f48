/* SPDX-License-Identifier: MIT */
/*
 * What the client would rather have: content codings, languages, media types, digests.
 *
 * Called by site/answer when a resource has more than one form. Never decides what is there,
 * only which of it suits, and never refuses a request: what cannot be read asks for nothing.
 *
 *   name ; parameter = value ; q = 0.5 , name , , ...      RFC 9110 5.6.1, 5.6.6, 12.4.2
 *   key = item ; key = item , key = ( item item ) , key    RFC 8941 3.2
 *
 * The two look alike and are read by different rules. In the upper one elements stand alone: a
 * broken one is stepped over, and white space may stand around commas and semicolons. In the
 * lower one a single wrong byte makes all of it void, so everything has to be understood, even
 * members that nobody asks about.
 *
 * The hard thing is where a broken element ends. A comma inside a quoted string ends none, but a
 * stray quote must not swallow the elements behind it: quotes open a string after "=" only.
 */
#include "http/accept.h"

/* Which bytes may be in what. Names are short, so that a table would gain nothing. */
#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN LETTERS DIGITS "!#$%&'*+-.^_`|~" /* RFC 9110 5.6.2 */
#define KEY LOWER DIGITS "_-.*"                /* RFC 8941 3.1.2, behind the first byte */
#define ITEM_TOKEN TOKEN ":/"                  /* RFC 8941 3.3.4, behind the first byte */
#define BASE64 LETTERS DIGITS "+/="

#define WEIGHT_NONE (-1) /* nothing was said */

/* One element of a list as in RFC 9110. */
struct element {
	struct bytes name;
	int weight;
	bool has_parameters; /* other than q */
};

/* By descending weight, in the order of the field at equal weight. */
struct language_ranges {
	unsigned count;
	struct element range[ACCEPT_LANGUAGES_MAX];
};

/* How closely a media range matches; between two steps lies the same without parameters. */
enum media_match {
	MEDIA_NONE = 0,
	MEDIA_ANY = 2,
	MEDIA_TYPE = 4,
	MEDIA_EXACT = 6,
};

static bool take_element(struct bytes *list, struct element *ret_element);
static void read_languages(struct bytes value, struct language_ranges *ret_ranges);
static int find_language(const struct language_ranges *ranges, struct bytes range,
			 const struct bytes *available, unsigned count);
static unsigned find_media(struct bytes value, struct bytes type, int *ret_weight);
static bool take_member(struct bytes *text, bool *wanted);
static bool take_byte(struct bytes *text, uint8_t c);

void accept_init_codings(struct accept_codings *ret_codings)
{
	*ret_codings = (struct accept_codings){ .weight = { [CODING_IDENTITY] = ACCEPT_WEIGHT_MAX } };
}

void accept_parse_codings(struct bytes value, struct accept_codings *ret_codings)
{
	int listed[CODING_COUNT + 1]; /* the last one counts for codings that are not ours */
	int other = WEIGHT_NONE;
	struct element element;

	for (int i = 0; i <= CODING_COUNT; i++)
		listed[i] = WEIGHT_NONE;
	while (take_element(&value, &element)) {
		bool any = bytes_equal(element.name, BYTES("*"));
		int *weight = any ? &other : &listed[coding_find(element.name)];

		if (*weight < element.weight)
			*weight = element.weight;
	}
	if (listed[CODING_IDENTITY] == WEIGHT_NONE && other == WEIGHT_NONE)
		listed[CODING_IDENTITY] = 1;
	for (int i = 0; i < CODING_COUNT; i++) {
		int weight = listed[i] != WEIGHT_NONE ? listed[i] : other;

		ret_codings->weight[i] = (uint16_t)(weight != WEIGHT_NONE ? weight : 0);
	}
}

enum coding accept_choose_coding(const struct accept_codings *codings, const enum coding *available,
				 unsigned count)
{
	enum coding best = CODING_COUNT;
	uint16_t weight = 0;

	for (unsigned i = 0; i < count; i++) {
		if (codings->weight[available[i]] <= weight)
			continue;
		best = available[i];
		weight = codings->weight[best];
	}
	return best;
}

int accept_choose_language(struct bytes value, const struct bytes *available, unsigned count)
{
	struct language_ranges ranges;

	read_languages(value, &ranges);
	for (unsigned i = 0; i < ranges.count && ranges.range[i].weight > 0; i++) {
		int found = find_language(&ranges, ranges.range[i].name, available, count);

		if (found >= 0)
			return found;
	}
	return -1;
}

uint16_t accept_media_weight(struct bytes value, struct bytes type)
{
	int weight;

	return find_media(value, type, &weight) != MEDIA_NONE ? (uint16_t)weight : 0;
}

bool accept_lists_media(struct bytes value, struct bytes type)
{
	int weight;

	return find_media(value, type, &weight) >= MEDIA_EXACT && weight > 0;
}

bool accept_wants_sha256(struct bytes value)
{
	bool wanted = false;

	for (value = bytes_trim(value); take_member(&value, &wanted); value = bytes_trim(value)) {
		value = bytes_trim(value);
		if (value.size == 0)
			return wanted;
		if (!take_byte(&value, ','))
			return false;
	}
	return false; /* no member, or none after a comma */
}

/* Take off the bytes at the start that are in `alphabet`. */
static struct bytes take_run(struct bytes *text, struct bytes alphabet)
{
	struct bytes all = *text;
	size_t size = 0;

	while (size < all.size && memchr(alphabet.base, all.base[size], alphabet.size) != NULL)
		size++;
	*text = bytes_skip(all, size);
	return bytes_make(all.base, size);
}

static bool is_token(struct bytes text)
{
	return take_run(&text, BYTES(TOKEN)).size > 0 && text.size == 0;
}

/* quoted-string (RFC 9110 5.6.4), whole. It has no controls, or the field would not have got here. */
static bool is_quoted(struct bytes text)
{
	size_t at = 1;

	if (text.size < 2 || text.base[0] != '"')
		return false;
	while (at < text.size && text.base[at] != '"')
		at += text.base[at] == '\\' ? 2 : 1;
	return at + 1 == text.size;
}

/* Take off what stands before `end`, and `end` too. In a quoted string it ends nothing. */
static struct bytes cut(struct bytes *text, uint8_t end)
{
	struct bytes all = *text;
	bool quoted = false;
	size_t at = 0;

	for (; at < all.size && (quoted || all.base[at] != end); at++) {
		if (quoted && all.base[at] == '\\')
			at++;
		else if (all.base[at] == '"')
			quoted = !quoted && at > 0 && all.base[at - 1] == '=';
	}
	/* A backslash can be the last byte, so `at` can be one too far. */
	*text = bytes_skip(all, at < all.size ? at + 1 : all.size);
	return bytes_make(all.base, at < all.size ? at : all.size);
}

/* qvalue (RFC 9110 12.4.2) in thousandths. */
static bool parse_weight(struct bytes value, int *ret_weight)
{
	int weight;

	if (value.size == 0 || value.size > sizeof("0.000") - 1 || !byte_is_digit(value.base[0]))
		return false;
	if (value.size > 1 && value.base[1] != '.')
		return false;
	weight = (value.base[0] - '0') * 1000;
	for (size_t at = 2, unit = 100; at < value.size; at++, unit /= 10) {
		if (!byte_is_digit(value.base[at]))
			return false;
		weight += (value.base[at] - '0') * (int)unit;
	}
	if (weight <= ACCEPT_WEIGHT_MAX)
		*ret_weight = weight;
	return weight <= ACCEPT_WEIGHT_MAX;
}

/* name=value, without white space around "=" (RFC 9110 5.6.6). */
static bool parse_parameter(struct bytes text, struct element *element)
{
	struct bytes value = text;
	struct bytes name = cut(&value, '=');

	if (!is_token(name))
		return false;
	if (bytes_equal_nocase(name, BYTES("q")))
		return element->weight == WEIGHT_NONE && parse_weight(value, &element->weight);
	element->has_parameters = true;
	return is_token(value) || is_quoted(value);
}

static bool parse_element(struct bytes text, struct element *ret_element)
{
	struct element element = { .weight = WEIGHT_NONE };

	element.name = bytes_trim(cut(&text, ';'));
	if (element.name.size == 0)
		return false;
	while (text.size > 0) {
		struct bytes parameter = bytes_trim(cut(&text, ';'));

		if (parameter.size > 0 && !parse_parameter(parameter, &element))
			return false;
	}
	if (element.weight == WEIGHT_NONE)
		element.weight = ACCEPT_WEIGHT_MAX;
	*ret_element = element;
	return true;
}

/* The next element that is well-formed. Names are only split off: who compares them sees what they are. */
static bool take_element(struct bytes *list, struct element *ret_element)
{
	while (list->size > 0)
		if (parse_element(cut(list, ','), ret_element))
			return true;
	return false;
}

/* "*", or subtags of one to eight letters, behind the first also digits (RFC 4647 2.1). */
static bool is_language_range(struct bytes text)
{
	struct bytes alphabet = BYTES(LETTERS);

	if (bytes_equal(text, BYTES("*")))
		return true;
	do {
		size_t size = take_run(&text, alphabet).size;

		if (size < 1 || size > 8)
			return false;
		alphabet = BYTES(LETTERS DIGITS);
	} while (take_byte(&text, '-'));
	return text.size == 0;
}

static void read_languages(struct bytes value, struct language_ranges *ret_ranges)
{
	struct element *range = ret_ranges->range;
	struct element element;

	ret_ranges->count = 0;
	while (ret_ranges->count < ACCEPT_LANGUAGES_MAX && take_element(&value, &element)) {
		unsigned at = ret_ranges->count;

		if (!is_language_range(element.name))
			continue;
		for (; at > 0 && range[at - 1].weight < element.weight; at--)
			range[at] = range[at - 1];
		range[at] = element;
		ret_ranges->count++;
	}
}

/* Is `tag` the same as `range`, or does it go on with further subtags? */
static bool is_within(struct bytes tag, struct bytes range)
{
	return tag.size >= range.size && bytes_equal_nocase(bytes_make(tag.base, range.size), range) &&
	       (tag.size == range.size || tag.base[range.size] == '-');
}

/*
 * Does truncation of `range` lead to `tag`? Subtags go one by one from the end, and with each a
 * single letter or digit before it, since that only introduces what is gone (RFC 4647 3.4). So
 * the way from a-b-c-x-d leads over a-b-c, and never stops at a-b-c-x.
 */
static bool truncates_to(struct bytes range, struct bytes tag)
{
	return tag.size >= 2 && tag.base[tag.size - 2] != '-' && range.size > tag.size &&
	       is_within(range, tag);
}

/* The longest range that covers a tag decides; of two that are the same, the first, which weighs more. */
static bool is_excluded(const struct language_ranges *ranges, struct bytes tag)
{
	const struct element *closest = NULL;

	for (unsigned i = 0; i < ranges->count; i++) {
		const struct element *range = &ranges->range[i];

		if (is_within(tag, range->name) && (closest == NULL || range->name.size > closest->name.size))
			closest = range;
	}
	return closest != NULL && closest->weight == 0;
}

static int find_language(const struct language_ranges *ranges, struct bytes range,
			 const struct bytes *available, unsigned count)
{
	bool any = bytes_equal(range, BYTES("*"));
	int truncated = -1;
	int within = -1;

	for (unsigned i = 0; i < count; i++) {
		struct bytes tag = available[i];
		bool wider = truncates_to(range, tag);

		if ((!any && !wider && !is_within(tag, range)) || is_excluded(ranges, tag))
			continue;
		if (any || tag.size == range.size)
			return (int)i;
		if (wider && (truncated < 0 || tag.size > available[truncated].size))
			truncated = (int)i;
		if (!wider && within < 0)
			within = (int)i;
	}
	return truncated >= 0 ? truncated : within;
}

static enum media_match match_media(struct bytes range, struct bytes type)
{
	const uint8_t *slash = memchr(type.base, '/', type.size);
	struct bytes group = bytes_make(type.base, slash != NULL ? (size_t)(slash - type.base) + 1 : 0);

	if (bytes_equal(range, BYTES("*/*")))
		return MEDIA_ANY;
	if (bytes_equal_nocase(range, type))
		return MEDIA_EXACT;
	if (group.size == 0 || range.size != group.size + 1 || range.base[group.size] != '*')
		return MEDIA_NONE;
	return bytes_equal_nocase(bytes_make(range.base, group.size), group) ? MEDIA_TYPE : MEDIA_NONE;
}

/* How closely the best range matches, as in enum media_match, one more without parameters. */
static unsigned find_media(struct bytes value, struct bytes type, int *ret_weight)
{
	unsigned best = MEDIA_NONE;
	struct element element;

	while (take_element(&value, &element)) {
		unsigned match = match_media(element.name, type);

		if (match == MEDIA_NONE)
			continue;
		match += element.has_parameters ? 0 : 1;
		if (match < best || (match == best && element.weight <= *ret_weight))
			continue;
		best = match;
		*ret_weight = element.weight;
	}
	return best;
}

static bool take_byte(struct bytes *text, uint8_t c)
{
	if (text->size == 0 || text->base[0] != c)
		return false;
	*text = bytes_skip(*text, 1);
	return true;
}

/* Inside a member only SP may stand between things, HTAB may not. */
static void take_spaces(struct bytes *text)
{
	take_run(text, BYTES(" "));
}

/* Empty when there is none. */
static struct bytes take_key(struct bytes *text)
{
	uint8_t first = text->size > 0 ? text->base[0] : 0;
	bool is_key = first == '*' || (first >= 'a' && first <= 'z');

	return is_key ? take_run(text, BYTES(KEY)) : BYTES("");
}

/* An Integer of up to 15 digits, or a Decimal of up to 12 and 3 (RFC 8941 3.3.1 and 3.3.2). */
static bool take_number(struct bytes *text, bool *ret_wanted)
{
	bool negative = take_byte(text, '-');
	struct bytes digits = take_run(text, BYTES(DIGITS));
	int64_t integer = 0;
	size_t decimals;

	if (digits.size == 0 || digits.size > 15)
		return false;
	for (size_t i = 0; i < digits.size; i++)
		integer = integer * 10 + (digits.base[i] - '0');
	*ret_wanted = !negative && integer >= 1 && integer <= 10;
	if (!take_byte(text, '.'))
		return true;
	*ret_wanted = false;
	decimals = take_run(text, BYTES(DIGITS)).size;
	return digits.size <= 12 && decimals >= 1 && decimals <= 3;
}

/* Behind the opening quote: ASCII that prints, a backslash only before itself or a quote (RFC 8941 3.3.3). */
static bool take_string(struct bytes *text)
{
	while (!take_byte(text, '"')) {
		if (text->size == 0 || text->base[0] < ' ' || text->base[0] > '~')
			return false;
		if (!take_byte(text, '\\'))
			*text = bytes_skip(*text, 1);
		else if (!take_byte(text, '\\') && !take_byte(text, '"'))
			return false;
	}
	return true;
}

/* bare-item (RFC 8941 3.3). *ret_wanted: it is an Integer from 1 to 10. */
static bool take_bare_item(struct bytes *text, bool *ret_wanted)
{
	uint8_t first = text->size > 0 ? text->base[0] : 0;

	if (first == '-' || byte_is_digit(first))
		return take_number(text, ret_wanted);
	*ret_wanted = false;
	if (take_byte(text, '"'))
		return take_string(text);
	if (take_byte(text, '?'))
		return take_byte(text, '0') || take_byte(text, '1');
	if (take_byte(text, ':')) {
		take_run(text, BYTES(BASE64));
		return take_byte(text, ':');
	}
	if (first != '*' && (byte_lower(first) < 'a' || byte_lower(first) > 'z'))
		return false;
	return take_run(text, BYTES(ITEM_TOKEN)).size > 0;
}

static bool take_parameters(struct bytes *text)
{
	while (take_byte(text, ';')) {
		bool unused;

		take_spaces(text);
		if (take_key(text).size == 0)
			return false;
		if (take_byte(text, '=') && !take_bare_item(text, &unused))
			return false;
	}
	return true;
}

/* Behind the opening parenthesis: items with their parameters, SP between them (RFC 8941 3.1.1). */
static bool take_inner_list(struct bytes *text)
{
	bool unused;

	for (take_spaces(text); !take_byte(text, ')'); take_spaces(text)) {
		if (!take_bare_item(text, &unused) || !take_parameters(text))
			return false;
		if (text->size == 0 || (text->base[0] != ' ' && text->base[0] != ')'))
			return false;
	}
	return true;
}

/* A member without "=" is the Boolean true, which is no Integer. *wanted is set if this is sha-256. */
static bool take_member(struct bytes *text, bool *wanted)
{
	struct bytes key = take_key(text);
	bool member_wanted = false;

	if (key.size == 0)
		return false;
	if (take_byte(text, '=') &&
	    !(take_byte(text, '(') ? take_inner_list(text) : take_bare_item(text, &member_wanted)))
		return false;
	if (bytes_equal(key, BYTES("sha-256")))
		*wanted = member_wanted;
	return take_parameters(text);
}
