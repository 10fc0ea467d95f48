/* SPDX-License-Identifier: MIT */
/*
 * `quoit reload`, `upgrade`, `drain` and `stop`: a word to a server that runs, and its answer.
 *
 * The server is named by its control socket or its process id, or is the only one there. Of those with
 * --control auto /proc/net/unix has the names; the kernel says which user is behind one (SO_PEERCRED), so no
 * other user can pass for it. The answer is printed, and is the exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "control.h"

/* Servers of which one is to be chosen; of more than that no list helps. */
#define SERVERS_MAX 64
/* A server that is asked where it listens is not waited for any longer. */
#define WHERE_TIME_S 2
/* Nor is one whose queue is full, which is full for a moment or for ever. */
#define BUSY_TRIES 40
#define BUSY_NAP_MS 50

struct found {
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* abstract, without its NUL in front */
	pid_t pid;
	uid_t user;
};

struct search {
	struct found server[SERVERS_MAX];
	unsigned count;
	unsigned foreign; /* of other users */
	unsigned busy;    /* of who knows whom: nobody gets into their queue */
};

struct wanted {
	const char *path;
	long pid; /* 0: any */
};

static int help(const char *name)
{
	static const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{ "reload", "Have a server read its configuration file and open its roots anew. Connections\n"
			    "stay. If the file is wrong, what is wrong is printed, and nothing changes." },
		{ "upgrade",
		  "Replace a server by a new process of the same program, as it is on disk now,\n"
		  "with the same arguments and on the same sockets. Returns when the new one serves\n"
		  "and prints its process id; the old one finishes what is under way and ends. If\n"
		  "the new one cannot start, what it says is printed, and the old one serves on." },
		{ "drain",
		  "End a server as SIGTERM does: it accepts no more, finishes what is under way for\n"
		  "at most its --drain-time, and ends. Returns when it has ended." },
		{ "stop", "End a server now; answers under way are cut. Returns when it has ended." },
	};

	printf("Usage: quoit %s [--control PATH | --pid PID]\n\n", name);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].name, name) == 0)
			puts(texts[i].text);
	printf("\n"
	       "  --control PATH  the server with this --control\n"
	       "  --pid PID       the server with this process id; its --control is auto\n"
	       "  --help          this text\n\n"
	       "With neither: the only server of this user that runs here with --control auto.\n"
	       "Exit code 0: done; 1: not, and standard error says why; 2: wrong usage.\n\n"
	       "Example: quoit %s --pid \"$(pidof -s quoit)\"\n",
	       name);
	return cli_flush();
}

static int read_wanted(int count, char **arguments, struct wanted *wanted)
{
	for (int i = 0; i < count; i++) {
		const char *value = strchr(arguments[i], '=');
		size_t size = value ? (size_t)(value - arguments[i]) : strlen(arguments[i]);
		int is_control = size == 9 && strncmp(arguments[i], "--control", size) == 0;
		char *end = NULL;

		if (!is_control && !(size == 5 && strncmp(arguments[i], "--pid", size) == 0))
			return cli_error(CLI_USAGE, "there is no option \"%s\" here; see --help",
					 arguments[i]);
		if (!value && i + 1 == count)
			return cli_error(CLI_USAGE, "%s needs a value; see --help", arguments[i]);
		value = value ? value + 1 : arguments[++i];
		if (is_control)
			wanted->path = value;
		else
			wanted->pid = strtol(value, &end, 10);
		if (!is_control && (wanted->pid <= 0 || *end))
			return cli_error(CLI_USAGE, "--pid takes a process id, not \"%s\"", value);
	}
	if (wanted->path && wanted->pid > 0)
		return cli_error(CLI_USAGE, "--control and --pid both name a server; give one of them");
	return CLI_OK;
}

/*
 * A connection to a name, abstract or a path, or -1 and errno: EAGAIN when its queue is full. That is not
 * waited for here: any user may have taken the name, to keep others from getting to theirs.
 */
