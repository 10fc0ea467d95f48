/* SPDX-License-Identifier: MIT */
/*
 * The upgrade in place, from both ends: a server starts its successor, which takes over its listening
 * sockets.
 *
 *   predecessor                                successor
 *   fork, exec   -- sockets, channel -------->  starts on them
 *   serves on                                  serves, too
 *                <- "drop N", "control" -----  what it does not listen on; that it has the control socket
 *                <- "ready" -----------------
 *   tells the service manager
 *                -- "go" ------------------->  speaks for the service from now on
 *                <- the channel's end -------
 *   drains, ends
 *
 * The sockets go over as in socket activation: LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (sd_listen_fds(3)),
 * with the names below. The channel is a socket of messages (SOCK_SEQPACKET) whose number is in
 * QUOIT_UPGRADE_FD. If the successor cannot start it says "error SENTENCE", or just ends; then all is as it
 * was before.
 */
#ifndef QUOIT_CLI_UPGRADE_H
#define QUOIT_CLI_UPGRADE_H

#include <sys/types.h>

struct quoit;

#define UPGRADE_CHANNEL "QUOIT_UPGRADE_FD"
#define UPGRADE_MESSAGE_MAX 1024

/* Names of inherited descriptors. */
#define UPGRADE_OWN "listen"      /* the predecessor gives it up */
#define UPGRADE_LENT "lent"       /* somebody else keeps it, and has lent it to the predecessor, too */
#define UPGRADE_CONTROL "control" /* no listener: the control socket */

/* successor.c: the predecessor's end. */
struct successor {
	pid_t pid;    /* 0: there is none */
	int channel;  /* -1 with it */
	int is_ready; /* it serves; then `pid` stays */
	unsigned socket_count;
	unsigned char *dropped; /* per socket that was passed on; owned */
	int has_control;
	char error[UPGRADE_MESSAGE_MAX]; /* why there is none */
};

/*
 * Remember, before anything else, how this process was started: program, arguments, signal mask. The same
 * will be started again. -1: no memory.
 */
int successor_prepare(const char *program, int count, char **arguments);
void successor_forget(void);

/* Start it. 0, or -1 and `error` says why. */
int successor_start(struct successor *successor, const struct quoit *quoit, int control);

/* Something came on its channel. 1: it is ready; 0: nothing yet; -1: it has failed, and `error` says why. */
int successor_hear(struct successor *successor);

/* It is ready: leave it the sockets that it has. */
void successor_let_go(struct successor *successor, struct quoit *quoit);
/* Tell it to go on alone; it will close the channel when it does. */
void successor_tell(struct successor *successor);
/* It has. */
void successor_dismiss(struct successor *successor);

/* Kill it. */
void successor_abandon(struct successor *successor, const char *error);

/* predecessor.c: the successor's end. */

/*
 * Give the server what the environment says was inherited, from a predecessor or a service manager.
 * *ret_control: the predecessor's control socket, or -1. CLI_OK, or an exit code.
 */
int predecessor_inherit(struct quoit *quoit, int *ret_control);

/* Is there one that waits? */
int predecessor_is_there(void);
/* Why this process will not serve. Nothing without a predecessor. */
void predecessor_tell_error(const char *text);
/* It serves. The server had better not be drained before predecessor_hear(). */
void predecessor_tell_ready(const struct quoit *quoit, int has_control);
/* What to poll; -1: nothing. */
int predecessor_channel(void);
/* Something came on the channel, or its end: this process is alone, and says so by closing it. */
void predecessor_hear(void);

#endif
