/* SPDX-License-Identifier: MIT */
/*
 * Lines and columns in the configuration file; see config_marks.h.
 *
 * Called by serve/config_file when libcyaml has refused a file or when a problem was found later.
 * libyaml's document interface does the reading: every node of its tree carries a mark. A problem
 * finds its node by its path, "hosts[2].headers[0].path". Of a file that is no YAML at all only the
 * first error is known, because nothing behind it can be told apart.
 */
#include "serve/config_marks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void marks_set(struct problems *problems, const yaml_mark_t *mark)
{
	if (problems->count == 0)
		return;
	problems->problem[problems->count - 1].line = (unsigned)mark->line + 1;
	problems->problem[problems->count - 1].column = (unsigned)mark->column + 1;
}

/* Bytes that are no text have an offset only. */
static yaml_mark_t mark_of_offset(struct bytes source, size_t offset)
{
	yaml_mark_t mark = { .index = 0 };

	for (size_t i = 0; i < offset && i < source.size; i++) {
		mark.column++;
		if (source.base[i] == '\n')
			mark = (yaml_mark_t){ .line = mark.line + 1 };
		else if ((source.base[i] & 0xc0) == 0x80)
			mark.column--;
	}
	return mark;
}

static bool is_tab(struct bytes source, const yaml_mark_t *mark)
{
	const uint8_t *line = source.base, *end = source.base + source.size;

	for (size_t i = 0; i < mark->line && line < end; i++) {
		const uint8_t *feed = memchr(line, '\n', (size_t)(end - line));

		line = feed ? feed + 1 : end;
	}
	/* Only white space can stand before a tab that indents: bytes and characters are the same. */
	return mark->column < (size_t)(end - line) && line[mark->column] == '\t';
}

/* What libyaml says of its parser: a sentence, and often what it was doing since which line. */
static void add_syntax_error(const yaml_parser_t *parser, struct bytes source, struct problems *problems)
{
	const char *what = parser->problem ? parser->problem : "it cannot be understood";
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_READER_ERROR) {
		mark = mark_of_offset(source, parser->problem_offset);
		problems_add(problems, NULL, "this is no text in UTF-8: %s", what);
	} else if (is_tab(source, &mark)) {
		problems_add(problems, NULL, "this is no YAML: a tab cannot indent; write spaces");
	} else if (parser->context && parser->context_mark.line != mark.line) {
		problems_add(problems, NULL, "this is no YAML: %s, %s that begins in line %zu", what,
			     parser->context, parser->context_mark.line + 1);
	} else if (parser->context) {
		problems_add(problems, NULL, "this is no YAML: %s, %s", what, parser->context);
	} else {
		problems_add(problems, NULL, "this is no YAML: %s", what);
	}
	marks_set(problems, &mark);
}

static int load(yaml_parser_t *parser, yaml_document_t *document, struct bytes source,
		struct problems *problems)
{
	if (yaml_parser_load(parser, document))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	add_syntax_error(parser, source, problems);
	return -EINVAL;
}

/* Behind the first document there must be nothing but the end. */
static int check_end(yaml_parser_t *parser, struct bytes source, struct problems *problems)
{
	yaml_document_t second;
	int error = load(parser, &second, source, problems);

	if (error < 0)
		return error;
	if (yaml_document_get_root_node(&second)) {
		problems_add(problems, NULL,
			     "a second document begins here; a configuration is one document");
		marks_set(problems, &second.start_mark);
	}
	yaml_document_delete(&second);
	return 0;
}

static int read_documents(struct marks *marks, struct bytes source, struct problems *problems)
{
	yaml_parser_t parser;
	int error;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, source.base, source.size);
	error = load(&parser, &marks->document, source, problems);
	if (error == 0) {
		marks->root = yaml_document_get_root_node(&marks->document);
		error = marks->root ? check_end(&parser, source, problems) : 0;
		if (error < 0)
			yaml_document_delete(&marks->document);
	}
	yaml_parser_delete(&parser);
	return error;
}

int marks_create(struct bytes source, struct marks **ret_marks, struct problems *problems)
{
	struct marks *marks = mem_alloc_zeroed(1, sizeof(*marks));
	int error = marks ? read_documents(marks, source, problems) : -ENOMEM;

	if (error < 0) {
		mem_free(marks);
		return error;
	}
	*ret_marks = marks;
	return 0;
}

void marks_destroy(struct marks *marks)
{
	if (!marks)
		return;
	yaml_document_delete(&marks->document);
	mem_free(marks);
}

static yaml_node_t *value_of_key(struct marks *marks, const yaml_node_t *mapping, struct bytes key)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *node = yaml_document_get_node(&marks->document, pair->key);

		if (node->type == YAML_SCALAR_NODE &&
		    bytes_equal(bytes_make(node->data.scalar.value, node->data.scalar.length), key))
			return yaml_document_get_node(&marks->document, pair->value);
	}
	return NULL;
}

static yaml_node_t *item_of_list(struct marks *marks, const yaml_node_t *list, unsigned long index)
{
	size_t count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);

	return index < count
		       ? yaml_document_get_node(&marks->document, list->data.sequence.items.start[index])
		       : NULL;
}

/* One step of a path, which is moved behind it. NULL: there is nothing of that name. */
static yaml_node_t *step(struct marks *marks, const yaml_node_t *node, const char **path)
{
	const char *begin;

	if (**path == '[') {
		char *end;
		unsigned long index = strtoul(*path + 1, &end, 10);

		*path = end + (*end == ']');
		return node->type == YAML_SEQUENCE_NODE ? item_of_list(marks, node, index) : NULL;
	}
	*path += **path == '.';
	begin = *path;
	*path += strcspn(*path, ".[");
	return node->type == YAML_MAPPING_NODE
		       ? value_of_key(marks, node, bytes_make(begin, (size_t)(*path - begin)))
		       : NULL;
}

void marks_locate(struct marks *marks, struct problem *problem)
{
	const yaml_node_t *node = marks->root, *next = node;
	const char *path = problem->path;

	while (next && *path) {
		next = step(marks, node, &path);
		node = next ? next : node;
	}
	problem->line = node ? (unsigned)node->start_mark.line + 1 : 1;
	problem->column = node ? (unsigned)node->start_mark.column + 1 : 1;
}
