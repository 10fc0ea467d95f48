/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: from an address as one types it to bound, listening descriptors.
 *
 * For TCP there is one socket per worker on the same address (SO_REUSEPORT), so that no two
 * workers share an accept queue; the kernel spreads connections by hash. A unix socket cannot
 * be shared that way: all workers accept from one.
 *
 * Sockets may also come from outside (listen_inherit.c): from a predecessor, which gives them up once
 * this process serves, or from somebody who keeps them (a service manager): those are lent.
 */
#ifndef QUOIT_IO_LISTEN_H
#define QUOIT_IO_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
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
	unsigned count; /* one per worker; 1 for a unix socket; what was inherited has its own */
	bool is_shared; /* fewer than workers: several accept from one */
	bool is_lent;   /* others listen with these sockets, too, and after the end of this process */
	bool has_file;  /* a unix socket whose file is ours: */
	dev_t device;   /* it is removed only if it still is that one */
	ino_t inode;
};

/* A socket from outside. */
struct listen_inherited {
	int fd; /* owned */
	bool is_lent;
	bool is_taken; /* a listener has a copy of it */
	struct listen_address address;
};

/*
 * "127.0.0.1:8080", "[::1]:80", ":8080" and "*:8080" (all addresses), "localhost:8080",
 * "unix:/path". -EINVAL with a sentence.
 */
int listen_parse(const char *text, struct listen_address *ret_address, struct fault *fault);

/* `text`, from the address that was really bound. */
void listen_write_text(struct listen_address *address);

/*
 * Bind and listen with `count` sockets. An address that another process listens on is refused
 * with that process's name where it can be found; what a killed predecessor has left behind is
 * taken over. -errno with a sentence.
 */
int listen_open(const struct listen_address *address, unsigned count, int backlog,
		struct listener *ret_listener, struct fault *fault);

/*
 * Let no new connection in, while those that are on their way still are: what clients believe to be
 * connected can be accepted to the last one, and then the sockets be closed. Not for what is lent.
 */
void listen_refuse(const struct listener *listener);

/* Is anybody on the way in: has a handshake begun that has not ended? True also when that cannot be told. */
bool listen_expects(const struct listener *listener);

/*
 * End accepted connections whose peer acknowledges nothing for so long, also when they have been closed: what
 * they have not taken stays in the kernel's memory until then (TCP_USER_TIMEOUT, tcp(7); accepted sockets
 * inherit it).
 */
void listen_limit_unacknowledged(const struct listener *listener, uint64_t ms);

/* Close; a unix socket's file is removed if it is ours. */
void listen_close(struct listener *listener);

/* Is the descriptor a listening stream socket, or one that can listen? 0, or -errno with a sentence. */
int listen_inherit(int fd, bool is_lent, struct listen_inherited *ret_inherited, struct fault *fault);
void listen_inherited_close(struct listen_inherited *inherited);

/* Is the socket bound to this address? Port 0 is any port. */
bool listen_fits(const struct listen_inherited *inherited, const struct listen_address *address);

/*
 * Listen with copies of all inherited sockets that fit the address, and with as many new ones beside them
 * as are missing and can be had. 1: done; 0: none fits; -errno with a sentence. The file of a unix
 * socket is not ours yet: listen_claim().
 */
int listen_adopt(const struct listen_address *address, unsigned count, int backlog,
		 struct listen_inherited *inherited, unsigned inherited_count, struct listener *ret_listener,
		 struct fault *fault);

/* What was inherited and is not lent belongs to this process from now on. */
void listen_claim(struct listener *listener);

/* A further socket for an address that is listened on already, bound and listening: itself, or -errno. */
int listen_join(const struct listen_address *address, int backlog);

#endif
