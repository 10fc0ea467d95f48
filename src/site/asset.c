/* SPDX-License-Identifier: MIT */
/*
 * Compiles responses: a list of fields, changed by the site's rules, written as heads.
 *
 * Called on a cache miss and at start, never on a hit. Heads are written twice, first to learn their
 * size, then into the one block that the asset is. The entity tag is made of the modification time
 * and the size and of nothing that differs between two machines with the same files. The one hard
 * thing is that rules come last and may set or remove what the answer depends on (entity tag, type,
 * Last-Modified): so the validators are read back from the finished head.
 */
#include "site/asset.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "http/head.h"
#include "site/site.h"

/* Values that no slice of the caller's holds. */
struct values {
	char length[24];
	char retry[24];
	char type[256];
	char tag[ASSET_TAG_SIZE + 256];
	uint8_t modified[DATE_SIZE];
};

#define MEMBER(bit, name)                                                                                    \
	{                                                                                                    \
		(bit),                                                                                       \
		{                                                                                            \
			(const uint8_t *)(name), sizeof(name) - 1                                            \
		}                                                                                            \
	}
const struct vary_member asset_vary[VARY_MEMBERS] = {
	MEMBER(VARY_ENCODING, "Accept-Encoding"),
	MEMBER(VARY_LANGUAGE, "Accept-Language"),
	MEMBER(VARY_ACCEPT, "Accept"),
	MEMBER(VARY_MODE, "Sec-Fetch-Mode"),
};

