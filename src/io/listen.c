/* SPDX-License-Identifier: MIT */
/*
 * Opens listening sockets; see listen.h.
 *
 * Called by the control plane at start, before any worker runs. The hard thing is an address in
 * use: SO_REUSEPORT, needed for a socket per worker, would let a second server of the same
 * user bind the same port and silently take half of the connections. So the address is
 * first tried without it. When that fails although no process holds the port, it is the
 * remains of a killed server whose ring the kernel has not yet torn down; those go away by
 * themselves, so binding waits a moment and then goes on.
 */
#include "io/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/owner.h"

/* How long the remains of a killed server may hold the port; seen: below 50 ms. */
#define REMAINS_WAIT_MS 100

void listen_write_text(struct listen_address *address)
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->address;
	struct sockaddr_un *name = (struct sockaddr_un *)&address->address;

	switch (address->address.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(address->text, sizeof(address->text), "http://%s:%u", host, ntohs(v4->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(address->text, sizeof(address->text), "http://[%s]:%u", host, ntohs(v6->sin6_port));
		break;
	case AF_UNIX:
		snprintf(address->text, sizeof(address->text), "unix:%.*s", (int)sizeof(name->sun_path),
			 name->sun_path);
		break;
	}
}

static int parse_unix(const char *path, struct listen_address *ret_address, struct fault *fault)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&ret_address->address;

	if (*path == 0)
		return fault_set(fault, -EINVAL, "--listen unix: needs a path, as in unix:/run/quoit.sock");
	if (strlen(path) >= sizeof(address->sun_path))
		return fault_set(fault, -EINVAL,
				 "--listen unix:%s: the path is longer than the %zu bytes a socket may have",
				 path, sizeof(address->sun_path) - 1);
	memset(ret_address, 0, sizeof(*ret_address));
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	ret_address->size = sizeof(*address);
	listen_write_text(ret_address);
	return 0;
}

/* Split "host:port" and "[host]:port"; false when it is neither. */
static bool split_host_port(const char *text, char *host, size_t capacity, const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	const char *begin = text, *end = colon;

	if (!colon)
		return false;
	if (*text == '[') {
		if (colon[-1] != ']' || !memchr(text, ':', (size_t)(colon - text)))
			return false; /* brackets hold an IPv6 address */
		begin++;
		end--;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return false; /* an IPv6 address needs its brackets */
	}
	if ((size_t)(end - begin) >= capacity)
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = 0;
	*ret_port = colon + 1;
	return true;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && *end == 0 && port <= 65535;
}

/* An IPv6 socket takes IPv4 as well (ipv6(7)); a kernel without IPv6 has no such socket. */
static struct addrinfo *choose_wildcard(struct addrinfo *found)
{
	for (struct addrinfo *item = found; item; item = item->ai_next) {
		int fd = item->ai_family == AF_INET6 ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

		if (fd < 0)
			continue;
		close(fd);
		return item;
	}
	return found;
}

int listen_parse(const char *text, struct listen_address *ret_address, struct fault *fault)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found, *chosen;
	const char *port;
	char host[256];
	int error;

	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, ret_address, fault);
	if (!split_host_port(text, host, sizeof(host), &port) || !is_port(port))
		return fault_set(fault, -EINVAL,
				 "--listen takes ADDRESS:PORT, [IPV6]:PORT or unix:/PATH (port 0 to 65535), "
				 "not \"%s\"",
				 text);
	if (*text == '[')
		hints.ai_flags |= AI_NUMERICHOST;
	if (strcmp(host, "*") == 0)
		*host = 0;
	error = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (error != 0)
		return fault_set(fault, -EINVAL, "--listen %s: the address cannot be found: %s", text,
				 gai_strerror(error));
	memset(ret_address, 0, sizeof(*ret_address));
	chosen = *host ? found : choose_wildcard(found);
	memcpy(&ret_address->address, chosen->ai_addr, chosen->ai_addrlen);
	ret_address->size = chosen->ai_addrlen;
	ret_address->is_any = *host == 0;
	freeaddrinfo(found);
	listen_write_text(ret_address);
	return 0;
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* A bound socket, or -errno. */
static int bind_socket(const struct listen_address *address, bool shared)
{
	int family = address->address.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	/* "*" is both families; an IPv6 address given as such is IPv6 only, whatever the sysctl says. */
	if (family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->is_any) < 0)
		error = -errno;
	if (family != AF_UNIX) {
		/* Accepted sockets inherit TCP_NODELAY: nothing is to be set per connection. */
		if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
		    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0 ||
		    (shared && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0))
			error = -errno;
	}
	if (error == 0 && bind(fd, (const struct sockaddr *)&address->address, address->size) < 0)
		error = -errno;
	if (error < 0) {
		close(fd);
		return error;
	}
	return fd;
}

