/* SPDX-License-Identifier: MIT */
/*
 * Two servers that differ in one option, and rounds of load on the one and on the other.
 *
 * Called by calibrate_measure.c for each comparison; the servers are threads of this process, and the load is
 * made by another, so what the kernel books to this process is the servers' CPU time.
 *
 * What has to be kept out of the figures:
 *   - a drift of the machine: rounds go A B B A, and only neighbours are compared;
 *   - where memory happens to lie: each block of four rounds has servers of its own, started in turn with
 *     the one first and with the other;
 *   - connecting, cold files and small windows: connections stay, and each has a round that does not count;
 *   - the last moments of a round: its CPU time is read a little later, when the server sleeps.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "calibrate.h"
#include "cli.h"
#include "quoit.h"

/* Six pairs: the chance that all fall to one side of the median is 3 %. Order of the rounds in a block. */
#define BLOCKS 3
#define BLOCK_ROUNDS 4
static const unsigned order[2][BLOCK_ROUNDS] = { { 0, 1, 1, 0 }, { 1, 0, 0, 1 } };

#define WARM_MS 30
#define SETTLE_MS 3
/* A file that has just changed is looked at for each request; and it is new only once. */
#define FILE_SETTLE_MS 60
#define ANSWER_MS 15000 /* beyond its round; the client itself gives up earlier */

/* A small file beside a load that is about fairness, asked for so seldom that it is no load itself. */
#define PROBE_SIZE 1024
#define PROBE_CONNECTIONS 4
#define PROBE_PACE_US 1000
#define PROBE_ROUNDS 2 /* times as long: a hundredth wants hundreds */

struct stand {
	struct calibrate_bench *bench;
	const struct calibrate_threshold *threshold;
	const char *const *fixed;
	struct calibrate_comparison *comparison;
	struct quoit *quoit[2];
};

static void sleep_ms(long ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000L };

	nanosleep(&time, NULL);
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int fail(struct calibrate_bench *bench, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Kept until the progress is no longer in the way. */
static int fail(struct calibrate_bench *bench, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(bench->trouble, sizeof(bench->trouble), format, arguments);
	va_end(arguments);
	return code;
}

static bool has_probe(const struct calibrate_threshold *threshold)
{
	return threshold->kind == CALIBRATE_VALUE;
}

int calibrate_bench_open(struct calibrate_bench *bench)
{
	const char *base = bench->run->folder;

	if (!base)
		base = getenv("TMPDIR");
	if (!base || !*base)
		base = "/tmp";
	if ((size_t)snprintf(bench->folder, sizeof(bench->folder), "%s/quoit-calibrate-XXXXXX", base) <
		    sizeof(bench->folder) &&
	    mkdtemp(bench->folder))
		return CLI_OK;
	bench->folder[0] = 0;
	return cli_error(CLI_FAILED, "no temporary folder can be made in %s: %s; --folder names another",
			 base, strerror(errno));
}

void calibrate_bench_close(struct calibrate_bench *bench)
{
	DIR *folder = bench->folder[0] ? opendir(bench->folder) : NULL;
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(folder), entry->d_name, 0); /* what stays makes rmdir say so */
	if (folder)
		closedir(folder);
	if (bench->folder[0] && rmdir(bench->folder) < 0)
		cli_error(CLI_FAILED, "%s could not be removed: %s", bench->folder, strerror(errno));
	bench->folder[0] = 0;
}

/* Bytes that no file system stores as a hole. */
static int write_bytes(int fd, uint64_t size)
{
	char bytes[4096];

	memset(bytes, 'q', sizeof(bytes));
	while (size > 0) {
		ssize_t now = write(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes));

		if (now <= 0)
			return -1;
		size -= (uint64_t)now;
	}
	return 0;
}

/* The file of this size, whose name is the size. */
static int make_file(struct calibrate_bench *bench, uint64_t size)
{
	char path[PATH_MAX + 32];
	int fd, error;

	snprintf(path, sizeof(path), "%s/%" PRIu64, bench->folder, size);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return CLI_OK;
	error = fd < 0 ? -1 : write_bytes(fd, size);
	if (fd >= 0 && close(fd) < 0)
		error = -1;
	if (error < 0)
		return fail(bench, CLI_FAILED, "%s cannot be written: %s; --folder names another place", path,
			    strerror(errno));
	sleep_ms(FILE_SETTLE_MS);
	return CLI_OK;
}

