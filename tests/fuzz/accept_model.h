/* SPDX-License-Identifier: MIT */
/*
 * Accept, Accept-Encoding and Accept-Language once more, for values without quotes: cut at commas, then at
 * semicolons, with the C library's calls on strings; then every choice by trying all that there is.
 *
 * What it says is what http/accept.h promises, put down from there and from RFC 9110 12.4 and 12.5.
 */
#ifndef QUOIT_TESTS_FUZZ_ACCEPT_MODEL_H
#define QUOIT_TESTS_FUZZ_ACCEPT_MODEL_H

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/accept.h"

#define ACCEPT_MODEL_SIZE_MAX 1024
#define ACCEPT_MODEL_TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

struct accept_model_element {
	const char *name;
	int weight;
	bool has_parameters;
};

struct accept_model {
	unsigned count;
	struct accept_model_element element[ACCEPT_MODEL_SIZE_MAX];
	char text[ACCEPT_MODEL_SIZE_MAX + 1];
};

static inline char *accept_model_trim(char *text)
{
	size_t size;

	while (*text == ' ' || *text == '\t')
		text++;
	for (size = strlen(text); size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'); size--)
		text[size - 1] = 0;
	return text;
}

/* "0", "0." up to "0.999", "1", "1." up to "1.000"; -1: it is none. */
static inline int accept_model_weight(const char *text)
{
	size_t size = strlen(text);
	char padded[] = "0.000";

	if (size < 1 || size > 5 || (text[0] != '0' && text[0] != '1') || (size > 1 && text[1] != '.') ||
	    strspn(text + 1, ".0123456789") != size - 1 || (size > 2 && strchr(text + 2, '.')))
		return -1;
	memcpy(padded, text, size);
	if (text[0] == '1' && strcmp(padded, "1.000") > 0)
		return -1;
	return (padded[0] - '0') * 1000 + atoi(padded + 2);
}

/* False: the element counts as not there. */
static inline bool accept_model_add_parameter(char *text, struct accept_model_element *element,
					      bool *has_weight)
{
	char *value = strchr(text, '=');

	if (!value)
		return false;
	*value++ = 0;
	if (*text == 0 || strspn(text, ACCEPT_MODEL_TOKEN) != strlen(text))
		return false;
	if (strcasecmp(text, "q") != 0) {
		element->has_parameters = true;
		return *value && strspn(value, ACCEPT_MODEL_TOKEN) == strlen(value);
	}
	if (*has_weight)
		return false;
	*has_weight = true;
	element->weight = accept_model_weight(value);
	return element->weight >= 0;
}

/* False: there is a quote or a NUL in it, which is not modelled. */
static inline bool accept_model_read(struct bytes value, struct accept_model *model)
{
	char *rest = model->text, *part;

	model->count = 0;
	if (value.size > ACCEPT_MODEL_SIZE_MAX || memchr(value.base, '"', value.size) ||
	    memchr(value.base, 0, value.size))
		return false;
	memcpy(model->text, value.base, value.size);
	model->text[value.size] = 0;
	while ((part = strsep(&rest, ","))) {
		struct accept_model_element element = { accept_model_trim(strsep(&part, ";")), 1000, false };
		bool is_good = *element.name != 0, has_weight = false;
		char *parameter;

		while (part && (parameter = strsep(&part, ";"))) {
			parameter = accept_model_trim(parameter);
			if (*parameter)
				is_good = is_good &&
					  accept_model_add_parameter(parameter, &element, &has_weight);
		}
		if (is_good)
			model->element[model->count++] = element;
	}
	return true;
}

/* The highest weight of an element that has one of two names; -1: there is none. */
static inline int accept_model_highest(const struct accept_model *model, const char *name, const char *other)
{
	int highest = -1;

	for (unsigned i = 0; i < model->count; i++) {
		const struct accept_model_element *element = &model->element[i];

		if ((strcasecmp(element->name, name) == 0 || strcasecmp(element->name, other) == 0) &&
		    element->weight > highest)
			highest = element->weight;
	}
	return highest;
}

static inline int accept_model_coding(const struct accept_model *model, enum coding coding)
{
	static const char *const names[CODING_COUNT] = { [CODING_IDENTITY] = "identity",
							 [CODING_BR] = "br",
							 [CODING_ZSTD] = "zstd",
							 [CODING_GZIP] = "gzip" };
	const char *name = names[coding];
	int listed = accept_model_highest(model, name, coding == CODING_GZIP ? "x-gzip" : name);
	int any = accept_model_highest(model, "*", "*");

	if (listed >= 0)
		return listed;
	if (any >= 0)
		return any;
	return coding == CODING_IDENTITY ? 1 : 0;
}

/* Subtags of 1 to 8 letters, behind the first also digits; or "*". */
static inline bool accept_model_is_range(const char *text)
{
	bool is_first = true;

	if (strcmp(text, "*") == 0)
		return true;
	for (;; is_first = false) {
		size_t size = 0;

		while ((unsigned char)text[size] < 0x80 &&
		       (isalpha(text[size]) || (!is_first && isdigit(text[size]))))
			size++;
		if (size < 1 || size > 8)
			return false;
		if (text[size] == 0)
			return true;
		if (text[size] != '-')
			return false;
		text += size + 1;
	}
}

/* Does `tag` begin with the subtags of `range`? */
static inline bool accept_model_begins(const char *tag, const char *range)
{
	size_t size = strlen(range);

	return strncasecmp(tag, range, size) == 0 && (tag[size] == 0 || tag[size] == '-');
}

/* How well a range asks for a tag: 0 not at all; exact above truncated above prefix. */
static inline unsigned accept_model_fit(const char *range, const char *tag)
{
	char shorter[ACCEPT_MODEL_SIZE_MAX + 1];
	char *dash;

	if (strcasecmp(range, tag) == 0)
		return 10000;
	strcpy(shorter, range);
	while ((dash = strrchr(shorter, '-'))) {
		*dash = 0;
		if (strlen(shorter) > 1 && shorter[strlen(shorter) - 2] == '-')
			shorter[strlen(shorter) - 2] = 0;
		if (strcasecmp(shorter, tag) == 0)
			return 100 + (unsigned)strlen(tag);
	}
	return accept_model_begins(tag, range) ? 1 : 0;
}

/* The ranges of the field that count, by weight. */
static inline unsigned accept_model_ranges(const struct accept_model *model,
					   const struct accept_model_element *ret_range[ACCEPT_LANGUAGES_MAX])
{
	const struct accept_model_element *found[ACCEPT_LANGUAGES_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < model->count && count < ACCEPT_LANGUAGES_MAX; i++)
		if (accept_model_is_range(model->element[i].name))
			found[count++] = &model->element[i];
	for (unsigned sorted = 0; sorted < count; sorted++) {
		unsigned best = 0;

		while (!found[best])
			best++;
		for (unsigned i = best; i < count; i++)
			if (found[i] && found[i]->weight > found[best]->weight)
				best = i;
		ret_range[sorted] = found[best];
		found[best] = NULL;
	}
	return count;
}

/* Excluded by the longest range that covers it; of equals, by the one of the highest weight. */
static inline bool accept_model_excludes(const struct accept_model_element *const *range, unsigned count,
					 const char *tag)
{
	size_t longest = 0;
	int weight = 1;

	for (unsigned i = 0; i < count; i++) {
		size_t size = strlen(range[i]->name);

		if (!accept_model_begins(tag, range[i]->name) || size < longest ||
		    (size == longest && range[i]->weight <= weight))
			continue;
		longest = size;
		weight = range[i]->weight;
	}
	return weight == 0;
}

static inline int accept_model_language(const struct accept_model *model, const struct bytes *available,
					unsigned count)
{
	const struct accept_model_element *range[ACCEPT_LANGUAGES_MAX];
	unsigned ranges = accept_model_ranges(model, range);

	for (unsigned i = 0; i < ranges && range[i]->weight > 0; i++) {
		bool is_any = strcmp(range[i]->name, "*") == 0;
		unsigned best = 0;
		int found = -1;

		for (unsigned k = 0; k < count; k++) {
			const char *tag = (const char *)available[k].base;
			unsigned fit = is_any ? 1 : accept_model_fit(range[i]->name, tag);

			if (fit <= best || accept_model_excludes(range, ranges, tag))
				continue;
			best = fit;
			found = (int)k;
		}
		if (found >= 0)
			return found;
	}
	return -1;
}

/* The weight of the most specific range that covers `type`; *ret_listed: it is the type itself, and wanted.
 */
static inline int accept_model_media(const struct accept_model *model, struct bytes type, bool *ret_listed)
{
	const char *text = (const char *)type.base;
	size_t group = (size_t)(strchr(text, '/') - text) + 1;
	int weight = 0;
	unsigned best = 0;

	for (unsigned i = 0; i < model->count; i++) {
		const struct accept_model_element *element = &model->element[i];
		unsigned match = 0;

		if (strcasecmp(element->name, text) == 0)
			match = 5;
		else if (strncasecmp(element->name, text, group) == 0 &&
			 strcmp(element->name + group, "*") == 0)
			match = 3;
		else if (strcmp(element->name, "*/*") == 0)
			match = 1;
		if (match == 0)
			continue;
		match += !element->has_parameters;
		if (match < best || (match == best && element->weight <= weight))
			continue;
		best = match;
		weight = element->weight;
	}
	*ret_listed = best >= 5 && weight > 0;
	return weight;
}

#endif
