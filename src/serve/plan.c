/* SPDX-License-Identifier: MIT */
/*
 * From file and flags to a plan; see plan.h.
 *
 * Called by the public API to start, to reload and to check. One pass: options, then the default site,
 * then the hosts, then their roots; nothing stops at the first problem, as whoever mends a
 * configuration wants to see all of them. What cannot be told apart from its cause any more is left
 * out in the end (serve/plan_report).
 *
 * An option of a host begins with the value of the default site, flags included: flags say what holds
 * where nothing more special is written.
 */
#include "serve/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/listen.h"
#include "serve/config_file.h"
#include "serve/plan_report.h"

struct making {
	const struct flag_list *flags;
	struct problems *problems;
	struct config config;
	struct config_file *file; /* NULL: there is none */
	bool is_again;            /* it was read before */
	unsigned shape_count;     /* the first problems: mistakes of the file's shape */
	struct site **site;
	unsigned site_count;
	struct sites *sites;
	unsigned world_count; /* problems of the machine, not of what is written */
	int world_error;      /* of the first of them */
};

static const struct host_spec no_spec;

static void close_root(struct site *site)
{
	if (site->root >= 0)
		close(site->root);
	site->root = -1;
}

void plan_close_roots(struct sites *sites)
{
	for (unsigned i = 0; i < sites->count; i++)
		close_root(sites->site[i]);
}

void plan_deinit(struct plan *plan)
{
	if (plan->sites && sites_unref(plan->sites)) {
		plan_close_roots(plan->sites);
		sites_destroy(plan->sites);
	}
	config_deinit(&plan->config);
	config_file_destroy(plan->file);
	plan->sites = NULL;
	plan->file = NULL;
}

static void add_world(struct making *making, int error)
{
	if (making->world_count++ == 0)
		making->world_error = error;
}

/* The sentence of a refused value; of a listener it always begins as a flag's. */
static void add_fault(struct making *making, const struct place *place, const struct fault *fault)
{
	bool is_flag = strncmp(fault->text, "--", 2) == 0;

	problems_add(making->problems, place, "%s", fault->text + (place && is_flag ? 2 : 0));
}

static void set_listen(struct making *making, const char *text, enum config_origin origin,
		       const struct place *place)
{
	struct listen_address address;
	struct fault fault;

	if (listen_parse(text, &address, &fault) < 0 ||
	    config_set_row(&making->config, CONFIG_ROW_SERVER(SERVER_OPTION_listen), text, origin, &fault) <
		    0)
		add_fault(making, place, &fault);
}

/* The items as one value, "a,b". */
static int join(struct making *making, char **item, unsigned count, const struct place *place,
		struct text *joined)
{
	for (unsigned i = 0; i < count; i++) {
		if (strchr(item[i], ',')) {
			problems_add(making->problems, PLACE_ITEM(place, i),
				     "\"%s\" has a comma; write each item by itself", item[i]);
			return -EINVAL;
		}
		text_format(joined, "%s%s", i > 0 ? "," : "", item[i]);
	}
	return joined->failed ? -ENOMEM : 0;
}

/* An option of a host, or with `options` NULL of the default site. */
static int set_site_option(struct making *making, struct site_options *options, enum site_option option,
			   const char *value, const struct place *place)
{
	struct fault fault;
	int error = options ? config_set_site(options, option, value, &fault)
			    : config_set_row(&making->config, CONFIG_ROW_SITE(option), value, CONFIG_FILE,
					     &fault);

	if (error < 0 && error != -ENOMEM)
		add_fault(making, place, &fault);
	return error == -ENOMEM ? error : 0;
}

static int set_site_options(struct making *making, const struct host_spec *spec, struct site_options *options,
			    const struct place *above)
{
	int error = 0;

	for (unsigned i = 0; i < SITE_OPTION_COUNT && error == 0; i++) {
		const struct place *place = PLACE_KEY(above, config_name(CONFIG_ROW_SITE(i)));
		struct text joined = TEXT_EMPTY;

		if (spec->option[i]) {
			error = set_site_option(making, options, i, spec->option[i], place);
		} else if (spec->list[i].item_count > 0) {
			error = join(making, spec->list[i].item, spec->list[i].item_count, place, &joined);
			if (error == 0)
				error = set_site_option(making, options, i, text_string(&joined), place);
			text_deinit(&joined);
		}
		error = error == -EINVAL ? 0 : error;
	}
	return error;
}

static int apply_file(struct making *making)
{
	const struct config_file *file = making->file;

	for (unsigned i = 0; i < SERVER_OPTION_COUNT; i++) {
		unsigned row = CONFIG_ROW_SERVER(i);
		struct fault fault;

		if (file->option[i] &&
		    config_set_row(&making->config, row, file->option[i], CONFIG_FILE, &fault) < 0)
			add_fault(making, PLACE_KEY(NULL, config_name(row)), &fault);
	}
	for (unsigned i = 0; i < file->listen_count; i++)
		set_listen(making, file->listen[i], CONFIG_FILE, PLACE_ITEM(PLACE_KEY(NULL, "listen"), i));
	return set_site_options(making, &file->top, NULL, NULL);
}

