/* SPDX-License-Identifier: MIT */
/*
 * Compiles responses: the heads of a file, of a redirect, of an error page.
 *
 * Called on a cache miss and at start, never on a hit. Heads are written once into scratch to
 * learn their size, then into the one block that the asset is. The entity tag is made of the
 * modification time and the size and of nothing that differs between two machines with the
 * same files.
 */
#include "site/asset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "http/head.h"

/* The longest head compiled here: fixed lines below 400 bytes plus a Location. */
#define HEAD_SIZE_MAX 26624
#define PAGE_SIZE_MAX 26624

bool version_equal(const struct version *a, const struct version *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static void head_place(struct asset_head *place, uint8_t *at, const struct head *head)
{
	memcpy(at, head->base, head->size);
	place->base = at;
	place->size = head->size;
	place->connection_offset = head->connection_offset;
	place->date_offset = head->date_offset;
}

/* An asset whose block has room for its parts; the ready head is in place, the body directly behind it. */
static struct asset *create(const struct head *ready, uint64_t body_size, const struct head *not_modified)
{
	size_t memory =
		sizeof(struct asset) + ready->size + body_size + (not_modified ? not_modified->size : 0);
	struct asset *asset = mem_alloc(memory);

	if (!asset)
		return NULL;
	memset(asset, 0, sizeof(*asset));
	asset->refs = 1;
	asset->fd = -1;
	asset->memory = memory;
	head_place(&asset->ready, asset->block, ready);
	if (not_modified)
		head_place(&asset->not_modified, asset->block + ready->size + body_size, not_modified);
	return asset;
}

struct asset *asset_create_file(const struct version *version, struct bytes type, bool in_memory, int64_t now)
{
	uint8_t ready_text[1024], not_modified_text[512];
	struct head ready, not_modified;
	struct asset *asset;
	int64_t modified = version->modified_ns / 1000000000 - (version->modified_ns % 1000000000 < 0);
	char etag[ASSET_ETAG_MAX];
	int etag_size = snprintf(etag, sizeof(etag), "\"%" PRIx64 "-%" PRIx64 "\"",
				 (uint64_t)version->modified_ns, version->size);
	struct bytes tag = bytes_make(etag, (size_t)etag_size);

	/* RFC 9110 8.8.2.1: Last-Modified must not be later than Date, whatever the file says. */
	if (modified > now)
		modified = now;
	head_begin(&ready, ready_text, sizeof(ready_text), 200, now);
	head_field(&ready, BYTES("Content-Type"), type);
	head_field_number(&ready, BYTES("Content-Length"), version->size);
	head_field_date(&ready, BYTES("Last-Modified"), modified);
	head_field(&ready, BYTES("ETag"), tag);
	head_field(&ready, BYTES("Accept-Ranges"), BYTES("bytes"));
	check(head_end(&ready, true));

	head_begin(&not_modified, not_modified_text, sizeof(not_modified_text), 304, now);
	head_field(&not_modified, BYTES("ETag"), tag);
	check(head_end(&not_modified, true));

	asset = create(&ready, in_memory ? version->size : 0, &not_modified);
	if (!asset)
		return NULL;
	asset->status = 200;
	asset->is_file = true;
	asset->size = version->size;
	asset->body = in_memory ? asset->block + ready.size : NULL;
	asset->date = now;
	asset->type = type;
	asset->version = *version;
	memcpy(asset->etag_text, etag, tag.size);
	asset->validators.etag = bytes_make(asset->etag_text, tag.size);
	asset->validators.modified = modified;
	return asset;
}

/* A path is percent-encoded already (http/target.h); of what HTML gives a meaning only "&" is left in it. */
static size_t escape(struct bytes location, char *out)
{
	size_t size = 0;

	for (size_t i = 0; i < location.size; i++) {
		out[size++] = (char)location.base[i];
		if (location.base[i] == '&') {
			memcpy(out + size, "amp;", 4);
			size += 4;
		}
	}
	return size;
}

/* The small HTML body of an error page or redirect; 0 when a location is too long for it. */
static size_t write_page(unsigned status, struct bytes location, char *out, size_t capacity)
{
	struct bytes reason = status_reason(status);
	int size =
		snprintf(out, capacity,
			 "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%u %.*s</title>\n"
			 "<h1>%u %.*s</h1>\n",
			 status, (int)reason.size, reason.base, status, (int)reason.size, reason.base);
	size_t at = (size_t)size;

	check(size > 0 && at + 64 < capacity);
	if (location.size > 0) {
		if (at + 5 * location.size + 64 > capacity)
			return 0;
		at += (size_t)sprintf(out + at, "<p>It is <a href=\"");
		at += escape(location, out + at);
		at += (size_t)sprintf(out + at, "\">here</a>.</p>\n");
	}
	return at + (size_t)sprintf(out + at, "</html>\n");
}

/* A page: its own status, the extra fields, and a small HTML body unless the status forbids one. */
static struct asset *create_page(unsigned status, struct bytes location, struct bytes extra, int64_t now)
{
	char *scratch = mem_alloc(HEAD_SIZE_MAX + PAGE_SIZE_MAX);
	char *text = scratch + HEAD_SIZE_MAX;
	struct asset *asset = NULL;
	struct head head;
	size_t size = 0;

	if (!scratch)
		return NULL;
	if (status != 204)
		size = write_page(status, location, text, PAGE_SIZE_MAX);
	head_begin(&head, scratch, HEAD_SIZE_MAX, status, now);
	if (status != 204) {
		head_field(&head, BYTES("Content-Type"), BYTES("text/html; charset=utf-8"));
		head_field_number(&head, BYTES("Content-Length"), size);
	}
	if (location.size > 0)
		head_field(&head, BYTES("Location"), location);
	if (extra.size > 0) {
		check(head.size + extra.size <= HEAD_SIZE_MAX);
		memcpy(head.base + head.size, extra.base, extra.size);
		head.size += (uint32_t)extra.size;
	}
	if (head_end(&head, true))
		asset = create(&head, size, NULL);
	if (asset) {
		asset->status = (uint16_t)status;
		asset->size = size;
		asset->body = asset->block + head.size;
		asset->date = now;
		asset->type = BYTES("text/html; charset=utf-8");
		memcpy(asset->body, text, size);
	}
	mem_free(scratch);
	return asset;
}

struct asset *asset_create_redirect(struct bytes location, int64_t now)
{
	return create_page(301, location, bytes_make(NULL, 0), now);
}

struct asset *asset_create_page(unsigned status, struct bytes extra, int64_t now)
{
	return create_page(status, bytes_make(NULL, 0), extra, now);
}

void asset_free(struct asset *asset)
{
	check(asset->refs == 0);
	mem_free(asset);
}

void asset_set_date(struct asset *asset, int64_t now, const uint8_t date[DATE_SIZE])
{
	asset->date = now;
	head_patch_date(asset->ready.base, asset->ready.date_offset, date);
	if (asset->not_modified.base)
		head_patch_date(asset->not_modified.base, asset->not_modified.date_offset, date);
}

static const uint8_t *date_end_in(const struct asset_head *head, const uint8_t *at)
{
	const uint8_t *begin;

	if (!head->base)
		return NULL;
	begin = head->base + head->date_offset;
	return at > begin && at < begin + DATE_SIZE ? begin + DATE_SIZE : NULL;
}

const uint8_t *asset_date_end(const struct asset *asset, const uint8_t *at)
{
	const uint8_t *end = date_end_in(&asset->ready, at);

	return end ? end : date_end_in(&asset->not_modified, at);
}
