/* SPDX-License-Identifier: MIT */
/*
 * A configuration file, as `quoit check` reads it: serve/config_file, config_lint, plan, and all of site/
 * that is compiled from it.
 *
 * The whole input is the file. It lies in a temporary folder, beside the folder www, so that `root: www` is
 * one.
 *
 * Each problem is one line of text at a place that the file has; the same file has the same problems each
 * time; nothing stays open. A file whose shape is good is read alike by both readers, libcyaml and
 * config_lint. A file without problems makes sites that can be asked: what their redirects, rewrites and
 * header rules say is what entries of their own demand of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz.h"
#include "http/scan.h"
#include "http/target.h"
#include "quoit.h"
#include "serve/config_file.h"
#include "serve/config_lint.h"
#include "serve/config_marks.h"
#include "serve/config_schema.h"
#include "serve/plan.h"

#define FILE_SIZE_MAX_FUZZED 4096

static char folder[] = "/tmp/quoit-fuzz-XXXXXX";
static char path[64], www[64];

/* What was reported, one line after the other. */
struct told {
	struct text lines;
	unsigned count;
	unsigned line_max; /* of the file */
};

static void remove_folder(void)
{
	unlink(path);
	rmdir(www);
	rmdir(folder);
}

static void make_folder(void)
{
	if (*path)
		return;
	check(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/quoit.yaml", folder);
	snprintf(www, sizeof(www), "%s/www", folder);
	check(mkdir(www, 0700) == 0);
	atexit(remove_folder);
}

static void write_file(struct bytes content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, content.base, content.size) == (ssize_t)content.size);
	close(fd);
}

/* "FILE:LINE:COLUMN: text" or "quoit: text", printable, and the line is one of the file. */
static void take_line(void *context, const char *line)
{
	struct told *told = context;
	size_t prefix = strlen(path);
	unsigned number = 0, column = 0;

	for (const char *at = line; *at; at++)
		check((unsigned char)*at >= ' ' && *at != 0x7f);
	if (strncmp(line, path, prefix) == 0) {
		check(sscanf(line + prefix, ":%u:%u: ", &number, &column) == 2);
		check(number >= 1 && number <= told->line_max + 1 && column >= 1);
	} else {
		check(strncmp(line, "quoit: ", 7) == 0 && line[7]);
	}
	text_format(&told->lines, "%s\n", line);
	told->count++;
}

static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	check(fd >= 0);
	close(fd);
	return fd;
}

/* How many problems there are. */
static int check_file(struct told *told)
{
	struct quoit *quoit = quoit_create();
	int before = next_descriptor(), count;

	check(quoit && quoit_set(quoit, "config", path) == 0);
	count = quoit_check(quoit, take_line, told);
	check(count < 0 || (unsigned)count == told->count);
	quoit_destroy(quoit);
	check(next_descriptor() == before);
	return count;
}

static void check_location(struct bytes location)
{
	for (size_t i = 0; i < location.size; i++)
		check(location.base[i] > ' ' && location.base[i] < 0x7f);
	check(location.size > 0 && !bytes_starts_with(location, BYTES("//")));
}

static void ask_rules(const struct site *site, struct bytes asked)
{
	struct served served = { 200, asked, BYTES("text/html") };
	static struct fields fields;

	fields_init(&fields);
	fields_add(&fields, BYTES("Content-Type"), BYTES("text/html"));
	site_apply_rules(site, &served, false, &fields, NULL);
	for (unsigned i = 0; i < fields.count; i++) {
		struct response_field field = fields.field[i];

		check(field.name.size > 0);
		for (size_t k = 0; k < field.name.size; k++)
			check(!scan_is(SCAN_NAME, field.name.base[k]));
		for (size_t k = 0; k < field.value.size; k++)
			check(!scan_is(SCAN_CONTROL, field.value.base[k]));
	}
}

static void ask_site(const struct site *site)
{
	static const char *const paths[] = { "/", "/a/b.html", "/old/x", "/evil.example/\\", "/a b%\n/c" };
	struct text out = TEXT_EMPTY;
	bool hidden = true;

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct bytes asked = bytes_string(paths[i]), page;

		if (site_redirect(site, asked, &out, NULL) > 0)
			check_location(text_bytes(&out));
		if (site_rewrite(site, asked, &out, NULL) == ROUTE_REWRITTEN)
			check(target_is_normal(text_bytes(&out), &hidden) && !hidden);
		ask_rules(site, asked);
		site_mime(site, asked);
		site_hints(site, asked);
		page = site_error_page(site, 404);
		check(page.size == 0 || (target_is_normal(page, &hidden) && !hidden));
	}
	text_deinit(&out);
}

