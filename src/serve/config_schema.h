/* SPDX-License-Identifier: MIT */
/*
 * The schema of the configuration file, in the terms of libcyaml.
 *
 * A mapping has one key for each row of the option table that it can hold, then its lists. It is used
 * twice: libcyaml loads by it, and serve/config_lint says by it what is wrong.
 */
#ifndef QUOIT_SERVE_CONFIG_SCHEMA_H
#define QUOIT_SERVE_CONFIG_SCHEMA_H

#include <cyaml/cyaml.h>

#include "serve/config.h"

/* More keys than any mapping has. */
#define CONFIG_SCHEMA_KEYS (CONFIG_ROWS + 10)

/* Of a struct config_file. Made at the first call, then constant. */
const cyaml_schema_value_t *config_schema(void);

#endif
