/* SPDX-License-Identifier: MIT */
/*
 * The option table and what is set by it; see config.h, and config.def for the rows.
 *
 * Called by serve/plan, which makes a configuration of defaults, file and flags, by the public API
 * to refuse a flag at once, and for help texts. A refused value changes nothing.
 *
 * The one hard thing: two tables, one code. A row of site.def lies in a struct site_options, which is
 * part of struct config for the default site and stands alone for a host; a row of config.def lies in
 * struct config. So a row knows its offset, and field_of() and its callers where to count from.
 */
#include "serve/config.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/ring.h"
#include "serve/address.h"

/* What a row holds, by its kind. */
union value {
	char *text;
	uint64_t number;
};

struct row {
	const char *name;
	enum option_kind kind;
	size_t offset;
	const char *text; /* the default of TEXT and LIST, the words of CHOICE */
	uint64_t number;  /* the default of the others; a CHOICE begins with its first word */
	uint64_t min;
	uint64_t max;
	const char *sentence;
};

#define KIND_TEXT OPTION_TEXT
#define KIND_LIST OPTION_LIST
#define KIND_CHOICE OPTION_CHOICE
#define KIND_SWITCH OPTION_SWITCH
#define KIND_COUNT OPTION_COUNT_
#define KIND_SIZE OPTION_SIZE
#define KIND_SECONDS OPTION_SECONDS
#define DEFAULT_TEXT(default) (default), 0
#define DEFAULT_LIST(default) (default), 0
#define DEFAULT_CHOICE(default) (default), 0
#define DEFAULT_SWITCH(default) NULL, (default)
#define DEFAULT_COUNT(default) NULL, (default)
#define DEFAULT_SIZE(default) NULL, (default)
#define DEFAULT_SECONDS(default) NULL, (default)
#define ROW(table, field, kind, default, min, max, sentence)                                                 \
	{                                                                                                    \
#field, KIND_##kind, offsetof(struct table, field), DEFAULT_##kind(default), min, max,       \
			sentence                                                                             \
	}

static const struct row rows[CONFIG_ROWS] = {
#define OPTION(field, kind, default, min, max, sentence)                                                     \
	ROW(site_options, field, kind, default, min, max, sentence),
#include "site/site.def"
#undef OPTION
#define OPTION(field, kind, default, min, max, sentence)                                                     \
	ROW(config, field, kind, default, min, max, sentence),
#include "serve/config.def"
#undef OPTION
};

#define ROW_LISTEN CONFIG_ROW_SERVER(SERVER_OPTION_listen)
#define ROW_RING CONFIG_ROW_SERVER(SERVER_OPTION_ring)
#define ROW_EXEMPT CONFIG_ROW_SERVER(SERVER_OPTION_address_exempt)

/* The field of a row, counted from its own struct. */
static void *field_of(void *base, const struct row *row)
{
	return (char *)base + row->offset;
}

static void *base_of(struct config *config, unsigned row)
{
	return row < SITE_OPTION_COUNT ? (void *)&config->site : (void *)config;
}

static char dashed_name[CONFIG_ROWS][32];

static void make_names(void)
{
	for (unsigned row = 0; row < CONFIG_ROWS; row++) {
		snprintf(dashed_name[row], sizeof(dashed_name[row]), "%s", rows[row].name);
		for (char *at = dashed_name[row]; *at; at++)
			*at = *at == '_' ? '-' : *at;
	}
}

const char *config_name(unsigned row)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_names);
	return dashed_name[row];
}

/* Lists are kept in their one form. NULL: no memory, as the defaults have no empty items. */
static char *default_text(const struct row *row)
{
	char *text = mem_string(row->text);

	if (text && row->kind == OPTION_LIST)
		value_read_list(row->text, text);
	return text;
}

int config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	for (unsigned i = 0; i < CONFIG_ROWS; i++) {
		void *field = field_of(base_of(config, i), &rows[i]);

		if (!value_is_text(rows[i].kind)) {
			*(uint64_t *)field = rows[i].number;
			continue;
		}
		*(char **)field = default_text(&rows[i]);
		if (!*(char **)field) {
			config_deinit(config);
			return -ENOMEM;
		}
	}
	return 0;
}

