/* SPDX-License-Identifier: MIT */
/*
 * The steps from a path to a file; see resolve.h for the drawing.
 *
 * Driven by serve/fetch. It never touches a file itself, so every disturbance (a file
 * replaced, grown or removed between two steps) is a line in a unit test.
 */
#include "site/resolve.h"

#include <errno.h>

#include "base/check.h"

static enum resolve_step done_status(struct resolve *resolve, unsigned status)
{
	resolve->outcome = RESOLVED_STATUS;
	resolve->status = (uint16_t)status;
	return RESOLVE_DONE;
}

static enum resolve_step done(struct resolve *resolve, enum resolve_outcome outcome)
{
	resolve->outcome = outcome;
	return RESOLVE_DONE;
}

/* What a failed open means to the client. */
static enum resolve_step done_error(struct resolve *resolve, int error)
{
	switch (-error) {
	case ENOENT:       /* not there */
	case ENOTDIR:      /* a file used as a folder */
	case ENAMETOOLONG: /* cannot be there */
	case ELOOP:        /* symbolic links in a circle, or a magic link */
	case EXDEV:        /* leads out of the root */
	case ENXIO:        /* a socket, or a device without a driver */
	case ENODEV:
	case EINVAL: /* a name the file system cannot hold */
		return done_status(resolve, 404);
	case EACCES:
	case EPERM:
		return done_status(resolve, 403);
	case EMFILE: /* a limit: it may be different in a second */
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
	case EBUSY:
		return done_status(resolve, 503);
	default:
		return done_status(resolve, 500);
	}
}

static enum resolve_step again(struct resolve *resolve)
{
	resolve->has_read = false;
	resolve->in_memory = false;
	if (++resolve->attempts >= RESOLVE_ATTEMPTS)
		return done_status(resolve, 503);
	return RESOLVE_OPEN;
}

enum resolve_step resolve_begin(struct resolve *resolve, struct bytes path, const struct asset *known,
				uint64_t small_max, char *name)
{
	size_t size = path.size - 1;

	check(path.size > 0 && path.base[0] == '/');
	memset(resolve, 0, sizeof(*resolve));
	resolve->name = name;
	resolve->known = known && known->is_file ? known : NULL;
	resolve->small_max = small_max;
	memcpy(name, path.base + 1, size);
	/* A folder is answered by the file in it, so a path with a slash at its end opens that. */
	if (size == 0 || name[size - 1] == '/') {
		memcpy(name + size, RESOLVE_INDEX, sizeof(RESOLVE_INDEX) - 1);
		size += sizeof(RESOLVE_INDEX) - 1;
		resolve->is_index = true;
	}
	name[size] = 0;
	return RESOLVE_OPEN;
}

enum resolve_step resolve_on_open(struct resolve *resolve, int error)
{
	if (error == 0)
		return RESOLVE_STAT;
	/* openat2(2): EAGAIN when a rename elsewhere disturbed the walk; EINTR by its nature. */
	if (error == -EAGAIN || error == -EINTR)
		return again(resolve);
	return done_error(resolve, error);
}

enum resolve_step resolve_on_stat(struct resolve *resolve, int error, enum file_type type,
				  const struct version *version)
{
	if (error < 0)
		return done_error(resolve, error);
	if (type == FILE_FOLDER && !resolve->is_index)
		return done(resolve, RESOLVED_FOLDER);
	if (type != FILE_REGULAR)
		return done_status(resolve, 404);
	if (resolve->has_read) {
		/* What was read is one version only if nothing happened meanwhile. */
		if (!version_equal(version, &resolve->version))
			return again(resolve);
		return done(resolve, RESOLVED_FILE);
	}
	resolve->version = *version;
	if (resolve->known && !resolve->known->racy && version_equal(version, &resolve->known->version))
		return done(resolve, RESOLVED_UNCHANGED);
	if (version->size > resolve->small_max)
		return done(resolve, RESOLVED_FILE);
	resolve->in_memory = true;
	return RESOLVE_READ;
}

enum resolve_step resolve_on_read(struct resolve *resolve, int64_t count)
{
	if (count == -EINTR || count == -EAGAIN)
		return again(resolve);
	if (count < 0)
		return done_error(resolve, (int)count);
	/* Shorter than it was: somebody is writing it. */
	if ((uint64_t)count != resolve->version.size)
		return again(resolve);
	resolve->has_read = true;
	return RESOLVE_STAT;
}
