/* SPDX-License-Identifier: MIT */
/*
 * Patterns, by PCRE2; see pattern.h for what they mean.
 *
 * Called by whatever compiles a configuration (rules, routes, hints) and where assets are made. The
 * only file that knows PCRE2, and the place of its bounds: a pattern is written by whom we trust,
 * a subject is not, so a subject must not be able to make a match long or large.
 *
 * Globs become regular expressions by PCRE2's own conversion, which knows no braces: "{a,b}" is
 * written out first, and every alternative compiled for itself. They cannot be joined with "|",
 * since the conversion uses (*COMMIT), which ends a match without trying what stands behind "|".
 *
 * Nothing is compiled to machine code: a configuration may hold 100,000 patterns that are tried
 * once per asset each, and compiling them so would cost more than it ever saves.
 */
#include "site/pattern.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"

/* Measured: 100,000 steps take 3 ms; a glob such as two stars, slash, *.css needs 2.5 for each byte of a
 * path. */
#define MATCH_STEPS_MAX 100000
#define MATCH_DEPTH_MAX 10000
#define MATCH_MEMORY_MAX_KIB 4096

#define GLOB_SIZE_MAX 1024
/* Of a converted glob: "*", the byte that grows most, becomes 15. */
#define CONVERTED_SIZE_MAX (16 * GLOB_SIZE_MAX)
#define BRACES_MAX 8
#define ALTERNATIVES_MAX 64

struct alternative {
	pcre2_code *code;
	bool is_name; /* of paths, for the last segment */
};

struct pattern {
	unsigned count;
	struct alternative
		alternative[]; /* the first that matches counts; of a regular expression there is one */
};

/* One "{a,b}" in a glob. */
struct braces {
	size_t begin, end; /* of "{", behind "}" */
	unsigned count;    /* of its alternatives */
};

static void *allocate(size_t size, void *context)
{
	(void)context;
	return mem_alloc(size);
}

static void release(void *block, void *context)
{
	(void)context;
	mem_free(block);
}

/* NULL after describing the PCRE2 error; `offset` is PCRE2_UNSET where it is not one of `text`. */
static void *refuse(struct fault *fault, int error, size_t offset, struct bytes text)
{
	char message[160];

	if (pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof(message)) < 0)
		strcpy(message, "not understood");
	if (offset == PCRE2_UNSET)
		fault_set(fault, -EINVAL, "%s, in \"%.*s\"", message, (int)text.size,
			  (const char *)text.base);
	else
		fault_set(fault, -EINVAL, "%s, at offset %zu of \"%.*s\"", message, offset, (int)text.size,
			  (const char *)text.base);
	return NULL;
}

static void *refuse_memory(struct fault *fault)
{
	fault_set(fault, -ENOMEM, "there is no memory for the pattern");
	return NULL;
}

/* The code takes the allocator over from the context, which then is not needed any more. */
static pcre2_code *compile(struct bytes text, uint32_t options, int *ret_error, size_t *ret_offset)
{
	pcre2_general_context *general = pcre2_general_context_create(allocate, release, NULL);
	pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
	pcre2_code *code = NULL;

	*ret_error = PCRE2_ERROR_NOMEMORY;
	*ret_offset = PCRE2_UNSET;
	if (context)
		code = pcre2_compile(text.base, text.size, options, ret_error, ret_offset, context);
	pcre2_compile_context_free(context);
	pcre2_general_context_free(general);
	return code;
}

static struct pattern *allocate_pattern(unsigned count)
{
	struct pattern *pattern =
		mem_alloc_zeroed(1, sizeof(*pattern) + count * sizeof(pattern->alternative[0]));

	if (pattern)
		pattern->count = count;
	return pattern;
}

void pattern_destroy(struct pattern *pattern)
{
	if (!pattern)
		return;
	for (unsigned i = 0; i < pattern->count; i++)
		pcre2_code_free(pattern->alternative[i].code);
	mem_free(pattern);
}

/* A path is bytes and one line, whatever is in it: never UTF, and a line feed is no end. */
struct pattern *pattern_create_regex(struct bytes text, struct fault *fault)
{
	struct pattern *pattern = allocate_pattern(1);
	pcre2_code *code;
	size_t offset;
	int error;

	if (!pattern)
		return refuse_memory(fault);
	code = compile(text, PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF, &error, &offset);
	if (!code) {
		pattern_destroy(pattern);
		return refuse(fault, error, offset, text);
	}
	pattern->alternative[0].code = code;
	return pattern;
}

