/* SPDX-License-Identifier: MIT */
/*
 * Loads the configuration file; see config_file.h.
 *
 * Called by serve/plan. A good file is read once, by libcyaml. One that libcyaml refuses, or of
 * which it would read only a part in silence (a second document, a text with a NUL in it), is read
 * again by serve/config_lint, which says what is wrong everywhere and loads what is right.
 *
 * Both readers allocate by base/mem, so that cyaml_free() frees what either has made. The number of
 * values is bounded, because a few aliases of aliases can ask for more than there is memory.
 */
#include "serve/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/config_lint.h"
#include "serve/config_marks.h"
#include "serve/config_schema.h"

/* One read(2). */
#define READ_SIZE ((size_t)256 << 10)

/* Lists above this size grow by doubling; libcyaml asks for one item more at a time. */
#define DOUBLE_FROM 4096

/* What libcyaml's callbacks are told and tell. */
struct load {
	unsigned values_left;
	bool has_warned; /* it has left something out */
};

static void *load_memory(void *context, void *block, size_t size)
{
	struct load *load = context;
	size_t rounded = DOUBLE_FROM;

	if (size == 0) {
		mem_free(block);
		return NULL;
	}
	if (!block && load->values_left == 0)
		return NULL;
	if (!block)
		load->values_left--;
	if (size <= DOUBLE_FROM)
		return mem_resize(block, size);
	while (rounded < size)
		rounded *= 2;
	return mem_resize(block, rounded);
}

static void load_message(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	struct load *load = context;

	(void)format;
	(void)arguments;
	load->has_warned |= level == CYAML_LOG_WARNING;
}

static cyaml_config_t load_config(struct load *load)
{
	return (cyaml_config_t){
		.log_fn = load_message,
		.log_ctx = load,
		.mem_fn = load_memory,
		.mem_ctx = load,
		.log_level = CYAML_LOG_WARNING,
		.flags = CYAML_CFG_DEFAULT,
	};
}

static void free_loaded(struct config_file *file)
{
	struct load load = { .values_left = 0 };
	cyaml_config_t config = load_config(&load);

	if (file)
		cyaml_free(&config, config_schema(), file, 0);
}

void config_file_destroy(struct config_file *file)
{
	if (!file)
		return;
	text_deinit(&file->source);
	marks_destroy(file->marks);
	free_loaded(file);
}

static int refuse_file(const char *path, int error, struct problems *problems)
{
	switch (error) {
	case -ENOENT:
		problems_add(problems, NULL, "the configuration %s does not exist; give its path", path);
		break;
	case -EISDIR:
		problems_add(problems, NULL, "%s is a folder; give the YAML file in it", path);
		break;
	case -EACCES:
		problems_add(problems, NULL, "no permission to read %s; grant it", path);
		break;
	case -EFBIG:
		problems_add(problems, NULL, "%s is larger than %d MiB; a configuration is not", path,
			     CONFIG_FILE_SIZE_MAX >> 20);
		break;
	default:
		problems_add(problems, NULL, "%s cannot be read: %s", path, strerror(-error));
	}
	return error;
}

/* To the end; a pipe is as good as a file. */
static int read_all(int fd, struct text *source)
{
	while (source->size <= CONFIG_FILE_SIZE_MAX) {
		uint8_t *room = text_reserve(source, READ_SIZE);
		ssize_t count;

		if (!room)
			return -ENOMEM;
		count = read(fd, room, READ_SIZE);
		if (count == 0)
			return 0;
		if (count < 0 && errno != EINTR)
			return -errno;
		source->size += count > 0 ? (size_t)count : 0;
	}
	return -EFBIG;
}

static int read_source(const char *path, struct text *source, struct problems *problems)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : read_all(fd, source);

	if (fd >= 0)
		close(fd);
	return error < 0 ? refuse_file(path, error, problems) : 0;
}