static int explain_bind(const struct listen_address *address, int error, struct fault *fault)
{
	char owner[96];

	switch (-error) {
	case EADDRINUSE:
		if (owner_find(address, owner, sizeof(owner)))
			return fault_set(fault, error,
					 "%s is in use by %s; stop that or choose another --listen",
					 address->text, owner);
		return fault_set(fault, error,
				 "%s is in use by another process; stop that or choose another --listen",
				 address->text);
	case EACCES:
	case EPERM:
		return fault_set(
			fault, error,
			"%s: no permission to listen there; ports below 1024 need CAP_NET_BIND_SERVICE "
			"(setcap "
			"cap_net_bind_service=+ep, AmbientCapabilities=), a socket needs a writable folder",
			address->text);
	case EADDRNOTAVAIL:
		return fault_set(
			fault, error,
			"%s: this machine has no such address; see ip address, or listen on all with *:PORT",
			address->text);
	case ENOENT:
		return fault_set(fault, error, "%s: the folder of the socket does not exist", address->text);
	default:
		return fault_set(fault, error, "%s: cannot listen there: %s", address->text,
				 strerror(-error));
	}
}

/* Refuse an address that somebody alive listens on; wait for what somebody dead has left. */
static int probe_tcp(const struct listen_address *address, struct fault *fault)
{
	char owner[96];

	for (unsigned waited_ms = 0;; waited_ms += 5) {
		int fd = bind_socket(address, false);

		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (fd != -EADDRINUSE || owner_find(address, owner, sizeof(owner)))
			return explain_bind(address, fd, fault);
		if (waited_ms >= REMAINS_WAIT_MS)
			return 0; /* binding for real will tell */
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

/* Does anybody listen on the socket file? 0: nobody. -errno. */
static int connect_unix(const struct listen_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address->address, address->size) == 0 || errno == EAGAIN)
		error = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		error = -errno;
	close(fd);
	return error;
}

/* A socket file that nobody listens on is left over from a killed server; its ring may hold it a moment more.
 */
static int clear_unix(const struct listen_address *address, struct fault *fault)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)&address->address;
	struct stat status;
	int error;

	if (lstat(name->sun_path, &status) < 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return fault_set(fault, -EADDRINUSE,
				 "%s: there is a file of that name that is not a socket; remove it first",
				 address->text);
	error = connect_unix(address);
	for (unsigned waited_ms = 0; error == -EADDRINUSE && waited_ms < REMAINS_WAIT_MS; waited_ms += 5) {
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
		error = connect_unix(address);
	}
	if (error == -EADDRINUSE)
		return explain_bind(address, error, fault);
	if (error == 0)
		unlink(name->sun_path);
	return 0; /* what else stands in the way, binding will tell */
}

static bool is_unix(const struct listener *listener)
{
	return listener->address.address.ss_family == AF_UNIX;
}

void listen_claim(struct listener *listener)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)&listener->address.address;
	struct stat status;

	if (!is_unix(listener) || listener->is_lent || lstat(name->sun_path, &status) < 0)
		return;
	listener->has_file = true;
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
}

static void remove_file(const struct listener *listener)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)&listener->address.address;
	struct stat status;

	if (listener->has_file && !listener->is_lent && lstat(name->sun_path, &status) == 0 &&
	    status.st_dev == listener->device && status.st_ino == listener->inode)
		unlink(name->sun_path);
}

static int open_one(struct listener *listener, int backlog, struct fault *fault)
{
	struct listen_address *address = &listener->address;
	int fd = bind_socket(address, true);

	if (fd < 0)
		return explain_bind(address, fd, fault);
	listener->fd[listener->count++] = fd;
	listen_claim(listener);
	if (listen(fd, backlog) < 0)
		return explain_bind(address, -errno, fault);
	/* With port 0 the first socket picks the port and the others join it. */
	if (getsockname(fd, (struct sockaddr *)&address->address, &(socklen_t){ sizeof(address->address) }) <
	    0)
		return explain_bind(address, -errno, fault);
	listen_write_text(address);
	return 0;
}

int listen_join(const struct listen_address *address, int backlog)
{
	int fd = bind_socket(address, true);
	int error;

	if (fd < 0 || listen(fd, backlog) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int listen_open(const struct listen_address *address, unsigned count, int backlog,
		struct listener *ret_listener, struct fault *fault)
{
	struct listener listener = { .address = *address };
	int error;

	listener.is_shared = is_unix(&listener);
	error = listener.is_shared ? clear_unix(address, fault) : probe_tcp(address, fault);
	if (error < 0)
		return error;
	if (listener.is_shared)
		count = 1;
	listener.fd = mem_alloc_zeroed(count, sizeof(*listener.fd));
	if (!listener.fd)
		return fault_set(fault, -ENOMEM, "no memory");
	while (error == 0 && listener.count < count)
		error = open_one(&listener, backlog, fault);
	if (error < 0) {
		listen_close(&listener);
		return error;
	}
	*ret_listener = listener;
	return 0;
}

void listen_limit_unacknowledged(const struct listener *listener, uint64_t ms)
{
	int value = ms < INT_MAX ? (int)ms : INT_MAX;

	if (listener->address.address.ss_family == AF_UNIX)
		return;
	/* Known to every kernel that is promised; where a sandbox refuses it, the kernel's own limit holds.
	 */
	for (unsigned i = 0; i < listener->count; i++)
		(void)set_option(listener->fd[i], IPPROTO_TCP, TCP_USER_TIMEOUT, value);
}

void listen_close(struct listener *listener)
{
	if (listener->count > 0)
		remove_file(listener);
	for (unsigned i = 0; i < listener->count; i++)
		if (listener->fd[i] >= 0)
			close(listener->fd[i]);
	mem_free(listener->fd);
	memset(listener, 0, sizeof(*listener));
}
