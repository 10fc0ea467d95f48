/* SPDX-License-Identifier: MIT */
/*
 * What a stranger writes who has read quoit.h and nothing else: serve a folder, fetch its file,
 * look at a counter, reload, drain, stop.
 *
 * tests/api/run builds it against an installed quoit. Exit code 0 when every promise was kept;
 * else standard error says which was not.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <quoit.h>

#define BODY "a file of this folder\n"

static struct quoit *quoit;

static void require(int kept, const char *promise)
{
	if (kept)
		return;
	fprintf(stderr, "serve_a_folder: not so: %s (%s)\n", promise,
		quoit ? quoit_error(quoit) : "no memory");
	exit(1);
}

static int open_connection(unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "it accepts connections");
	return fd;
}

static uint64_t counted(const char *name)
{
	uint64_t value = 0;

	require(quoit_counter(quoit, name, &value) == 0, "the counter is there");
	return value;
}

/* Ask for the file with a plain socket: does it come, and nothing behind it? */
static int is_served(unsigned port)
{
	static const char request[] =
		"GET /file.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	int fd = open_connection(port);
	char answer[4096] = "", *body;

	require(write(fd, request, sizeof(request) - 1) == sizeof(request) - 1, "it takes a request");
	require(recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0, "it answers");
	close(fd);
	body = strstr(answer, "\r\n\r\n");
	return strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0 && body && strcmp(body + 4, BODY) == 0;
}

/* The same head three times over one connection. */
static void ask_again(unsigned port, const char *request)
{
	int fd = open_connection(port);
	char answer[4096];

	for (int i = 0; i < 3; i++) {
		size_t size = 0;

		require(write(fd, request, strlen(request)) == (ssize_t)strlen(request),
			"it takes a request");
		memset(answer, 0, sizeof(answer));
		while (!strstr(answer, "\r\n\r\n" BODY)) {
			ssize_t count = read(fd, answer + size, sizeof(answer) - 1 - size);

			require(count > 0, "it answers each time");
			size += (size_t)count;
		}
	}
	close(fd);
}

int main(void)
{
	char folder[] = "folder-XXXXXX", path[64];
	unsigned port = 0;
	FILE *file;

	require(mkdtemp(folder) != NULL, "there is a folder");
	snprintf(path, sizeof(path), "%s/file.txt", folder);
	file = fopen(path, "w");
	require(file && fputs(BODY, file) >= 0 && fclose(file) == 0, "there is a file in it");

	quoit = quoit_create();
	require(quoit && quoit_set(quoit, "root", folder) == 0, "the root can be set");
	require(quoit_set(quoit, "listen", "127.0.0.1:0") == 0, "the address can be set");
	require(quoit_start(quoit) == 0, "it starts");
	require(sscanf(quoit_address(quoit, 0), "http://127.0.0.1:%u", &port) == 1,
		"it says where it listens");
	require(is_served(port), "the file is served");
	require(quoit_reload(quoit) == 0 && is_served(port), "the file is served after a reload");
	require(counted("requests") == 2, "requests are counted");
	ask_again(port, "GET /file.txt HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n");
	require(counted("recalled") == 0, "a head with a cookie is not kept");
	ask_again(port, "GET /file.txt HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
	require(counted("recalled") >= 1, "a head that is known is not parsed (decisions/0007)");
	quoit_drain(quoit);
	require(quoit_join(quoit, 5000) == 0, "it ends when it is drained");
	quoit_stop(quoit);
	quoit_destroy(quoit);
	unlink(path);
	rmdir(folder);
	return 0;
}
