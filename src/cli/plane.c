/* SPDX-License-Identifier: MIT */
/*
 * The control plane of `quoit serve`; see plane.h.
 *
 * One thread, the program's own, waits here for whatever may happen to a server that runs: signals
 * (signalfd(2)), commands (control.c), a successor that reports (successor.c), a predecessor that leaves
 * (predecessor.c), and the time to look after roots and workers. It serves nobody, and nothing in it waits
 * for anyone else.
 *
 *   SIGHUP    reload     quoit reload      SIGTERM, SIGINT   quoit drain; once more: quoit stop
 *   SIGUSR2   upgrade    quoit upgrade     SIGUSR1           nothing: it is for log files
 */
#include "plane.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "control.h"
#include "notify.h"
#include "quoit.h"
#include "upgrade.h"

/* How often the end of a drain is looked for, and without one whether the workers are there. */
#define LOOK_DRAINING_MS 20
#define LOOK_MS 1000

enum { POLL_SIGNALS, POLL_SUCCESSOR, POLL_PREDECESSOR, POLL_CONTROL, POLLS = POLL_CONTROL + CONTROL_POLLS };

struct plane {
	struct quoit *quoit;
	int signals;
	struct control control;
	struct successor successor;
	int asker;                 /* the client whom its start is to be told; -1: nobody */
	uint64_t successor_end_ms; /* it must be ready by then */
	int is_draining;
	int is_told_to_end;      /* by a signal or a command, not by an upgrade */
	int must_forward_reload; /* the successor may have read the configuration before it changed */
	uint64_t tend_ms;        /* when to look at the roots */
	uint64_t watchdog_ms;    /* when the service manager is told; 0: never */
	char complaint[CONTROL_ANSWER_MAX]; /* about the roots, said already */
};

static int caught[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fill_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(set, caught[i]);
}

