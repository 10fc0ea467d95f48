/* SPDX-License-Identifier: MIT */
/*
 * The steps from a path to files; see resolve.h for the drawing.
 *
 * Driven by serve/fetch. It never touches a file itself, so every disturbance (a file
 * replaced, grown or removed between two steps) is a line in a unit test. Names are tried like this:
 *
 *   candidate  /a/      a/ with each index file           /a       a, then a.html (clean URLs);
 *                                                                where a is a folder, that comes last
 *   form       page.html, then for each language page.fr.html, page.html.fr
 *   number     the plain file, then .br, .zst, .gz in the site's order; where one is missing and
 *              precompress is on, the one that has been made for this version
 *
 * The first candidate of which any form is there is the one.
 */
#include "site/resolve.h"

#include <errno.h>
#include <inttypes.h>

#include "base/check.h"
#include "site/names.h"
#include "site/resolve_load.h"

/* Less is not worth a second file. */
#define COMPRESS_MIN 256

#define CLEAN_ENDING ".html"

enum resolve_step resolve_finish_status(struct resolve *resolve, unsigned status)
{
	resolve->outcome = RESOLVED_STATUS;
	resolve->status = (uint16_t)status;
	return RESOLVE_DONE;
}

enum resolve_step resolve_finish(struct resolve *resolve, enum resolve_outcome outcome)
{
	resolve->outcome = outcome;
	return RESOLVE_DONE;
}

/* What a failed open means to the client. */
unsigned resolve_status_of(int error)
{
	switch (-error) {
	case ENOENT:       /* not there */
	case ENOTDIR:      /* a file used as a folder */
	case ENAMETOOLONG: /* cannot be there */
	case ELOOP:        /* symbolic links in a circle, one that is not to be followed, or a magic link */
	case EXDEV:        /* leads out of the root */
	case ENXIO:        /* a socket, or a device without a driver */
	case ENODEV:
	case EINVAL: /* a name the file system cannot hold */
		return 404;
	case EACCES:
	case EPERM:
		return 403;
	case EMFILE: /* a limit: it may be different in a second */
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EAGAIN:
	case EBUSY:
	case ECANCELED:
		return 503;
	default:
		return 500;
	}
}

static const char *reason_of(int error)
{
	switch (-error) {
	case EXDEV:
		return "leads out of the root";
	case ELOOP:
		return "a symbolic link that is not to be followed, or a circle of them";
	default:
		return strerror(-error);
	}
}

/* Names */

static enum coding coding_of(const struct resolve *resolve, unsigned number)
{
	return number == 0 ? CODING_IDENTITY : resolve->input.site->codings[number - 1];
}

/* The candidate's name, plain and in no language. */
static void write_candidate(const struct resolve *resolve, struct text *out)
{
	struct bytes base = resolve->base;

	text_add(out, base);
	if (resolve->is_folder) {
		if (base.size > 0 && base.base[base.size - 1] != '/')
			text_add_byte(out, '/');
		text_add(out, resolve->input.site->index[resolve->candidate]);
	} else if (resolve->candidate == 1) {
		text_add(out, BYTES(CLEAN_ENDING));
	}
}

/* Form 0 is the candidate itself; 1 + 2 * language and 2 + 2 * language are page.fr.html and page.html.fr. */
static void write_form(const struct resolve *resolve, unsigned form, struct text *out)
{
	size_t begin = out->size;

	write_candidate(resolve, out);
	if (form > 0)
		names_translate(out, begin, resolve->input.site->languages[(form - 1) / 2], form % 2 == 1);
}

enum resolve_step resolve_ask(struct resolve *resolve, enum resolve_step step, unsigned form, unsigned number,
			      const struct version *made_of)
{
	struct text *name = resolve->input.name;

	text_clear(name);
	if (made_of) {
		names_write_made(made_of, coding_of(resolve, number), name);
	} else {
		write_form(resolve, form, name);
		text_add(name, coding_ending(coding_of(resolve, number)));
	}
	return name->failed ? resolve_finish_status(resolve, 503) : step;
}

void resolve_write_path(const struct resolve *resolve, struct text *out)
{
	text_add_byte(out, '/');
	write_form(resolve, resolve->found[resolve->loading].form, out);
}