/* A listen flag replaces those of the file. */
static void apply_flags(struct making *making)
{
	const struct flag_list *flags = making->flags;

	if (flag_list_find(flags, "listen"))
		config_cut_listen(&making->config, 0);
	for (unsigned i = 0; i < flags->count; i++) {
		const struct flag *flag = &flags->flag[i];
		struct fault fault;

		if (strcmp(flag->name, "listen") == 0)
			set_listen(making, flag->value, CONFIG_FLAG, NULL);
		else if (config_set(&making->config, flag->name, flag->value, CONFIG_FLAG, &fault) < 0)
			add_fault(making, NULL, &fault);
	}
}

static int make_options(struct making *making)
{
	unsigned from;
	int error = making->file ? apply_file(making) : 0;

	if (error < 0)
		return error;
	apply_flags(making);
	if (making->config.listen_count == 0)
		set_listen(making, making->config.listen, CONFIG_DEFAULT, NULL);
	from = making->problems->count;
	config_check(&making->config, making->problems);
	report_detach(&making->config, making->problems, from, false);
	return 0;
}

static int make_default_site(struct making *making)
{
	const struct host_spec *spec = making->file ? &making->file->top : &no_spec;
	unsigned from = making->problems->count;

	making->site[0] = site_create(spec, &making->config.site, NULL, NULL, making->problems);
	if (!making->site[0])
		return -ENOMEM;
	making->site_count = 1;
	report_detach(&making->config, making->problems, from, true);
	/* Who writes hosts does not mean to serve the working directory to everybody else. */
	if (making->file && making->file->hosts_count > 0 && making->shape_count == 0 &&
	    making->config.origin[CONFIG_ROW_SITE(SITE_OPTION_root)] == CONFIG_DEFAULT)
		problems_add(
			making->problems, PLACE_KEY(NULL, "hosts"),
			"there is no root for requests that name none of these hosts; give one above them: "
			"\"root: FOLDER\"");
	return 0;
}

static int make_host(struct making *making, unsigned number)
{
	const struct host_spec *spec = &making->file->hosts[number];
	const struct place *place = PLACE_ITEM(PLACE_KEY(NULL, "hosts"), number);
	struct site_options options;
	struct site *site = NULL;
	int error = config_copy_site(&making->config.site, &options);

	if (error < 0)
		return error;
	error = set_site_options(making, spec, &options, place);
	if (error == 0)
		site = site_create(spec, &options, making->site[0], place, making->problems);
	config_free_site(&options);
	if (!site)
		return -ENOMEM;
	making->site[making->site_count++] = site;
	return 0;
}

static int make_all_sites(struct making *making)
{
	unsigned count = making->file ? making->file->hosts_count : 0;
	int error;

	making->site = mem_alloc_zeroed(count + 1, sizeof(*making->site));
	if (!making->site)
		return -ENOMEM;
	error = make_default_site(making);
	for (unsigned i = 0; i < count && error == 0; i++)
		error = make_host(making, i);
	return error;
}

static int open_folder(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	if (faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) == 0 || errno != EACCES)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void refuse_root(struct making *making, int error, const char *root, const struct place *place)
{
	struct problems *problems = making->problems;

	add_world(making, error);
	switch (error) {
	case -ENOENT:
		problems_add(problems, place, "the folder to serve, %s, does not exist; give another root",
			     root);
		break;
	case -ENOTDIR:
		problems_add(problems, place, "%s is not a folder; give the folder it is in as root", root);
		break;
	case -EACCES:
		problems_add(problems, place, "no permission to open %s; grant it read and search permission",
			     root);
		break;
	case -EMFILE:
		problems_add(problems, place,
			     "no descriptor is left for %s; raise the limit (ulimit -n, LimitNOFILE=) above "
			     "the number of hosts",
			     root);
		break;
	default:
		problems_add(problems, place, "%s cannot be opened: %s", root, strerror(-error));
	}
}

/* A host whose root is the default's has no problem of its own with it. */
static void open_host_root(struct making *making, unsigned number)
{
	const struct host_spec *spec = &making->file->hosts[number];
	const struct place *place = PLACE_ITEM(PLACE_KEY(NULL, "hosts"), number);
	struct site *site = making->site[number + 1];

	if (!spec->option[SITE_OPTION_root] && making->site[0]->root < 0)
		return;
	site->root = open_folder(site->options.root);
	if (site->root < 0)
		refuse_root(making, site->root, site->options.root, PLACE_KEY(place, "root"));
}

