/* SPDX-License-Identifier: MIT */
/*
 * Lines of an explanation, for a person.
 *
 * Called by the other parts of serve/explain, and as a trace by what decides in site/. Decides nothing:
 * it writes down what is there. A line is a section and a text; lines of one section stand below each
 * other. Paths and fields come from whoever wrote the request, so bytes that could move a terminal's
 * cursor are written as \x1b.
 */
#include "serve/explain.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/accept.h"
#include "http/head.h"
#include "site/variant.h"

#define COLUMN 11

/* What traces begin with when they name their section themselves. Those that are `once` may come again
 * when something had to be made first, and say the same. */
static const struct {
	const char *section;
	bool once;
} traced[] = {
	{ "file", false }, { "language", true },  { "coding", true },
	{ "range", true }, { "condition", true }, { "cache auto", false },
};
#define TRACED_COUNT (sizeof(traced) / sizeof(traced[0]))

static void add_visible(struct text *text, const char *string)
{
	for (; *string; string++) {
		uint8_t byte = (uint8_t)*string;

		if (byte < ' ' || byte == 0x7f)
			text_format(text, "\\x%02x", byte);
		else
			text_add_byte(text, byte);
	}
}

static void say(struct explanation *explanation, const char *section, const char *what)
{
	bool is_same = explanation->section && strcmp(explanation->section, section) == 0;
	struct text line = TEXT_EMPTY;

	text_format(&line, "%-*s", COLUMN, is_same ? "" : section);
	add_visible(&line, what);
	explanation->section = section;
	if (line.failed)
		explanation->failed = true;
	else
		explanation->report(explanation->context, text_string(&line));
	text_deinit(&line);
}

void explain_say(struct explanation *explanation, const char *section, const char *format, ...)
{
	struct text text = TEXT_EMPTY;
	va_list arguments;

	va_start(arguments, format);
	text_format_list(&text, format, arguments);
	va_end(arguments);
	if (text.failed)
		explanation->failed = true;
	else
		say(explanation, section, text_string(&text));
	text_deinit(&text);
}

/* "range: 2 parts": the row of "range", and where the rest begins; TRACED_COUNT: of no section of its own. */
static unsigned find_traced(const char *line, const char **ret_rest)
{
	for (unsigned i = 0; i < TRACED_COUNT; i++) {
		size_t size = strlen(traced[i].section);

		if (strncmp(line, traced[i].section, size) == 0 && strncmp(line + size, ": ", 2) == 0) {
			*ret_rest = line + size + 2;
			return i;
		}
	}
	*ret_rest = line;
	return TRACED_COUNT;
}

static void on_trace(void *context, const char *line)
{
	struct explanation *explanation = context;
	const char *rest;
	unsigned row = find_traced(line, &rest);

	if (row == TRACED_COUNT) {
		say(explanation, explanation->topic, rest);
		return;
	}
	if (traced[row].once && explanation->told & 1u << row)
		return;
	explanation->told |= 1u << row;
	say(explanation, traced[row].section, rest);
}

void explain_begin(struct explanation *explanation)
{
	explanation->trace = (struct trace){ on_trace, explanation };
	explanation->topic = "rules";
}

void explain_forget(struct explanation *explanation)
{
	explanation->told = 0;
}

bool explain_has_told(const struct explanation *explanation, const char *section)
{
	for (unsigned i = 0; i < TRACED_COUNT; i++)
		if (strcmp(traced[i].section, section) == 0)
			return explanation->told & 1u << i;
	return false;
}

/* Notes */

static void on_rule(void *context, const char *line)
{
	struct explain_note *note = context;

	add_visible(&note->lines, line);
	text_add_byte(&note->lines, '\n');
}

struct explain_note *explain_note_create(struct explanation *explanation)
{
	struct explain_note *note = mem_alloc_zeroed(1, sizeof(*note));

	if (!note) {
		explanation->failed = true;
		return NULL;
	}
	note->trace = (struct trace){ on_rule, note };
	note->next = explanation->notes;
	explanation->notes = note;
	return note;
}

