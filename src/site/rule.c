/* SPDX-License-Identifier: MIT */
/*
 * Header rules; see rule.h for what they mean, change.h for one line of them.
 *
 * Compiled by site/site with a configuration, applied where assets are made. Never decides what a
 * server sends of itself: it changes a list of fields that somebody else began.
 *
 * A configuration may hold 100,000 rules, so a list is one block, measured first and then filled:
 *
 *   | struct rules | rules | changes | text: label, matchers as written, lines "Name: value" |
 *
 * Only its patterns have memory of their own. What is wrong is left out and told, and the rest
 * compiled nonetheless, so that one look finds all mistakes.
 */
#include "site/rule.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "site/change.h"
#include "site/pattern.h"

enum status_row {
#define STATUS(code, reason) ROW_##code,
#include "http/status.def"
#undef STATUS
	ROW_COUNT,
};
_Static_assert(ROW_COUNT <= 64, "a set of statuses is 64 bits");

struct rule {
	struct pattern *path, *type; /* NULL: any */
	uint64_t statuses;           /* bits by enum status_row; 0: none is named */
	bool has_matcher;
	const char *words; /* the matchers as written, for a trace: ` path "*.css" status 404` */
	const struct change *change;
	unsigned change_count;
};

struct rules {
	const char *label;
	unsigned count;
	struct rule rule[];
};

/* Where the next change and the next byte of text go. */
struct compiler {
	struct change *change;
	char *text;
	struct problems *problems;
};