static void open_roots(struct making *making)
{
	unsigned from = making->problems->count;
	struct site *site = making->site[0];

	site->root = open_folder(site->options.root);
	if (site->root < 0)
		refuse_root(making, site->root, site->options.root, PLACE_KEY(NULL, "root"));
	report_detach(&making->config, making->problems, from, false);
	for (unsigned i = 1; i < making->site_count && making->world_error != -EMFILE; i++)
		open_host_root(making, i - 1);
}

static int make_sites(struct making *making)
{
	const struct host_spec *hosts = making->file ? making->file->hosts : NULL;
	int error = make_all_sites(making);

	if (error < 0)
		return error;
	open_roots(making);
	making->sites = sites_create(making->site, making->site_count, hosts, making->problems);
	return making->sites || problems_any(making->problems) ? 0 : -ENOMEM;
}

static int load_file(struct making *making)
{
	const char *path = flag_list_find(making->flags, "config");
	int error = 0;

	/* An empty variable of a script, most likely: it must not start another server than was meant. */
	if (path && !*path)
		problems_add(making->problems, NULL, "--config is empty; give the path of a file");
	else if (path)
		error = config_file_load(path, &making->file, making->problems);
	making->shape_count = making->problems->count;
	if (error < 0 && error != -EINVAL && error != -E2BIG && error != -ENOMEM)
		add_world(making, error);
	return error;
}

static int make_everything(struct making *making)
{
	int error = config_init(&making->config);

	if (error == 0 && !making->is_again)
		error = load_file(making);
	if (error == -ENOMEM)
		return error;
	/* Without its file the flags can be checked, sites would be other sites. */
	if (error < 0)
		return make_options(making) < 0 ? -ENOMEM : error;
	error = make_options(making);
	return error < 0 ? error : make_sites(making);
}

/* What the caller is told: the class of the failure, and the problems in order. */
static int finish(struct making *making, int error)
{
	struct problems *problems = making->problems;

	if (error == -ENOMEM || problems->failed) {
		problems_add(problems, NULL, "no memory");
		return -ENOMEM;
	}
	if (problems->count == 0)
		return 0;
	error = problems->count == making->world_count ? making->world_error : -EINVAL;
	report_drop_derived(problems, making->shape_count);
	if (making->file)
		config_file_locate(making->file, problems);
	report_sort(problems);
	return error;
}

static void throw_away(struct making *making)
{
	for (unsigned i = 0; i < making->site_count; i++)
		close_root(making->site[i]);
	if (making->sites)
		sites_destroy(making->sites);
	else
		for (unsigned i = making->site_count; i > 0; i--)
			site_destroy(making->site[i - 1]);
	config_deinit(&making->config);
}

int plan_make(const struct flag_list *flags, struct plan *ret_plan, struct problems *problems)
{
	struct making making = { .flags = flags, .problems = problems };
	int error = finish(&making, make_everything(&making));

	if (error < 0) {
		throw_away(&making);
		config_file_destroy(making.file);
	} else {
		*ret_plan = (struct plan){ making.config, making.sites, making.file };
	}
	mem_free(making.site);
	return error;
}

int plan_make_again(const struct flag_list *flags, struct config_file *file, struct plan *ret_plan,
		    struct problems *problems)
{
	struct making making = { .flags = flags, .problems = problems, .file = file, .is_again = true };
	int error = finish(&making, make_everything(&making));

	if (error < 0)
		throw_away(&making);
	else
		*ret_plan = (struct plan){ making.config, making.sites, NULL };
	mem_free(making.site);
	return error;
}

void plan_describe(const struct problem *problem, const struct flag_list *flags, struct text *out)
{
	const char *path = flag_list_find(flags, "config");

	if (problem->line > 0 && path)
		text_format(out, "%s:%u:%u: %s", path, problem->line, problem->column, problem->text);
	else
		text_format(out, "quoit: %s", problem->text);
	/* What is repeated from the file may be anything; a problem stays one line. */
	for (size_t i = 0; i < out->size; i++)
		if (out->base[i] < ' ' || out->base[i] == 0x7f)
			out->base[i] = '?';
}

int plan_fault(const struct problems *problems, const struct flag_list *flags, int error, struct fault *fault)
{
	const char *path = flag_list_find(flags, "config");
	const struct problem *first = problems->problem;
	char place[FAULT_SIZE / 2] = "";

	if (problems->count == 0)
		return fault_set(fault, error, "no memory");
	if (first->line > 0 && path)
		snprintf(place, sizeof(place), "%s:%u:%u: ", path, first->line, first->column);
	if (problems->count == 1)
		return fault_set(fault, error, "%s%s", place, first->text);
	return fault_set(fault, error, "%s%s (and %u more problem%s; quoit check shows all)", place,
			 first->text, problems->count - 1, problems->count == 2 ? "" : "s");
}
