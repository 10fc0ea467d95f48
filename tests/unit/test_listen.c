/* SPDX-License-Identifier: MIT */
/*
 * io/listen: an address as one types it becomes descriptors that listen, or a sentence that
 * says who is in the way.
 *
 * Addresses are on the loopback interface with a port that the kernel picks, sockets in a
 * folder of their own. Texts end, with their NUL, at a page without access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "guard.h"
#include "io/listen.h"

#define ROOM 4096
#define WAIT_MS 3000 /* for what must come: it is only used up by a failing test */

static char *text_end; /* the end of a guarded region */
static char folder[64];
static struct fault fault;

static int set_up(void **state)
{
	static const uint8_t zeros[ROOM];

	(void)state;
	text_end = (char *)guard_copy(zeros, ROOM) + ROOM;
	snprintf(folder, sizeof(folder),
		 "/tmp/quoit-listen-XXXXXX"); /* short: a socket's name has 107 bytes */
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	guard_release((uint8_t *)text_end - ROOM, ROOM);
	return rmdir(folder); /* which fails when a test has left something */
}

static int parse(const char *text, struct listen_address *ret_address)
{
	size_t size = strlen(text) + 1;

	assert_true(size <= ROOM);
	fault.text[0] = 0;
	return listen_parse(memcpy(text_end - size, text, size), ret_address, &fault);
}

static struct listen_address parsed(const char *text)
{
	struct listen_address address;

	if (parse(text, &address) < 0)
		fail_msg("%s: %s", text, fault.text);
	return address;
}

static void assert_parsed(const char *text, int family, unsigned port, const char *written)
{
	struct listen_address address = parsed(text);

	assert_int_equal(address.address.ss_family, family);
	assert_string_equal(address.text, written);
	if (family == AF_INET) {
		assert_int_equal(address.size, sizeof(struct sockaddr_in));
		assert_int_equal(ntohs(((struct sockaddr_in *)&address.address)->sin_port), port);
	} else {
		assert_int_equal(address.size, sizeof(struct sockaddr_in6));
		assert_int_equal(ntohs(((struct sockaddr_in6 *)&address.address)->sin6_port), port);
	}
}

/* Refused with a sentence that holds `part`, and the out-parameter is as it was. */
static void assert_unparsed(const char *text, const char *part)
{
	struct listen_address address, before;
	int error;

	memset(&address, 0x5a, sizeof(address));
	before = address;
	error = parse(text, &address);
	if (error != -EINVAL || !strstr(fault.text, part))
		fail_msg("\"%s\": %d, \"%s\", in which \"%s\" is missing", text, error, fault.text, part);
	assert_memory_equal(&address, &before, sizeof(address));
}

static struct listener opened(const struct listen_address *address, unsigned count)
{
	struct listener listener;

	fault.text[0] = 0;
	if (listen_open(address, count, 16, &listener, &fault) < 0)
		fail_msg("%s: %s", address->text, fault.text);
	return listener;
}

static void assert_unopened(const struct listen_address *address, int expected, const char *part)
{
	struct listener listener, before;
	int error;

	memset(&listener, 0x5a, sizeof(listener));
	before = listener;
	fault.text[0] = 0;
	error = listen_open(address, 2, 16, &listener, &fault);
	if (error != expected || !strstr(fault.text, part))
		fail_msg("%s: %d, \"%s\", in which \"%s\" is missing", address->text, error, fault.text,
			 part);
	assert_memory_equal(&listener, &before, sizeof(listener));
}

static int connected(const struct listen_address *address)
{
	int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&address->address, address->size) < 0)
		fail_msg("%s: %s", address->text, strerror(errno));
	return fd;
}

/* The next connection of any of its sockets; *ret_index says of which. */
static int accepted(const struct listener *listener, unsigned *ret_index)
{
	struct pollfd poll_fds[8];
	int fd = -1;

	assert_true(listener->count <= 8);
	for (unsigned i = 0; i < listener->count; i++)
		poll_fds[i] = (struct pollfd){ .fd = listener->fd[i], .events = POLLIN };
	assert_true(poll(poll_fds, listener->count, WAIT_MS) > 0);
	for (unsigned i = 0; i < listener->count && fd < 0; i++) {
		if (!(poll_fds[i].revents & POLLIN))
			continue;
		fd = accept4(listener->fd[i], NULL, NULL, SOCK_CLOEXEC);
		*ret_index = i;
	}
	assert_true(fd >= 0);
	return fd;
}

