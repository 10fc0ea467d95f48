/* SPDX-License-Identifier: MIT */
/*
 * The second reader of the configuration file, for one that has mistakes; see config_lint.h.
 *
 * Called by serve/config_file after libcyaml has refused a file. Walks tree and schema together, from
 * the top down; its depth is that of the schema, so that an alias within its own anchor ends at
 * the first key that does not fit. What is wrong is left out of the result: a text that is none is not
 * given, or empty in a list, whose items keep their numbers.
 *
 * The one hard thing is to say what would have been right: see refuse_kind().
 */
#include "serve/config_lint.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Bytes of a value that are repeated in a sentence. */
#define QUOTE_MAX 72

/* A mapping with more keys than this is not told in full. */
#define KEYS_SAID 10
#define KEYS_SAID_OF_MANY 4

struct reader {
	struct marks *marks;
	const cyaml_schema_field_t *top; /* keys of the top level */
	struct problems *problems;
	unsigned problem_count; /* added here */
	unsigned values_left;
	int error;
};

/* A value: what is written, and what is wanted. */
struct spot {
	const yaml_node_t *node;
	const cyaml_schema_value_t *schema;
	const struct place *place;
};

static void read_value(struct reader *reader, const struct spot *spot, void *data);

static yaml_node_t *node_of(const struct reader *reader, int index)
{
	return yaml_document_get_node(&reader->marks->document, index);
}

#define ADD(reader, mark, place, ...)                                                                        \
	do {                                                                                                 \
		if ((reader)->problem_count++ >= CONFIG_LINT_PROBLEMS_MAX)                                   \
			break;                                                                               \
		problems_add((reader)->problems, (place), __VA_ARGS__);                                      \
		marks_set((reader)->problems, (mark));                                                       \
	} while (0)

/* NULL: it is no scalar. */
static const char *scalar_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* "a, b, c": the keys of a mapping; of one that has many the first. */
static void list_keys(const cyaml_schema_field_t *keys, struct text *text)
{
	unsigned count = 0;

	while (keys[count].key)
		count++;
	for (unsigned i = 0; i < count && (i < KEYS_SAID_OF_MANY || count <= KEYS_SAID); i++)
		text_format(text, "%s%s", i == 0 ? "" : ", ", keys[i].key);
	if (count > KEYS_SAID)
		text_format(text, " ... (see quoit.yaml(5))");
}

/* Part of a line of the file; what is long is cut between characters. */
static void quote(struct text *text, const char *part)
{
	size_t size = strlen(part);

	if (size > QUOTE_MAX) {
		for (size = QUOTE_MAX; size > 0 && (part[size] & 0xc0) == 0x80; size--)
			continue;
		text_format(text, "%.*s ...", (int)size, part);
	} else {
		text_format(text, "%s", part);
	}
}

/* A value as it would stand in the file; of a mapping its first line. */
static void outline(const struct reader *reader, const yaml_node_t *node, struct text *text)
{
	const yaml_node_pair_t *pair;

	if (node->type == YAML_SCALAR_NODE)
		quote(text, scalar_text(node));
	if (node->type != YAML_MAPPING_NODE)
		return;
	pair = node->data.mapping.pairs.start;
	if (pair < node->data.mapping.pairs.top) {
		const char *key = scalar_text(node_of(reader, pair->key));
		const char *value = scalar_text(node_of(reader, pair->value));

		quote(text, key ? key : "...");
		text_format(text, ": ");
		quote(text, value ? value : "...");
	}
}

/* An item of a list, such as the line of a field. */
static void refuse_unquoted(struct reader *reader, const struct spot *spot, const char *written)
{
	static const char sentence[] = "the colon makes a mapping of this; put the line in quotes";
	const yaml_mark_t *mark = &spot->node->start_mark;

	if (!strpbrk(written, "\"\\"))
		ADD(reader, mark, spot->place, "%s: \"%s\"", sentence, written);
	else if (!strchr(written, '\''))
		ADD(reader, mark, spot->place, "%s: '%s'", sentence, written);
	else
		ADD(reader, mark, spot->place, "%s: '...', and write each ' within as ''", sentence);
}

static void refuse_as_text(struct reader *reader, const struct spot *spot, const char *written)
{
	if (spot->node->type == YAML_SEQUENCE_NODE)
		ADD(reader, &spot->node->start_mark, spot->place, "here stands a list; write one text");
	else if (!spot->place->key)
		refuse_unquoted(reader, spot, written);
	else
		ADD(reader, &spot->node->start_mark, spot->place,
		    "here stands a mapping; write one text, in quotes if there is a colon in it");
}

