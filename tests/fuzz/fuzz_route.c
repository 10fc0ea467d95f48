/* SPDX-License-Identifier: MIT */
/*
 * A redirect or a rewrite: site/route, site/destination.
 *
 *   byte 0     bit 0: a rewrite; bits 1, 2: from, prefix or pattern
 *   a line     the text of that
 *   a line     to
 *   the rest   the path that was asked for; only what http/target could have made of a target is tried
 *
 * Whatever the path: a Location holds nothing that ends a line or a reference, names the host that `to` names
 * or stays on its own, and does not lead to where it came from; what a rewrite leads to is a normal path and
 * not hidden. The outcome is the same each time.
 */
#include "fuzz.h"
#include "http/target.h"
#include "site/route.h"

#define INPUT_SIZE_MAX 1024

/* "https://host" at the start of a URL, without the slash behind; size 0: there is none. */
static struct bytes origin_of(struct bytes url)
{
	size_t at = 0;

	if (url.size >= 7 && bytes_equal_nocase(bytes_make(url.base, 7), BYTES("http://")))
		at = 7;
	else if (url.size >= 8 && bytes_equal_nocase(bytes_make(url.base, 8), BYTES("https://")))
		at = 8;
	if (at == 0)
		return bytes_make(url.base, 0);
	while (at < url.size && !strchr("/?#$\\@", url.base[at]))
		at++;
	return bytes_make(url.base, at);
}

static void check_location(struct bytes location, struct bytes to)
{
	struct bytes origin = origin_of(to);

	for (size_t i = 0; i < location.size; i++) {
		uint8_t byte = location.base[i];

		check(byte > ' ' && byte < 0x7f && !strchr("\"<>\\^`{|}", byte));
	}
	check(location.size > 0);
	if (origin.size > 0) {
		struct bytes behind;

		check(bytes_equal(origin_of(location), origin));
		behind = bytes_skip(location, origin.size);
		check(behind.size == 0 || strchr("/?#", behind.base[0]));
		return;
	}
	check(location.base[0] == '/' && !bytes_starts_with(location, BYTES("//")));
}

/* Its path, percent-decoded: is it this one? What segments of dots or several slashes come to is not looked
 * at. */
static bool leads_back(struct bytes location, struct bytes path)
{
	static uint8_t decoded[INPUT_SIZE_MAX * 32];
	size_t size = 0;

	for (size_t at = 0; at < location.size && !strchr("?#", location.base[at]); at++) {
		char digits[3] = "";

		if (location.base[at] != '%') {
			decoded[size++] = location.base[at];
			continue;
		}
		check(location.size - at >= 3);
		memcpy(digits, location.base + at + 1, 2);
		decoded[size++] = (uint8_t)strtoul(digits, NULL, 16);
		at += 2;
	}
	return bytes_equal(bytes_make(decoded, size), path);
}

static void check_redirect(const struct routes *routes, struct bytes path, struct bytes to, struct text *out)
{
	struct text again = TEXT_EMPTY;
	unsigned status = routes_redirect(routes, path, out, NULL);

	check(!out->failed && (status == 0 || status == 301));
	check(routes_redirect(routes, path, &again, NULL) == status);
	check(bytes_equal(text_bytes(&again), text_bytes(out)));
	text_deinit(&again);
	if (status == 0)
		return;
	check_location(text_bytes(out), to);
	check(origin_of(to).size > 0 || !leads_back(text_bytes(out), path));
}

static void check_rewrite(const struct routes *routes, struct bytes path, struct text *out)
{
	enum route_rewrite rewrite = routes_rewrite(routes, path, out, NULL);
	bool hidden = true;

	check(!out->failed);
	check(rewrite == ROUTE_NONE || rewrite == ROUTE_REWRITTEN || rewrite == ROUTE_NOWHERE);
	if (rewrite == ROUTE_REWRITTEN)
		check(target_is_normal(text_bytes(out), &hidden) && !hidden);
}

/* As a C string, cut at a NUL: what a configuration gives. */
static char *take_string(struct bytes *rest, char *out)
{
	struct bytes line = fuzz_take_line(rest);

	memcpy(out, line.base, line.size);
	out[line.size] = 0;
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char match[INPUT_SIZE_MAX + 1], to[INPUT_SIZE_MAX + 1];
	static struct text out;
	struct bytes rest = bytes_make(data, size < INPUT_SIZE_MAX ? size : INPUT_SIZE_MAX), path;
	unsigned kind = (unsigned)fuzz_take_number(&rest, 1);
	struct route_spec spec = { .from = NULL };
	struct problems problems = { .problem = NULL };
	struct routes *routes;
	bool hidden;

	take_string(&rest, match);
	spec.to = take_string(&rest, to);
	*(kind & 2 ? &spec.prefix : kind & 4 ? &spec.pattern : &spec.from) = match;
	path = fuzz_place(0, rest);
	routes = routes_compile(&spec, 1, kind & 1 ? ROUTE_REWRITES : ROUTE_REDIRECTS, "routes", NULL,
				&problems);
	check(routes && !problems.failed);
	if (problems.count == 0 && target_is_normal(path, &hidden)) {
		if (kind & 1)
			check_rewrite(routes, path, &out);
		else
			check_redirect(routes, path, bytes_string(to), &out);
	}
	for (unsigned i = 0; i < problems.count; i++)
		check(*problems.problem[i].text);
	problems_deinit(&problems);
	routes_destroy(routes);
	return 0;
}