/* A connection that comes and goes. Returns which of the sockets got it. */
static unsigned visit(const struct listener *listener, const struct listen_address *address)
{
	int client = connected(address);
	unsigned index;

	close(accepted(listener, &index));
	close(client);
	return index;
}

/* As the help says it: ADDRESS:PORT, [IPV6]:PORT, with nothing or a star for all addresses. */
static void an_address_has_one_of_the_promised_forms(void **state)
{
	(void)state;
	assert_parsed("127.0.0.1:8080", AF_INET, 8080, "http://127.0.0.1:8080");
	assert_parsed("0.0.0.0:0", AF_INET, 0, "http://0.0.0.0:0");
	assert_parsed("192.0.2.1:65535", AF_INET, 65535, "http://192.0.2.1:65535");
	assert_parsed("[::1]:80", AF_INET6, 80, "http://[::1]:80");
	assert_parsed("[::]:8080", AF_INET6, 8080, "http://[::]:8080");
	assert_parsed("[2001:DB8:0:0::1]:443", AF_INET6, 443, "http://[2001:db8::1]:443");
	assert_parsed("[::ffff:127.0.0.1]:1", AF_INET6, 1, "http://[::ffff:127.0.0.1]:1");
	assert_non_null(strstr(parsed("localhost:8080").text, ":8080"));
	assert_string_equal(parsed(":8080").text, parsed("*:8080").text);
}

/* The path is the rest, whatever is in it, up to what a socket's name can hold. */
static void a_unix_address_is_a_path(void **state)
{
	struct listen_address address = parsed("unix:/run/a b:80");
	const struct sockaddr_un *name = (const struct sockaddr_un *)&address.address;
	char text[5 + sizeof(name->sun_path) + 1] = "unix:";

	(void)state;
	assert_int_equal(name->sun_family, AF_UNIX);
	assert_string_equal(name->sun_path, "/run/a b:80");
	assert_string_equal(address.text, "unix:/run/a b:80");
	memset(text + 5, 'x', sizeof(name->sun_path));
	assert_unparsed(text, "longer than the 107 bytes");
	text[sizeof(text) - 2] = 0;
	address = parsed(text);
	assert_string_equal(name->sun_path, text + 5);
	assert_string_equal(address.text, text);
	assert_unparsed("unix:", "needs a path");
}

/* A pair of brackets with nothing in it, for one, must not mean all addresses. */
static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = { "",          ":",        "::",      "8080",     "::1",
					     "::1:80",    "[::1]",    "[::1]:",  "[:80",     "[]:80",
					     "[*]:80",    "[::1]80",  "[::1:80", "[::g]:80", "[1:2]:80",
					     "[[::1]:80", "[::1]]:80" };
	static const char *const ports[] = { "",      "x",    "1x",         "-1",
					     "+1",    " 1",   "1 ",         "ssh",
					     "65536", "0x50", "4294967376", "18446744073709551696" };
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_unparsed(texts[i], texts[i]);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		snprintf(text, sizeof(text), "127.0.0.1:%s", ports[i]);
		assert_unparsed(text,
				"--listen takes ADDRESS:PORT, [IPV6]:PORT or unix:/PATH (port 0 to 65535)");
	}
	assert_unparsed("[127.0.0.1]:80", "--listen takes");
	assert_unparsed("[localhost]:80", "--listen takes");
	assert_unparsed("http://127.0.0.1:80", "--listen takes");
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 4, ":80", 4);
	assert_unparsed(text, "--listen takes");
}

