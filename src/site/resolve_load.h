/* SPDX-License-Identifier: MIT */
/* What the two halves of site/resolve share: looking for names (resolve.c), and loading what was found. */
#ifndef QUOIT_SITE_RESOLVE_LOAD_H
#define QUOIT_SITE_RESOLVE_LOAD_H

#include "site/resolve.h"

/* Of resolve_load.c: open found[loading]. */
enum resolve_step resolve_load(struct resolve *resolve);

/* Of resolve.c. All return the step to take. */
enum resolve_step resolve_finish(struct resolve *resolve, enum resolve_outcome outcome);
enum resolve_step resolve_finish_status(struct resolve *resolve, unsigned status);
/* From the start, unless that has been tried RESOLVE_ATTEMPTS times. */
enum resolve_step resolve_again(struct resolve *resolve);
/* Write the name into input.name and ask for `step`. `made_of`: the plain file of one that was made, or NULL.
 */
enum resolve_step resolve_ask(struct resolve *resolve, enum resolve_step step, unsigned form, unsigned number,
			      const struct version *made_of);

/* What a negative errno means to the client. */
unsigned resolve_status_of(int error);

#endif