static int open_connection(const char *text, int is_abstract)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t size = strlen(text);
	int fd, error;

	if (size + is_abstract >= sizeof(name.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name.sun_path + is_abstract, text, size);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)is_abstract + size)) == 0 &&
	    fcntl(fd, F_SETFL, 0) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void take_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = BUSY_NAP_MS * 1000000L }, NULL);
}

/* The same to the one that is meant: its queue is given time. */
static int reach(const char *text, int is_abstract)
{
	int fd = open_connection(text, is_abstract);

	for (unsigned i = 0; i < BUSY_TRIES && fd < 0 && errno == EAGAIN; i++) {
		take_nap();
		fd = open_connection(text, is_abstract);
	}
	return fd;
}

static const char *explain(int error)
{
	return error == EAGAIN
		       ? "it is busy and takes no commands; try again, or send it a signal (see quoit(1))"
		       : strerror(error);
}

static int peer_of(int fd, struct ucred *ret_peer)
{
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &(socklen_t){ sizeof(*ret_peer) });
}

/* A server's socket, if its process is of this user; root has all. Process ids count as they are here. */
static void consider(struct search *search, const char *name, const struct wanted *wanted)
{
	struct found *found = &search->server[search->count];
	struct ucred peer;
	int fd = open_connection(name, 1);

	if (fd < 0) {
		search->busy += errno == EAGAIN;
		return;
	}
	if (peer_of(fd, &peer) == 0) {
		found->user = peer.uid;
		found->pid = peer.pid > 0 ? peer.pid : (pid_t)strtol(name + strlen(CONTROL_PREFIX), NULL, 10);
		snprintf(found->name, sizeof(found->name), "%s", name);
		if (peer.uid != geteuid() && geteuid() != 0)
			search->foreign++;
		else if (wanted->pid == 0 || found->pid == wanted->pid)
			search->count++;
	}
	close(fd);
}

/* num refcount protocol flags type state inode path; an abstract one begins with @. */
static int find_servers(const struct wanted *wanted, struct search *search)
{
	FILE *table = fopen("/proc/net/unix", "re");
	char line[512], name[108];
	unsigned flags;

	if (!table)
		return cli_error(CLI_FAILED,
				 "/proc/net/unix cannot be read: %s; name the server by --control PATH",
				 strerror(errno));
	while (search->count < SERVERS_MAX && fgets(line, sizeof(line), table))
		if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s @%107s", &flags, name) == 2 && flags != 0 &&
		    strncmp(name, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0)
			consider(search, name, wanted);
	fclose(table);
	return CLI_OK;
}

static int search_patiently(const struct wanted *wanted, struct search *search)
{
	int code = find_servers(wanted, search);

	for (unsigned i = 0; i < BUSY_TRIES && code == CLI_OK && search->count == 0 && search->busy > 0;
	     i++) {
		take_nap();
		*search = (struct search){ .count = 0 };
		code = find_servers(wanted, search);
	}
	return code;
}

/* Who answers may be a stranger, where root asks: nothing of it moves a terminal's cursor (C0, DEL, C1). */
static void clean(char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text, next = (unsigned char)text[1];

		if (byte < ' ' || byte == 0x7f)
			*text = '?';
		else if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
			text[0] = text[1] = '?';
	}
}