/* Asset.h: each head's lines stand behind "status N". */
static void say_lines(struct explanation *explanation, char *lines, unsigned status)
{
	unsigned of_status = 0;

	for (char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1) {
		const char *rest;
		unsigned row;

		*end = 0;
		if (sscanf(line, "status %u", &of_status) == 1 || of_status != status)
			continue;
		row = find_traced(line, &rest);
		say(explanation, row == TRACED_COUNT ? "headers" : traced[row].section, rest);
	}
}

void explain_say_rules(struct explanation *explanation, const struct asset *asset, unsigned status)
{
	struct explain_note *note = explanation->notes;

	while (note && note->asset != asset)
		note = note->next;
	if (!note)
		return;
	if (note->lines.failed)
		explanation->failed = true;
	else if (note->lines.size > 0)
		say_lines(explanation, (char *)note->lines.base, status);
}

/* Parts of the decision that no trace tells */

static void say_site(struct explanation *explanation, const struct site *site, struct bytes host,
		     const char *which)
{
	explain_say(explanation, "host", "%.*s: %s, root %s", (int)host.size, (const char *)host.base, which,
		    site->options.root);
}

void explain_say_host(struct explanation *explanation, const struct site *site, struct bytes host)
{
	const struct hosts *hosts = explanation->plan->sites->hosts;
	struct text which = TEXT_EMPTY;
	struct bytes name;

	if (site->number == 0) {
		say_site(explanation, site, host,
			 hosts ? "no host of this name, so the default site" : "the only site");
		return;
	}
	name = hosts_name(hosts, host);
	text_format(&which, "hosts[%u] ", site->number - 1);
	if (name.size > 0 && name.base[0] == '.')
		text_format(&which, "(wildcard *%.*s)", (int)name.size, (const char *)name.base);
	else
		text_format(&which, "(exact)");
	say_site(explanation, site, host, text_string(&which));
	text_deinit(&which);
}

void explain_say_target(struct explanation *explanation, struct bytes raw, const struct target *target)
{
	struct text line = TEXT_EMPTY;

	if (target->asterisk)
		text_format(&line, "*, the server as a whole");
	text_add(&line, target->path);
	if (raw.size > target->query.size &&
	    !bytes_equal(bytes_make(raw.base, raw.size - target->query.size), target->path) &&
	    !target->asterisk)
		text_format(&line, ", which is %.*s decoded and normalised",
			    (int)(raw.size - target->query.size), (const char *)raw.base);
	if (target->query.size > 0)
		text_format(&line, ", query %.*s", (int)target->query.size, (const char *)target->query.base);
	explain_say(explanation, "target", "%s", text_string(&line));
	text_deinit(&line);
}

static const char *form_of(const struct asset *asset)
{
	if (asset->kind == ASSET_LISTING)
		return asset->is_json ? "listing as JSON" : "listing as HTML";
	if (asset->is_decoded)
		return "decoded";
	return asset->coding == CODING_IDENTITY ? "plain"
						: (const char *)coding_token((enum coding)asset->coding).base;
}

static void say_form(struct explanation *explanation, const struct site *site, const struct asset *asset)
{
	struct text line = TEXT_EMPTY;

	text_format(&line, "%.*s, %s, %llu bytes", (int)asset->path.size, (const char *)asset->path.base,
		    form_of(asset), (unsigned long long)asset->size);
	if (asset->type.size > 0)
		text_format(&line, ", %.*s", (int)asset->type.size, (const char *)asset->type.base);
	if (asset->language < site->language_count)
		text_format(&line, ", %.*s", (int)site->languages[asset->language].size,
			    (const char *)site->languages[asset->language].base);
	explain_say(explanation, "form", "%s", text_string(&line));
	text_deinit(&line);
}