int plane_catch_signals(void)
{
	sigset_t set;

	fill_set(&set);
	return sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Reload */

static void reload(struct plane *plane, int client)
{
	char text[CONTROL_ANSWER_MAX];
	int failed;

	if (plane->is_draining) {
		cli_error(CLI_OK, "reload: the server is ending");
		control_answer(&plane->control, client, 0, "the server is ending");
		return;
	}
	notify_reloading();
	failed = quoit_reload(plane->quoit) < 0;
	if (failed) {
		snprintf(text, sizeof(text), "reload: %s; serving on as before", quoit_error(plane->quoit));
		cli_error(CLI_OK, "%s", text);
	} else {
		snprintf(text, sizeof(text), "reloaded %s", quoit_root(plane->quoit));
		cli_say("%s", text);
		plane->must_forward_reload = plane->successor.pid > 0;
		plane->complaint[0] = 0;
	}
	notify_ready(plane->quoit);
	control_answer(&plane->control, client, !failed, text);
}

/* End */

static void drain(struct plane *plane)
{
	if (!plane->is_draining)
		quoit_drain(plane->quoit);
	plane->is_draining = 1;
}

static void fail_upgrade(struct plane *plane, const char *text)
{
	cli_error(CLI_OK, "upgrade: %s%s", text, plane->is_told_to_end ? "" : "; serving on as before");
	control_answer(&plane->control, plane->asker, 0, text);
	plane->asker = -1;
}

/* By a signal or a command. */
static void begin_end(struct plane *plane)
{
	if (plane->is_told_to_end)
		return;
	plane->is_told_to_end = 1;
	if (plane->successor.pid > 0 && !plane->successor.is_ready) {
		successor_abandon(&plane->successor, NULL);
		fail_upgrade(plane, "given up, as the server was told to end");
	}
	/* Whoever has a successor is not the service any more. */
	if (!plane->successor.is_ready)
		notify_stopping();
	drain(plane);
}

static void end_by_signal(struct plane *plane)
{
	if (plane->is_told_to_end)
		quoit_stop(plane->quoit);
	begin_end(plane);
}

/* Upgrade */

static uint64_t option_ms(struct quoit *quoit, const char *name)
{
	const char *seconds = quoit_value(quoit, name);

	return seconds ? (uint64_t)(strtod(seconds, NULL) * 1000) : 0;
}

static void upgrade(struct plane *plane, int client)
{
	const char *refusal = NULL;
	int control = plane->control.path[0] ? plane->control.fd : -1;

	if (plane->is_draining)
		refusal = "the server is ending";
	else if (plane->successor.pid > 0)
		refusal = "an upgrade is under way already";
	else if (predecessor_is_there())
		refusal = "the upgrade that has started this server is under way still";
	else if (getpid() == 1)
		refusal = "this is process 1, and all others of its container would end with it; start a new "
			  "container";
	if (refusal) {
		cli_error(CLI_OK, "upgrade: %s", refusal);
		control_answer(&plane->control, client, 0, refusal);
		return;
	}
	plane->asker = client;
	plane->must_forward_reload = 0;
	if (successor_start(&plane->successor, plane->quoit, control) < 0)
		fail_upgrade(plane, plane->successor.error);
	plane->successor_end_ms = now_ms() + option_ms(plane->quoit, "upgrade-time");
}

/* The successor has heard that it is alone, or has gone: it may be commanded, so it may be named. */
static void finish_hand_over(struct plane *plane)
{
	char text[32];

	successor_dismiss(&plane->successor);
	snprintf(text, sizeof(text), "%ld", (long)plane->successor.pid);
	control_answer(&plane->control, plane->asker, 1, text);
	plane->asker = -1;
}

/* The successor serves: leave it everything, and go. */
static void hand_over(struct plane *plane)
{
	struct successor *successor = &plane->successor;

	successor_let_go(successor, plane->quoit);
	notify_successor(successor->pid);
	control_close(&plane->control, successor->has_control);
	successor_tell(successor);
	/* Not before: it may speak to the service manager from now on. */
	if (plane->must_forward_reload)
		kill(successor->pid, SIGHUP);
	cli_say("process %ld has taken over", (long)successor->pid);
	drain(plane);
}

static void hear_successor(struct plane *plane)
{
	int news;

	if (plane->successor.is_ready) {
		finish_hand_over(plane);
		return;
	}
	news = successor_hear(&plane->successor);
	if (news > 0)
		hand_over(plane);
	else if (news < 0)
		fail_upgrade(plane, plane->successor.error);
}

static void check_successor(struct plane *plane, uint64_t now)
{
	struct successor *successor = &plane->successor;
	char text[96];

	if (successor->pid <= 0 || successor->is_ready || now < plane->successor_end_ms)
		return;
	snprintf(text, sizeof(text), "the new process was not ready within --upgrade-time %s",
		 quoit_value(plane->quoit, "upgrade-time"));
	/* It may have said why, and take long to end. */
	successor_abandon(successor, successor->error[0] ? NULL : text);
	fail_upgrade(plane, successor->error);
}

/* What happens */

static void obey(struct plane *plane, int client)
{
	const char *command = plane->control.client[client].line;
	char text[CONTROL_ANSWER_MAX];

	if (strcmp(command, "reload") == 0) {
		reload(plane, client);
	} else if (strcmp(command, "upgrade") == 0) {
		upgrade(plane, client);
	} else if (strcmp(command, "drain") == 0 || strcmp(command, "stop") == 0) {
		control_answer_and_stay(&plane->control, client, "ending");
		begin_end(plane);
		if (command[0] == 's')
			quoit_stop(plane->quoit);
	} else if (strcmp(command, "where") == 0) {
		size_t size = 0;

		text[0] = 0;
		for (unsigned i = 0; quoit_address(plane->quoit, i) && size < sizeof(text); i++)
			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s", i > 0 ? " " : "",
						 quoit_address(plane->quoit, i));
		control_answer(&plane->control, client, 1, text);
	} else {
		control_answer(&plane->control, client, 0, "this server knows no such command");
	}
}