void config_deinit(struct config *config)
{
	for (unsigned i = SITE_OPTION_COUNT; i < CONFIG_ROWS; i++)
		if (value_is_text(rows[i].kind))
			mem_free(*(char **)field_of(config, &rows[i]));
	config_free_site(&config->site);
	config_cut_listen(config, 0);
	memset(config, 0, sizeof(*config));
}

int config_copy_site(const struct site_options *options, struct site_options *ret_options)
{
	struct site_options copy = *options;
	bool failed = false;

	for (unsigned i = 0; i < SITE_OPTION_COUNT; i++) {
		char **text = field_of(&copy, &rows[i]);

		if (!value_is_text(rows[i].kind))
			continue;
		*text = mem_string(*text);
		failed |= !*text;
	}
	if (failed) {
		config_free_site(&copy);
		return -ENOMEM;
	}
	*ret_options = copy;
	return 0;
}

void config_free_site(struct site_options *options)
{
	for (unsigned i = 0; i < SITE_OPTION_COUNT; i++)
		if (value_is_text(rows[i].kind))
			mem_free(*(char **)field_of(options, &rows[i]));
	memset(options, 0, sizeof(*options));
}

/* Dashes and underscores are the same in names. */
static char fold(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && fold(*a) == fold(*b); a++, b++)
		continue;
	return fold(*a) == fold(*b);
}

int config_find(const char *name)
{
	for (unsigned i = 0; i < CONFIG_ROWS; i++)
		if (same_name(name, rows[i].name))
			return (int)i;
	return -1;
}

static int unknown_option(const char *name, struct fault *fault)
{
	const char *names[CONFIG_ROWS], *near;

	for (unsigned i = 0; i < CONFIG_ROWS; i++)
		names[i] = config_name(i);
	near = problems_nearest(name, names, CONFIG_ROWS);
	if (near)
		return fault_set(fault, -ENOENT, "there is no option --%s; did you mean --%s?", name, near);
	return fault_set(fault, -ENOENT, "there is no option --%s; see quoit serve --help", name);
}

/* How a row is called where its value was written. */
static const char *dashes(unsigned origin)
{
	return origin == CONFIG_FILE ? "" : "--";
}

static int refuse(unsigned row, const char *value, enum config_origin origin, struct fault *fault)
{
	char expected[VALUE_SIZE_MAX];

	value_describe(rows[row].kind, rows[row].text, expected);
	return fault_set(fault, -EINVAL, "%s%s takes %s, not \"%s\"", dashes(origin), config_name(row),
			 expected, value);
}

/* The switches of the ring have names and values of their own. */
static int check_ring(const char *text, enum config_origin origin, struct fault *fault)
{
	struct ring_tuning tuning;
	struct fault reason;
	int error;

	ring_tuning_init(&tuning);
	error = ring_tuning_set(&tuning, text, &reason);
	return error < 0 ? fault_set(fault, error, "%sring: %s", dashes(origin), reason.text) : 0;
}

static int check_exempt(const char *text, enum config_origin origin, struct fault *fault)
{
	struct fault reason;
	int error = address_check_ranges(text, &reason);

	return error < 0 ? fault_set(fault, error, "%s%s: %s", dashes(origin), config_name(ROW_EXEMPT),
				     reason.text)
			 : 0;
}

/* To the value that the row will hold; texts are the caller's. */
static int read_text(unsigned row, const char *text, enum config_origin origin, union value *ret_value,
		     struct fault *fault)
{
	char *copy;
	int error;

	copy = mem_string(text);
	if (!copy)
		return fault_set(fault, -ENOMEM, "no memory");
	if (rows[row].kind == OPTION_LIST && !value_read_list(text, copy)) {
		mem_free(copy);
		return refuse(row, text, origin, fault);
	}
	error = row == ROW_RING     ? check_ring(copy, origin, fault)
		: row == ROW_EXEMPT ? check_exempt(copy, origin, fault)
				    : 0;
	if (error < 0) {
		mem_free(copy);
		return error;
	}
	ret_value->text = copy;
	return 0;
}

