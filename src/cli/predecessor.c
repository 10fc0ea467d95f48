/* SPDX-License-Identifier: MIT */
/*
 * What a server does that was started with sockets in its hands; see upgrade.h.
 *
 * Called by `quoit serve`, before and after it starts. The sockets come from a service manager (socket
 * activation), from a small launcher that does the same, or from the server that this one is to replace.
 * Only the last one leaves a channel; it is told how the start went, and this process speaks for the service
 * only when it is told to, or alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cli.h"
#include "quoit.h"
#include "upgrade.h"

static struct {
	int channel;   /* 0: there is none */
	ino_t *socket; /* what was inherited, by which it is known again; owned */
	unsigned socket_count;
} predecessor;

static void find_channel(void)
{
	const char *text = getenv(UPGRADE_CHANNEL);
	char *end;
	long fd = text ? strtol(text, &end, 10) : 0;

	unsetenv(UPGRADE_CHANNEL);
	if (fd > STDERR_FILENO && *end == 0 && sd_is_socket((int)fd, AF_UNIX, SOCK_SEQPACKET, -1) > 0 &&
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
		predecessor.channel = (int)fd;
}

static ino_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static int inherit_one(struct quoit *quoit, int fd, const char *name, int *ret_control)
{
	int is_upgrade = predecessor.channel > 0;

	if (is_upgrade && strcmp(name, UPGRADE_CONTROL) == 0) {
		*ret_control = fd;
		return CLI_OK;
	}
	predecessor.socket[predecessor.socket_count++] = inode_of(fd);
	if (quoit_inherit(quoit, fd, !is_upgrade || strcmp(name, UPGRADE_OWN) != 0) < 0)
		return cli_error(CLI_FAILED, "%s", quoit_error(quoit));
	return CLI_OK;
}

int predecessor_inherit(struct quoit *quoit, int *ret_control)
{
	char **names = NULL;
	int count, code = CLI_OK;

	*ret_control = -1;
	find_channel();
	count = sd_listen_fds_with_names(1, &names);
	if (count < 0)
		return cli_error(CLI_FAILED, "what LISTEN_FDS says was inherited is not there: %s",
				 strerror(-count));
	if (count > 0) {
		predecessor.socket = calloc((size_t)count, sizeof(*predecessor.socket));
		if (!predecessor.socket)
			code = cli_error(CLI_FAILED, "no memory");
	}
	for (int i = 0; i < count && code == CLI_OK; i++)
		code = inherit_one(quoit, SD_LISTEN_FDS_START + i, names[i], ret_control);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return code;
}

int predecessor_is_there(void)
{
	return predecessor.channel > 0;
}

static void tell(const char *message)
{
	/* A predecessor that is gone needs to know nothing. */
	send(predecessor.channel, message, strlen(message), MSG_NOSIGNAL);
}

void predecessor_tell_error(const char *text)
{
	char message[UPGRADE_MESSAGE_MAX];

	if (predecessor.channel <= 0)
		return;
	snprintf(message, sizeof(message), "error %s", text);
	tell(message);
}

static int is_listened_on(const struct quoit *quoit, ino_t inode)
{
	int fd, is_lent;

	for (unsigned i = 0; (fd = quoit_listener(quoit, i, &is_lent)) >= 0; i++)
		if (inode_of(fd) == inode)
			return 1;
	return 0;
}

void predecessor_tell_ready(const struct quoit *quoit, int has_control)
{
	char message[32];

	for (unsigned i = 0; i < predecessor.socket_count; i++) {
		if (is_listened_on(quoit, predecessor.socket[i]))
			continue;
		snprintf(message, sizeof(message), "drop %u", i);
		tell(message);
	}
	if (has_control)
		tell("control");
	tell("ready");
}

int predecessor_channel(void)
{
	return predecessor.channel > 0 ? predecessor.channel : -1;
}

void predecessor_hear(void)
{
	close(predecessor.channel);
	predecessor.channel = 0;
}
