/* SPDX-License-Identifier: MIT */
/*
 * A list of flags; see flag_list.h.
 *
 * Filled by the public API, read by serve/plan, which applies it after the file. A flag is checked when
 * it is given, so that its giver is told at once; what depends on other options is checked by the
 * plan.
 */
#include "serve/flag_list.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/listen.h"
#include "serve/config.h"

static void free_flag(struct flag *flag)
{
	mem_free(flag->name);
	mem_free(flag->value);
}

void flag_list_deinit(struct flag_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free_flag(&list->flag[i]);
	mem_free(list->flag);
	*list = (struct flag_list){ .flag = NULL };
}

static unsigned count_of(const struct flag_list *list, const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < list->count; i++)
		count += strcmp(list->flag[i].name, name) == 0;
	return count;
}

static int check_flag(const struct flag_list *list, const char *name, const char *value, struct fault *fault)
{
	int error = config_try(name, value, fault);
	struct listen_address address;

	if (error < 0 || strcmp(name, "listen") != 0)
		return error;
	if (count_of(list, name) >= CONFIG_LISTEN_MAX)
		return fault_set(fault, -ERANGE, "--listen can be given %d times at the most",
				 CONFIG_LISTEN_MAX);
	return listen_parse(value, &address, fault);
}

static int make_room(struct flag_list *list)
{
	unsigned capacity = list->capacity ? 2 * list->capacity : 16;
	struct flag *flag;

	if (list->count < list->capacity)
		return 0;
	flag = mem_resize(list->flag, capacity * sizeof(*flag));
	if (!flag)
		return -ENOMEM;
	list->flag = flag;
	list->capacity = capacity;
	return 0;
}

int flag_list_add(struct flag_list *list, const char *name, const char *value, struct fault *fault)
{
	int error = check_flag(list, name, value, fault);
	struct flag flag;

	if (error < 0)
		return error;
	flag.name = mem_string(config_name((unsigned)config_find(name)));
	flag.value = mem_string(value);
	if (!flag.name || !flag.value || make_room(list) < 0) {
		free_flag(&flag);
		return fault_set(fault, -ENOMEM, "no memory");
	}
	list->flag[list->count++] = flag;
	return 0;
}

const char *flag_list_find(const struct flag_list *list, const char *name)
{
	const char *value = NULL;

	for (unsigned i = 0; i < list->count; i++)
		if (strcmp(list->flag[i].name, name) == 0)
			value = list->flag[i].value;
	return value;
}

void flag_list_remove(struct flag_list *list, const char *name)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < list->count; i++) {
		if (strcmp(list->flag[i].name, name) == 0)
			free_flag(&list->flag[i]);
		else
			list->flag[kept++] = list->flag[i];
	}
	list->count = kept;
}
