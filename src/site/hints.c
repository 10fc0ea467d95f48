/* SPDX-License-Identifier: MIT */
/*
 * Early hints.
 *
 * Called by site/site: compiled with a configuration, looked for where an asset is made. The head is
 * written when it is compiled and sent as it stands, so what comes from the configuration is
 * checked for what a Link field may be: nothing here can start another line.
 *
 * References: RFC 8297 (103), RFC 8288 3 (Link).
 */
#include "site/hints.h"

#include "base/mem.h"
#include "http/head.h"
#include "site/pattern.h"

struct hint {
	struct pattern *path;
	struct bytes head; /* owned */
};

struct hints {
	unsigned count;
	struct hint hint[];
};

struct bytes hints_find(const struct hints *hints, struct bytes path)
{
	for (unsigned i = 0; i < hints->count; i++)
		if (pattern_matches_path(hints->hint[i].path, path))
			return hints->hint[i].head;
	return bytes_make(NULL, 0);
}

/* How many bytes "<reference>" at the start of `link` has; 0: there is none. */
static size_t reference_size(struct bytes link)
{
	size_t at = 1;

	if (link.size == 0 || link.base[0] != '<')
		return 0;
	while (at < link.size && link.base[at] > ' ' && link.base[at] < 0x7f &&
	       !strchr("<>\"", link.base[at]))
		at++;
	return at > 1 && at < link.size && link.base[at] == '>' ? at + 1 : 0;
}

static bool is_relation(struct bytes parameter)
{
	return parameter.size > 4 && bytes_equal_nocase(bytes_make(parameter.base, 4), BYTES("rel="));
}

/* "<reference>; rel=...", in one line. Other parameters may stand before and behind. */
static bool is_link(struct bytes link)
{
	size_t size = reference_size(link);
	struct bytes rest = bytes_trim(bytes_skip(link, size));
	bool has_relation = false;

	for (size_t i = 0; i < rest.size; i++)
		if (rest.base[i] < ' ' || rest.base[i] == 0x7f)
			return false;
	if (size == 0 || rest.size == 0 || rest.base[0] != ';')
		return false;
	while (rest.size > 0) {
		const uint8_t *next;

		rest = bytes_trim(bytes_skip(rest, 1));
		has_relation = has_relation || is_relation(rest);
		next = rest.size > 0 ? memchr(rest.base, ';', rest.size) : NULL;
		rest = next ? bytes_skip(rest, (size_t)(next - rest.base)) : bytes_make(rest.base, 0);
	}
	return has_relation;
}

static bool check_links(const struct hint_spec *spec, const struct place *place, struct problems *problems)
{
	const struct place *list = PLACE_KEY(place, "link");
	bool is_sound = spec->link_count > 0;

	if (!is_sound)
		problems_add(problems, place, "link is missing: what should be told early?");
	for (unsigned i = 0; i < spec->link_count; i++) {
		if (is_link(bytes_string(spec->link[i])))
			continue;
		problems_add(problems, PLACE_ITEM(list, i),
			     "\"%s\" is no link; expected one such as </site.css>; rel=preload; as=style",
			     spec->link[i]);
		is_sound = false;
	}
	return is_sound;
}

static size_t write_head(const struct hint_spec *spec, void *out, size_t capacity)
{
	struct head head;

	head_begin(&head, out, capacity, 103);
	for (unsigned i = 0; i < spec->link_count; i++)
		head_field(&head, BYTES("Link"), bytes_string(spec->link[i]));
	head_end(&head);
	return head.size;
}

/* False: no memory. */
static bool compile_head(struct hint *hint, const struct hint_spec *spec, const struct place *place,
			 struct problems *problems)
{
	size_t size = write_head(spec, NULL, 0);
	uint8_t *head;

	if (size > HINTS_HEAD_MAX) {
		problems_add(problems, PLACE_KEY(place, "link"),
			     "together the links make %zu bytes; expected at most %d", size, HINTS_HEAD_MAX);
		return true;
	}
	head = mem_alloc(size);
	if (!head)
		return false;
	write_head(spec, head, size);
	hint->head = bytes_make(head, size);
	return true;
}

static void compile_path(struct hint *hint, const struct hint_spec *spec, const struct place *place,
			 struct problems *problems)
{
	size_t size = spec->path ? strlen(spec->path) : 0;
	struct fault fault;

	if (size == 0) {
		problems_add(problems, place, "path is missing: which files are the links for?");
		return;
	}
	if (spec->path[size - 1] == '/') {
		problems_add(problems, PLACE_KEY(place, "path"),
			     "\"%s\" matches no file; the page of a folder is a file such as /index.html",
			     spec->path);
		return;
	}
	hint->path = pattern_create_glob(bytes_string(spec->path), &fault);
	if (!hint->path)
		problems_add(problems, PLACE_KEY(place, "path"), "%s", fault.text);
}

struct hints *hints_compile(const struct hint_spec *specs, unsigned count, const struct place *place,
			    struct problems *problems)
{
	struct hints *hints = mem_alloc_zeroed(1, sizeof(*hints) + count * sizeof(hints->hint[0]));

	if (!hints)
		return NULL;
	hints->count = count;
	for (unsigned i = 0; i < count; i++) {
		const struct place *item = PLACE_ITEM(place, i);
		struct hint *hint = &hints->hint[i];

		compile_path(hint, &specs[i], item, problems);
		if (check_links(&specs[i], item, problems) &&
		    !compile_head(hint, &specs[i], item, problems)) {
			hints_destroy(hints);
			return NULL;
		}
	}
	return hints;
}

void hints_destroy(struct hints *hints)
{
	if (!hints)
		return;
	for (unsigned i = 0; i < hints->count; i++) {
		pattern_destroy(hints->hint[i].path);
		mem_free((void *)hints->hint[i].head.base);
	}
	mem_free(hints);
}