bool version_equal(const struct version *a, const struct version *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

size_t asset_tag(const struct version *version, enum coding coding, char out[ASSET_TAG_SIZE])
{
	struct bytes token = coding_token(coding);
	bool is_plain = coding == CODING_IDENTITY;

	return (size_t)snprintf(out, ASSET_TAG_SIZE, "\"%" PRIx64 "-%" PRIx64 "%s%.*s\"",
				(uint64_t)version->modified_ns, version->size, is_plain ? "" : "-",
				is_plain ? 0 : (int)token.size, token.base);
}

/* RFC 9110 8.8.2.1: Last-Modified must not be later than Date, whatever the file says. */
static int64_t modified_s(const struct asset_spec *spec, int64_t now)
{
	const struct version *version = spec->dated ? spec->dated : spec->version;
	int64_t modified = version->modified_ns / 1000000000 - (version->modified_ns % 1000000000 < 0);

	return modified < now ? modified : now;
}

/* Content-Type with its charset, as long as it is of a sane length. */
static struct bytes type_value(const struct asset_spec *spec, struct values *values)
{
	struct bytes type = spec->type.type, charset = spec->site->charset;
	int size;

	if (!spec->type.is_text || charset.size == 0)
		return type;
	size = snprintf(values->type, sizeof(values->type), "%.*s; charset=%.*s", (int)type.size, type.base,
			(int)charset.size, charset.base);
	return size < (int)sizeof(values->type) ? bytes_make(values->type, (size_t)size) : type;
}

static void add_vary(struct fields *fields, unsigned vary)
{
	for (size_t i = 0; i < VARY_MEMBERS; i++)
		if (vary & asset_vary[i].bit)
			fields_add(fields, BYTES("Vary"), asset_vary[i].name);
}

static void add_if(struct fields *fields, struct bytes name, struct bytes value)
{
	if (value.size > 0)
		fields_add(fields, name, value);
}

/* Content-Language of a page that was chosen by language, or could have been another. */
static struct bytes language_value(const struct asset_spec *spec)
{
	return spec->language < spec->site->language_count ? spec->site->languages[spec->language]
							   : bytes_make(NULL, 0);
}

static void add_validators(const struct asset_spec *spec, int64_t now, struct values *values,
			   struct fields *fields)
{
	if (!spec->version)
		return;
	/* Who makes tags of the content says that times lie. */
	if (spec->site->options.etag != ETAG_CONTENT) {
		date_format(modified_s(spec, now), values->modified);
		fields_add(fields, BYTES("Last-Modified"), bytes_make(values->modified, DATE_SIZE));
	}
	add_if(fields, BYTES("ETag"), spec->tag);
	if (spec->status == 200)
		fields_add(fields, BYTES("Accept-Ranges"), BYTES("bytes"));
}

/* A tag that a rule sets is that of the file; each coding of it needs one of its own (RFC 9110 8.8.3.3). */
static void distinguish_tag(const struct asset_spec *spec, struct values *values, struct fields *fields)
{
	struct response_field *field = fields_find(fields, BYTES("ETag"));
	struct bytes token = coding_token(spec->coding);
	int size;

	if (!field || spec->coding == CODING_IDENTITY || bytes_equal(field->value, spec->tag))
		return;
	size = snprintf(values->tag, sizeof(values->tag), "%.*s-%.*s\"", (int)field->value.size - 1,
			field->value.base, (int)token.size, token.base);
	if (size < (int)sizeof(values->tag))
		field->value = bytes_make(values->tag, (size_t)size);
	else
		fields_remove(fields, BYTES("ETag"));
}

/*
 * What a status asks for, whether a file or a built-in page goes with it (RFC 9110 9.3.7, 15.5.6, 15.6.4,
 * RFC 6585 4).
 */
static void add_for_status(const struct asset_spec *spec, struct values *values, struct fields *fields)
{
	unsigned status = spec->status;

	if (status == 204 || status == 405)
		fields_add(fields, BYTES("Allow"), BYTES(ASSET_ALLOW));
	if (status == 429 || status == 503) {
		/* Rounded up: who comes too early is refused again. */
		int size = snprintf(values->retry, sizeof(values->retry), "%" PRIu64,
				    (spec->site->options.retry_after + 999) / 1000);

		fields_add(fields, BYTES("Retry-After"), bytes_make(values->retry, (size_t)size));
	}
}

static void begin_fields(const struct asset_spec *spec, int64_t now, struct values *values,
			 struct fields *fields)
{
	fields_init(fields);
	fields_add(fields, BYTES("Server"), BYTES("quoit"));
	fields_add(fields, BYTES("Date"), BYTES("")); /* written by head_date() */
	if (spec->type.type.size > 0) {
		int size = snprintf(values->length, sizeof(values->length), "%" PRIu64, spec->size);

		fields_add(fields, BYTES("Content-Type"), type_value(spec, values));
		fields_add(fields, BYTES("Content-Length"), bytes_make(values->length, (size_t)size));
	}
	add_validators(spec, now, values, fields);
	if (spec->coding != CODING_IDENTITY)
		fields_add(fields, BYTES("Content-Encoding"), coding_token(spec->coding));
	add_if(fields, BYTES("Content-Language"), language_value(spec));
	add_vary(fields, spec->vary);
	add_if(fields, BYTES("Location"), spec->location);
	add_for_status(spec, values, fields);
	fields_add(fields, BYTES("Connection"), BYTES("")); /* written by head_connection() */
}

/*
 * What belongs to the content has no place in a 304 (RFC 9110 15.4.5). Without a tag the date stays: by a
 * validator a cache finds what it has to refresh (RFC 9111 4.3.4).
 */
static void keep_for_not_modified(struct fields *fields)
{
	static const char *const content[] = { "Content-Type",     "Content-Length", "Content-Encoding",
					       "Content-Language", "Accept-Ranges",  "Content-Disposition" };

	for (size_t i = 0; i < sizeof(content) / sizeof(content[0]); i++)
		fields_remove(fields, bytes_string(content[i]));
	if (fields_find(fields, BYTES("ETag")))
		fields_remove(fields, BYTES("Last-Modified"));
}

/*
 * Connection stands last unless the site orders it elsewhere: what rules have added goes before it, but it
 * has its place in the list before they come, so that it is there however much they add.
 */
static void finish_fields(const struct asset_spec *spec, unsigned status, struct values *values,
			  struct fields *fields)
{
	struct served served = { .status = status, .path = spec->path, .type = spec->type.type };

	trace_line(spec->trace, "status %u", status);
	site_apply_rules(spec->site, &served, spec->is_fallback, fields, spec->trace);
	distinguish_tag(spec, values, fields);
	if (status == 304)
		keep_for_not_modified(fields);
	fields_remove(fields, BYTES("Connection"));
	fields_add(fields, BYTES("Connection"), BYTES(""));
	fields_order(fields, spec->site->order, spec->site->order_count);
}

static void write_head(struct head *head, void *base, size_t capacity, unsigned status,
		       const struct fields *fields, int64_t now)
{
	head_begin(head, base, capacity, status);
	for (unsigned i = 0; i < fields->count; i++) {
		const struct response_field *field = &fields->field[i];

		if (bytes_equal_nocase(field->name, BYTES("Date")))
			head_date(head, now);
		else if (bytes_equal_nocase(field->name, BYTES("Connection")))
			head_connection(head, true);
		else
			head_field(head, field->name, field->value);
	}
	head_end(head);
}

static void place_head(struct asset_head *place, uint8_t *at, unsigned status, const struct fields *fields,
		       int64_t now, size_t size)
{
	struct head head;

	write_head(&head, at, size, status, fields, now);
	check(head.size == size);
	*place = (struct asset_head){ at, head.size, head.connection_offset, head.date_offset };
}

/* The value of a field in the finished ready head; size 0 when it is not there. */
static struct bytes value_in_head(const struct asset *asset, struct fields *fields, struct bytes name)
{
	const struct response_field *field = fields_find(fields, name);
	const uint8_t *at = asset->ready.base, *end = at + asset->ready.size;

	if (!field)
		return bytes_make(NULL, 0);
	for (; at < end; at = (const uint8_t *)memchr(at, '\n', (size_t)(end - at)) + 1)
		if (bytes_starts_with(bytes_make(at, (size_t)(end - at)), field->name) &&
		    at[field->name.size] == ':')
			return bytes_make(at + field->name.size + 2, field->value.size);
	check(!"a field that was not written");
	return bytes_make(NULL, 0);
}

static void read_back(struct asset *asset, const struct asset_spec *spec, struct fields *fields, int64_t now)
{
	asset->type = value_in_head(asset, fields, BYTES("Content-Type"));
	asset->validators.etag = value_in_head(asset, fields, BYTES("ETag"));
	asset->validators.modified = VALIDATOR_NO_DATE;
	if (spec->version && fields_find(fields, BYTES("Last-Modified")))
		asset->validators.modified = modified_s(spec, now);
}

static void init(struct asset *asset, const struct asset_spec *spec, int64_t now)
{
	memset(asset, 0, sizeof(*asset));
	asset->refs = 1;
	asset->status = (uint16_t)spec->status;
	asset->kind = (uint8_t)spec->kind;
	asset->coding = (uint8_t)spec->coding;
	asset->language = (uint8_t)spec->language;
	asset->vary = (uint8_t)spec->vary;
	asset->fd = -1;
	asset->size = spec->size;
	asset->date = now;
	if (spec->version)
		asset->version = *spec->version;
}

static struct bytes place_bytes(uint8_t *at, struct bytes part)
{
	if (part.size > 0)
		memcpy(at, part.base, part.size);
	return bytes_make(at, part.size);
}

struct asset *asset_create(const struct asset_spec *spec, int64_t now)
{
	struct values values[2];
	struct fields ready, not_modified;
	struct head size_ready, size_not_modified = { .size = 0 };
	struct bytes hints = bytes_make(NULL, 0);
	bool has_304 = spec->kind == ASSET_FILE && spec->status == 200;
	uint64_t body = spec->in_memory ? spec->size : 0;
	struct asset *asset;
	size_t memory;
	uint8_t *at;

	begin_fields(spec, now, &values[0], &ready);
	finish_fields(spec, spec->status, &values[0], &ready);
	write_head(&size_ready, NULL, 0, spec->status, &ready, now);
	if (has_304) {
		begin_fields(spec, now, &values[1], &not_modified);
		finish_fields(spec, 304, &values[1], &not_modified);
		write_head(&size_not_modified, NULL, 0, 304, &not_modified, now);
		hints = site_hints(spec->site, spec->path);
	}
	memory = sizeof(*asset) + size_ready.size + body + size_not_modified.size + hints.size +
		 spec->path.size;
	asset = mem_alloc(memory);
	if (!asset)
		return NULL;
	init(asset, spec, now);
	asset->memory = memory;
	place_head(&asset->ready, asset->block, spec->status, &ready, now, size_ready.size);
	asset->body = spec->in_memory ? asset->block + size_ready.size : NULL;
	if (has_304)
		place_head(&asset->not_modified, asset->block + size_ready.size + body, 304, &not_modified,
			   now, size_not_modified.size);
	at = asset->block + size_ready.size + body + size_not_modified.size;
	asset->hints = place_bytes(at, hints);
	asset->path = place_bytes(at + hints.size, spec->path);
	asset->lacks_fields = ready.overflowed;
	read_back(asset, spec, &ready, now);
	return asset;
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
