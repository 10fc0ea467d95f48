/* SPDX-License-Identifier: MIT */
/*
 * The options: names, texts and limits, all from the rows of config.def.
 *
 * Filled by quoit_set() before start and constant from then on, so workers read it without a
 * lock.
 */
#ifndef QUOIT_SERVE_CONFIG_H
#define QUOIT_SERVE_CONFIG_H

#include <stdint.h>

#include "base/fault.h"

enum option_kind { OPTION_TEXT, OPTION_COUNT_, OPTION_SIZE, OPTION_SECONDS };

#define CONFIG_LISTEN_MAX 64

struct config {
#define CONFIG_TYPE_TEXT char *
#define CONFIG_TYPE_COUNT uint64_t
#define CONFIG_TYPE_SIZE uint64_t
#define CONFIG_TYPE_SECONDS uint64_t
#define OPTION(field, kind, default, min, max, sentence) CONFIG_TYPE_##kind field;
#include "serve/config.def"
#undef OPTION
	/* Every --listen; the default when there is none. Owned. */
	char *listen_text[CONFIG_LISTEN_MAX];
	unsigned listen_count;
};

/* A row of config.def, for help and man page. */
struct config_option {
	const char *name;  /* with dashes: "head-size" */
	const char *value; /* what stands behind the flag: "TEXT", "N", "SIZE", "SECONDS" */
	char fallback[32]; /* the default, as one would type it */
	const char *sentence;
};

/* All defaults. -ENOMEM. */
int config_init(struct config *config);
void config_deinit(struct config *config);

/*
 * Set one option from text; `name` with dashes or underscores. -ENOENT: no such option;
 * -EINVAL: not such a value; -ERANGE: out of its limits. The fault says which, what was expected
 * and, for a name, what is near.
 */
int config_set(struct config *config, const char *name, const char *value, struct fault *fault);

/* Forget the --listen from number `count` on. */
void config_cut_listen(struct config *config, unsigned count);

/* What no single option shows: powers of two, sizes that must fit each other. */
int config_check(const struct config *config, struct fault *fault);

/* Row `index` of the table; -1 behind the last. */
int config_option(unsigned index, struct config_option *ret_option);

#endif