/* The options that were given, which reading writes into. */
static int set_given(struct quoit *quoit, const struct calibrate *run)
{
	char **copy = calloc((size_t)run->option_count + 1, sizeof(*copy));
	const char *operand = NULL;
	int code = CLI_OK;

	for (int i = 0; copy && i < run->option_count && code == CLI_OK; i++) {
		copy[i] = strdup(run->options[i]);
		if (!copy[i])
			code = cli_error(CLI_FAILED, "no memory");
	}
	if (!copy)
		return cli_error(CLI_FAILED, "no memory");
	if (code == CLI_OK)
		code = cli_read_flags(quoit, run->option_count, copy, &operand);
	if (code == CLI_OK && operand)
		code = cli_error(CLI_USAGE, "\"%s\" is no option; see quoit calibrate --help", operand);
	for (int i = 0; i < run->option_count; i++)
		free(copy[i]);
	free(copy);
	return code;
}

int calibrate_bench_try(const struct calibrate *run)
{
	struct quoit *quoit = quoit_create();
	int code = quoit ? set_given(quoit, run) : cli_error(CLI_FAILED, "no memory");

	quoit_destroy(quoit);
	return code;
}

static int set(struct calibrate_bench *bench, struct quoit *quoit, const char *name, const char *value)
{
	return quoit_set(quoit, name, value) < 0 ? fail(bench, CLI_FAILED, "%s", quoit_error(quoit)) : CLI_OK;
}

static int set_fixed(struct calibrate_bench *bench, struct quoit *quoit, const char *fixed)
{
	char name[64];
	const char *equals = strchr(fixed, '=');

	snprintf(name, sizeof(name), "%.*s", (int)(equals - fixed), fixed);
	return set(bench, quoit, name, equals + 1);
}

/* All options of one of the two servers. */
static int set_options(struct stand *stand, unsigned which)
{
	struct calibrate_bench *bench = stand->bench;
	struct quoit *quoit = stand->quoit[which];
	char listen[INET6_ADDRSTRLEN + 16], value[32];
	int code = set_given(quoit, bench->run);

	snprintf(listen, sizeof(listen), "%s:0", bench->host);
	snprintf(value, sizeof(value), "%" PRIu64, stand->comparison->value[which]);
	if (code == CLI_OK)
		code = set(bench, quoit, "root", bench->folder);
	if (code == CLI_OK)
		code = set(bench, quoit, "listen", listen);
	if (code == CLI_OK)
		code = set(bench, quoit, "threads", "1");
	for (const char *const *fixed = stand->fixed; code == CLI_OK && *fixed; fixed++)
		code = set_fixed(bench, quoit, *fixed);
	return code == CLI_OK ? set(bench, quoit, stand->threshold->option, value) : code;
}

static int start(struct stand *stand, unsigned which)
{
	struct calibrate_bench *bench = stand->bench;
	int code, error;

	stand->quoit[which] = quoit_create();
	if (!stand->quoit[which])
		return fail(bench, CLI_FAILED, "no memory");
	code = set_options(stand, which);
	if (code != CLI_OK)
		return code;
	error = quoit_start(stand->quoit[which]);
	if (error < 0)
		return fail(bench, error == -EINVAL ? CLI_USAGE : CLI_FAILED, "%s",
			    quoit_error(stand->quoit[which]));
	return CLI_OK;
}

/* The client's next line, which begins with `word`. */
static int hear(struct calibrate_bench *bench, const char *word, int timeout_ms, char *ret_line)
{
	int error = calibrate_control_receive(&bench->control, timeout_ms, ret_line);

	if (error == -EINTR)
		return fail(bench, CLI_FAILED, "interrupted; nothing is recommended");
	if (error == -ETIMEDOUT)
		return fail(bench, CLI_FAILED, "the client has not answered for %d s", timeout_ms / 1000);
	if (error == -EPIPE)
		return fail(bench, CLI_FAILED, "the client has gone");
	if (error < 0)
		return fail(bench, CLI_FAILED, "the control connection: %s", strerror(-error));
	if (strncmp(ret_line, "failed ", 7) == 0)
		return fail(bench, CLI_FAILED, "the client failed: %s", ret_line + 7);
	if (strncmp(ret_line, word, strlen(word)) != 0)
		return fail(bench, CLI_FAILED, "the client said \"%s\" where \"%s\" was expected", ret_line,
			    word);
	return CLI_OK;
}

static int tell(struct calibrate_bench *bench, int error)
{
	char line[CALIBRATE_LINE_MAX];

	if (error < 0)
		return fail(bench, CLI_FAILED, "the control connection: %s", strerror(-error));
	return hear(bench, "ok", ANSWER_MS, line);
}