static int read_number(unsigned row, const char *text, enum config_origin origin, union value *ret_value,
		       struct fault *fault)
{
	const struct row *r = &rows[row];
	char low[VALUE_SIZE_MAX], high[VALUE_SIZE_MAX];
	uint64_t number;

	if (!value_read(r->kind, r->text, text, &number))
		return refuse(row, text, origin, fault);
	/* The limits of a choice are its words. */
	if (r->kind != OPTION_CHOICE && (number < r->min || number > r->max)) {
		value_write(r->kind, r->text, r->min, low);
		value_write(r->kind, r->text, r->max, high);
		return fault_set(fault, -ERANGE, "%s%s takes %s to %s, not %s", dashes(origin),
				 config_name(row), low, high, text);
	}
	ret_value->number = number;
	return 0;
}

static int read_value(unsigned row, const char *text, enum config_origin origin, union value *ret_value,
		      struct fault *fault)
{
	if (value_is_text(rows[row].kind))
		return read_text(row, text, origin, ret_value, fault);
	return read_number(row, text, origin, ret_value, fault);
}

static int set_field(void *base, unsigned row, const char *text, enum config_origin origin,
		     struct fault *fault)
{
	void *field = field_of(base, &rows[row]);
	union value value;
	int error = read_value(row, text, origin, &value, fault);

	if (error < 0)
		return error;
	if (value_is_text(rows[row].kind)) {
		mem_free(*(char **)field);
		*(char **)field = value.text;
	} else {
		*(uint64_t *)field = value.number;
	}
	return 0;
}

static int add_listen(struct config *config, const char *value, enum config_origin origin,
		      struct fault *fault)
{
	char *copy;

	if (config->listen_count == CONFIG_LISTEN_MAX)
		return fault_set(fault, -ERANGE, "%slisten can be given %d times at the most", dashes(origin),
				 CONFIG_LISTEN_MAX);
	copy = mem_string(value);
	if (!copy)
		return fault_set(fault, -ENOMEM, "no memory");
	config->listen_text[config->listen_count++] = copy;
	return 0;
}

int config_find_difference(const struct config *a, const struct config *b, unsigned from)
{
	for (unsigned row = from < SITE_OPTION_COUNT ? SITE_OPTION_COUNT : from; row < CONFIG_ROWS; row++) {
		const void *first = (const char *)a + rows[row].offset;
		const void *second = (const char *)b + rows[row].offset;
		bool same = value_is_text(rows[row].kind)
				    ? strcmp(*(char *const *)first, *(char *const *)second) == 0
				    : *(const uint64_t *)first == *(const uint64_t *)second;

		if (!same && row != ROW_LISTEN)
			return (int)row;
	}
	return -1;
}

void config_cut_listen(struct config *config, unsigned count)
{
	while (config->listen_count > count)
		mem_free(config->listen_text[--config->listen_count]);
}

int config_set_row(struct config *config, unsigned row, const char *value, enum config_origin origin,
		   struct fault *fault)
{
	int error = row == ROW_LISTEN ? add_listen(config, value, origin, fault)
				      : set_field(base_of(config, row), row, value, origin, fault);

	if (error == 0)
		config->origin[row] = (uint8_t)origin;
	return error;
}

int config_set(struct config *config, const char *name, const char *value, enum config_origin origin,
	       struct fault *fault)
{
	int row = config_find(name);

	if (row < 0)
		return unknown_option(name, fault);
	return config_set_row(config, (unsigned)row, value, origin, fault);
}

int config_set_site(struct site_options *options, enum site_option option, const char *value,
		    struct fault *fault)
{
	return set_field(options, CONFIG_ROW_SITE(option), value, CONFIG_FILE, fault);
}