static void refuse_as_list(struct reader *reader, const struct spot *spot, const char *written)
{
	const char *key = spot->place && spot->place->key ? spot->place->key : "this";
	bool of_texts = spot->schema->sequence.entry->type == CYAML_STRING;

	if (spot->node->type == YAML_SCALAR_NODE && of_texts && !*written)
		ADD(reader, &spot->node->start_mark, spot->place,
		    "%s is a list, and nothing is given; write [none] for an empty one", key);
	else if (spot->node->type == YAML_SCALAR_NODE && of_texts)
		ADD(reader, &spot->node->start_mark, spot->place, "%s is a list; write it in brackets: [%s]",
		    key, written);
	else
		ADD(reader, &spot->node->start_mark, spot->place,
		    "%s is a list; write one: begin each item with a dash and a space", key);
}

static void refuse_as_mapping(struct reader *reader, const struct spot *spot)
{
	struct text keys = TEXT_EMPTY;

	if (spot->schema->mapping.fields == reader->top) {
		ADD(reader, &spot->node->start_mark, spot->place,
		    "a configuration is a mapping; write lines such as \"root: /srv/www\"");
		return;
	}
	list_keys(spot->schema->mapping.fields, &keys);
	ADD(reader, &spot->node->start_mark, spot->place, "here belongs a mapping with some of the keys %s",
	    text_string(&keys));
	text_deinit(&keys);
}

/* One kind of value stands where another belongs. */
static void refuse_kind(struct reader *reader, const struct spot *spot)
{
	struct text written = TEXT_EMPTY;

	outline(reader, spot->node, &written);
	if (spot->schema->type == CYAML_STRING)
		refuse_as_text(reader, spot, text_string(&written));
	else if (spot->schema->type == CYAML_SEQUENCE)
		refuse_as_list(reader, spot, text_string(&written));
	else
		refuse_as_mapping(reader, spot);
	text_deinit(&written);
}

/* True: it is good. */
static bool check_text(struct reader *reader, const struct spot *spot)
{
	const char *text = scalar_text(spot->node);

	if (!text) {
		refuse_kind(reader, spot);
		return false;
	}
	if (strlen(text) != spot->node->data.scalar.length) {
		ADD(reader, &spot->node->start_mark, spot->place, "a text must not contain a NUL");
		return false;
	}
	if (strlen(text) < spot->schema->string.min) {
		ADD(reader, &spot->node->start_mark, spot->place, "this item is empty");
		return false;
	}
	return true;
}

static void read_text(struct reader *reader, const struct spot *spot, char **ret_text)
{
	bool is_item = !spot->place->key;

	if (check_text(reader, spot))
		*ret_text = mem_string(scalar_text(spot->node));
	else if (is_item)
		*ret_text = mem_string("");
	else
		return;
	if (!*ret_text)
		reader->error = -ENOMEM;
}

static bool is_nothing(const yaml_node_t *node)
{
	const char *text = scalar_text(node);

	return text && !*text;
}