static void ask_sites(void)
{
	static const char *const hosts[] = { "", "example.org", "www.example.org:80", "[::1]" };
	struct flag_list flags = { .count = 0 };
	struct problems problems = { .problem = NULL };
	struct fault fault;
	struct plan plan;

	check(flag_list_add(&flags, "config", path, &fault) == 0);
	check(plan_make(&flags, &plan, &problems) == 0 && problems.count == 0);
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		ask_site(sites_find(plan.sites, bytes_string(hosts[i])));
	for (unsigned i = 0; i < plan.sites->count; i++)
		check(plan.sites->site[i]->root >= 0);
	plan_deinit(&plan);
	flag_list_deinit(&flags);
	problems_deinit(&problems);
}

static void *resize(void *context, void *block, size_t size)
{
	(void)context;
	if (size > 0)
		return mem_resize(block, size);
	mem_free(block);
	return NULL;
}

/* What was read, as YAML again. */
static void write_again(const struct config_file *file, char **ret_text, size_t *ret_size)
{
	cyaml_config_t config = { .mem_fn = resize, .flags = CYAML_CFG_DEFAULT };

	check(cyaml_save_data(ret_text, ret_size, &config, config_schema(), file, 0) == CYAML_OK);
}

/* libcyaml warns of what it leaves out: a second document. */
static void note_warning(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	(void)format;
	(void)arguments;
	*(bool *)context |= level == CYAML_LOG_WARNING;
}

/* Is the file read whole by libcyaml? It cuts texts at a NUL. */
static bool read_first(struct bytes content, struct config_file **ret_file)
{
	bool has_warned = false;
	cyaml_config_t config = { .mem_fn = resize,
				  .log_fn = note_warning,
				  .log_ctx = &has_warned,
				  .log_level = CYAML_LOG_WARNING,
				  .flags = CYAML_CFG_DEFAULT };
	cyaml_err_t error = cyaml_load_data(content.base, content.size, &config, config_schema(),
					    (cyaml_data_t **)ret_file, NULL);

	return error == CYAML_OK && *ret_file && !has_warned && !memchr(content.base, '\\', content.size);
}

/* Both readers read the same in a file that libcyaml takes. */
static void compare_readers(struct bytes content)
{
	cyaml_config_t config = { .mem_fn = resize, .flags = CYAML_CFG_DEFAULT };
	struct config_file *first = NULL, *second = mem_alloc_zeroed(1, sizeof(*second));
	struct problems problems = { .problem = NULL };
	struct marks *marks = NULL;
	char *text[2] = { NULL };
	size_t size[2] = { 0 };

	check(second);
	if (read_first(content, &first)) {
		check(marks_create(content, &marks, &problems) == 0);
		check(config_lint(marks, config_schema(), second, &problems) == 0);
		marks_destroy(marks);
		check(problems.count == 0);
		write_again(first, &text[0], &size[0]);
		write_again(second, &text[1], &size[1]);
		check(size[0] == size[1] && memcmp(text[0], text[1], size[0]) == 0);
		mem_free(text[0]);
		mem_free(text[1]);
	}
	problems_deinit(&problems);
	cyaml_free(&config, config_schema(), first, 0);
	cyaml_free(&config, config_schema(), second, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes content = bytes_make(data, size < FILE_SIZE_MAX_FUZZED ? size : FILE_SIZE_MAX_FUZZED);
	struct told told = { .line_max = 1 }, again;
	int count;

	make_folder();
	content = fuzz_place(0, content);
	write_file(content);
	for (size_t i = 0; i < content.size; i++)
		told.line_max +=
			content.base[i] == '\n' || content.base[i] == '\r' || content.base[i] >= 0x80;
	again = told;
	count = check_file(&told);
	check(check_file(&again) == count);
	check(bytes_equal(text_bytes(&told.lines), text_bytes(&again.lines)));
	text_deinit(&told.lines);
	text_deinit(&again.lines);
	if (count == 0)
		ask_sites();
	compare_readers(content);
	return 0;
}