/* What the client thinks of each coding that there is. */
static void say_weights(struct explanation *explanation, const struct asset *first,
			const struct request *request)
{
	struct accept_codings weights;
	struct text line = TEXT_EMPTY;
	unsigned said = 0;

	accept_parse_codings(request->field[FIELD_ACCEPT_ENCODING], &weights);
	for (const struct asset *asset = first; asset; asset = asset->next) {
		if (said & 1u << asset->coding)
			continue;
		text_format(&line, "%s%s %g", said ? ", " : "",
			    (const char *)coding_token((enum coding)asset->coding).base,
			    weights.weight[asset->coding] / 1000.0);
		said |= 1u << asset->coding;
	}
	explain_say(explanation, "coding", "Accept-Encoding weighs %s", text_string(&line));
	text_deinit(&line);
}

void explain_say_forms(struct explanation *explanation, const struct site *site, const struct asset *first,
		       const struct request *request)
{
	if (first->kind != ASSET_FILE && first->kind != ASSET_LISTING)
		return;
	for (const struct asset *asset = first; asset; asset = asset->next)
		say_form(explanation, site, asset);
	if (first->vary & VARY_LANGUAGE && !request_has(request, FIELD_ACCEPT_LANGUAGE))
		explain_say(explanation, "language", "no Accept-Language, so the first of the site's");
	if (variant_is_only(first, request) || first->kind == ASSET_LISTING)
		return;
	if (request_has(request, FIELD_ACCEPT_ENCODING))
		say_weights(explanation, first, request);
	else if (first->vary & VARY_ENCODING)
		explain_say(explanation, "coding", "no Accept-Encoding, so no coding");
}

static const char *reason_without_range(const struct request *request, const struct answer *answer)
{
	if (answer->asset->kind != ASSET_FILE || answer->status != 200)
		return "only a file answered with 200 has ranges";
	if (request->method != METHOD_GET)
		return "is for GET only";
	return request_has_one(request, FIELD_RANGE) ? "If-Range does not hold: the whole is sent"
						     : "was sent more than once: the whole is sent";
}

static void add_content(struct text *line, const struct answer *answer)
{
	const struct asset *asset = answer->asset;

	if (asset->kind == ASSET_PAGE)
		text_format(line, answer->status == 204 ? ", no content" : ", the built-in page");
	else if (asset->kind == ASSET_REDIRECT)
		text_format(line, ", a redirect");
	else
		text_format(line, ", %.*s, %s", (int)asset->path.size, (const char *)asset->path.base,
			    form_of(asset));
	if (answer->is_parts)
		text_format(line, ", %u parts (the boundary below stands for one of each answer's own)",
			    answer->ranges.count);
	else if (answer->status == 206)
		text_format(line, ", bytes %llu to %llu", (unsigned long long)answer->range.first,
			    (unsigned long long)answer->range.last);
	text_format(line, ", %s body, the connection %s", answer->has_body ? "with its" : "without a",
		    answer->keep_alive ? "stays" : "is closed");
}

void explain_say_answer(struct explanation *explanation, const struct request *request,
			const struct answer *answer)
{
	bool is_file = answer->asset->kind == ASSET_FILE && answer->asset->status == 200;
	struct text line = TEXT_EMPTY;

	if (request->present & CONDITION_FIELDS && !explain_has_told(explanation, "condition"))
		explain_say(explanation, "condition",
			    is_file ? "nothing speaks against sending it"
				    : "not looked at: only a file answered with 200 has conditions");
	if (request_has(request, FIELD_RANGE) && !explain_has_told(explanation, "range"))
		explain_say(explanation, "range", "%s", reason_without_range(request, answer));
	explain_say_rules(explanation, answer->asset, answer->status == 304 ? 304 : answer->asset->status);
	if (answer->has_hints)
		explain_say(explanation, "hints", "103 goes first, as somebody navigates to this page");
	text_format(&line, "%u %s", answer->status, (const char *)status_reason(answer->status).base);
	add_content(&line, answer);
	explain_say(explanation, "answer", "%s", text_string(&line));
	text_deinit(&line);
}
