/* SPDX-License-Identifier: MIT */
/*
 * Sites for tests: options as the table has them, changed where a test says so.
 *
 *   struct site_options options = site_maker_options();
 *   options.codings = "br";
 *   struct site *site = site_maker_create(&spec, &options, NULL);
 */
#ifndef QUOIT_TESTS_UNIT_SITE_MAKER_H
#define QUOIT_TESTS_UNIT_SITE_MAKER_H

#include "site/site.h"

/* The defaults of site.def; texts are static. A CHOICE has its first word. */
static inline struct site_options site_maker_options(void)
{
#define VALUE_TEXT(default) (char *)(default)
#define VALUE_LIST(default) (char *)(default)
#define VALUE_CHOICE(default) 0
#define VALUE_SWITCH(default) (default)
#define VALUE_SECONDS(default) (default)
#define OPTION(field, kind, default, min, max, sentence) .field = VALUE_##kind(default),
	return (struct site_options){
#include "site/site.def"
	};
#undef OPTION
}

/* A site that must be sound. */
static inline struct site *site_maker_create(const struct host_spec *spec, const struct site_options *options,
					     const struct site *above)
{
	struct problems problems = { .problem = NULL };
	struct site *site = site_create(spec, options, above, NULL, &problems);

	assert_non_null(site);
	if (problems_any(&problems))
		fail_msg("%s: %s", problems.problem[0].path, problems.problem[0].text);
	problems_deinit(&problems);
	return site;
}

/* Making the site finds exactly one problem, at `path`, with these words in it. */
static inline void site_maker_assert_problem(const struct host_spec *spec, const struct site_options *options,
					     const char *path, const char *words)
{
	struct problems problems = { .problem = NULL };
	struct site *site = site_create(spec, options, NULL, NULL, &problems);

	assert_non_null(site);
	if (problems.count != 1)
		fail_msg("%s, \"%s\": %u problems, first: %s", path, words, problems.count,
			 problems.count > 0 ? problems.problem[0].text : "");
	if (strcmp(problems.problem[0].path, path) != 0 || !strstr(problems.problem[0].text, words))
		fail_msg("%s: %s", problems.problem[0].path, problems.problem[0].text);
	problems_deinit(&problems);
	site_destroy(site);
}

#endif