void resolve_write_plain(const struct resolve *resolve, struct text *out)
{
	text_add_byte(out, '/');
	write_candidate(resolve, out);
}

void resolve_write_location(const struct resolve *resolve, struct text *out)
{
	struct bytes base = resolve->base;

	text_add_byte(out, '/');
	text_add(out, base);
	if (!resolve->is_stripped && base.size > 0 && base.base[base.size - 1] != '/')
		text_add_byte(out, '/');
}

enum coding resolve_coding(const struct resolve *resolve)
{
	return coding_of(resolve, resolve->found[resolve->loading].number);
}

/* The plan */

static unsigned candidate_count(const struct resolve *resolve)
{
	const struct site *site = resolve->input.site;
	struct bytes base = resolve->base;

	if (resolve->is_folder)
		return site->index_count;
	/* A name with an ending of its own, or none at all, is no page without one. */
	return site->options.clean_urls && resolve->input.kind == RESOLVE_PATH && base.size > 0 &&
			       base.base[base.size - 1] != '/' && names_ending_at(base) == base.size
		       ? 2
		       : 1;
}

static unsigned form_count(const struct resolve *resolve)
{
	return 1 + 2 * resolve->input.site->language_count;
}

static enum resolve_step look(struct resolve *resolve)
{
	const struct version *made_of = resolve->is_made ? &resolve->found[resolve->plain].version : NULL;

	return resolve_ask(resolve, RESOLVE_LOOK, resolve->form, resolve->number, made_of);
}

/* Is this chain, as far as files stand behind it, what was found? */
static bool is_known(const struct resolve *resolve)
{
	const struct asset *known = resolve->input.known;
	unsigned count = 0;

	for (; known; known = known->next) {
		const struct found *found = &resolve->found[count];

		if (known->is_decoded)
			continue;
		if (count == resolve->found_count || !asset_is_file(known) || known->racy ||
		    known->coding != coding_of(resolve, found->number) || known->vary != resolve->vary ||
		    known->language != found->language || !version_equal(&known->version, &found->version))
			return false;
		count++;
	}
	return count > 0 && count == resolve->found_count;
}

static unsigned vary_of(const struct resolve *resolve)
{
	const struct site *site = resolve->input.site;
	unsigned kind = resolve->input.kind, vary = 0;

	/* Whether the fallback or the 404 is answered depends on who asks. */
	if (kind == RESOLVE_FALLBACK || (kind == 404 && site->options.fallback[0]))
		vary = VARY_ACCEPT | VARY_MODE;
	for (unsigned i = 0; i < resolve->found_count; i++) {
		if (resolve->found[i].number > 0 || resolve->found[i].wanted)
			vary |= VARY_ENCODING;
		if (resolve->found[i].form > 0)
			vary |= VARY_LANGUAGE;
	}
	return vary;
}

/* A plain page that has translations is one of them: in the first language. */
static void name_plain_language(struct resolve *resolve)
{
	if (resolve->vary & VARY_LANGUAGE)
		for (unsigned i = 0; i < resolve->found_count; i++)
			if (resolve->found[i].form == 0)
				resolve->found[i].language = 0;
}

/* All names of a candidate have been looked at, and some are there. */
static enum resolve_step looked(struct resolve *resolve)
{
	if (resolve->is_stripped)
		return resolve_finish(resolve, RESOLVED_REDIRECT);
	resolve->vary = vary_of(resolve);
	name_plain_language(resolve);
	if (is_known(resolve))
		return resolve_finish(resolve, RESOLVED_UNCHANGED);
	resolve->loading = 0;
	return resolve_load(resolve);
}

/* Does what the browser resolves references against end with a slash? */
static bool is_asked_with_slash(const struct resolve *resolve)
{
	struct bytes path = resolve->input.asked.size > 0 ? resolve->input.asked : resolve->input.path;

	return path.base[path.size - 1] == '/';
}

/* No candidate is there. */
static enum resolve_step nothing(struct resolve *resolve)
{
	struct bytes base = resolve->base;
	struct text *name = resolve->input.name;

