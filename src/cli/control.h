/* SPDX-License-Identifier: MIT */
/*
 * The control socket of a server: where `quoit reload` and its like come in.
 *
 * A connection brings one command, a line, and gets one answer, a line: "ok TEXT" or "error TEXT". Then it is
 * closed by the server, at once or when the server ends. Only the server's own user and root are
 * heard. Nothing here waits for a client.
 */
#ifndef QUOIT_CLI_CONTROL_H
#define QUOIT_CLI_CONTROL_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#define CONTROL_CLIENTS 8
#define CONTROL_POLLS (CONTROL_CLIENTS + 1)
#define CONTROL_LINE_MAX 64    /* of a command */
#define CONTROL_ANSWER_MAX 900 /* of an answer */

/* The abstract name that `auto` makes: this, the process id, "-", something that nobody else guesses first.
 */
#define CONTROL_PREFIX "quoit-"

struct control_client {
	int fd; /* -1: free */
	unsigned size;
	char line[CONTROL_LINE_MAX];
	int is_asked;         /* its command is being carried out, which may take its time */
	uint64_t deadline_ms; /* until then its command must have come */
};

struct control {
	int fd;            /* -1: there is none */
	uint64_t retry_ms; /* nobody can be accepted until then; 0: it works */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": no file */
	dev_t device; /* of the file: it is removed only if it still is ours */
	ino_t inode;
	struct control_client client[CONTROL_CLIENTS];
};

/*
 * Take the place that the option says: "auto", "off", a path. `inherited`: the predecessor's socket or -1; it
 * is used if it is the one that is meant, else closed. CLI_OK, or an exit code after it was said what is
 * wrong.
 */
int control_open(struct control *control, const char *option, int inherited);
/* From now on commands are for this process. */
int control_listen(struct control *control);

/*
 * Hear nobody any more. is_handed_over: the file belongs to a successor. Whoever waits for an answer, or for
 * the end of this process, stays.
 */
void control_close(struct control *control, int is_handed_over);

/* What to wait for, CONTROL_POLLS of them, and until when at the latest (UINT64_MAX: no matter). */
uint64_t control_watch(const struct control *control, struct pollfd *polls);

/*
 * Take what has come and forget who has been slow. A client's number when its command is complete, in
 * client[].line; else -1. Call it again until then.
 */
int control_next(struct control *control, struct pollfd *polls, uint64_t now_ms);

/* Answer and hang up. A number of -1 is nobody. */
void control_answer(struct control *control, int client, int is_ok, const char *text);
/* Answer; the end of this process will hang up. */
void control_answer_and_stay(struct control *control, int client, const char *text);

#endif