static void take_signals(struct plane *plane)
{
	struct signalfd_siginfo signal;

	while (read(plane->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		switch (signal.ssi_signo) {
		case SIGHUP:
			reload(plane, -1);
			break;
		case SIGUSR2:
			upgrade(plane, -1);
			break;
		case SIGTERM:
		case SIGINT:
			end_by_signal(plane);
			break;
		}
	}
}

/* Roots that have moved. What is wrong with them is said once, not twice a second. */
static void tend(struct plane *plane, uint64_t now)
{
	unsigned again_ms = 0;
	int result;

	if (now < plane->tend_ms)
		return;
	result = quoit_tend(plane->quoit, &again_ms);
	plane->tend_ms = now + again_ms;
	if (result > 0) {
		cli_say("a root has moved; serving %s", quoit_root(plane->quoit));
		notify_ready(plane->quoit);
	}
	if (result < 0 && strcmp(plane->complaint, quoit_error(plane->quoit)) != 0) {
		snprintf(plane->complaint, sizeof(plane->complaint), "%s", quoit_error(plane->quoit));
		cli_error(CLI_OK, "a root has moved, but %s; serving on as before", plane->complaint);
	} else if (result >= 0) {
		plane->complaint[0] = 0;
	}
}

/* The service manager hears that all is well as long as it is: it ends and restarts what is stuck. */
static void watch(struct plane *plane, uint64_t now)
{
	unsigned period_ms;

	if (plane->watchdog_ms == 0 || now < plane->watchdog_ms || plane->successor.is_ready)
		return;
	period_ms = notify_watchdog_ms();
	plane->watchdog_ms = now + (period_ms + 3) / 4;
	if (quoit_stall(plane->quoit) < period_ms / 2)
		notify_alive();
}

/* This process alone is the server now. */
static void speak_for_service(struct plane *plane)
{
	if (control_listen(&plane->control) < 0)
		cli_error(CLI_OK, "--control: no commands can be heard: %s", strerror(errno));
	notify_ready(plane->quoit);
	plane->watchdog_ms = notify_watchdog_ms() > 0 ? 1 : 0;
}

static int time_until(const struct plane *plane, uint64_t now, uint64_t client_ms)
{
	uint64_t until = now + (plane->is_draining ? LOOK_DRAINING_MS : LOOK_MS);

	if (client_ms < until)
		until = client_ms;
	if (!plane->is_draining && plane->tend_ms < until)
		until = plane->tend_ms;
	if (plane->watchdog_ms > 0 && plane->watchdog_ms < until)
		until = plane->watchdog_ms;
	if (plane->successor.pid > 0 && !plane->successor.is_ready && plane->successor_end_ms < until)
		until = plane->successor_end_ms;
	return until > now ? (int)(until - now) : 0;
}

static void turn(struct plane *plane)
{
	struct pollfd polls[POLLS] = {
		[POLL_SIGNALS] = { .fd = plane->signals, .events = POLLIN },
		[POLL_SUCCESSOR] = { .fd = plane->successor.channel, .events = POLLIN },
		[POLL_PREDECESSOR] = { .fd = predecessor_channel(), .events = POLLIN },
	};
	uint64_t client_ms = control_watch(&plane->control, &polls[POLL_CONTROL]), now = now_ms();
	int client;

	if (poll(polls, POLLS, time_until(plane, now, client_ms)) < 0) {
		if (errno == EINTR)
			return;
		/* Without memory, or with fewer descriptors allowed than POLLS: signals are heard still. */
		quoit_join(plane->quoit, LOOK_DRAINING_MS);
		polls[POLL_SIGNALS].revents = POLLIN;
	}
	if (polls[POLL_SUCCESSOR].revents)
		hear_successor(plane);
	if (polls[POLL_PREDECESSOR].revents) {
		speak_for_service(plane);
		predecessor_hear();
	}
	if (polls[POLL_SIGNALS].revents)
		take_signals(plane);
	now = now_ms();
	while ((client = control_next(&plane->control, &polls[POLL_CONTROL], now)) >= 0)
		obey(plane, client);
	check_successor(plane, now);
	tend(plane, now);
	watch(plane, now);
}

static int open_plane(struct plane *plane, int inherited)
{
	sigset_t set;

	plane->control.fd = -1;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		plane->control.client[i].fd = -1;
	fill_set(&set);
	plane->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (plane->signals < 0)
		return cli_error(CLI_FAILED, "no signals can be waited for: %s", strerror(errno));
	return control_open(&plane->control, quoit_value(plane->quoit, "control"), inherited);
}

/*
 * A server that could not be made whole owns nothing that its predecessor has. But its workers have accepted
 * already: who came to them is answered, and who waits is left to the predecessor.
 */
static void withdraw(struct quoit *quoit)
{
	int is_lent;

	for (unsigned i = 0; quoit_listener(quoit, i, &is_lent) >= 0; i++)
		quoit_lend(quoit, i);
	quoit_drain(quoit);
	quoit_join(quoit, (unsigned)option_ms(quoit, "drain-time"));
}

int plane_run(struct quoit *quoit, int inherited, int (*announce)(const struct quoit *quoit))
{
	struct plane plane = { .quoit = quoit, .signals = -1, .asker = -1, .successor = { .channel = -1 } };
	int code, is_heir;

	cli_stop_waiting();
	code = open_plane(&plane, inherited);
	/* A successor's standard output may have been closed long ago. */
	if (code == CLI_OK && announce(quoit) != 0 && !predecessor_is_there())
		code = cli_error(CLI_FAILED, "standard output cannot be written");
	is_heir = plane.control.path[0] && plane.control.fd == inherited;
	if (code == CLI_OK && predecessor_is_there())
		predecessor_tell_ready(quoit, is_heir);
	else if (code == CLI_OK)
		speak_for_service(&plane);
	else if (predecessor_is_there())
		withdraw(quoit);
	while (code == CLI_OK && quoit_join(quoit, 0) < 0)
		turn(&plane);
	if (plane.successor.is_ready) {
		finish_hand_over(&plane);
		notify_flush();
	}
	control_close(&plane.control, is_heir && code != CLI_OK);
	if (plane.signals >= 0)
		close(plane.signals);
	return code;
}
