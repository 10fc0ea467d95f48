/* SPDX-License-Identifier: MIT */
/*
 * What a start or a reload is made of: options and sites, complete and checked.
 *
 * Defaults, then the configuration file, then the flags. Everything that start would need is tried,
 * but nothing is bound and no thread begins: a plan that could be made can be thrown away, and
 * `quoit check` does.
 */
#ifndef QUOIT_SERVE_PLAN_H
#define QUOIT_SERVE_PLAN_H

#include "base/fault.h"
#include "base/problems.h"
#include "base/text.h"
#include "serve/config.h"
#include "serve/flag_list.h"
#include "site/site.h"

struct config_file;

struct plan {
	struct config config; /* with at least one listen_text */
	struct sites *sites;  /* one reference, every root open; whoever takes it leaves NULL */
	/* What it was made of; NULL: there is none, or whoever made it again has it. Whoever takes it leaves
	 * NULL.
	 */
	struct config_file *file;
};

/*
 * `problems` is empty and will hold everything that is wrong, in the order of the file. On any problem
 * nothing is left open and *ret_plan is untouched. -EINVAL: the configuration is wrong; -ENOENT,
 * -EACCES, -ENOTDIR ...: it is not, but a root or the file itself cannot be opened; -ENOMEM.
 * Each root takes one descriptor: raise the soft limit before.
 */
int plan_make(const struct flag_list *flags, struct plan *ret_plan, struct problems *problems);
/* The same from a file that was read before (or NULL): only the roots are looked at anew. */
int plan_make_again(const struct flag_list *flags, struct config_file *file, struct plan *ret_plan,
		    struct problems *problems);
void plan_deinit(struct plan *plan);

/* Before sites_destroy(). */
void plan_close_roots(struct sites *sites);

/* Into an empty text: "FILE:LINE:COLUMN: text"; of a flag, or without a file, "quoit: text". */
void plan_describe(const struct problem *problem, const struct flag_list *flags, struct text *out);

/* All problems in one sentence: the first, and how many more there are. Returns `error`. */
int plan_fault(const struct problems *problems, const struct flag_list *flags, int error,
	       struct fault *fault);

#endif