/* 206 is what becomes of a 200 on request. 0: the status is never sent. */
static uint64_t status_bit(unsigned status)
{
	switch (status) {
#define STATUS(code, reason)                                                                                 \
	case code:                                                                                           \
		return UINT64_C(1) << (code == 206 ? ROW_200 : ROW_##code);
#include "http/status.def"
#undef STATUS
	default:
		return 0;
	}
}

static bool is_about_content(unsigned status)
{
	return status == 200 || status == 206 || status == 304;
}

static const char *add_text(struct compiler *compiler, const char *text, size_t size)
{
	char *copy = compiler->text;

	memcpy(copy, text, size);
	compiler->text += size;
	return copy;
}

static void add_word(struct compiler *compiler, const char *word)
{
	add_text(compiler, word, strlen(word));
}

/* What is wrong with a glob that compiles, and yet never matches; NULL: it may match. */
static const char *mistake_in_path(const char *glob)
{
	const char *query = strchr(glob, '?');
	const char *slash = strpbrk(glob, "/["); /* in a set it does not count */

	if (*glob == 0)
		return "is empty; to match every file, leave path out";
	if (strstr(glob, "//"))
		return "matches no file: a path has one slash between names";
	if (query && strchr(query, '='))
		return "matches no file: a path has no query (for any one byte before =, write [!/])";
	if (slash && *slash == '/' && !strchr("/*?{\\", *glob))
		return "matches no file: with a slash it is for the whole path, which begins with one";
	return NULL;
}

static const char *mistake_in_type(const char *glob)
{
	if (*glob == 0)
		return "is empty; to match every type, leave type out";
	if (strchr(glob, ';'))
		return "matches no type: they are compared without parameters";
	if (!strchr(glob, '/') && !strstr(glob, "**"))
		return "matches no type: one looks like text/html, a glob for several like text/*";
	return NULL;
}

typedef struct pattern *create_function(struct bytes text, struct fault *fault);

/* NULL after adding a problem. */
static struct pattern *compile_glob(struct compiler *compiler, const char *glob, const char *mistake,
				    create_function *create, const char *key, const struct place *place)
{
	struct pattern *pattern;
	struct fault fault;

	if (mistake) {
		problems_add(compiler->problems, PLACE_KEY(place, key), "\"%s\" %s", glob, mistake);
		return NULL;
	}
	pattern = create(bytes_string(glob), &fault);
	if (!pattern)
		problems_add(compiler->problems, PLACE_KEY(place, key), "%s", fault.text);
	add_word(compiler, " ");
	add_word(compiler, key);
	add_word(compiler, " \"");
	add_word(compiler, glob);
	add_word(compiler, "\"");
	return pattern;
}

/* The number that a status or a class ("4xx": 400) begins with; 0 when it is neither. */
static unsigned read_status(const char *text, bool *ret_is_class)
{
	bool is_class = strlen(text) == 3 && (text[1] | 0x20) == 'x' && (text[2] | 0x20) == 'x';
	unsigned status = 0;

	if (strlen(text) != 3 || strspn(text, "0123456789") != (is_class ? 1 : 3))
		return 0;
	for (int i = 0; i < 3; i++)
		status = status * 10 + (is_class && i > 0 ? 0 : (unsigned)(text[i] - '0'));
	*ret_is_class = is_class;
	return status;
}

static uint64_t compile_status(struct compiler *compiler, const char *text, const struct place *place)
{
	bool is_class = false;
	unsigned status = read_status(text, &is_class);
	uint64_t statuses = 0;

	if (status == 0) {
		problems_add(compiler->problems, place,
			     "\"%s\" is not a status; write one such as 404, or a class such as 4xx", text);
		return 0;
	}
	if (status == 206) {
		problems_add(compiler->problems, place,
			     "206 is a part of a 200: name 200, which stands for 206 as well");
		return 0;
	}
	/* What comes before 200 is no answer yet, and carries no fields by rules. */
	for (unsigned i = 0; status >= 200 && i < (is_class ? 100 : 1); i++)
		statuses |= status_bit(status + i);
	if (statuses == 0)
		problems_add(compiler->problems, place, "no answer ever has the status %s", text);
	return statuses;
}

static void compile_statuses(struct compiler *compiler, struct rule *rule, const struct header_spec *spec,
			     const struct place *place)
{
	if (spec->status_count > 0)
		add_word(compiler, " status");
	for (unsigned i = 0; i < spec->status_count; i++) {
		rule->statuses |= compile_status(compiler, spec->status[i], PLACE_ITEM(place, i));
		add_word(compiler, " ");
		add_word(compiler, spec->status[i]);
	}
}

/* Does it treat a 200 other than the 304 that stands for it? */
static bool divides_content(const struct rule *rule)
{
	return rule->statuses && !(rule->statuses & status_bit(200)) != !(rule->statuses & status_bit(304));
}

/* One of the lists set, add, remove. */
static void compile_changes(struct compiler *compiler, struct rule *rule, enum change_verb verb,
			    char *const *lines, unsigned count, const struct place *place)
{
	for (unsigned i = 0; i < count; i++) {
		size_t size = strlen(lines[i]);
		struct bytes text = bytes_make(add_text(compiler, lines[i], size), size);

		if (!change_read(compiler->change, verb, text, divides_content(rule), PLACE_ITEM(place, i),
				 compiler->problems))
			continue;
		compiler->change++;
		rule->change_count++;
	}
}

static void compile_rule(struct compiler *compiler, struct rule *rule, const struct header_spec *spec,
			 const struct place *place)
{
	*rule = (struct rule){ .words = compiler->text, .change = compiler->change };
	rule->has_matcher = spec->path || spec->type || spec->status_count > 0;
	if (spec->path)
		rule->path = compile_glob(compiler, spec->path, mistake_in_path(spec->path),
					  pattern_create_glob, "path", place);
	if (spec->type)
		rule->type = compile_glob(compiler, spec->type, mistake_in_type(spec->type),
					  pattern_create_type, "type", place);
	compile_statuses(compiler, rule, spec, PLACE_KEY(place, "status"));
	add_text(compiler, "", 1);
	if (spec->remove_count + spec->set_count + spec->add_count == 0)
		problems_add(compiler->problems, place,
			     "this rule changes nothing; it needs set, add or remove");
	compile_changes(compiler, rule, CHANGE_REMOVE, spec->remove, spec->remove_count,
			PLACE_KEY(place, "remove"));
	compile_changes(compiler, rule, CHANGE_SET, spec->set, spec->set_count, PLACE_KEY(place, "set"));
	compile_changes(compiler, rule, CHANGE_ADD, spec->add, spec->add_count, PLACE_KEY(place, "add"));
}

static size_t list_size(char *const *list, unsigned count)
{
	size_t size = 0;

	for (unsigned i = 0; i < count; i++)
		size += strlen(list[i]);
	return size;
}

/* Bytes of text that compile_rule() writes, at most. */
static size_t text_size(const struct header_spec *spec)
{
	static const char frame[] = " path \"\" type \"\" status"; /* with the NUL that ends the words */

	return sizeof(frame) + (spec->path ? strlen(spec->path) : 0) + (spec->type ? strlen(spec->type) : 0) +
	       spec->status_count + list_size(spec->status, spec->status_count) +
	       list_size(spec->remove, spec->remove_count) + list_size(spec->set, spec->set_count) +
	       list_size(spec->add, spec->add_count);
}

struct rules *rules_compile(const struct header_spec *specs, unsigned count, const char *label,
			    const struct place *place, struct problems *problems)
{
	size_t change_count = 0, size = strlen(label) + 1;
	struct compiler compiler = { .problems = problems };
	struct rules *rules;

	for (unsigned i = 0; i < count; i++) {
		change_count += (size_t)specs[i].remove_count + specs[i].set_count + specs[i].add_count;
		size += text_size(&specs[i]);
	}
	rules = mem_alloc(sizeof(*rules) + count * sizeof(struct rule) +
			  change_count * sizeof(struct change) + size);
	if (!rules)
		return NULL;
	compiler.change = (struct change *)&rules->rule[count];
	compiler.text = (char *)(compiler.change + change_count);
	size += (size_t)(compiler.text - (char *)rules);
	rules->count = count;
	rules->label = add_text(&compiler, label, strlen(label) + 1);
	for (unsigned i = 0; i < count; i++)
		compile_rule(&compiler, &rules->rule[i], &specs[i], PLACE_ITEM(place, i));
	check(compiler.text <= (char *)rules + size);
	return rules;
}

void rules_destroy(struct rules *rules)
{
	if (!rules)
		return;
	for (unsigned i = 0; i < rules->count; i++) {
		pattern_destroy(rules->rule[i].path);
		pattern_destroy(rules->rule[i].type);
	}
	mem_free(rules);
}

enum verdict {
	MATCHES,
	OTHER_STATUS,
	NOT_CONTENT, /* without a status, a path or type is for what is served well */
	OTHER_PATH,
	OTHER_TYPE,
};

/* The type without the parameters that an override may have brought. */
static struct bytes bare_type(struct bytes type)
{
	const uint8_t *semicolon = type.size > 0 ? memchr(type.base, ';', type.size) : NULL;

	return semicolon ? bytes_trim(bytes_make(type.base, (size_t)(semicolon - type.base))) : type;
}

static enum verdict judge(const struct rule *rule, const struct served *served)
{
	if (rule->statuses && !(rule->statuses & status_bit(served->status)))
		return OTHER_STATUS;
	if (!rule->statuses && rule->has_matcher && !is_about_content(served->status))
		return NOT_CONTENT;
	if (rule->path && !pattern_matches_path(rule->path, served->path))
		return OTHER_PATH;
	if (rule->type &&
	    (served->type.size == 0 || !pattern_matches(rule->type, bare_type(served->type), NULL)))
		return OTHER_TYPE;
	return MATCHES;
}

/* Why a rule does not count. */
static void write_verdict(struct text *said, enum verdict verdict, const struct served *served)
{
	struct bytes subject = verdict == OTHER_PATH ? served->path : served->type;

	if (verdict == OTHER_STATUS)
		text_format(said, ": is not for %u", served->status);
	else if (verdict == NOT_CONTENT)
		text_format(said, ": is for 200 and 304, not for %u", served->status);
	else if (subject.size > 0)
		text_format(said, ": does not match %.*s", (int)subject.size, subject.base);
	else
		text_format(said, ": does not match, there is no %s",
			    verdict == OTHER_PATH ? "file" : "type");
}

/* `said` is NULL unless somebody asks. */
static void apply_rule(const struct rule *rule, const struct served *served, struct fields *fields,
		       struct text *said)
{
	for (unsigned i = 0; i < rule->change_count; i++) {
		const struct change *change = &rule->change[i];

		if (said)
			text_add_byte(said, i == 0 ? ':' : ',');
		if (!change->is_content || rule->has_matcher || is_about_content(served->status))
			change_apply(change, fields, said);
		else if (said)
			text_format(said, " leaves %.*s to 200 and 304", (int)change->name.size,
				    change->name.base);
	}
}

void rules_apply(const struct rules *rules, const struct served *served, struct fields *fields,
		 const struct trace *trace)
{
	for (unsigned i = 0; rules && i < rules->count; i++) {
		const struct rule *rule = &rules->rule[i];
		enum verdict verdict = judge(rule, served);
		struct text text = TEXT_EMPTY, *said = trace ? &text : NULL;

		if (said)
			text_format(said, "%s[%u]%s", rules->label, i, rule->words);
		if (verdict == MATCHES)
			apply_rule(rule, served, fields, said);
		else if (said)
			write_verdict(said, verdict, served);
		trace_line(trace, "%s", text_string(&text));
		text_deinit(&text);
	}
}

bool rules_may_change(struct bytes name, const char **ret_reason)
{
	const char *reason = change_refusal(name, CHANGE_SET);

	if (reason)
		*ret_reason = reason;
	return !reason;
}

/* SAMEORIGIN and not DENY: a site that frames pages of its own goes on working, and clickjacking needs a
 * foreign frame. */
static const struct header_spec preset_security[] = {
	{
		.set = (char *[]){ "X-Content-Type-Options: nosniff", "X-Frame-Options: SAMEORIGIN",
				   "Referrer-Policy: strict-origin-when-cross-origin" },
		.set_count = 3,
	},
};

/*
 * Scripts see the usual fields without being told (Fetch, "CORS-safelisted response-header name");
 * the others that this server sends are named. A preflight may be remembered for a day, which is
 * the most that browsers take.
 */
static const struct header_spec preset_cors[] = {
	{
		.set = (char *[]){ "Access-Control-Allow-Origin: *",
				   "Access-Control-Expose-Headers: Accept-Ranges, Content-Encoding, "
				   "Content-Range, Date, ETag, Link, Repr-Digest",
				   "Cross-Origin-Resource-Policy: cross-origin" },
		.set_count = 3,
	},
	{
		.status = (char *[]){ "204" },
		.status_count = 1,
		.set =
			(char *[]){
				"Access-Control-Allow-Methods: GET, HEAD, OPTIONS",
				"Access-Control-Allow-Headers: Cache-Control, If-Match, If-Modified-Since, "
				"If-None-Match, If-Range, If-Unmodified-Since, Range, Want-Repr-Digest",
				"Access-Control-Max-Age: 86400" },
		.set_count = 3,
	},
};

const struct header_spec *rules_preset(struct bytes name, unsigned *ret_count)
{
	if (bytes_equal(name, BYTES("security"))) {
		*ret_count = sizeof(preset_security) / sizeof(preset_security[0]);
		return preset_security;
	}
	if (bytes_equal(name, BYTES("cors"))) {
		*ret_count = sizeof(preset_cors) / sizeof(preset_cors[0]);
		return preset_cors;
	}
	return NULL;
}