/* "\0", "\x00", "\u0000": libcyaml would take the text up to there. Better looked at twice than not. */
static bool may_hold_nul(struct bytes source)
{
	const uint8_t *at = source.base, *end = source.base + source.size;

	while (at < end && (at = memchr(at, '\\', (size_t)(end - at)))) {
		const uint8_t *zero = at + 1 + (end - at > 2 && strchr("xuU", at[1]));

		if (zero < end && *zero == '0')
			return true;
		at++;
	}
	return false;
}

static int too_many_values(struct problems *problems)
{
	problems_add(problems, NULL,
		     "there are more than %d values, those of an alias counted each time it is used",
		     CONFIG_VALUES_MAX);
	marks_set(problems, &(yaml_mark_t){ .line = 0 });
	return -E2BIG;
}

/* 1: libcyaml has refused it, or must not be trusted with it. */
static int read_first(struct bytes source, struct config_file **ret_file, struct problems *problems)
{
	struct load load = { .values_left = CONFIG_VALUES_MAX };
	cyaml_config_t config = load_config(&load);
	cyaml_data_t *file = NULL;
	cyaml_err_t error = cyaml_load_data(source.base, source.size, &config, config_schema(), &file, NULL);

	if (error == CYAML_ERR_OOM)
		return load.values_left == 0 ? too_many_values(problems) : -ENOMEM;
	if (error != CYAML_OK)
		return 1;
	if (load.has_warned || may_hold_nul(source)) {
		free_loaded(file);
		return 1;
	}
	/* Of a file that says nothing there is nothing. */
	*ret_file = file ? file : mem_alloc_zeroed(1, sizeof(**ret_file));
	return *ret_file ? 0 : -ENOMEM;
}

static int read_second(struct bytes source, struct config_file **ret_file, struct problems *problems)
{
	struct config_file *file = mem_alloc_zeroed(1, sizeof(*file));
	int error = file ? marks_create(source, &file->marks, problems) : -ENOMEM;

	if (error == 0)
		error = config_lint(file->marks, config_schema(), file, problems);
	if (error == -E2BIG)
		too_many_values(problems);
	if (error < 0) {
		config_file_destroy(file);
		return error;
	}
	*ret_file = file;
	return 0;
}

/* A path that does not begin with "/" is one beside the file at `path`. */
static int put_beside(const char *path, char **name)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash - path) + 1 : 0, size;
	char *whole;

	if (folder == 0 || !*name || !**name || **name == '/')
		return 0;
	size = strlen(*name) + 1;
	whole = mem_alloc(folder + size);
	if (!whole)
		return -ENOMEM;
	memcpy(whole, path, folder);
	memcpy(whole + folder, *name, size);
	mem_free(*name);
	*name = whole;
	return 0;
}

static int put_all_beside(const char *path, struct config_file *file)
{
	int error = put_beside(path, &file->option[SERVER_OPTION_compress_folder]);

	if (error == 0)
		error = put_beside(path, &file->top.option[SITE_OPTION_root]);
	for (unsigned i = 0; i < file->hosts_count && error == 0; i++)
		error = put_beside(path, &file->hosts[i].option[SITE_OPTION_root]);
	return error;
}

int config_file_load(const char *path, struct config_file **ret_file, struct problems *problems)
{
	struct text source = TEXT_EMPTY;
	struct config_file *file = NULL;
	int error = read_source(path, &source, problems);

	if (error == 0)
		error = read_first(text_bytes(&source), &file, problems);
	if (error > 0)
		error = read_second(text_bytes(&source), &file, problems);
	if (error < 0) {
		text_deinit(&source);
		return error;
	}
	file->source = source;
	error = put_all_beside(path, file);
	if (error < 0) {
		config_file_destroy(file);
		return error;
	}
	*ret_file = file;
	return 0;
}

void config_file_locate(struct config_file *file, struct problems *problems)
{
	for (unsigned i = 0; i < problems->count; i++) {
		struct problem *problem = &problems->problem[i];

		if (problem->line > 0 || !*problem->path)
			continue;
		if (!file->marks && marks_create(text_bytes(&file->source), &file->marks, problems) < 0)
			return; /* it could be loaded: only memory can be missing */
		marks_locate(file->marks, problem);
	}
}
