/* SPDX-License-Identifier: MIT */
/*
 * A program that has a server in it keeps what it had: the server's threads give up their own rights, and
 * nothing of the process, however often it is started.
 *
 * Landlock and filters are handed down to threads and to what is executed; so does the program when it
 * starts something, and an upgrade in place would end after sixteen times. So the thread that starts the
 * server is looked at, and made to do what the others cannot. Options that mean the process do mean it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quoit.h"

#define STARTS 20

static unsigned failures;

static void expect(int holds, const char *what)
{
	if (holds)
		return;
	failures++;
	fprintf(stderr, "%s\n", what);
}

static struct quoit *start(const char *option, const char *value, int own)
{
	struct quoit *quoit = quoit_create();

	if (!quoit || quoit_set(quoit, "root", "/usr/share") < 0 ||
	    quoit_set(quoit, "listen", "127.0.0.1:0") < 0 || quoit_set(quoit, "threads", "1") < 0 ||
	    (option && quoit_set(quoit, option, value) < 0)) {
		fprintf(stderr, "no server: %s\n", quoit ? quoit_error(quoit) : "no memory");
		exit(1);
	}
	if (own)
		quoit_own_process(quoit);
	if (quoit_start(quoit) < 0) {
		fprintf(stderr, "%s\n", quoit_error(quoit));
		exit(1);
	}
	return quoit;
}

/* A line of /proc/thread-self/status: is the number behind the name this one? */
static int status_is(const char *name, const char *value)
{
	char line[256];
	FILE *file = fopen("/proc/thread-self/status", "re");
	int is = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			is = strtol(line + strlen(name), NULL, 10) == strtol(value, NULL, 10);
	if (file)
		fclose(file);
	return is;
}

static int can_execute(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 7;
}

static void keep_everything(const char *filters, int dumpable, rlim_t core)
{
	struct rlimit limit;

	expect(status_is("NoNewPrivs:", "0"), "the program has no_new_privs");
	expect(status_is("Seccomp:", filters), "the program has a filter");
	expect(access("/etc/passwd", R_OK) == 0 && open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0,
	       "the program cannot open a file");
	expect(can_execute(), "the program cannot execute another");
	expect(prctl(PR_GET_DUMPABLE) == dumpable, "the program is dumpable, or is not, as it was before");
	expect(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == core,
	       "the limit of core dumps changed");
}

static void start_often(const char *filters, int dumpable, rlim_t core)
{
	for (unsigned i = 0; i < STARTS; i++) {
		struct quoit *quoit = start(NULL, NULL, 0);

		expect(strstr(quoit_confinement(quoit), "no-new-privileges") != NULL,
		       "it says nothing of it");
		expect(strstr(quoit_confinement(quoit), "left to the program") != NULL,
		       "it does not say whose affair core dumps are");
		if (i == 0 || i == STARTS - 1)
			keep_everything(filters, dumpable, core);
		quoit_destroy(quoit);
	}
}

static void mean_the_process(void)
{
	struct quoit *quoit = start("core-dumps", "off", 0);
	struct rlimit limit;

	expect(strstr(quoit_confinement(quoit), "no core dumps") != NULL, "asked for: it does not say so");
	expect(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur <= 1, "asked for: core dumps are on");
	quoit_destroy(quoit);
	quoit = start("core-dumps", "on", 1);
	expect(prctl(PR_GET_DUMPABLE) == 1, "core-dumps on: the program is not dumpable");
	quoit_destroy(quoit);
	quoit = start(NULL, NULL, 1);
	expect(strstr(quoit_confinement(quoit), "no core dumps") != NULL,
	       "the process is the server's: core dumps");
	quoit_destroy(quoit);
}

/* The C library would end the process: threads without the right to change their user cannot follow. */
static void refuse_a_user_beside_others(void)
{
	struct quoit *first = start(NULL, NULL, 0), *second = quoit_create();

	if (!second || quoit_set(second, "root", "/usr/share") < 0 ||
	    quoit_set(second, "listen", "127.0.0.1:0") < 0 || quoit_set(second, "user", "nobody") < 0)
		exit(1);
	expect(quoit_start(second) < 0 && strstr(quoit_error(second), "--user") != NULL,
	       "a server with a user starts beside another");
	quoit_destroy(second);
	quoit_destroy(first);
}

int main(void)
{
	const char *filters = status_is("Seccomp:", "2") ? "2" : "0"; /* a container's */
	int dumpable = prctl(PR_GET_DUMPABLE);
	struct rlimit limit = { .rlim_cur = 0 };

	if (!status_is("NoNewPrivs:", "0")) {
		printf("skipped: no_new_privs is set already\n");
		return 77;
	}
	getrlimit(RLIMIT_CORE, &limit);
	start_often(filters, dumpable, limit.rlim_cur);
	mean_the_process();
	refuse_a_user_beside_others();
	return failures > 0;
}
