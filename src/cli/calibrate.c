/* SPDX-License-Identifier: MIT */
/*
 * `quoit calibrate`: which thresholds suit this machine.
 *
 * What to send in one piece from memory, what to couple with its head, how much of a download per turn: the
 * best value of each depends on kernel, processor and network. This measures both ways of each for a row of
 * sizes and says what it would set, and why. The servers are threads of this process, set up through quoit.h
 * like anybody's; calibrate.h says which file does what.
 *
 * Flags that are not its own go to the servers, so that another engine can be calibrated. Whatever ends
 * it, the temporary folder is removed: signals only set a flag, at which the current wait ends.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calibrate.h"
#include "cli.h"

/* 22 comparisons of 12 rounds, with what is around them, take about a minute, the ten of --quick 15 s. */
#define ROUND_MS 140
#define ROUND_QUICK_MS 70

static volatile sig_atomic_t signal_came;

static int help(void)
{
	char names[128];

	calibrate_measure_names(names, sizeof(names));
	printf("Usage: quoit calibrate [OPTION]...\n\n"
	       "Measure on this machine which values of the server's thresholds cost least, and\n"
	       "print what is recommended, with the reason, as flags and as lines for the\n"
	       "configuration file. It takes about a minute and should have the machine for\n"
	       "itself. Nothing is changed. The thresholds: %s.\n\n",
	       names);
	puts("  --quick                  15 seconds: fewer sizes, shorter rounds\n"
	     "  --only NAME              only this threshold\n"
	     "  --json                   all figures as JSON on standard output; the text then\n"
	     "                           goes to standard error\n"
	     "  --folder FOLDER          where the files that are served are made for the time\n"
	     "                           ($TMPDIR, or /tmp): the file system can matter\n"
	     "  --via ADDRESS            over a network: listen on ADDRESS, and print what to\n"
	     "                           run on another machine\n"
	     "  --client ADDRESS:PORT    be that other machine's client\n"
	     "  --help                   this text\n\n"
	     "Other options are those of quoit serve and hold for the servers that are\n"
	     "measured. For each size both ways run in turn, A B B A, and the CPU time of\n"
	     "neighbouring rounds is compared. One way is cheaper when the median of these\n"
	     "ratios is at least 2 % from 1, and the whole range that holds it with 95 %\n"
	     "certainty lies on the same side; on loopback the client must not pay for it. A\n"
	     "default that nothing speaks against stays.\n\n"
	     "Exit code 0: it was measured; 1: it could not be, or was interrupted; 2: wrong\n"
	     "usage.\n\n"
	     "Examples: quoit calibrate\n"
	     "          quoit calibrate --quick --only small --folder /srv\n"
	     "          quoit calibrate --via 192.0.2.1 --json >calibration.json");
	return cli_flush();
}

struct arguments {
	struct calibrate *run;
	const char *client;
	char **argument;
	int count, at;
};

/* "--name value" or "--name=value". CLI_OK, *ret_value NULL: it is another one. */
static int take_value(struct arguments *arguments, const char *name, const char **ret_value)
{
	const char *text = arguments->argument[arguments->at];
	size_t size = strlen(name);

	if (strncmp(text, name, size) != 0 || (text[size] && text[size] != '='))
		return CLI_OK;
	if (text[size] == '=')
		*ret_value = text + size + 1;
	else if (arguments->at + 1 < arguments->count)
		*ret_value = arguments->argument[++arguments->at];
	if (!*ret_value || !**ret_value)
		return cli_error(CLI_USAGE, "%s needs a value; see quoit calibrate --help", name);
	return CLI_OK;
}

/* The argument at hand: one of our own, or one for the servers. */
static int take(struct arguments *arguments)
{
	struct calibrate *run = arguments->run;
	const struct {
		const char *name;
		const char **value;
	} own[] = {
		{ "--via", &run->via },
		{ "--only", &run->only },
		{ "--folder", &run->folder },
		{ "--client", &arguments->client },
	};
	char *text = arguments->argument[arguments->at];

	if (strcmp(text, "--quick") == 0 || strcmp(text, "--json") == 0) {
		*(text[2] == 'q' ? &run->is_quick : &run->as_json) = true;
		return CLI_OK;
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		const char *value = NULL;
		int code = take_value(arguments, own[i].name, &value);

		if (code != CLI_OK)
			return code;
		if (value) {
			*own[i].value = value;
			return CLI_OK;
		}
	}
	run->options[run->option_count++] = text;
	return CLI_OK;
}

/* Is it "--NAME", with a value or without, dashes as underscores? */
static bool is_flag(const char *text, const char *name)
{
	if (strncmp(text, "--", 2) != 0)
		return false;
	for (text += 2; *name; text++, name++)
		if (*text != *name && (*name != '-' || *text != '_'))
			return false;
	return *text == 0 || *text == '=';
}

/* Options of the servers that are not free, because they are what is set here. */
static int refuse_set(const struct calibrate *run)
{
	static const char *const ours[] = { "config", "listen", "root", "threads" };

	for (int i = 0; i < run->option_count; i++) {
		const char *text = run->options[i];
		char name[64];

		for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
			if (is_flag(text, ours[k]))
				return cli_error(CLI_USAGE,
						 "--%s is set by quoit calibrate itself; see its --help",
						 ours[k]);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "="), text);
		for (char *at = name; *at; at++)
			*at = *at == '_' ? '-' : *at;
		if (strncmp(name, "--", 2) == 0 && calibrate_measure_knows(name + 2))
			return cli_error(CLI_USAGE, "%s is what is measured; --only %s measures nothing else",
					 name, name + 2);
	}
	return CLI_OK;
}

