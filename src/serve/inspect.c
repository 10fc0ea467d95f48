/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of a server without running it, or of one that runs: options, counters, and whether
 * its configuration is good.
 *
 * The part of the public API (include/quoit.h) that changes nothing; the rest is in serve/server. Called on
 * the embedding program's thread; counters also from any other while the server runs.
 */
#include <errno.h>

#include "base/log.h"
#include "base/problems.h"
#include "base/text.h"
#include "quoit.h"
#include "serve/compress.h"
#include "serve/plan.h"
#include "serve/server.h"
#include "serve/worker.h"

const char *quoit_version(void)
{
	return QUOIT_VERSION;
}

int quoit_option(unsigned index, struct quoit_option *ret_option)
{
	static _Thread_local struct config_option option;

	if (config_option(index, &option) < 0)
		return -ENOENT;
	*ret_option = (struct quoit_option){ option.name, option.value, option.fallback, option.sentence };
	return 0;
}

const char *quoit_value(struct quoit *quoit, const char *name)
{
	struct server *server = server_of(quoit);
	int row = config_find(name);

	return row < 0 ? NULL : config_value(&server->config, (unsigned)row, server->value_text);
}

int quoit_check(struct quoit *quoit, void (*report)(void *context, const char *line), void *context)
{
	struct server *server = server_of(quoit);
	struct problems problems = { .problem = NULL };
	struct text line = TEXT_EMPTY;
	struct plan plan;
	struct fault fault;
	int result;

	server_raise_descriptors();
	result = plan_make(&server->flags, &plan, &problems);
	if (result == 0) {
		if (sites_want_precompress(plan.sites) &&
		    (compress_try(&plan.config, &fault) < 0 ||
		     compress_check_place(&plan.config, plan.sites, &fault) < 0))
			problems_add(&problems, NULL, "%s", fault.text);
		plan_deinit(&plan);
		result = (int)problems.count;
	} else if (problems.count > 0) {
		result = (int)problems.count;
	}
	for (unsigned i = 0; i < problems.count; i++) {
		text_clear(&line);
		plan_describe(&problems.problem[i], &server->flags, &line);
		report(context, text_string(&line));
	}
	text_deinit(&line);
	problems_deinit(&problems);
	return result;
}

int quoit_counter(const struct quoit *quoit, const char *name, uint64_t *ret_value)
{
	const struct server *server = server_of(quoit);
	enum counter_id id = stats_find(name);
	uint64_t sum = 0;

	if (id == COUNTER_COUNT)
		return -ENOENT;
	for (unsigned i = 0; i < server->worker_count; i++)
		sum += stats_read(&server->worker[i]->stats, id);
	if (id == COUNTER_log_lost)
		sum = log_lost();
	*ret_value = sum;
	return 0;
}

const char *quoit_counter_name(unsigned index, const char **ret_sentence)
{
	if (index >= COUNTER_COUNT)
		return NULL;
	*ret_sentence = stats_sentence((enum counter_id)index);
	return stats_name((enum counter_id)index);
}
