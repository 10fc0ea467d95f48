/* SPDX-License-Identifier: MIT */
/*
 * The options: names, texts and limits, all from the one option table: the rows of site/site.def,
 * which every host can have for itself, and those of serve/config.def, which are the server's.
 *
 * Values come from flags and from the configuration file; both pass through here and are checked
 * alike. A config is filled by serve/plan and constant from then on, so workers read it without a
 * lock.
 */
#ifndef QUOIT_SERVE_CONFIG_H
#define QUOIT_SERVE_CONFIG_H

#include <stdint.h>

#include "base/fault.h"
#include "base/problems.h"
#include "serve/config_value.h"
#include "site/spec.h"

enum server_option {
#define OPTION(field, kind, default, min, max, sentence) SERVER_OPTION_##field,
#include "serve/config.def"
#undef OPTION
	SERVER_OPTION_COUNT,
};

/* Rows of the one table: first those of site.def, then those of config.def. */
#define CONFIG_ROWS (SITE_OPTION_COUNT + SERVER_OPTION_COUNT)
#define CONFIG_ROW_SITE(option) ((unsigned)(option))
#define CONFIG_ROW_SERVER(option) ((unsigned)SITE_OPTION_COUNT + (unsigned)(option))

#define CONFIG_LISTEN_MAX 64

/* Where a value comes from; so sentences call it as it was written: "--threads", or "threads" in a file. */
enum config_origin { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_FLAG };

struct config {
#define OPTION(field, kind, default, min, max, sentence) OPTION_TYPE_##kind field;
#include "serve/config.def"
#undef OPTION
	struct site_options site;    /* of the default site; hosts begin with them */
	uint8_t origin[CONFIG_ROWS]; /* enum config_origin */
	/* Every --listen. Owned. */
	char *listen_text[CONFIG_LISTEN_MAX];
	unsigned listen_count;
};

/* A row of the table, for help and man page. */
struct config_option {
	const char *name;              /* with dashes: "head-size" */
	const char *value;             /* what stands behind the flag: "TEXT", "SIZE", "on|off" ... */
	char fallback[VALUE_SIZE_MAX]; /* the default, as one would type it */
	const char *sentence;
	enum option_kind kind;
};

/* All defaults. -ENOMEM. */
int config_init(struct config *config);
void config_deinit(struct config *config);

/*
 * Set one option from text; `name` with dashes or underscores. -ENOENT: no such option;
 * -EINVAL: not such a value; -ERANGE: out of its limits. The fault says which, what was expected
 * and, for a name, what is near. What is refused changes nothing.
 */
int config_set(struct config *config, const char *name, const char *value, enum config_origin origin,
	       struct fault *fault);
/* The same for a row; `listen` adds an address. */
int config_set_row(struct config *config, unsigned row, const char *value, enum config_origin origin,
		   struct fault *fault);
/* The same for a host of the file. */
int config_set_site(struct site_options *options, enum site_option option, const char *value,
		    struct fault *fault);

/* Would it be taken? The same result and fault, and nothing is changed. */
int config_try(const char *name, const char *value, struct fault *fault);

/* A copy that owns its texts. -ENOMEM: *ret_options is untouched. */
int config_copy_site(const struct site_options *options, struct site_options *ret_options);
void config_free_site(struct site_options *options);

/*
 * The first server-wide option from row `from` on that is not the same in both; -1: there is none. Listens
 * are not looked at.
 */
int config_find_difference(const struct config *a, const struct config *b, unsigned from);

/* Forget the --listen from number `count` on. */
void config_cut_listen(struct config *config, unsigned count);

/* What no single option shows: powers of two, sizes that must fit each other. Each at its option's place. */
void config_check(const struct config *config, struct problems *problems);

/* The value of a row as text: the config's own, or written to `scratch`. */
const char *config_value(const struct config *config, unsigned row, char scratch[VALUE_SIZE_MAX]);

/* The row of this name, dashes or underscores; -1: there is none. */
int config_find(const char *name);

/* Row `index` of the table; -1 behind the last. */
int config_option(unsigned index, struct config_option *ret_option);

/* Its name with dashes; `row` is below CONFIG_ROWS. Static memory. */
const char *config_name(unsigned row);

#endif
