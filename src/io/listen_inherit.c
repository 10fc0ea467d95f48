/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that come from outside; see listen.h.
 *
 * Called by the control plane before and at start. An address that fits what was inherited is not bound
 * anew, so that there is no moment in which nobody listens, and none of the checks for another server
 * is made: that other one is the predecessor, and has its consent.
 *
 * The hard thing is the number of sockets. Each has a queue of its own, and the kernel goes on filling
 * all of them, whatever the number of workers is now: so all that fit are taken, and it is up to the
 * workers to share them out. More are opened beside them where that is allowed (SO_REUSEPORT is, by the
 * same user, if the first one was opened so); else workers share sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/listen.h"

static int option_of(int fd, int option)
{
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, option, &value, &(socklen_t){ sizeof(value) }) < 0 ? -errno : value;
}

int listen_inherit(int fd, bool is_lent, struct listen_inherited *ret_inherited, struct fault *fault)
{
	struct listen_inherited inherited = { .fd = fd, .is_lent = is_lent };
	struct listen_address *address = &inherited.address;
	int type = option_of(fd, SO_TYPE), one = 1;

	address->size = sizeof(address->address);
	if (type < 0 || getsockname(fd, (struct sockaddr *)&address->address, &address->size) < 0)
		return fault_set(fault, -EINVAL, "the inherited descriptor %d is no socket", fd);
	listen_write_text(address);
	if (type != SOCK_STREAM || address->text[0] == 0)
		return fault_set(
			fault, -EINVAL,
			"the inherited descriptor %d is no stream socket of an IP address or a path; "
			"give it one (ListenStream=)",
			fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return fault_set(fault, -errno, "the inherited descriptor %d cannot be used: %s", fd,
				 strerror(errno));
	/* As every listener here: accepted sockets have it from theirs. A unix socket knows no such thing. */
	if (address->address.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ret_inherited = inherited;
	return 0;
}

void listen_inherited_close(struct listen_inherited *inherited)
{
	close(inherited->fd);
	inherited->fd = -1;
}

static in_port_t *port_of(struct sockaddr_storage *address)
{
	switch (address->ss_family) {
	case AF_INET:
		return &((struct sockaddr_in *)address)->sin_port;
	case AF_INET6:
		return &((struct sockaddr_in6 *)address)->sin6_port;
	default:
		return NULL;
	}
}

static bool is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
				  &((const struct sockaddr_in6 *)b)->sin6_addr);
}

bool listen_fits(const struct listen_inherited *inherited, const struct listen_address *address)
{
	struct sockaddr_storage has = inherited->address.address, wants = address->address;

	if (has.ss_family != wants.ss_family)
		return false;
	if (has.ss_family == AF_UNIX)
		return strcmp(inherited->address.text, address->text) == 0;
	return is_same_host(&has, &wants) && (*port_of(&wants) == 0 || *port_of(&has) == *port_of(&wants));
}

static int take(struct listener *listener, struct listen_inherited *inherited, int backlog,
		struct fault *fault)
{
	int fd = fcntl(inherited->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return fault_set(fault, -errno, "%s: the inherited socket cannot be taken: %s",
				 inherited->address.text, strerror(errno));
	listener->fd[listener->count++] = fd;
	inherited->is_taken = true;
	listener->is_lent |= inherited->is_lent;
	/* The queue of what is lent is as long as its owner wants it, if there is one at all. */
	if ((!inherited->is_lent || option_of(fd, SO_ACCEPTCONN) != 1) && listen(fd, backlog) < 0)
		return fault_set(fault, -errno, "%s: cannot listen on the inherited socket: %s",
				 inherited->address.text, strerror(errno));
	return 0;
}

/* More sockets, one for each worker. Whoever has the address may not let us: then workers share. */
static void join(struct listener *listener, unsigned count, int backlog)
{
	int fd = 0;

	if (listener->address.address.ss_family == AF_UNIX || listener->is_lent ||
	    option_of(listener->fd[0], SO_REUSEPORT) != 1)
		return;
	while (listener->count < count && (fd = listen_join(&listener->address, backlog)) >= 0)
		listener->fd[listener->count++] = fd;
}

int listen_adopt(const struct listen_address *address, unsigned count, int backlog,
		 struct listen_inherited *inherited, unsigned inherited_count, struct listener *ret_listener,
		 struct fault *fault)
{
	struct listener listener = { .address = *address };
	const struct listen_address *real = NULL;
	unsigned room = count > inherited_count ? count : inherited_count;
	int error = 0;

	for (unsigned i = 0; i < inherited_count && error == 0; i++) {
		/* Port 0 is the port of the first that fits. */
		if (inherited[i].is_taken || !listen_fits(&inherited[i], real ? real : address))
			continue;
		if (!real) {
			real = &inherited[i].address;
			listener.address.address = real->address;
			listener.address.size = real->size;
			listen_write_text(&listener.address);
			listener.fd = mem_alloc_zeroed(room, sizeof(*listener.fd));
			if (!listener.fd)
				return fault_set(fault, -ENOMEM, "no memory");
		}
		error = take(&listener, &inherited[i], backlog, fault);
	}
	if (!real)
		return 0;
	if (error < 0) {
		listen_close(&listener);
		return error;
	}
	join(&listener, count, backlog);
	listener.is_shared = listener.count < count;
	*ret_listener = listener;
	return 1;
}
