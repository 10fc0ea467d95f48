/* SPDX-License-Identifier: MIT */
/*
 * What files are opened with, and what their assets are made of; see file_spec.h.
 *
 * Called where an asset is made, never on a hit. Everything here follows from what site/resolve
 * has found and from the site; who has asked the file system, and how long that took, makes no
 * difference. The one hard thing is what must not depend on this machine: a variant that was compressed
 * here, or decoded here, carries the time of the file it was made of.
 */
#include "serve/file_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/target.h"
#include "serve/digest.h"
#include "site/pages.h"

/*
 * How a name is opened, by policy. The kernel refuses every way out of the root, however it is made, unless
 * the site follows all links. O_NONBLOCK: a FIFO must not hold anybody up, should one have taken the
 * file's place. Each openat2 gets one of these very structs, which stay.
 */
#define HOW(access, links)                                                                                   \
	{                                                                                                    \
		.flags = (access) | O_CLOEXEC, .resolve = (links) | RESOLVE_NO_MAGICLINKS                    \
	}
#define BY_POLICY(access)                                                                                    \
	{                                                                                                    \
		[SYMLINKS_INSIDE] = HOW(access, RESOLVE_BENEATH),                                            \
		[SYMLINKS_DENY] = HOW(access, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS),                        \
		[SYMLINKS_FOLLOW] = HOW(access, 0),                                                          \
	}
static const struct open_how look_how[] = BY_POLICY(O_PATH);
static const struct open_how open_how[] = BY_POLICY(O_RDONLY | O_NONBLOCK | O_NOCTTY);
static const struct open_how list_how[] = BY_POLICY(O_RDONLY | O_DIRECTORY);

const struct open_how *file_spec_how(const struct resolve *resolve, enum resolve_step step)
{
	/* In the folder of compressed files there are no links but those that somebody has planted. */
	uint64_t policy =
		file_spec_is_made(resolve, step) ? SYMLINKS_DENY : resolve->input.site->options.symlinks;

	return step == RESOLVE_LOOK   ? &look_how[policy]
	       : step == RESOLVE_OPEN ? &open_how[policy]
				      : &list_how[policy];
}

uint64_t file_spec_resolve_flags(const struct site *site)
{
	return look_how[site->options.symlinks].resolve;
}

bool file_spec_is_made(const struct resolve *resolve, enum resolve_step step)
{
	return step == RESOLVE_LOOK ? resolve->is_made
				    : step == RESOLVE_OPEN && resolve->found[resolve->loading].is_made;
}

bool file_spec_may_follow(const struct site *site, int error)
{
	return error == -EXDEV && site->options.symlinks == SYMLINKS_INSIDE;
}

const struct open_how *file_spec_how_to_follow(void)
{
	return &look_how[SYMLINKS_FOLLOW];
}

/* The path of an open file or folder, as the kernel knows it. */
static struct bytes path_of(int fd, char out[PATH_MAX])
{
	char link[32];
	ssize_t size;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, out, PATH_MAX);
	return bytes_make(out, size > 0 && size < PATH_MAX ? (size_t)size : 0);
}

bool file_spec_inside(const struct site *site, int fd, struct text *ret_path)
{
	char root_text[PATH_MAX], path_text[PATH_MAX];
	struct bytes root = path_of(site->root, root_text), path = path_of(fd, path_text);

	if (root.size == 1) /* "/" ends with the slash that follows every other root */
		root.size = 0;
	if (path.size <= root.size + 1 || !bytes_starts_with(path, root) || path.base[root.size] != '/')
		return false;
	text_clear(ret_path);
	text_add(ret_path, bytes_skip(path, root.size + 1));
	return !ret_path->failed;
}

enum file_type file_spec_version(const struct statx *status, struct version *ret_version)
{
	*ret_version = (struct version){
		.device = (uint64_t)status->stx_dev_major << 32 | status->stx_dev_minor,
		.inode = status->stx_ino,
		.size = status->stx_size,
		.modified_ns = status->stx_mtime.tv_sec * INT64_C(1000000000) + status->stx_mtime.tv_nsec,
		.changed_ns = status->stx_ctime.tv_sec * INT64_C(1000000000) + status->stx_ctime.tv_nsec,
	};
	return S_ISREG(status->stx_mode)   ? FILE_REGULAR
	       : S_ISDIR(status->stx_mode) ? FILE_FOLDER
					   : FILE_OTHER;
}

static struct bytes make_tag(const struct resolve *resolve, const uint8_t *digest, char out[ASSET_TAG_SIZE])
{
	const struct found *found = &resolve->found[resolve->loading];
	struct version version = resolve->version;

	switch (resolve->input.site->options.etag) {
	case ETAG_NONE:
		return bytes_make(NULL, 0);
	case ETAG_CONTENT:
		digest_write_tag(digest, out);
		return bytes_string(out);
	default:
		/* When it was compressed says nothing, and differs between machines. */
		if (found->is_made)
			version.modified_ns = found->plain.modified_ns;
		return bytes_make(out, asset_tag(&version, resolve_coding(resolve), out));
	}
}

