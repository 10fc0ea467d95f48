/* SPDX-License-Identifier: MIT */
/*
 * What serve/plan says: the problems it has collected, each where it was made and told once.
 *
 * Used by serve/plan alone.
 */
#ifndef QUOIT_SERVE_PLAN_REPORT_H
#define QUOIT_SERVE_PLAN_REPORT_H

#include <stdbool.h>

#include "base/problems.h"
#include "serve/config.h"

/*
 * Problems from number `from` on lie at options of the default site or the server. Where the value is not
 * the file's, the problem has no place there: its path becomes "", and of a flag's, if `named`, the
 * text begins with the flag.
 */
void report_detach(const struct config *config, struct problems *problems, unsigned from, bool named);

/* The first `shape_count` problems are of the file's shape: forget those that may follow from them. */
void report_drop_derived(struct problems *problems, unsigned shape_count);

/* By line and column, flags first; what is said twice of one place (by aliases, say) is said once. */
void report_sort(struct problems *problems);

#endif
