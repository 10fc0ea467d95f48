/* SPDX-License-Identifier: MIT */
/*
 * The name of a file, written into a page: site/escape.
 *
 * The whole input is the name. What is written is UTF-8 and cannot end its quotes or its element; taken back
 * it is the name: of a reference exactly, of JSON where the name was UTF-8.
 */
#include "fuzz.h"
#include "http/target.h"
#include "site/escape.h"
#include "utf8_model.h"

#define NAME_SIZE_MAX 1024

static struct bytes written(void (*escape)(struct text *, struct bytes), struct bytes name, struct text *text)
{
	text_clear(text);
	escape(text, name);
	check(!text->failed);
	return text_bytes(text);
}

static void check_html(struct bytes name, struct text *text)
{
	struct bytes out = written(escape_html, name, text);

	check(utf8_model_holds(out));
	for (size_t i = 0; i < out.size; i++) {
		check(out.base[i] >= ' ' && out.base[i] != 0x7f && !strchr("<>\"'", out.base[i]));
		if (out.base[i] == '&')
			check(memchr(out.base + i, ';', out.size - i < 6 ? out.size - i : 6) != NULL);
	}
}

/* Undo the escapes of a JSON string, into `out`. */
static size_t undo_json(struct bytes text, uint8_t *out)
{
	size_t size = 0;

	while (text.size > 0) {
		char digits[5] = "";
		size_t used = 1;

		check(text.base[0] >= ' ' && text.base[0] != '"');
		if (text.base[0] != '\\') {
			out[size++] = text.base[0];
		} else {
			check(text.size >= 2);
			used = text.base[1] == 'u' ? 6 : 2;
			check(text.size >= used && strchr("\\\"u", text.base[1]));
			if (used == 6)
				memcpy(digits, text.base + 2, 4);
			out[size++] = used == 6 ? (uint8_t)strtoul(digits, NULL, 16) : text.base[1];
		}
		text = bytes_skip(text, used);
	}
	return size;
}

static void check_json(struct bytes name, struct text *text)
{
	static uint8_t back[8 * NAME_SIZE_MAX];
	struct bytes out = written(escape_json, name, text);
	size_t size;

	check(utf8_model_holds(out));
	size = undo_json(out, back);
	check(utf8_model_holds(bytes_make(back, size)));
	if (utf8_model_holds(name))
		check(bytes_equal(bytes_make(back, size), name));
	else
		check(memmem(back, size, "\xef\xbf\xbd", 3) != NULL);
}

/* Followed by a browser, whose base is the folder, it leads to a file of this name. */
static void check_href(struct bytes name, struct text *text)
{
	struct bytes out = written(escape_href, name, text), raw;
	struct target target;
	uint8_t *copy;

	for (size_t i = 0; i < out.size; i++) {
		check(out.base[i] > ' ' && out.base[i] < 0x7f && !strchr("\"<>\\?#", out.base[i]));
		check(out.base[i] != ':' || out.base[0] == '.');
	}
	if (bytes_starts_with(out, BYTES("./")) && !bytes_starts_with(name, BYTES("./")))
		out = bytes_skip(out, 2);
	copy = fuzz_room(1, out.size + 1);
	copy[0] = '/';
	memcpy(copy + 1, out.base, out.size);
	raw = bytes_make(copy, out.size + 1);
	if (memchr(name.base, '/', name.size) || memchr(name.base, 0, name.size) || name.size == 0 ||
	    bytes_equal(name, BYTES(".")) || bytes_equal(name, BYTES("..")))
		return;
	check(target_parse(raw, METHOD_GET, fuzz_room(2, raw.size), &target) == TARGET_OK);
	check(bytes_equal(bytes_skip(target.path, 1), name) && target.query.size == 0);
}

/* In HTML the same, with what HTML takes for more than itself as references. */
static void check_href_html(struct bytes name, struct text *text, struct text *plain)
{
	struct bytes href = written(escape_href, name, plain);
	struct bytes out = written(escape_href_html, name, text), expected;
	struct text again = TEXT_EMPTY;

	escape_html(&again, href);
	expected = text_bytes(&again);
	check(bytes_equal(out, expected));
	text_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text text, plain;
	struct bytes name = fuzz_place(0, bytes_make(data, size < NAME_SIZE_MAX ? size : NAME_SIZE_MAX));

	check_html(name, &text);
	check_json(name, &text);
	check_href(name, &text);
	check_href_html(name, &text, &plain);
	return 0;
}
