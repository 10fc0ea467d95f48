/* SPDX-License-Identifier: MIT */
/*
 * How `quoit calibrate` comes to its client: a process that is forked, or another machine that connects.
 *
 * The process is forked before the server's first thread, and has its own processor where there are two, so
 * that neither takes the other's time. From another machine anybody may connect: who does not say the
 * greeting in time is sent away, and the next one is waited for.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calibrate.h"
#include "cli.h"

#define GREETING_MS 3000
#define GREETING_LOCAL_MS 10000 /* a process that has yet to be given its processor */

void calibrate_peer_set_port(struct sockaddr_storage *address, unsigned port)
{
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

bool calibrate_peer_is_any(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
	return ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool parse_port(const char *text, unsigned *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end || port == 0 || port > UINT16_MAX)
		return false;
	*ret_port = (unsigned)port;
	return true;
}

bool calibrate_peer_parse(const char *text, bool with_port, struct sockaddr_storage *ret_address)
{
	const char *end = with_port ? strrchr(text, ':') : text + strlen(text);
	struct sockaddr_storage address = { 0 };
	char host[INET6_ADDRSTRLEN + 2];
	unsigned port = 0;

	if (!end || (with_port && !parse_port(end + 1, &port)))
		return false;
	if (end - text > 2 && text[0] == '[' && end[-1] == ']') {
		text++;
		end--;
	}
	if ((size_t)(end - text) >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(end - text), text);
	if (inet_pton(AF_INET, host, &((struct sockaddr_in *)&address)->sin_addr) == 1)
		address.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
		address.ss_family = AF_INET6;
	else
		return false;
	calibrate_peer_set_port(&address, port);
	*ret_address = address;
	return true;
}

const char *calibrate_peer_text(const struct sockaddr_storage *address, bool with_port,
				char out[CALIBRATE_ADDRESS_TEXT])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	bool is_six = address->ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN] = "?", port[8] = "";

	inet_ntop(address->ss_family, is_six ? (const void *)&six->sin6_addr : &four->sin_addr, host,
		  sizeof(host));
	if (with_port)
		snprintf(port, sizeof(port), ":%u", ntohs(is_six ? six->sin6_port : four->sin_port));
	snprintf(out, CALIBRATE_ADDRESS_TEXT, "%s%s%s%s", is_six ? "[" : "", host, is_six ? "]" : "", port);
	return out;
}

/* Has a client of ours come? 0, or what calibrate_control_receive() says. */
static int hear_greeting(int fd, int timeout_ms, const struct calibrate_signals *signals)
{
	struct calibrate_control control = { .fd = fd, .signals = signals };
	char line[CALIBRATE_LINE_MAX];
	int error = calibrate_control_receive(&control, timeout_ms, line);

	if (error == 0 && (strcmp(line, CALIBRATE_GREETING) != 0 || control.received_size > 0))
		return -EPROTO;
	return error;
}

/* In the new process. A signal of the terminal is for its parent, which closes the lines when it ends. */
static _Noreturn void be_client(int fd, int cpu)
{
	struct sockaddr_storage loopback = { 0 };
	cpu_set_t cpus;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	CPU_ZERO(&cpus);
	CPU_SET(cpu < 0 ? 0 : cpu, &cpus);
	/* Where it is refused the scheduler places it; the parent has tried the same and says so. */
	if (cpu >= 0)
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	calibrate_peer_parse("127.0.0.1", false, &loopback);
	_exit(calibrate_client_serve(fd, &loopback, false));
}

int calibrate_peer_fork(int cpu, pid_t *ret_process, int *ret_fd)
{
	int pair[2], error;
	pid_t process;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return cli_error(CLI_FAILED, "no pair of sockets: %s", strerror(errno));
	process = fork();
	if (process == 0) {
		close(pair[0]);
		be_client(pair[1], cpu);
	}
	error = process < 0 ? errno : 0;
	close(pair[1]);
	if (error == 0) {
		*ret_process = process;
		*ret_fd = pair[0];
		error = -hear_greeting(pair[0], GREETING_LOCAL_MS, NULL);
		return error ? cli_error(CLI_FAILED, "the client did not begin: %s", strerror(error))
			     : CLI_OK;
	}
	close(pair[0]);
	return cli_error(CLI_FAILED, "no process for the client: %s", strerror(error));
}

/* A listening socket; *address gets its port. -errno. */
static int listen_on(struct sockaddr_storage *address)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;
	socklen_t size = sizeof(*address);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, size) == 0 && listen(fd, 4) == 0 &&
	    getsockname(fd, (struct sockaddr *)address, &size) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static void warn_of_loopback(int fd)
{
	struct sockaddr_storage here = { 0 }, there = { 0 };
	socklen_t here_size = sizeof(here), there_size = sizeof(there);
	char here_text[CALIBRATE_ADDRESS_TEXT], there_text[CALIBRATE_ADDRESS_TEXT];

	if (getsockname(fd, (struct sockaddr *)&here, &here_size) == 0 &&
	    getpeername(fd, (struct sockaddr *)&there, &there_size) == 0 &&
	    strcmp(calibrate_peer_text(&here, false, here_text),
		   calibrate_peer_text(&there, false, there_text)) == 0)
		cli_error(CLI_OK,
			  "the client is on this machine: this measures loopback, whatever the address");
}

/* The next that connects and is a client of ours, or -EINTR, or -errno of what cannot be got over. */
static int accept_client(int listener, const struct calibrate_signals *signals)
{
	for (;;) {
		int error = calibrate_control_wait(listener, -1, signals), fd, one = 1;

		if (error < 0)
			return error;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			return -errno;
		if (fd < 0)
			continue; /* it has gone again */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		error = hear_greeting(fd, GREETING_MS, signals);
		if (error == 0)
			return fd;
		close(fd);
		if (error == -EINTR)
			return error;
		cli_error(CLI_OK, "somebody connected who is no quoit calibrate --client of this version");
	}
}

int calibrate_peer_accept(const struct sockaddr_storage *address, const struct calibrate_signals *signals,
			  int *ret_fd)
{
	struct sockaddr_storage bound = *address;
	char text[CALIBRATE_ADDRESS_TEXT];
	int listener = listen_on(&bound), fd;

	if (listener < 0)
		return cli_error(CLI_FAILED, "--via %s: %s; it must be an address of this machine",
				 calibrate_peer_text(address, false, text), strerror(-listener));
	fprintf(stderr, "quoit: waiting; on another machine run: quoit calibrate --client %s\n",
		calibrate_peer_text(&bound, true, text));
	fd = accept_client(listener, signals);
	close(listener);
	if (fd == -EINTR)
		return cli_error(CLI_FAILED, "interrupted before a client came");
	if (fd < 0)
		return cli_error(CLI_FAILED, "no client can be accepted: %s", strerror(-fd));
	warn_of_loopback(fd);
	*ret_fd = fd;
	return CLI_OK;
}