/* One line: what the server says, without its end. -1: it said nothing. */
static ssize_t ask(int fd, const char *command, char *out, size_t capacity)
{
	char line[CONTROL_LINE_MAX];
	int length = snprintf(line, sizeof(line), "%s\n", command);
	size_t size = 0;
	ssize_t got;

	/* Who may not command is told so and hung up on before it has said anything. */
	if (send(fd, line, (size_t)length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return -1;
	while (size < capacity - 1 && !memchr(out, '\n', size)) {
		got = recv(fd, out + size, capacity - 1 - size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	out[size] = 0;
	out[strcspn(out, "\n")] = 0;
	clean(out);
	return size > 0 ? (ssize_t)size : -1;
}

static void list_server(const struct found *found)
{
	struct timeval limit = { .tv_sec = WHERE_TIME_S };
	char answer[CONTROL_ANSWER_MAX + 16] = "", user[32] = "";
	int fd = open_connection(found->name, 1);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (found->user != geteuid())
		snprintf(user, sizeof(user), "  (of user %lu)", (unsigned long)found->user);
	if (ask(fd, "where", answer, sizeof(answer)) > 0 && strncmp(answer, "ok ", 3) == 0)
		fprintf(stderr, "  --pid %ld  %s%s\n", (long)found->pid, answer + 3, user);
	else
		fprintf(stderr, "  --pid %ld%s\n", (long)found->pid, user);
	close(fd);
}

static int refuse_search(const struct search *search, const struct wanted *wanted)
{
	if (search->count > 1) {
		cli_error(CLI_FAILED, "%u servers run here; which one?", search->count);
		for (unsigned i = 0; i < search->count; i++)
			list_server(&search->server[i]);
		return CLI_FAILED;
	}
	if (wanted->pid > 0)
		return cli_error(CLI_FAILED,
				 "process %ld is no server of this user here with --control auto; give "
				 "--control PATH, "
				 "or send it a signal (see quoit(1))",
				 wanted->pid);
	if (search->foreign > 0)
		return cli_error(CLI_FAILED, "no server of this user runs here; there %s %u of other users",
				 search->foreign == 1 ? "is" : "are", search->foreign);
	return cli_error(
		CLI_FAILED,
		"no server runs here with --control auto; if it has a --control of its own, give that");
}

static int connect_wanted(const struct wanted *wanted, int *ret_fd)
{
	struct search search = { .count = 0 };
	struct ucred peer;
	int code, fd;

	if (wanted->path) {
		fd = reach(wanted->path, 0);
		if (fd < 0)
			return cli_error(CLI_FAILED, "--control %s: no server can be reached there: %s",
					 wanted->path, explain(errno));
		*ret_fd = fd;
		return CLI_OK;
	}
	code = search_patiently(wanted, &search);
	if (code != CLI_OK)
		return code;
	if (search.count != 1)
		return refuse_search(&search, wanted);
	fd = reach(search.server[0].name, 1);
	if (fd < 0 || peer_of(fd, &peer) < 0)
		return cli_error(CLI_FAILED, "process %ld cannot be reached: %s", (long)search.server[0].pid,
				 explain(errno));
	*ret_fd = fd;
	return CLI_OK;
}

/* Until the server hangs up, which for a command to end is its end. */
static void wait_for_end(int fd)
{
	char rest[64];
	ssize_t size;

	do
		size = recv(fd, rest, sizeof(rest), 0);
	while (size > 0 || (size < 0 && errno == EINTR));
}

static int command(const char *name, int count, char **arguments)
{
	struct wanted wanted = { .path = NULL };
	char answer[CONTROL_ANSWER_MAX + 16] = "";
	int fd = -1, code;

	if (cli_wants_help(count, arguments))
		return help(name);
	code = read_wanted(count, arguments, &wanted);
	if (code == CLI_OK)
		code = connect_wanted(&wanted, &fd);
	if (code != CLI_OK)
		return code;
	if (ask(fd, name, answer, sizeof(answer)) < 0) {
		code = cli_error(CLI_FAILED, "the server ended before it answered");
	} else if (strncmp(answer, "ok ", 3) != 0) {
		code = cli_error(CLI_FAILED, "%s", strncmp(answer, "error ", 6) == 0 ? answer + 6 : answer);
	} else {
		wait_for_end(fd);
		puts(answer + 3);
		code = cli_flush();
	}
	close(fd);
	return code;
}

int cli_reload(int count, char **arguments)
{
	return command("reload", count, arguments);
}

int cli_upgrade(int count, char **arguments)
{
	return command("upgrade", count, arguments);
}

int cli_drain(int count, char **arguments)
{
	return command("drain", count, arguments);
}

int cli_stop(int count, char **arguments)
{
	return command("stop", count, arguments);
}
