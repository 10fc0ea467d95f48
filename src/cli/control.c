/* SPDX-License-Identifier: MIT */
/*
 * The control socket; see control.h.
 *
 * Called by the control plane's loop (plane.c). With "auto" the socket has an abstract name (unix(7)): no
 * file is left behind, no folder must be writable, and /proc/net/unix lists it, so the commands find it.
 * An abstract name has no permissions, so whoever connects is looked at (SO_PEERCRED).
 *
 * The hard thing is a client that is slow, mute, or one of many: there are a few places, each for a few
 * seconds, and an answer goes into the socket's buffer in one piece or not at all.
 */
#include "control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define PATIENCE_MS 3000
/* Who waits in the queue keeps it ready: without descriptors it would be asked in a circle. */
#define RETRY_MS 1000

static int bind_abstract(int fd)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	unsigned random = 0;
	int size;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	size = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, CONTROL_PREFIX "%ld-%08x",
			(long)getpid(), random);
	return bind(fd, (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size));
}

/* A socket file that nobody listens on is left over from a server that was killed. */
static void remove_remains(const struct sockaddr_un *name)
{
	struct stat status;
	int fd;

	if (lstat(name->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0 && errno == ECONNREFUSED)
		unlink(name->sun_path);
	close(fd);
}

static void remember_file(struct control *control, const char *path)
{
	struct stat status;

	snprintf(control->path, sizeof(control->path), "%s", path);
	if (lstat(path, &status) == 0) {
		control->device = status.st_dev;
		control->inode = status.st_ino;
	}
}

static int bind_path(struct control *control, int fd, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	remove_remains(&name);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -1;
	remember_file(control, path);
	return 0;
}

static int is_bound_to(int fd, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNSPEC };

	return getsockname(fd, (struct sockaddr *)&name, &(socklen_t){ sizeof(name) }) == 0 &&
	       name.sun_family == AF_UNIX && strncmp(name.sun_path, path, sizeof(name.sun_path)) == 0;
}

static int explain(const char *path, int error)
{
	if (error == EADDRINUSE)
		return cli_error(
			CLI_FAILED,
			"--control %s: another server listens there, or there is a file of that name; stop "
			"that, remove it, or choose another path",
			path);
	return cli_error(CLI_FAILED, "--control %s: %s; choose another path, or auto, or off", path,
			 strerror(error));
}

int control_open(struct control *control, const char *option, int inherited)
{
	int is_auto = strcmp(option, "auto") == 0, is_path = !is_auto && strcmp(option, "off") != 0, fd;

	if (is_path && strlen(option) >= sizeof(control->path))
		return cli_error(CLI_USAGE, "--control %s: the path is longer than the %zu bytes it may have",
				 option, sizeof(control->path) - 1);
	if (inherited >= 0 && is_path && is_bound_to(inherited, option)) {
		control->fd = inherited;
		remember_file(control, option);
		return CLI_OK;
	}
	if (inherited >= 0)
		close(inherited);
	if (!is_auto && !is_path)
		return CLI_OK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (is_auto ? bind_abstract(fd) : bind_path(control, fd, option)) < 0) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		if (!is_auto)
			return explain(option, error);
		/* Nobody has asked for it, and signals do the same. */
		return cli_error(CLI_OK, "no commands can be heard: %s; use signals, or --control PATH",
				 strerror(error));
	}
	control->fd = fd;
	return CLI_OK;
}

int control_listen(struct control *control)
{
	return control->fd < 0 ? 0 : listen(control->fd, 8 * CONTROL_CLIENTS);
}

static void hang_up(struct control_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

void control_close(struct control *control, int is_handed_over)
{
	struct stat status;

	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
	if (control->path[0] && !is_handed_over && lstat(control->path, &status) == 0 &&
	    status.st_dev == control->device && status.st_ino == control->inode)
		unlink(control->path);
	control->path[0] = 0;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (!control->client[i].is_asked)
			hang_up(&control->client[i]);
}

uint64_t control_watch(const struct control *control, struct pollfd *polls)
{
	uint64_t until = UINT64_MAX;

	polls[CONTROL_CLIENTS] = (struct pollfd){ .fd = control->fd, .events = POLLIN };
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct control_client *client = &control->client[i];

		polls[i] = (struct pollfd){ .fd = client->is_asked ? -1 : client->fd, .events = POLLIN };
		if (client->fd < 0)
			/* Nobody is accepted whom there is no place for. */
			polls[CONTROL_CLIENTS].revents = 1;
		else if (!client->is_asked && client->deadline_ms < until)
			until = client->deadline_ms;
	}
	if (!polls[CONTROL_CLIENTS].revents || control->retry_ms > 0)
		polls[CONTROL_CLIENTS].fd = -1;
	if (control->fd >= 0 && control->retry_ms > 0 && control->retry_ms < until)
		until = control->retry_ms;
	polls[CONTROL_CLIENTS].revents = 0;
	return until;
}

static int may_command(int fd)
{
	struct ucred peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &(socklen_t){ sizeof(peer) }) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void take_client(struct control *control, uint64_t now_ms)
{
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), place = 0;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			control->retry_ms = now_ms + RETRY_MS;
		return;
	}
	while (place < CONTROL_CLIENTS && control->client[place].fd >= 0)
		place++;
	if (place == CONTROL_CLIENTS) {
		close(fd);
		return;
	}
	control->client[place] = (struct control_client){ .fd = fd, .deadline_ms = now_ms + PATIENCE_MS };
	if (!may_command(fd))
		control_answer(control, place, 0, "only the user of the server and root may command it");
}

/* Its command is complete. */
static int read_client(struct control_client *client)
{
	ssize_t size = recv(client->fd, client->line + client->size, sizeof(client->line) - client->size, 0);
	char *end;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size > 0)
		client->size += (unsigned)size;
	end = size > 0 ? memchr(client->line, '\n', client->size) : NULL;
	if (end) {
		*end = 0;
		client->is_asked = 1;
		return 1;
	}
	if (size <= 0 || client->size == sizeof(client->line))
		hang_up(client);
	return 0;
}

int control_next(struct control *control, struct pollfd *polls, uint64_t now_ms)
{
	if (control->retry_ms <= now_ms)
		control->retry_ms = 0;
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &control->client[i];

		if (client->fd < 0 || client->is_asked)
			continue;
		if (polls[i].fd == client->fd && polls[i].revents) {
			polls[i].revents = 0;
			if (read_client(client))
				return i;
		}
		if (client->fd >= 0 && client->deadline_ms <= now_ms)
			hang_up(client);
	}
	if (polls[CONTROL_CLIENTS].revents && control->fd >= 0) {
		polls[CONTROL_CLIENTS].revents = 0;
		take_client(control, now_ms);
	}
	return -1;
}

/* The buffer of a new socket takes far more than this; a client that is gone is no loss. */
static void send_line(int fd, const char *word, const char *text)
{
	char line[CONTROL_ANSWER_MAX + 16];
	int size = snprintf(line, sizeof(line), "%s %.*s\n", word, CONTROL_ANSWER_MAX, text);

	send(fd, line, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void control_answer(struct control *control, int client, int is_ok, const char *text)
{
	if (client < 0)
		return;
	send_line(control->client[client].fd, is_ok ? "ok" : "error", text);
	hang_up(&control->client[client]);
}

void control_answer_and_stay(struct control *control, int client, const char *text)
{
	if (client >= 0)
		send_line(control->client[client].fd, "ok", text);
}
