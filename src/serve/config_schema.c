/* SPDX-License-Identifier: MIT */
/*
 * Makes the schema of the configuration file from the option table; see config_schema.h.
 *
 * Called by serve/config_file. Rows of the table become keys without a line here: TEXT and numbers
 * are scalars, read as text and checked by serve/config like flags, so that both take the same
 * values; LIST rows are sequences. The structs of site/spec.h are written out, member by member.
 *
 * What is made once lives in static arrays, because the keys carry dashes where the table has
 * underscores, and a preprocessor cannot turn one into the other.
 *
 * An empty list of a LIST row is refused: its count of 0 would look like "not given", and the option
 * above would silently count. It is written [none], as the flag is.
 */
#include "serve/config_schema.h"

#include <pthread.h>
#include <stddef.h>

#include "base/check.h"
#include "serve/config_file.h"
#include "site/spec.h"

#define OPTIONAL (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)
/* "headers:" with nothing behind it, say when all its items are commented out, is no list. */
#define OPTIONAL_LIST (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER_NULL)

#define TEXT_KEY(key, type, member) CYAML_FIELD_STRING_PTR(key, OPTIONAL, type, member, 0, CYAML_UNLIMITED)
#define TEXTS_KEY(key, type, member)                                                                         \
	CYAML_FIELD_SEQUENCE(key, OPTIONAL_LIST, type, member, &item, 0, CYAML_UNLIMITED)
#define LIST_KEY(key, type, member, entry)                                                                   \
	CYAML_FIELD_SEQUENCE(key, OPTIONAL_LIST, type, member, entry, 0, CYAML_UNLIMITED)
#define MAPPING_OF(type, keys) CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, type, keys)

/* An item of a list of texts is not empty. */
static const cyaml_schema_value_t item = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED) };