/* Behind the escaped byte, the set or the single byte at `at`. */
static size_t skip_item(struct bytes text, size_t at)
{
	uint8_t first = text.base[at++];

	if (first == '\\')
		return at < text.size ? at + 1 : at;
	if (first != '[')
		return at;
	if (at < text.size && (text.base[at] == '!' || text.base[at] == '^'))
		at++;
	if (at < text.size && text.base[at] == ']') /* stands for itself here */
		at++;
	while (at < text.size && text.base[at] != ']')
		at += text.base[at] == '\\' ? 2 : 1;
	return at < text.size ? at + 1 : text.size;
}

/* Where the alternative of braces that begins at `at` ends: at its "," or "}", or where the text ends. */
static size_t alternative_end(struct bytes text, size_t at)
{
	while (at < text.size && text.base[at] != ',' && text.base[at] != '}' && text.base[at] != '{')
		at = skip_item(text, at);
	return at;
}

/* False after describing the fault. */
static bool read_braces(struct bytes text, size_t begin, struct braces *braces, struct fault *fault)
{
	size_t at = begin;

	*braces = (struct braces){ .begin = begin };
	do {
		at = alternative_end(text, at + 1);
		braces->count++;
	} while (at < text.size && text.base[at] == ',');
	if (at >= text.size) {
		fault_set(fault, -EINVAL,
			  "no } for the { at offset %zu of \"%.*s\"; the byte itself is written \\{", begin,
			  (int)text.size, (const char *)text.base);
		return false;
	}
	if (text.base[at] == '{') {
		fault_set(fault, -EINVAL,
			  "braces in braces, at offset %zu of \"%.*s\"; write the alternatives out", at,
			  (int)text.size, (const char *)text.base);
		return false;
	}
	braces->end = at + 1;
	return true;
}

/* Find all braces; *ret_count is how many globs they stand for together. */
static bool find_braces(struct bytes text, struct braces list[BRACES_MAX + 1], unsigned *ret_count,
			struct fault *fault)
{
	struct braces *braces = list;
	unsigned count = 1;

	for (size_t at = 0; at < text.size; at = skip_item(text, at)) {
		if (text.base[at] != '{')
			continue;
		if (!read_braces(text, at, braces, fault))
			return false;
		count *= braces->count;
		if (braces == list + BRACES_MAX || count > ALTERNATIVES_MAX) {
			fault_set(fault, -EINVAL,
				  "more than %d alternatives or %d pairs of braces in \"%.*s\"",
				  ALTERNATIVES_MAX, BRACES_MAX, (int)text.size, (const char *)text.base);
			return false;
		}
		at = braces++->end - 1;
	}
	*braces = (struct braces){ .begin = text.size };
	*ret_count = count;
	return true;
}

/* Write the glob out with the alternatives that number `index` means. It only gets shorter. */
static struct bytes write_out(struct bytes text, const struct braces *braces, unsigned index, uint8_t *out)
{
	size_t size = 0, from = 0;

	for (;; braces++) {
		size_t begin = braces->begin + 1, end;

		memcpy(out + size, text.base + from, braces->begin - from);
		size += braces->begin - from;
		if (braces->begin == text.size)
			return bytes_make(out, size);
		end = alternative_end(text, begin);
		for (unsigned skip = index % braces->count; skip > 0; skip--) {
			begin = end + 1;
			end = alternative_end(text, begin);
		}
		memcpy(out + size, text.base + begin, end - begin);
		size += end - begin;
		index /= braces->count;
		from = braces->end;
	}
}

/* A set matches no slash, so one that stands in a set does not make a path. */
static bool has_slash(struct bytes glob)
{
	for (size_t at = 0; at < glob.size;) {
		at = skip_item(glob, at);
		if (glob.base[at - 1] == '/')
			return true;
	}
	return false;
}

static pcre2_code *compile_glob(struct bytes glob, uint32_t options, struct fault *fault)
{
	uint8_t converted[CONVERTED_SIZE_MAX];
	PCRE2_UCHAR *out = converted;
	size_t size = sizeof(converted), offset;
	pcre2_code *code;
	int error;

	error = pcre2_pattern_convert(glob.base, glob.size, PCRE2_CONVERT_GLOB, &out, &size, NULL);
	if (error != 0)
		return refuse(fault, error, size, glob);
	code = compile(bytes_make(converted, size), options, &error, &offset);
	return code ? code : refuse(fault, error, PCRE2_UNSET, glob);
}

static struct pattern *create_glob(struct bytes text, uint32_t options, struct fault *fault)
{
	struct braces braces[BRACES_MAX + 1];
	uint8_t scratch[GLOB_SIZE_MAX];
	struct pattern *pattern;
	unsigned count;