static int check_arguments(const struct arguments *arguments)
{
	const struct calibrate *run = arguments->run;
	struct sockaddr_storage address;
	int code;

	if (arguments->client && arguments->count > (strchr(arguments->argument[0], '=') ? 1 : 2))
		return cli_error(CLI_USAGE,
				 "--client stands alone: what is measured is said on the other side");
	if (run->only && !calibrate_measure_knows(run->only))
		return cli_error(CLI_USAGE,
				 "--only %s: there is no such threshold; see quoit calibrate --help",
				 run->only);
	if (run->via && !calibrate_peer_parse(run->via, false, &address))
		return cli_error(CLI_USAGE, "--via %s: expected an address in numbers, without a port",
				 run->via);
	if (run->via && calibrate_peer_is_any(&address))
		return cli_error(CLI_USAGE, "--via %s: expected the address of one interface", run->via);
	code = refuse_set(run);
	return code == CLI_OK ? calibrate_bench_try(run) : code;
}

static int read_arguments(struct arguments *arguments)
{
	for (; arguments->at < arguments->count; arguments->at++) {
		int code = take(arguments);

		if (code != CLI_OK)
			return code;
	}
	return check_arguments(arguments);
}

static void note_signal(int number)
{
	(void)number;
	signal_came = 1;
}

/* From here on a signal only ends the current wait. One that is ignored stays so: that is what nohup asks
 * for. */
static void catch_signals(struct calibrate_signals *signals)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_signal }, before;
	sigset_t caught;

	sigemptyset(&caught);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (sigaction(numbers[i], NULL, &before) < 0 || before.sa_handler == SIG_IGN)
			continue;
		sigaction(numbers[i], &action, NULL);
		sigaddset(&caught, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &caught, &signals->mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigdelset(&signals->mask, numbers[i]);
	signals->came = &signal_came;
}

/* The first processor for the servers, the last for the client: on most machines not two halves of one core.
 */
static void choose_cpus(struct calibrate *run)
{
	cpu_set_t cpus, one;

	run->server_cpu = run->client_cpu = -1;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus)) {
			run->server_cpu = run->server_cpu < 0 ? cpu : run->server_cpu;
			run->client_cpu = cpu;
		}
	CPU_ZERO(&one);
	CPU_SET(run->server_cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		run->server_cpu = run->client_cpu = -1;
	else if (run->server_cpu == run->client_cpu && !run->via)
		cli_error(CLI_OK, "there is one processor: server and client take turns on it");
}

static int write_results(const struct calibrate *run)
{
	calibrate_report_write(run, run->as_json ? stderr : stdout);
	if (run->as_json)
		calibrate_json_write(run, stdout);
	return cli_flush();
}

/* With a client: the folder, the rounds, the results. */
static int measure(struct calibrate *run, const struct calibrate_signals *signals, int fd)
{
	struct calibrate_bench bench = { .run = run, .control = { .fd = fd, .signals = signals } };
	struct sockaddr_storage address;
	char host[CALIBRATE_ADDRESS_TEXT];
	int code;

	calibrate_peer_parse(run->via ? run->via : "127.0.0.1", false, &address);
	bench.host = calibrate_peer_text(&address, false, host);
	code = calibrate_bench_open(&bench);
	if (code == CLI_OK)
		code = calibrate_measure(&bench, run);
	calibrate_bench_close(&bench);
	return code == CLI_OK ? write_results(run) : code;
}

static int run_here(struct calibrate *run)
{
	struct calibrate_signals signals;
	pid_t client = -1;
	int fd = -1, code;

	choose_cpus(run);
	code = calibrate_peer_fork(run->client_cpu, &client, &fd);
	if (code == CLI_OK) {
		catch_signals(&signals);
		code = measure(run, &signals, fd);
	}
	if (fd >= 0)
		close(fd);
	if (client > 0)
		waitpid(client, NULL, 0);
	return code;
}

static int run_via(struct calibrate *run)
{
	struct calibrate_signals signals;
	struct sockaddr_storage address;
	int fd = -1, code;

	catch_signals(&signals);
	calibrate_peer_parse(run->via, false, &address);
	code = calibrate_peer_accept(&address, &signals, &fd);
	choose_cpus(run);
	run->client_cpu = -1;
	if (code == CLI_OK)
		code = measure(run, &signals, fd);
	if (fd >= 0)
		close(fd);
	return code;
}

int cli_calibrate(int count, char **arguments)
{
	struct calibrate *run;
	struct arguments reader = { .argument = arguments, .count = count };
	int code;

	if (cli_wants_help(count, arguments))
		return help();
	run = calloc(1, sizeof(*run));
	if (run)
		run->options = calloc((size_t)count + 1, sizeof(*run->options));
	if (!run || !run->options) {
		free(run);
		return cli_error(CLI_FAILED, "no memory");
	}
	reader.run = run;
	code = read_arguments(&reader);
	run->round_ms = run->is_quick ? ROUND_QUICK_MS : ROUND_MS;
	if (code == CLI_OK && reader.client)
		code = calibrate_client_run(reader.client);
	else if (code == CLI_OK)
		code = run->via ? run_via(run) : run_here(run);
	free(run->options);
	free(run);
	return code;
}
