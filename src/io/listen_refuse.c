/* SPDX-License-Identifier: MIT */
/*
 * The end of a listener that loses nobody; see listen_refuse() and listen_expects() in listen.h.
 *
 * Called by the control plane when the server begins to end. Closing a listening socket resets what waits in
 * its queue, and what is on the way into it: clients for whom connect() has succeeded. So first the
 * door is shut, then the queue is emptied (serve/accept), then the socket is closed. A unix socket has
 * shutdown(2) for that. A TCP socket has not (there it empties the queue by resets); but a filter on the
 * listener (socket(7), SO_ATTACH_FILTER) sees each segment before the kernel does, and may drop those that
 * open a connection. Whoever is dropped asks again after a second and is refused then, as if it had come
 * later.
 *
 * What has got past the door, but has no place in the queue yet, are handshakes whose last part is on its
 * way: they may take a while on a real network, and with a close they are lost. The kernel lists them
 * (sock_diag(7)), so they need to be waited for only where there are any.
 *
 * Accepted sockets have the filter from their listener. It costs them a comparison per segment, for the rest
 * of their lives, which is not long.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/listen.h"

/* The thirteenth byte of a TCP header are its flags (RFC 9293 3.1). */
#define TCP_FLAGS_AT 13
#define TCP_SYN 0x02

static const struct sock_filter no_syn[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_AT),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TCP_SYN, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
};

void listen_refuse(const struct listener *listener)
{
	struct sock_fprog program = { .len = sizeof(no_syn) / sizeof(no_syn[0]),
				      .filter = (struct sock_filter *)no_syn };

	/* Where it cannot be had (a sandbox, no memory for filters) new connections come in until the close.
	 */
	for (unsigned i = 0; i < listener->count; i++) {
		if (listener->fd[i] < 0)
			continue;
		if (listener->address.address.ss_family == AF_UNIX)
			shutdown(listener->fd[i], SHUT_RD);
		else
			setsockopt(listener->fd[i], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	}
}

/* What the kernel sends of a list fits many times; one entry is all that is asked. */
#define LIST_SIZE 8192

/* <netinet/tcp.h> has it too, but not beside the kernel's own headers. */
#define STATE_SYN_RECV 3

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 about;
};

static in_port_t port_of(const struct listener *listener)
{
	const struct sockaddr_storage *address = &listener->address.address;

	return address->ss_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
					     : ((const struct sockaddr_in6 *)address)->sin6_port;
}

/* Are there half-open connections to this port? 1, 0, or -errno. */
static int ask(int fd, uint8_t family, in_port_t port)
{
	struct question question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.about = { .sdiag_family = family,
			   .sdiag_protocol = IPPROTO_TCP,
			   .idiag_states = 1u << STATE_SYN_RECV,
			   .id = { .idiag_sport = port } },
	};
	_Alignas(struct nlmsghdr) char list[LIST_SIZE];
	const struct nlmsghdr *head = (const struct nlmsghdr *)list;
	ssize_t size;

	if (send(fd, &question, sizeof(question), 0) < 0)
		return -errno;
	size = recv(fd, list, sizeof(list), MSG_DONTWAIT);
	if (size < (ssize_t)sizeof(*head))
		return size < 0 ? -errno : -EPROTO;
	if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY)
		return 1;
	return head->nlmsg_type == NLMSG_DONE ? 0 : -EOPNOTSUPP;
}

bool listen_expects(const struct listener *listener)
{
	int result = 0, fd;

	if (listener->address.address.ss_family == AF_UNIX)
		return false;
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return true;
	/* A socket of both families has connections of both. */
	if (listener->address.address.ss_family == AF_INET6)
		result = ask(fd, AF_INET6, port_of(listener));
	if (result == 0)
		result = ask(fd, AF_INET, port_of(listener));
	close(fd);
	return result != 0;
}