	if (text.size > GLOB_SIZE_MAX) {
		fault_set(fault, -EINVAL, "a glob of %zu bytes, where %d are the most", text.size,
			  GLOB_SIZE_MAX);
		return NULL;
	}
	if (!find_braces(text, braces, &count, fault))
		return NULL;
	pattern = allocate_pattern(count);
	if (!pattern)
		return refuse_memory(fault);
	for (unsigned i = 0; i < count; i++) {
		struct alternative *alternative = &pattern->alternative[i];
		struct bytes glob = write_out(text, braces, i, scratch);

		alternative->is_name = !has_slash(glob);
		alternative->code = compile_glob(glob, options, fault);
		if (!alternative->code) {
			pattern_destroy(pattern);
			return NULL;
		}
	}
	return pattern;
}

struct pattern *pattern_create_glob(struct bytes text, struct fault *fault)
{
	return create_glob(text, 0, fault);
}

struct pattern *pattern_create_type(struct bytes text, struct fault *fault)
{
	return create_glob(text, PCRE2_CASELESS, fault);
}

unsigned pattern_groups(const struct pattern *pattern)
{
	uint32_t count = 0;

	pcre2_pattern_info(pattern->alternative[0].code, PCRE2_INFO_CAPTURECOUNT, &count);
	return count;
}

static void read_captures(const struct pattern *pattern, struct bytes subject, pcre2_match_data *data,
			  struct pattern_match *ret_match)
{
	const size_t *offset = pcre2_get_ovector_pointer(data);
	unsigned count = pattern_groups(pattern) + 1;

	ret_match->count = count < PATTERN_CAPTURES ? count : PATTERN_CAPTURES;
	for (unsigned i = 0; i < PATTERN_CAPTURES; i++, offset += 2) {
		bool took_part = i < ret_match->count && offset[0] != PCRE2_UNSET && offset[0] <= offset[1];

		ret_match->capture[i] = took_part
						? bytes_make(subject.base + offset[0], offset[1] - offset[0])
						: bytes_make(subject.base, 0);
	}
}

/* What one match needs: room for captures, and the bounds. */
struct workspace {
	pcre2_general_context *general;
	pcre2_match_context *bounds;
	pcre2_match_data *data;
};

static void workspace_deinit(struct workspace *work)
{
	pcre2_match_data_free(work->data);
	pcre2_match_context_free(work->bounds);
	pcre2_general_context_free(work->general);
}

static bool workspace_init(struct workspace *work)
{
	*work = (struct workspace){ .general = pcre2_general_context_create(allocate, release, NULL) };
	if (work->general) {
		work->bounds = pcre2_match_context_create(work->general);
		work->data = pcre2_match_data_create(PATTERN_CAPTURES, work->general);
	}
	if (!work->bounds || !work->data) {
		workspace_deinit(work);
		return false;
	}
	pcre2_set_match_limit(work->bounds, MATCH_STEPS_MAX);
	pcre2_set_depth_limit(work->bounds, MATCH_DEPTH_MAX);
	pcre2_set_heap_limit(work->bounds, MATCH_MEMORY_MAX_KIB);
	return true;
}

/* `name`: what an alternative for the last segment is matched with. */
static bool matches(const struct pattern *pattern, struct bytes subject, struct bytes name,
		    struct pattern_match *ret_match)
{
	struct workspace work;
	bool found = false;

	if (!workspace_init(&work))
		return false;
	for (unsigned i = 0; i < pattern->count && !found; i++) {
		const struct alternative *alternative = &pattern->alternative[i];
		struct bytes text = alternative->is_name ? name : subject;

		found = pcre2_match(alternative->code, text.base, text.size, 0, 0, work.data, work.bounds) >=
			0;
		if (found && ret_match)
			read_captures(pattern, text, work.data, ret_match);
	}
	workspace_deinit(&work);
	return found;
}

bool pattern_matches(const struct pattern *pattern, struct bytes subject, struct pattern_match *ret_match)
{
	if (subject.size == 0) /* NULL is no subject for PCRE2 */
		subject = BYTES("");
	return matches(pattern, subject, subject, ret_match);
}

bool pattern_matches_path(const struct pattern *pattern, struct bytes path)
{
	const uint8_t *slash = path.size > 0 ? memrchr(path.base, '/', path.size) : NULL;
	struct bytes name = slash ? bytes_skip(path, (size_t)(slash + 1 - path.base)) : path;

	return path.size > 0 && matches(pattern, path, name, NULL);
}