/* The first picks it, the others join; every connection comes to one of them. */
static void the_workers_share_the_port_that_was_picked(void **state)
{
	struct listen_address address = parsed("127.0.0.1:0");
	struct listener listener = opened(&address, 2);
	unsigned port = ntohs(((struct sockaddr_in *)&listener.address.address)->sin_port);
	unsigned count[2] = { 0, 0 };
	char text[64];

	(void)state;
	assert_int_equal(listener.count, 2);
	assert_false(listener.is_shared);
	assert_int_not_equal(port, 0);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u", port);
	assert_string_equal(listener.address.text, text);
	assert_string_equal(address.text, "http://127.0.0.1:0");
	for (unsigned i = 0; i < 64; i++)
		count[visit(&listener, &listener.address)]++;
	/* By hash: that one of them gets all 64 has a chance of 1 to 2^63. */
	assert_true(count[0] > 0 && count[1] > 0);
	listen_close(&listener);
	assert_int_equal(listener.count, 0);
}

/* Not inherited by children; never waited for; and nothing is to be set per connection. */
static void a_listener_is_set_up_for_all_its_connections(void **state)
{
	struct listen_address address = parsed("127.0.0.1:0");
	struct listener listener = opened(&address, 1);
	int client = connected(&listener.address), fd, value = 0;
	socklen_t size = sizeof(value);
	unsigned index;

	(void)state;
	assert_true(fcntl(listener.fd[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(listener.fd[0], F_GETFL) & O_NONBLOCK);
	fd = accepted(&listener, &index);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
	assert_int_not_equal(value, 0);
	close(fd);
	close(client);
	listen_close(&listener);
}

static void write_own_name(char *text, size_t capacity)
{
	char name[64] = "";
	FILE *file = fopen("/proc/self/comm", "re");

	assert_non_null(file);
	assert_non_null(fgets(name, sizeof(name), file));
	fclose(file);
	name[strcspn(name, "\n")] = 0;
	snprintf(text, capacity, "is in use by %s (process %d); stop that or choose another --listen", name,
		 (int)getpid());
}

/* A listener with SO_REUSEPORT, as another server of the same user has. Returns where. */
static struct listen_address occupy(int *ret_fd)
{
	struct listen_address address = parsed("127.0.0.1:0");
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address.address, address.size), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address.address, &address.size), 0);
	*ret_fd = fd;
	return address;
}

/* SO_REUSEPORT would let us in, to take half of its connections in silence. */
static void a_port_in_use_is_refused_with_the_name_of_its_user(void **state)
{
	struct listen_address address;
	struct listener listener;
	char user[160];
	int fd;

	(void)state;
	write_own_name(user, sizeof(user));
	address = occupy(&fd);
	assert_unopened(&address, -EADDRINUSE, user);
	close(fd);
	listener = opened(&address, 2);
	assert_unopened(&listener.address, -EADDRINUSE, user);
	visit(&listener, &listener.address);
	listen_close(&listener);
}

/* Who closes first keeps the port in TIME_WAIT; a restart must not wait for that. */
static void a_port_with_nothing_but_remains_is_taken_over(void **state)
{
	struct listen_address address = parsed("127.0.0.1:0");
	struct listener listener = opened(&address, 2);
	int client = connected(&listener.address);
	unsigned index;
	char byte;

	(void)state;
	close(accepted(&listener, &index));
	assert_int_equal(read(client, &byte, 1), 0);
	close(client);
	address = listener.address;
	listen_close(&listener);
	listener = opened(&address, 2);
	assert_string_equal(listener.address.text, address.text);
	visit(&listener, &listener.address);
	listen_close(&listener);
}

static bool has_ipv6(void)
{
	struct listen_address loopback = parsed("[::1]:0");
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&loopback.address, loopback.size) == 0;

	if (fd >= 0)
		close(fd);
	return bound;
}

/* Of both families: whoever types a star means every way to this machine. */
static void a_star_listens_on_all_addresses(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]" };
	struct listen_address star = parsed("*:0");
	struct listener listener = opened(&star, 2);
	char text[32];

	(void)state;
	for (unsigned i = 0; i < (has_ipv6() ? 2 : 1); i++) {
		struct listen_address address;

		snprintf(text, sizeof(text), "%s%s", hosts[i], strrchr(listener.address.text, ':'));
		address = parsed(text);
		visit(&listener, &address);
	}
	listen_close(&listener);
}

static struct listen_address in_folder(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "unix:%s/%s", folder, name);
	return parsed(text);
}