	if (!resolve->is_folder || !resolve->input.site->options.listing ||
	    resolve->input.kind != RESOLVE_PATH)
		return resolve_finish_status(resolve, 404);
	/* The references of a listing are relative: it needs its slash. */
	if (!is_asked_with_slash(resolve))
		return resolve_finish(resolve, RESOLVED_REDIRECT);
	text_clear(name);
	text_add(name, base.size > 0 ? base : BYTES("."));
	return name->failed ? resolve_finish_status(resolve, 503) : RESOLVE_LIST;
}

/* The path without a slash is a folder. */
static enum resolve_step folder(struct resolve *resolve)
{
	if (resolve->input.kind != RESOLVE_PATH)
		return resolve_finish_status(resolve, 404);
	if (resolve->input.site->options.trailing_slash == SLASH_ADD && !is_asked_with_slash(resolve))
		return resolve_finish(resolve, RESOLVED_REDIRECT);
	resolve->is_folder = true;
	resolve->candidate = 0;
	return resolve->input.site->index_count == 0 ? nothing(resolve) : look(resolve);
}

static enum resolve_step next_candidate(struct resolve *resolve)
{
	if (resolve->found_count > 0)
		return looked(resolve);
	resolve->form = 0;
	resolve->number = 0;
	resolve->plain = RESOLVE_VARIANTS;
	if (++resolve->candidate < candidate_count(resolve))
		return look(resolve);
	return resolve->has_folder && !resolve->is_folder ? folder(resolve) : nothing(resolve);
}

/*
 * The name after this one. A language that page.fr.html was found for is not looked for again, nor is the
 * first one where there is a plain page, whose language that is: the codings of one never go with the other.
 */
static enum resolve_step next_form(struct resolve *resolve)
{
	bool found =
		resolve->plain != RESOLVE_VARIANTS ||
		(resolve->found_count > 0 && resolve->found[resolve->found_count - 1].form == resolve->form);

	resolve->number = 0;
	resolve->plain = RESOLVE_VARIANTS;
	if (resolve->form == 0)
		resolve->form = found ? 3 : 1;
	else
		resolve->form += resolve->form % 2 == 1 && found ? 2 : 1;
	if (resolve->input.kind >= 400 || resolve->form >= form_count(resolve))
		return next_candidate(resolve);
	return look(resolve);
}

/* Of the candidate: a language behind the ending of its name does not change it. */
static struct bytes type_of(const struct resolve *resolve)
{
	const struct site *site = resolve->input.site;

	if (resolve->is_folder)
		return site_mime(site, site->index[resolve->candidate]).type;
	if (resolve->candidate == 1)
		return site_mime(site, BYTES("clean" CLEAN_ENDING)).type;
	return site_mime(site, resolve->base).type;
}

static bool may_be_made(const struct resolve *resolve)
{
	const struct found *plain = &resolve->found[resolve->plain];

	return resolve->number > 0 && resolve->plain != RESOLVE_VARIANTS &&
	       resolve->input.site->options.precompress && plain->version.size >= COMPRESS_MIN &&
	       plain->version.size <= resolve->input.compress_max && mime_is_compressible(type_of(resolve));
}

static enum resolve_step next_number(struct resolve *resolve)
{
	struct text *name = resolve->input.name;

	resolve->is_made = false;
	if (resolve->number == 0 && names_are_coded(text_bytes(name)))
		return next_form(resolve);
	if (++resolve->number > resolve->input.site->coding_count)
		return next_form(resolve);
	return look(resolve);
}

/* This name is not there, or not to be used. */
static enum resolve_step missing(struct resolve *resolve)
{
	struct bytes ending = coding_ending(coding_of(resolve, resolve->number));
	struct text *name = resolve->input.name;

	if (resolve->is_made) {
		resolve->found[resolve->plain].wanted |= 1u << coding_of(resolve, resolve->number);
		return next_number(resolve);
	}
	if (name->size > ending.size)
		name->size -= ending.size;
	if (!may_be_made(resolve))
		return next_number(resolve);
	resolve->is_made = true;
	return look(resolve);
}

static bool is_stale(const struct resolve *resolve, const struct version *version)
{
	const struct found *plain = &resolve->found[resolve->plain];

	/* Whole seconds: not every tool that copies the time of a file copies more of it. */
	return resolve->plain != RESOLVE_VARIANTS && !resolve->is_made &&
	       version->modified_ns / 1000000000 < plain->version.modified_ns / 1000000000;
}

