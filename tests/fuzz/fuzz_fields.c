/* SPDX-License-Identifier: MIT */
/*
 * What a configuration writes into heads: site/rule, site/change, site/fields, site/hints.
 *
 * Lines: the first byte says what the rest is. 's' set, 'a' add, 'r' remove a field, 'p' the rule's path,
 * 't' its type, 'l' a link of early hints.
 *
 * What is not refused leaves a head that is a head: names are tokens, values end no line, nothing that frames
 * the message or depends on the request is touched; an early hint is 103 with one Link for each link, in one
 * block.
 */
#include "fuzz.h"
#include "http/scan.h"
#include "site/hints.h"
#include "site/rule.h"

#define INPUT_SIZE_MAX 1024
#define LINES_MAX 16

struct lines {
	char *text[LINES_MAX];
	unsigned count;
};

static const char *const framing[] = { "Date", "Content-Length", "Content-Encoding", "Content-Range",
				       "Connection" };

static void init_fields(struct fields *fields)
{
	fields_init(fields);
	for (unsigned i = 0; i < sizeof(framing) / sizeof(framing[0]); i++)
		fields_add(fields, bytes_string(framing[i]), BYTES("1"));
	fields_add(fields, BYTES("Content-Type"), BYTES("text/html"));
	fields_add(fields, BYTES("Vary"), BYTES("Accept-Encoding"));
}

static unsigned count_of(const struct fields *fields, struct bytes name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fields->count; i++)
		count += bytes_equal_nocase(fields->field[i].name, name);
	return count;
}

static void check_fields(struct fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++) {
		struct response_field field = fields->field[i];

		check(field.name.size > 0);
		for (size_t k = 0; k < field.name.size; k++)
			check(!scan_is(SCAN_NAME, field.name.base[k]));
		for (size_t k = 0; k < field.value.size; k++)
			check(!scan_is(SCAN_CONTROL, field.value.base[k]));
	}
	for (unsigned i = 0; i < sizeof(framing) / sizeof(framing[0]); i++) {
		struct response_field *found = fields_find(fields, bytes_string(framing[i]));

		check(found && count_of(fields, found->name) == 1 && bytes_equal(found->value, BYTES("1")));
	}
	check(count_of(fields, BYTES("Transfer-Encoding")) == 0);
	check(count_of(fields, BYTES("Vary")) == 1 && count_of(fields, BYTES("Content-Type")) <= 1);
}

static void check_rules(struct header_spec *spec)
{
	struct problems problems = { .problem = NULL };
	struct rules *rules = rules_compile(spec, 1, "headers", NULL, &problems);
	struct served served = { 200, BYTES("/a/b.html"), BYTES("text/html") };
	static struct fields fields;

	check(rules && !problems.failed);
	if (problems.count == 0) {
		init_fields(&fields);
		rules_apply(rules, &served, &fields, NULL);
		check_fields(&fields);
	}
	for (unsigned i = 0; i < problems.count; i++)
		check(*problems.problem[i].text);
	problems_deinit(&problems);
	rules_destroy(rules);
}

/* The status line, a Link for each, an empty line. */
static void check_hint(struct bytes head, unsigned links)
{
	unsigned lines = 0;

	check(bytes_starts_with(head, BYTES("HTTP/1.1 103 ")) && head.size <= HINTS_HEAD_MAX);
	while (head.size > 0) {
		struct bytes line = fuzz_take_line(&head);

		check(line.size > 0 && line.base[line.size - 1] == '\r');
		check(memchr(line.base, '\r', line.size) == line.base + line.size - 1);
		if (lines > 0 && head.size > 0)
			check(bytes_starts_with(line, BYTES("Link: <")));
		check(head.size > 0 || line.size == 1);
		lines++;
	}
	check(lines == links + 2);
}

static void check_hints(struct lines *links)
{
	struct hint_spec spec = { .path = (char *)"/a/*", .link = links->text, .link_count = links->count };
	struct problems problems = { .problem = NULL };
	struct hints *hints = hints_compile(&spec, 1, NULL, &problems);

	check(hints && !problems.failed);
	check((links->count > 0) || problems.count > 0);
	if (problems.count == 0)
		check_hint(hints_find(hints, BYTES("/a/b")), links->count);
	check(hints_find(hints, BYTES("/b")).size == 0);
	problems_deinit(&problems);
	hints_destroy(hints);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[INPUT_SIZE_MAX + 1];
	struct bytes rest = bytes_make(text, size < INPUT_SIZE_MAX ? size : INPUT_SIZE_MAX);
	struct lines set = { .count = 0 }, add = set, remove = set, link = set;
	struct header_spec spec = { .path = NULL };

	memcpy(text, data, rest.size);
	text[rest.size] = 0;
	while (rest.size > 0) {
		struct bytes line = fuzz_take_line(&rest);
		char *string = (char *)line.base + 1;
		struct lines *list;

		if (line.size == 0)
			continue;
		string[line.size - 1] = 0;
		list = *line.base == 's'   ? &set
		       : *line.base == 'a' ? &add
		       : *line.base == 'r' ? &remove
					   : &link;
		if (*line.base == 'p')
			spec.path = string;
		else if (*line.base == 't')
			spec.type = string;
		else if (list->count < LINES_MAX)
			list->text[list->count++] = string;
	}
	spec.set = set.text, spec.set_count = set.count;
	spec.add = add.text, spec.add_count = add.count;
	spec.remove = remove.text, spec.remove_count = remove.count;
	check_rules(&spec);
	check_hints(&link);
	return 0;
}
