/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: from an address as one types it to bound, listening descriptors.
 *
 * For TCP there is one socket per worker on the same address (SO_REUSEPORT), so that no two
 * workers share an accept queue; the kernel spreads connections by hash. A unix socket cannot
 * be shared that way: all workers accept from one.
 */
#ifndef QUOIT_IO_LISTEN_H
#define QUOIT_IO_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/fault.h"

struct listen_address {
	struct sockaddr_storage address;
	socklen_t size;
	bool is_any;    /* "*": IPv4 as well as IPv6 */
	char text[160]; /* as a person writes it: "http://127.0.0.1:8080", "unix:/run/quoit.sock" */
};

struct listener {
	struct listen_address address; /* with the real port, once open */
	int *fd;                       /* `count` descriptors; owned; -1 where a worker has closed its own */
	unsigned count;                /* one per worker; 1 for a unix socket */
	bool is_shared;                /* that one */
	dev_t device;                  /* of a unix socket's file: it is removed only if it still is ours */
	ino_t inode;
};

/*
 * "127.0.0.1:8080", "[::1]:80", ":8080" and "*:8080" (all addresses), "localhost:8080",
 * "unix:/path". -EINVAL with a sentence.
 */
int listen_parse(const char *text, struct listen_address *ret_address, struct fault *fault);

/*
 * Bind and listen with `count` sockets. An address that another process listens on is refused
 * with that process's name where it can be found; what a killed predecessor has left behind is
 * taken over. -errno with a sentence.
 */
int listen_open(const struct listen_address *address, unsigned count, int backlog,
		struct listener *ret_listener, struct fault *fault);

/* Close; a unix socket's file is removed. */
void listen_close(struct listener *listener);

#endif