static const cyaml_schema_field_t header_keys[] = {
	TEXT_KEY("path", struct header_spec, path),
	TEXT_KEY("type", struct header_spec, type),
	TEXTS_KEY("status", struct header_spec, status),
	TEXTS_KEY("set", struct header_spec, set),
	TEXTS_KEY("add", struct header_spec, add),
	TEXTS_KEY("remove", struct header_spec, remove),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t route_keys[] = {
	TEXT_KEY("from", struct route_spec, from),       TEXT_KEY("prefix", struct route_spec, prefix),
	TEXT_KEY("pattern", struct route_spec, pattern), TEXT_KEY("to", struct route_spec, to),
	TEXT_KEY("status", struct route_spec, status),   CYAML_FIELD_END,
};
static const cyaml_schema_field_t type_keys[] = {
	TEXTS_KEY("ext", struct type_spec, ext),
	TEXT_KEY("type", struct type_spec, type),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t hint_keys[] = {
	TEXT_KEY("path", struct hint_spec, path),
	TEXTS_KEY("link", struct hint_spec, link),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t header = { MAPPING_OF(struct header_spec, header_keys) };
static const cyaml_schema_value_t route = { MAPPING_OF(struct route_spec, route_keys) };
static const cyaml_schema_value_t type = { MAPPING_OF(struct type_spec, type_keys) };
static const cyaml_schema_value_t hint = { MAPPING_OF(struct hint_spec, hint_keys) };

struct error_pages {
	char *path[ERROR_PAGE_COUNT];
};
static const cyaml_schema_field_t error_keys[] = {
#define X(code) TEXT_KEY(#code, struct error_pages, path[ERROR_PAGE_##code]),
	ERROR_PAGES(X)
#undef X
		CYAML_FIELD_END,
};

/* What a host and the top level have beside options; offsets from the host_spec. */
static const cyaml_schema_field_t part_keys[] = {
	LIST_KEY("headers", struct host_spec, headers, &header),
	LIST_KEY("redirects", struct host_spec, redirects, &route),
	LIST_KEY("rewrites", struct host_spec, rewrites, &route),
	LIST_KEY("types", struct host_spec, types, &type),
	LIST_KEY("hints", struct host_spec, hints, &hint),
	CYAML_FIELD_MAPPING("errors", CYAML_FLAG_OPTIONAL, struct host_spec, errors, error_keys),
};
static const cyaml_schema_field_t names_key = TEXTS_KEY("names", struct host_spec, names);

#define PART_COUNT (sizeof(part_keys) / sizeof(part_keys[0]))

static cyaml_schema_field_t host_keys[CONFIG_SCHEMA_KEYS];
static const cyaml_schema_value_t host = { MAPPING_OF(struct host_spec, host_keys) };
static cyaml_schema_field_t top_keys[CONFIG_SCHEMA_KEYS];
/* A file of nothing but "---" is a NULL. */
static const cyaml_schema_value_t top = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER_NULL, struct config_file,
							      top_keys) };

static const cyaml_schema_field_t listen_key = LIST_KEY("listen", struct config_file, listen, &item);
static const cyaml_schema_field_t hosts_key = LIST_KEY("hosts", struct config_file, hosts, &host);

static cyaml_schema_field_t text_field(unsigned row, size_t offset)
{
	return (cyaml_schema_field_t){
		.key = config_name(row),
		.data_offset = (uint32_t)offset,
		.value = { CYAML_VALUE_STRING(OPTIONAL, char, 0, CYAML_UNLIMITED) },
	};
}

static cyaml_schema_field_t list_field(unsigned row, size_t offset, size_t count_offset)
{
	return (cyaml_schema_field_t){
		.key = config_name(row),
		.data_offset = (uint32_t)offset,
		.count_offset = (uint32_t)count_offset,
		.count_size = sizeof(unsigned),
		.value = { CYAML_VALUE_SEQUENCE(OPTIONAL, char *, &item, 1, CYAML_UNLIMITED) },
	};
}

/*
 * Everything of a host_spec but its names; it lies at `offset` in the struct of the mapping. Lists come
 * first: files are mostly made of them, and of two keys that are equally near to a misspelt one the first is
 * proposed.
 */
static unsigned add_host_keys(cyaml_schema_field_t *keys, unsigned count, size_t offset)
{
	for (unsigned i = 0; i < PART_COUNT; i++) {
		keys[count] = part_keys[i];
		keys[count].data_offset += (uint32_t)offset;
		keys[count++].count_offset += (uint32_t)offset;
	}
	for (unsigned i = 0; i < SITE_OPTION_COUNT; i++) {
		struct config_option option;

		config_option(CONFIG_ROW_SITE(i), &option);
		if (option.kind == OPTION_LIST)
			keys[count++] = list_field(CONFIG_ROW_SITE(i),
						   offset + offsetof(struct host_spec, list[i].item),
						   offset + offsetof(struct host_spec, list[i].item_count));
		else
			keys[count++] = text_field(CONFIG_ROW_SITE(i),
						   offset + offsetof(struct host_spec, option[i]));
	}
	return count;
}

static void make_schema(void)
{
	unsigned count = 0;

	host_keys[count++] = names_key;
	count = add_host_keys(host_keys, count, 0);
	check(count < CONFIG_SCHEMA_KEYS); /* the last one stays empty: it is the end */
	count = 0;
	top_keys[count++] = hosts_key;
	count = add_host_keys(top_keys, count, offsetof(struct config_file, top));
	for (unsigned i = 0; i < SERVER_OPTION_COUNT; i++) {
		if (i == SERVER_OPTION_listen)
			top_keys[count++] = listen_key;
		else if (i != SERVER_OPTION_config)
			top_keys[count++] =
				text_field(CONFIG_ROW_SERVER(i), offsetof(struct config_file, option[i]));
	}
	check(count < CONFIG_SCHEMA_KEYS);
}

const cyaml_schema_value_t *config_schema(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_schema);
	return &top;
}
