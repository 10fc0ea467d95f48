/* SPDX-License-Identifier: MIT */
/*
 * Zero copy is left where the kernel copies, and no answer shows it.
 *
 * Loopback always copies. So of many answers over it a few leave by SEND_ZC, their reports say that they
 * were copied, and from then on all are sent plainly, with the same bytes; a unix socket, which has
 * no zero copy, is not even tried. The counters tell. Sees quoit.h alone. Exit code 77, skipped, where
 * the engine or the kernel has no zero copy (Linux 6.2, tests/kernel).
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <quoit.h>

enum { SIZE = 100000, ANSWERS = 40 };

/* Of the last 16 reports 8 are enough, and some answers are under way before the first report. */
enum { SENT_MIN = 8, SENT_MAX = 16 };

static struct quoit *quoit;
static char folder[] = "/tmp/quoit-zero-copy-XXXXXX", file_path[64], socket_path[64];
static unsigned char body[SIZE], answer[SIZE + 4096];

static void require(int kept, const char *promise)
{
	if (kept)
		return;
	fprintf(stderr, "not so: %s (%s)\n", promise, quoit ? quoit_error(quoit) : "no server");
	exit(1);
}

static uint64_t counted(const char *name)
{
	uint64_t value = 0;

	require(quoit_counter(quoit, name, &value) == 0, "the counter is there");
	return value;
}

static void make_folder(void)
{
	FILE *file;

	require(mkdtemp(folder) != NULL, "there is a folder");
	snprintf(file_path, sizeof(file_path), "%s/file.bin", folder);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
	for (size_t i = 0; i < SIZE; i++)
		body[i] = (unsigned char)(i * 2654435761u >> 13);
	file = fopen(file_path, "w");
	require(file && fwrite(body, SIZE, 1, file) == 1 && fclose(file) == 0, "there is a file in it");
}

static void start(void)
{
	char listen[128];

	snprintf(listen, sizeof(listen), "unix:%s", socket_path);
	quoit = quoit_create();
	require(quoit && quoit_set(quoit, "root", folder) == 0 && quoit_set(quoit, "threads", "1") == 0 &&
			quoit_set(quoit, "small", "1M") == 0 && quoit_set(quoit, "zero_copy", "16K") == 0 &&
			quoit_set(quoit, "listen", "127.0.0.1:0") == 0 &&
			quoit_set(quoit, "listen", listen) == 0 && quoit_start(quoit) == 0,
		"it starts");
}

static int connect_loopback(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	unsigned port = 0;

	require(sscanf(quoit_address(quoit, 0), "http://127.0.0.1:%u", &port) == 1,
		"it says where it listens");
	address.sin_port = htons((in_port_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "it takes connections");
	return fd;
}

static int connect_unix(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "it takes local connections");
	return fd;
}

/* Ask `count` times over one connection; every body must be the file's. Closes it. */
static void ask(int fd, int count)
{
	static const char request[] = "GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n";

	for (int i = 0; i < count; i++) {
		size_t have = 0, wanted = sizeof(answer) - 1;

		require(write(fd, request, sizeof(request) - 1) == sizeof(request) - 1, "it takes a request");
		while (have < wanted) {
			ssize_t size = read(fd, answer + have, wanted - have);
			unsigned char *end;

			require(size > 0, "it answers to the end");
			have += (size_t)size;
			end = memmem(answer, have, "\r\n\r\n", 4);
			if (end)
				wanted = (size_t)(end + 4 - answer) + SIZE;
		}
		require(have == wanted && memcmp(answer + wanted - SIZE, body, SIZE) == 0,
			"the body is the file's");
	}
	close(fd);
}

static void clean_up(void)
{
	quoit_drain(quoit);
	require(quoit_join(quoit, 5000) == 0, "it ends when it is drained");
	quoit_destroy(quoit);
	unlink(file_path);
	unlink(socket_path);
	rmdir(folder);
}

int main(void)
{
	uint64_t sent;

	make_folder();
	start();
	ask(connect_unix(), ANSWERS);
	require(counted("zero_copy_sent") == 0, "a local socket is not tried");
	ask(connect_loopback(), ANSWERS);
	sent = counted("zero_copy_sent");
	if (sent == 0 && counted("zero_copy_refused") == 0) {
		fprintf(stderr, "skipped: %s has no zero copy here\n", quoit_engine(quoit));
		clean_up();
		return 77;
	}
	require(sent >= SENT_MIN && sent <= SENT_MAX, "a few answers find out that they are copied");
	require(counted("zero_copy_copied") >= SENT_MIN, "the kernel says that it has copied them");
	require(counted("zero_copy_left") == 1, "zero copy is left once");
	ask(connect_loopback(), ANSWERS);
	require(counted("zero_copy_sent") == sent, "other connections over the same path do not try");
	clean_up();
	return 0;
}
