/* SPDX-License-Identifier: MIT */
/*
 * The second half of the steps from a path to files: what was found is opened and read.
 *
 * Begins with resolve_load(), when site/resolve knows which files there are, and brings one after the
 * other to serve/fetch. The one hard thing is that files change meanwhile: a version counts only when
 * the open file still has it after the last byte was read, and a name that has gone since it was looked
 * at means that all of it is looked at again.
 */
#include "site/resolve_load.h"

#include <errno.h>

enum resolve_step resolve_load(struct resolve *resolve)
{
	const struct found *found = &resolve->found[resolve->loading];

	resolve->has_hash = false;
	resolve->has_read = false;
	resolve->in_memory = false;
	return resolve_ask(resolve, RESOLVE_OPEN, found->form, found->number,
			   found->is_made ? &found->plain : NULL);
}

static enum resolve_step next_variant(struct resolve *resolve)
{
	if (++resolve->loading == resolve->found_count)
		return resolve_finish(resolve, RESOLVED_FILES);
	return resolve_load(resolve);
}

/* A coded form that is not to be had any more, or never was, is done without. */
static enum resolve_step drop_variant(struct resolve *resolve)
{
	unsigned at = resolve->loading;

	memmove(&resolve->found[at], &resolve->found[at + 1],
		(resolve->found_count - at - 1) * sizeof(resolve->found[0]));
	resolve->found_count--;
	resolve->loading--;
	return next_variant(resolve);
}

enum resolve_step resolve_on_open(struct resolve *resolve, int error)
{
	unsigned status;

	if (error == 0)
		return RESOLVE_STAT;
	if (error == -EAGAIN || error == -EINTR)
		return resolve_again(resolve);
	status = resolve_status_of(error);
	if (status == 403 && resolve->found[resolve->loading].number > 0 && resolve->loading > 0)
		return drop_variant(resolve);
	return status == 404 ? resolve_again(resolve) : resolve_finish_status(resolve, status);
}

enum resolve_step resolve_on_stat(struct resolve *resolve, int error, enum file_type type,
				  const struct version *version)
{
	if (error < 0)
		return resolve_finish_status(resolve, resolve_status_of(error));
	if (type != FILE_REGULAR)
		return resolve_again(resolve);
	if (resolve->has_read || (resolve->has_hash && !resolve->in_memory)) {
		/* What was read is one version only if nothing happened meanwhile. */
		return version_equal(version, &resolve->version) ? RESOLVE_VARIANT : resolve_again(resolve);
	}
	resolve->version = *version;
	resolve->in_memory = version->size <= resolve->input.small_max;
	if (resolve->input.site->options.etag == ETAG_CONTENT)
		return RESOLVE_HASH;
	return resolve->in_memory ? RESOLVE_READ : RESOLVE_VARIANT;
}

enum resolve_step resolve_on_hash(struct resolve *resolve, int error)
{
	if (error == -ESTALE)
		return resolve_again(resolve);
	if (error < 0)
		return resolve_finish_status(resolve, resolve_status_of(error));
	resolve->has_hash = true;
	return resolve->in_memory ? RESOLVE_READ : RESOLVE_STAT;
}

enum resolve_step resolve_on_read(struct resolve *resolve, int64_t count)
{
	if (count == -EINTR || count == -EAGAIN)
		return resolve_again(resolve);
	if (count < 0)
		return resolve_finish_status(resolve, resolve_status_of((int)count));
	/* Shorter than it was: somebody is writing it. */
	if ((uint64_t)count != resolve->version.size)
		return resolve_again(resolve);
	resolve->has_read = true;
	return RESOLVE_STAT;
}

enum resolve_step resolve_on_variant(struct resolve *resolve, int error)
{
	return error < 0 ? resolve_finish_status(resolve, 503) : next_variant(resolve);
}