static void add_found(struct resolve *resolve, const struct version *version)
{
	struct found *found = &resolve->found[resolve->found_count];

	*found = (struct found){
		.form = resolve->form,
		.number = resolve->number,
		.language = resolve->form == 0 ? LANGUAGE_NONE : (resolve->form - 1) / 2,
		.is_made = resolve->is_made,
		.version = *version,
	};
	if (resolve->plain != RESOLVE_VARIANTS)
		found->plain = resolve->found[resolve->plain].version;
	if (resolve->number == 0)
		resolve->plain = resolve->found_count;
	resolve->found_count++;
}

static enum resolve_step restart(struct resolve *resolve)
{
	const struct site *site = resolve->input.site;
	struct bytes base = bytes_skip(resolve->input.path, 1);

	resolve->found_count = 0;
	resolve->stale = 0;
	resolve->candidate = 0;
	resolve->form = 0;
	resolve->number = 0;
	resolve->is_made = false;
	resolve->has_folder = false;
	resolve->plain = RESOLVE_VARIANTS;
	resolve->is_folder = base.size == 0 || base.base[base.size - 1] == '/';
	resolve->is_stripped = base.size > 0 && resolve->is_folder &&
			       site->options.trailing_slash == SLASH_REMOVE &&
			       resolve->input.kind == RESOLVE_PATH && resolve->input.asked.size == 0;
	if (resolve->is_stripped) {
		base.size--;
		resolve->is_folder = false;
	}
	resolve->base = base;
	if (resolve->is_folder && site->index_count == 0)
		return nothing(resolve);
	return look(resolve);
}

enum resolve_step resolve_again(struct resolve *resolve)
{
	if (++resolve->attempts >= RESOLVE_ATTEMPTS)
		return resolve_finish_status(resolve, 503);
	return restart(resolve);
}

enum resolve_step resolve_begin(struct resolve *resolve, const struct resolve_input *input)
{
	check(input->path.size > 0 && input->path.base[0] == '/');
	resolve->input = *input;
	resolve->attempts = 0;
	resolve->vary = 0;
	resolve->loading = 0;
	resolve->status = 0;
	return restart(resolve);
}

enum resolve_step resolve_on_look(struct resolve *resolve, int error, enum file_type type,
				  const struct version *version)
{
	const char *name = text_string(resolve->input.name);

	/* openat2(2): EAGAIN when a rename elsewhere disturbed the walk; EINTR by its nature. */
	if (error == -EAGAIN || error == -EINTR)
		return resolve_again(resolve);
	if (error < 0) {
		unsigned status = resolve_status_of(error);

		trace_line(resolve->input.trace, "file: %s: %s", name, reason_of(error));
		/* A coded form that cannot be had is no reason to refuse the plain one. */
		if (status == 404 || (resolve->number > 0 && status == 403))
			return missing(resolve);
		return resolve_finish_status(resolve, status);
	}
	if (type == FILE_FOLDER && !resolve->is_folder && resolve->candidate == 0 && resolve->form == 0 &&
	    resolve->number == 0) {
		trace_line(resolve->input.trace, "file: %s: a folder", name);
		resolve->has_folder = true;
		/* Generators of sites write blog.html beside the folder of its articles. */
		return candidate_count(resolve) > 1 ? next_candidate(resolve) : folder(resolve);
	}
	if (type != FILE_REGULAR) {
		trace_line(resolve->input.trace, "file: %s: not a regular file", name);
		return missing(resolve);
	}
	if (is_stale(resolve, version)) {
		trace_line(resolve->input.trace, "file: %s: older than its plain file, not used", name);
		resolve->stale |= 1u << coding_of(resolve, resolve->number);
		return missing(resolve);
	}
	trace_line(resolve->input.trace, "file: %s: found, %" PRIu64 " bytes", name, version->size);
	if (resolve->found_count < RESOLVE_VARIANTS)
		add_found(resolve, version);
	return next_number(resolve);
}

enum resolve_step resolve_on_list(struct resolve *resolve, int error)
{
	if (error == -EAGAIN || error == -EINTR)
		return resolve_again(resolve);
	if (error < 0)
		return resolve_finish_status(resolve, resolve_status_of(error));
	return resolve_finish(resolve, RESOLVED_LISTING);
}