static const char *path_of(const struct listen_address *address)
{
	return ((const struct sockaddr_un *)&address->address)->sun_path;
}

static bool is_there(const struct listen_address *address)
{
	struct stat status;

	return lstat(path_of(address), &status) == 0;
}

/* It cannot be bound twice, so all workers accept from one; the file is gone with it. */
static void the_workers_share_one_unix_socket(void **state)
{
	struct listen_address address = in_folder("shared");
	struct listener listener = opened(&address, 4);

	(void)state;
	assert_int_equal(listener.count, 1);
	assert_true(listener.is_shared);
	assert_string_equal(listener.address.text, address.text);
	visit(&listener, &listener.address);
	assert_true(is_there(&address));
	listen_close(&listener);
	assert_false(is_there(&address));
}

static int bind_plain(const struct listen_address *address, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address->address, address->size), 0);
	return fd;
}

/* What a killed server leaves behind must not stop the next one. */
static void a_left_over_socket_file_is_taken_over(void **state)
{
	struct listen_address address = in_folder("left");
	struct listener listener;

	(void)state;
	close(bind_plain(&address, SOCK_STREAM));
	assert_true(is_there(&address));
	listener = opened(&address, 2);
	visit(&listener, &listener.address);
	listen_close(&listener);
}

/* Also when its queue is full, which looks like nobody at home; and it goes on as before. */
static void a_unix_socket_that_somebody_listens_on_is_refused(void **state)
{
	struct listen_address address = in_folder("live");
	int fd = bind_plain(&address, SOCK_STREAM), client;

	(void)state;
	assert_int_equal(listen(fd, 0), 0);
	client = connected(&address);
	assert_unopened(&address, -EADDRINUSE, "is in use by another process");
	close(accept(fd, NULL, NULL));
	assert_unopened(&address, -EADDRINUSE, "is in use by another process");
	assert_true(is_there(&address));
	close(client);
	close(fd);
	unlink(path_of(&address));
}

/* It is somebody's, and no server has left it. A socket of another kind is somebody's as well. */
static void a_file_that_is_no_left_over_socket_is_not_touched(void **state)
{
	struct listen_address file = in_folder("file"), link = in_folder("link"),
			      datagram = in_folder("datagram");
	int fd = open(path_of(&file), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlink("nowhere", path_of(&link)), 0);
	fd = bind_plain(&datagram, SOCK_DGRAM);
	assert_unopened(&file, -EADDRINUSE, "not a socket");
	assert_unopened(&link, -EADDRINUSE, "not a socket");
	assert_unopened(&datagram, -EADDRINUSE, "is in use");
	assert_true(is_there(&file) && is_there(&link) && is_there(&datagram));
	close(fd);
	unlink(path_of(&file));
	unlink(path_of(&link));
	unlink(path_of(&datagram));
}

/* An address of nobody (TEST-NET-3, RFC 5737), a folder that is not there. */
static void what_cannot_be_bound_is_told_why(void **state)
{
	struct listen_address foreign = parsed("203.0.113.1:0"), lost = in_folder("none/socket");

	(void)state;
	assert_unopened(&foreign, -EADDRNOTAVAIL, "this machine has no such address");
	assert_unopened(&lost, -ENOENT, "the folder of the socket does not exist");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_one_of_the_promised_forms),
		cmocka_unit_test(a_unix_address_is_a_path),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(the_workers_share_the_port_that_was_picked),
		cmocka_unit_test(a_listener_is_set_up_for_all_its_connections),
		cmocka_unit_test(a_port_in_use_is_refused_with_the_name_of_its_user),
		cmocka_unit_test(a_port_with_nothing_but_remains_is_taken_over),
		cmocka_unit_test(a_star_listens_on_all_addresses),
		cmocka_unit_test(the_workers_share_one_unix_socket),
		cmocka_unit_test(a_left_over_socket_file_is_taken_over),
		cmocka_unit_test(a_unix_socket_that_somebody_listens_on_is_refused),
		cmocka_unit_test(a_file_that_is_no_left_over_socket_is_not_touched),
		cmocka_unit_test(what_cannot_be_bound_is_told_why),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