struct asset *file_spec_create(const struct resolve *resolve, const uint8_t *digest, int64_t now,
			       const struct trace *trace)
{
	const struct found *found = &resolve->found[resolve->loading];
	const struct site *site = resolve->input.site;
	unsigned kind = resolve->input.kind;
	struct text path = TEXT_EMPTY, plain = TEXT_EMPTY;
	struct asset *asset = NULL;
	char tag[ASSET_TAG_SIZE];
	struct asset_spec spec = {
		.site = site,
		.status = kind >= 400 ? kind : 200,
		.kind = ASSET_FILE,
		.coding = resolve_coding(resolve),
		.language = found->language,
		.vary = resolve->vary,
		.is_fallback = kind == RESOLVE_FALLBACK,
		.in_memory = resolve->in_memory,
		.size = resolve->version.size,
		.version = &resolve->version,
		.dated = found->is_made ? &found->plain : NULL,
		.tag = make_tag(resolve, digest, tag),
		.trace = trace,
	};

	resolve_write_path(resolve, &path);
	resolve_write_plain(resolve, &plain);
	spec.path = text_bytes(&path);
	spec.type = site_mime(site, text_bytes(&plain));
	if (!path.failed && !plain.failed)
		asset = asset_create(&spec, now);
	if (asset && resolve->has_hash) {
		digest_write_repr(digest, asset->digest);
		asset->digested = MAKING_READY;
	}
	text_deinit(&path);
	text_deinit(&plain);
	return asset;
}

/* To a decoded path. */
struct asset *file_spec_redirect(const struct resolve *resolve, int64_t now, const struct trace *trace)
{
	struct text path = TEXT_EMPTY;
	struct asset *asset = NULL;
	uint8_t *location;

	resolve_write_location(resolve, &path);
	location = path.failed ? NULL : mem_alloc(path.size * 3);
	if (location)
		asset = pages_trace_redirect(resolve->input.site, 301,
					     bytes_make(location, target_encode(text_bytes(&path), location)),
					     now, trace);
	mem_free(location);
	text_deinit(&path);
	return asset;
}

/* Content-Type without the charset that asset_create() adds anew, and with the one that it does not. */
static struct mime plain_type(const struct site *site, struct bytes type)
{
	const struct bytes parameter = BYTES("; charset="), charset = site->charset;
	size_t tail = parameter.size + charset.size;
	struct bytes bare, rest;

	if (charset.size == 0 || type.size <= tail)
		return (struct mime){ type, false };
	bare = bytes_make(type.base, type.size - tail);
	rest = bytes_skip(type, bare.size);
	if (!bytes_starts_with(rest, parameter) || !bytes_equal(bytes_skip(rest, parameter.size), charset))
		return (struct mime){ type, false };
	return (struct mime){ bare, true };
}

struct asset *file_spec_create_plain(const struct file_spec_plain *plain, int64_t now,
				     const struct trace *trace)
{
	const struct asset *coded = plain->coded;
	char tag[ASSET_TAG_SIZE];
	struct asset *asset;
	struct asset_spec spec = {
		.site = plain->site,
		.status = coded->status,
		.kind = ASSET_FILE,
		.language = coded->language,
		.vary = coded->vary,
		.is_fallback = plain->is_fallback,
		.in_memory = plain->in_memory,
		.path = coded->path,
		.type = plain_type(plain->site, coded->type),
		.size = plain->size,
		.version = plain->version,
		.dated = &coded->version,
		.trace = trace,
	};

	if (plain->digest) {
		digest_write_tag(plain->digest, tag);
		spec.tag = bytes_string(tag);
	} else if (coded->validators.etag.size > 0) {
		spec.tag = bytes_make(tag, asset_tag(&coded->version, CODING_IDENTITY, tag));
	}
	asset = asset_create(&spec, now);
	if (asset)
		asset->is_decoded = true;
	return asset;
}

struct asset *file_spec_create_listing(const struct site *site, struct bytes path, bool is_json,
				       uint64_t size, bool in_memory, int64_t now, const struct trace *trace)
{
	struct asset_spec spec = {
		.site = site,
		.status = 200,
		.kind = ASSET_LISTING,
		.language = LANGUAGE_NONE,
		.vary = VARY_ACCEPT,
		.in_memory = in_memory,
		.type = { BYTES("text/html"), true },
		.size = size,
		.path = path,
		.trace = trace,
	};
	struct asset *asset;

	if (is_json)
		spec.type = (struct mime){ BYTES("application/json"), false };
	asset = asset_create(&spec, now);
	if (asset)
		asset->is_json = is_json;
	return asset;
}

/* "." is the root; other names may have their slash. */
void file_spec_write_folder(struct bytes name, struct text *out)
{
	text_add_byte(out, '/');
	if (bytes_equal(name, BYTES(".")))
		return;
	text_add(out, name);
	if (name.base[name.size - 1] != '/')
		text_add_byte(out, '/');
}