static void read_list(struct reader *reader, const struct spot *spot, const cyaml_schema_field_t *field,
		      char *data)
{
	const yaml_node_item_t *items = spot->node->data.sequence.items.start;
	const cyaml_schema_value_t *schema = spot->schema;
	unsigned count;
	char *list;

	if (is_nothing(spot->node) && (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL)
		return;
	if (spot->node->type != YAML_SEQUENCE_NODE) {
		refuse_kind(reader, spot);
		return;
	}
	count = (unsigned)(spot->node->data.sequence.items.top - items);
	if (count < schema->sequence.min)
		ADD(reader, &spot->node->start_mark, spot->place, "an empty list is written [none]");
	if (count == 0)
		return;
	list = mem_alloc_zeroed(count, schema->data_size);
	if (!list) {
		reader->error = -ENOMEM;
		return;
	}
	*(char **)(data + field->data_offset) = list;
	*(unsigned *)(data + field->count_offset) = count;
	for (unsigned i = 0; i < count; i++) {
		struct spot item = { node_of(reader, items[i]), schema->sequence.entry,
				     PLACE_ITEM(spot->place, i) };

		read_value(reader, &item, list + (size_t)i * schema->data_size);
	}
}

static const cyaml_schema_field_t *find_key(const cyaml_schema_field_t *keys, const char *name)
{
	for (; keys->key; keys++)
		if (strcmp(keys->key, name) == 0)
			return keys;
	return NULL;
}

static void refuse_key(struct reader *reader, const struct spot *mapping, const yaml_node_t *node,
		       const char *name)
{
	const cyaml_schema_field_t *keys = mapping->schema->mapping.fields;
	const struct place *place = PLACE_KEY(mapping->place, name);
	const char *names[CONFIG_SCHEMA_KEYS], *near;
	const yaml_mark_t *mark = &node->start_mark;
	struct text list = TEXT_EMPTY;
	unsigned count = 0;

	for (; keys[count].key; count++)
		names[count] = keys[count].key;
	/* One number is not meant to be another. */
	near = *name >= '0' && *name <= '9' ? NULL : problems_nearest(name, names, count);
	list_keys(keys, &list);
	if (strcmp(name, "<<") == 0)
		ADD(reader, mark, place,
		    "merging by << is not known here; repeat the keys, or give a whole value by its *name");
	else if (keys != reader->top && find_key(reader->top, name))
		ADD(reader, mark, place, "%s is for the whole server; write it at the top of the file", name);
	else if (near)
		ADD(reader, mark, place, "there is no key %.60s here; did you mean %s?", name, near);
	else
		ADD(reader, mark, place, "there is no key %.60s here; the keys are %s", name,
		    text_string(&list));
	text_deinit(&list);
}

/* Each key once: `lines` remembers where. */
static void read_pair(struct reader *reader, const struct spot *mapping, const yaml_node_pair_t *pair,
		      size_t *lines, char *data)
{
	const yaml_node_t *node = node_of(reader, pair->key);
	const char *name = scalar_text(node);
	const cyaml_schema_field_t *keys = mapping->schema->mapping.fields, *key;
	struct spot value = { .node = node_of(reader, pair->value) };

	if (!name || strlen(name) != node->data.scalar.length) {
		ADD(reader, &node->start_mark, PLACE_KEY(mapping->place, "?"), "a key is a single word");
		return;
	}
	key = find_key(keys, name);
	if (!key) {
		refuse_key(reader, mapping, node, name);
		return;
	}
	value.schema = &key->value;
	value.place = PLACE_KEY(mapping->place, key->key);
	if (lines[key - keys] > 0) {
		ADD(reader, &node->start_mark, value.place, "%s is given a second time; first in line %zu",
		    name, lines[key - keys]);
		return;
	}
	lines[key - keys] = node->start_mark.line + 1;
	if (key->value.type == CYAML_SEQUENCE)
		read_list(reader, &value, key, data);
	else
		read_value(reader, &value, data + key->data_offset);
}

static void read_mapping(struct reader *reader, const struct spot *spot, char *data)
{
	size_t lines[CONFIG_SCHEMA_KEYS] = { 0 };

	if (spot->node->type != YAML_MAPPING_NODE) {
		refuse_kind(reader, spot);
		return;
	}
	for (yaml_node_pair_t *pair = spot->node->data.mapping.pairs.start;
	     pair < spot->node->data.mapping.pairs.top && reader->error == 0; pair++)
		read_pair(reader, spot, pair, lines, data);
}

static void read_value(struct reader *reader, const struct spot *spot, void *data)
{
	if (reader->error < 0)
		return;
	if (reader->values_left-- == 0)
		reader->error = -E2BIG;
	else if (spot->schema->type == CYAML_MAPPING)
		read_mapping(reader, spot, data);
	else
		read_text(reader, spot, data);
}

int config_lint(struct marks *marks, const cyaml_schema_value_t *schema, void *data,
		struct problems *problems)
{
	struct reader reader = {
		.marks = marks,
		.top = schema->mapping.fields,
		.problems = problems,
		.values_left = CONFIG_VALUES_MAX,
	};
	struct spot top = { marks->root, schema, NULL };

	if (!marks->root || is_nothing(marks->root))
		return 0;
	read_value(&reader, &top, data);
	if (reader.problem_count > CONFIG_LINT_PROBLEMS_MAX) {
		problems_add(problems, NULL, "there are %u more mistakes like these",
			     reader.problem_count - CONFIG_LINT_PROBLEMS_MAX);
		marks_set(problems, &marks->document.end_mark);
	}
	return reader.error;
}