/* The load of server `which` is `which`, its probe 2 + `which`. */
static int load(struct stand *stand, unsigned which)
{
	struct calibrate_control *control = &stand->bench->control;
	const char *port = strrchr(quoit_address(stand->quoit[which], 0), ':') + 1;
	uint64_t size = stand->comparison->size;
	int code = tell(stand->bench,
			calibrate_control_send(control, "load %u %s %u 0 %" PRIu64 " /%" PRIu64, which, port,
					       stand->threshold->connections, size, size));

	if (code != CLI_OK || !has_probe(stand->threshold))
		return code;
	return tell(stand->bench,
		    calibrate_control_send(control, "load %u %s %d %d %d /%d", 2 + which, port,
					   PROBE_CONNECTIONS, PROBE_PACE_US, PROBE_SIZE, PROBE_SIZE));
}

static int drop(struct stand *stand, unsigned which)
{
	struct calibrate_control *control = &stand->bench->control;
	int code = tell(stand->bench, calibrate_control_send(control, "drop %u", which));

	if (code != CLI_OK || !has_probe(stand->threshold))
		return code;
	return tell(stand->bench, calibrate_control_send(control, "drop %u", 2 + which));
}

static int run_round(struct stand *stand, unsigned which, int ms, struct calibrate_cost *ret_cost)
{
	struct calibrate_bench *bench = stand->bench;
	double begin_us = cpu_us(), server_us, p99_us[2] = { 0 };
	char line[CALIBRATE_LINE_MAX], probe[16] = "";
	uint64_t client_us, answers[2] = { 0 };
	int code, error;

	if (has_probe(stand->threshold))
		snprintf(probe, sizeof(probe), " %u", 2 + which);
	error = calibrate_control_send(&bench->control, "run %d %u%s", ms, which, probe);
	if (error < 0)
		return fail(bench, CLI_FAILED, "the control connection: %s", strerror(-error));
	code = hear(bench, "ran ", ms + ANSWER_MS, line);
	if (code != CLI_OK)
		return code;
	sleep_ms(SETTLE_MS);
	server_us = cpu_us() - begin_us;
	if (sscanf(line, "ran %" SCNu64 " %" SCNu64 " %lf %" SCNu64 " %lf", &client_us, &answers[0],
		   &p99_us[0], &answers[1], &p99_us[1]) != 5 ||
	    answers[0] == 0)
		return fail(bench, CLI_FAILED, "the client said \"%s\": no answer was counted", line);
	ret_cost->server_us = server_us / (double)answers[0];
	ret_cost->both_us = (server_us + (double)client_us) / (double)answers[0];
	ret_cost->p99_us = p99_us[1];
	return CLI_OK;
}

/* The rounds of a block, the servers of which run and are loaded. */
static int run_rounds(struct stand *stand, unsigned block)
{
	int ms = (int)stand->bench->run->round_ms * (has_probe(stand->threshold) ? PROBE_ROUNDS : 1);
	struct calibrate_comparison *comparison = stand->comparison;
	struct calibrate_cost unused;
	int code = CLI_OK;

	for (unsigned which = 0; which < 2 && code == CLI_OK; which++)
		code = run_round(stand, which, WARM_MS, &unused);
	for (unsigned i = 0; i < BLOCK_ROUNDS && code == CLI_OK; i++) {
		unsigned which = order[block % 2][i], pair = comparison->pairs + i / 2;

		code = run_round(stand, which, ms, &comparison->rounds[which][pair]);
	}
	comparison->pairs += BLOCK_ROUNDS / 2;
	return code;
}

static int run_block(struct stand *stand, unsigned block, char ret_engine[32])
{
	int code = start(stand, order[block % 2][0]);

	if (code == CLI_OK)
		code = start(stand, order[block % 2][1]);
	for (unsigned which = 0; which < 2 && code == CLI_OK; which++)
		code = load(stand, which);
	if (code == CLI_OK)
		code = run_rounds(stand, block);
	for (unsigned which = 0; which < 2 && code == CLI_OK; which++)
		code = drop(stand, which);
	if (code == CLI_OK)
		snprintf(ret_engine, 32, "%s", quoit_engine(stand->quoit[0]));
	for (unsigned which = 0; which < 2; which++) {
		quoit_destroy(stand->quoit[which]);
		stand->quoit[which] = NULL;
	}
	return code;
}

int calibrate_bench_compare(struct calibrate_bench *bench, const struct calibrate_threshold *threshold,
			    const char *const *fixed, struct calibrate_comparison *comparison,
			    char ret_engine[32])
{
	struct stand stand = {
		.bench = bench, .threshold = threshold, .fixed = fixed, .comparison = comparison
	};
	int code = make_file(bench, comparison->size);

	if (code == CLI_OK && has_probe(threshold))
		code = make_file(bench, PROBE_SIZE);
	comparison->pairs = 0;
	for (unsigned block = 0; block < BLOCKS && code == CLI_OK; block++)
		code = run_block(&stand, block, ret_engine);
	return code;
}
