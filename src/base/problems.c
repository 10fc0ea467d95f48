/* SPDX-License-Identifier: MIT */
/*
 * Collects problems; see problems.h.
 *
 * Used by everything that reads a configuration. Never prints: the subcommands and the reload do,
 * each in its own way. What is near a misspelt word is told by the edit distance, so one table of
 * words serves options, keys and choices alike.
 */
#include "base/problems.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define WORD_MAX 40

static void write_place(struct text *text, const struct place *place)
{
	if (!place)
		return;
	write_place(text, place->above);
	if (place->key)
		text_format(text, "%s%s", text->size > 0 ? "." : "", place->key);
	else
		text_format(text, "[%u]", place->index);
}

void problems_add(struct problems *problems, const struct place *place, const char *format, ...)
{
	struct text path = TEXT_EMPTY, sentence = TEXT_EMPTY;
	struct problem *list;
	va_list arguments;

	write_place(&path, place);
	text_add(&path, BYTES(""));
	va_start(arguments, format);
	text_format_list(&sentence, format, arguments);
	va_end(arguments);
	if (problems->count == problems->capacity) {
		unsigned capacity = problems->capacity ? 2 * problems->capacity : 16;

		list = mem_resize(problems->problem, capacity * sizeof(*list));
		if (list) {
			problems->problem = list;
			problems->capacity = capacity;
		}
	}
	if (path.failed || sentence.failed || problems->count == problems->capacity) {
		problems->failed = true;
		text_deinit(&path);
		text_deinit(&sentence);
		return;
	}
	problems->problem[problems->count++] =
		(struct problem){ .path = (char *)path.base, .text = (char *)sentence.base };
}

void problems_deinit(struct problems *problems)
{
	for (unsigned i = 0; i < problems->count; i++) {
		mem_free(problems->problem[i].path);
		mem_free(problems->problem[i].text);
	}
	mem_free(problems->problem);
	*problems = (struct problems){ .problem = NULL };
}

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return c == '_' ? '-' : c;
}

/* How many edits turn one word into the other: a byte more, less or another, or two neighbours swapped. */
static unsigned distance(const char *a, const char *b, size_t columns)
{
	unsigned line[3][WORD_MAX + 1]; /* of the table: the one being filled, and the two before it */

	for (size_t j = 0; j <= columns; j++)
		line[0][j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned *now = line[i % 3], *before = line[(i + 2) % 3], *second = line[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= columns; j++) {
			unsigned best = before[j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));

			best = before[j] + 1 < best ? before[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) && second[j - 2] + 1 < best)
				best = second[j - 2] + 1;
			now[j] = best;
		}
	}
	return line[strlen(a) % 3][columns];
}

const char *problems_nearest(const char *word, const char *const *words, unsigned count)
{
	size_t size = strlen(word);
	unsigned best_distance = size < 3 ? 2 : size < 6 ? 3 : 4;
	const char *best = NULL;

	if (size == 0 || size > WORD_MAX)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		size_t columns = strlen(words[i]);
		unsigned d;

		if (columns > WORD_MAX)
			continue;
		d = distance(word, words[i], columns);
		if (d < best_distance && d < columns) {
			best = words[i];
			best_distance = d;
		}
	}
	return best;
}