int config_try(const char *name, const char *value, struct fault *fault)
{
	int row = config_find(name), error;
	union value read;

	if (row < 0)
		return unknown_option(name, fault);
	error = read_value((unsigned)row, value, CONFIG_FLAG, &read, fault);
	if (error == 0 && value_is_text(rows[row].kind))
		mem_free(read.text);
	return error;
}

static bool power_of_two(uint64_t number)
{
	return number > 0 && (number & (number - 1)) == 0;
}

/* Two options that must fit each other; the same one twice for what must hold of one alone. */
struct pair {
	const char *dashes; /* before their names in the sentence */
	const char *name;   /* of the first */
	const char *other;  /* of the second */
	struct place place; /* of the one that comes from nearer: that is where to look */
};

static void make_pair(const struct config *config, enum server_option first, enum server_option second,
		      struct pair *pair)
{
	unsigned a = CONFIG_ROW_SERVER(first), b = CONFIG_ROW_SERVER(second);
	bool is_in_file = config->origin[a] == CONFIG_FILE || config->origin[b] == CONFIG_FILE;

	pair->dashes = dashes(is_in_file ? CONFIG_FILE : CONFIG_FLAG);
	pair->name = config_name(a);
	pair->other = config_name(b);
	pair->place = *PLACE_KEY(NULL, config->origin[b] > config->origin[a] ? pair->other : pair->name);
}

static void check_power(const struct config *config, enum server_option option, uint64_t number,
			struct problems *problems)
{
	struct pair pair;

	if (power_of_two(number))
		return;
	make_pair(config, option, option, &pair);
	problems_add(problems, &pair.place, "%s%s must be a power of two, not %" PRIu64, pair.dashes,
		     pair.name, number);
}

void config_check(const struct config *config, struct problems *problems)
{
	struct pair pair;

	check_power(config, SERVER_OPTION_ring_entries, config->ring_entries, problems);
	check_power(config, SERVER_OPTION_buffers, config->buffers, problems);
	make_pair(config, SERVER_OPTION_ring_completions, SERVER_OPTION_ring_entries, &pair);
	if (!power_of_two(config->ring_completions) || config->ring_completions < config->ring_entries)
		problems_add(problems, &pair.place,
			     "%s%s must be a power of two of at least %s%s (%" PRIu64 "), not %" PRIu64,
			     pair.dashes, pair.name, pair.dashes, pair.other, config->ring_entries,
			     config->ring_completions);
	make_pair(config, SERVER_OPTION_ring, SERVER_OPTION_engine, &pair);
	if (config->engine == RING_EPOLL && *config->ring)
		problems_add(problems, &pair.place, "%s%s has no effect with %s%s epoll; leave it out",
			     pair.dashes, pair.name, pair.dashes, pair.other);
	make_pair(config, SERVER_OPTION_target_size, SERVER_OPTION_head_size, &pair);
	if (config->target_size >= config->head_size)
		problems_add(problems, &pair.place, "%s%s (%" PRIu64 ") must be less than %s%s (%" PRIu64 ")",
			     pair.dashes, pair.name, config->target_size, pair.dashes, pair.other,
			     config->head_size);
}

const char *config_value(const struct config *config, unsigned row, char scratch[VALUE_SIZE_MAX])
{
	const union value *value = field_of(base_of((struct config *)config, row), &rows[row]);

	if (value_is_text(rows[row].kind))
		return value->text;
	value_write(rows[row].kind, rows[row].text, value->number, scratch);
	return scratch;
}

int config_option(unsigned index, struct config_option *ret_option)
{
	const struct row *row;

	if (index >= CONFIG_ROWS)
		return -1;
	row = &rows[index];
	ret_option->name = config_name(index);
	ret_option->value = value_placeholder(row->kind, row->text);
	ret_option->sentence = row->sentence;
	ret_option->kind = row->kind;
	if (value_is_text(row->kind))
		snprintf(ret_option->fallback, sizeof(ret_option->fallback), "%s", row->text);
	else
		value_write(row->kind, row->text, row->number, ret_option->fallback);
	return 0;
}
