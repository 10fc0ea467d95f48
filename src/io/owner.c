/* SPDX-License-Identifier: MIT */
/*
 * Finds the process behind a listening port: /proc/net/tcp and tcp6 (man proc_net) name the
 * socket's inode, /proc/PID/fd the process that has it open.
 *
 * Called only when an address is in use. A socket whose process is gone (a killed server's,
 * still held by its ring) is listed with an inode that no process has.
 */
#include "io/owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/listen.h"

#define INODES_MAX 64
#define STATE_LISTEN 0x0a

struct inodes {
	unsigned long inode[INODES_MAX];
	unsigned uid[INODES_MAX];
	unsigned count;
};

static void collect(const char *table, unsigned port, struct inodes *inodes)
{
	char line[512];
	FILE *file = fopen(table, "re");

	if (!file)
		return;
	while (inodes->count < INODES_MAX && fgets(line, sizeof(line), file)) {
		unsigned local_port, state, uid;
		unsigned long inode;

		/* sl local remote st tx:rx tr:when retrnsmt uid timeout inode */
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u %*u %lu",
			   &local_port, &state, &uid, &inode) == 4 &&
		    local_port == port && state == STATE_LISTEN && inode != 0) {
			inodes->inode[inodes->count] = inode;
			inodes->uid[inodes->count++] = uid;
		}
	}
	fclose(file);
}

static bool has_inode(const struct inodes *inodes, unsigned long inode)
{
	for (unsigned i = 0; i < inodes->count; i++)
		if (inodes->inode[i] == inode)
			return true;
	return false;
}

/* Does this process have one of the sockets open? Sets *ret_hidden when it may not be looked at. */
static bool process_has(const char *pid, const struct inodes *inodes, bool *ret_hidden)
{
	char path[300], target[64];
	struct dirent *item;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	if (!folder) {
		*ret_hidden |= errno == EACCES || errno == EPERM;
		return false;
	}
	while (!found && (item = readdir(folder))) {
		ssize_t size = readlinkat(dirfd(folder), item->d_name, target, sizeof(target) - 1);
		unsigned long inode;

		if (size <= 0)
			continue;
		target[size] = 0;
		found = sscanf(target, "socket:[%lu]", &inode) == 1 && has_inode(inodes, inode);
	}
	closedir(folder);
	return found;
}

static void name_process(const char *pid, char *out, size_t capacity)
{
	char path[300], name[64] = "a process";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = 0;
		fclose(file);
	}
	snprintf(out, capacity, "%s (process %s)", name, pid);
}

static unsigned port_of(const struct listen_address *address)
{
	switch (address->address.ss_family) {
	case AF_INET:
		return ntohs(((const struct sockaddr_in *)&address->address)->sin_port);
	case AF_INET6:
		return ntohs(((const struct sockaddr_in6 *)&address->address)->sin6_port);
	default:
		return 0;
	}
}

bool owner_find(const struct listen_address *address, char *out, size_t capacity)
{
	struct inodes inodes = { .count = 0 };
	unsigned port = port_of(address);
	bool found = false, hidden = false, foreign = false;
	struct dirent *item;
	DIR *processes;

	if (port == 0)
		return false;
	collect("/proc/net/tcp", port, &inodes);
	collect("/proc/net/tcp6", port, &inodes);
	for (unsigned i = 0; i < inodes.count; i++)
		foreign |= inodes.uid[i] != geteuid();
	processes = inodes.count > 0 ? opendir("/proc") : NULL;
	if (!processes)
		return false;
	while (!found && (item = readdir(processes))) {
		if (item->d_name[0] < '0' || item->d_name[0] > '9')
			continue;
		found = process_has(item->d_name, &inodes, &hidden);
		if (found)
			name_process(item->d_name, out, capacity);
	}
	closedir(processes);
	if (!found && hidden && foreign) {
		snprintf(out, capacity, "a process of another user");
		found = true;
	}
	return found;
}
