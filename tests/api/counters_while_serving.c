/* SPDX-License-Identifier: MIT */
/*
 * What include/quoit.h says of threads: counters are read from any thread while the server runs, and a reload
 * disturbs neither that nor an answer.
 *
 * Two threads fetch over connections of their own, one reads every counter, and the thread that owns the
 * server reloads it; then it drains. Counters that only grow never fall. Meant for the thread sanitizer, and
 * worth its second without. Exit code 0 when every promise was kept; else standard error says which was not.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <quoit.h>

#define BODY "a file of this folder\n"
#define FETCHERS 2
#define RELOADS 20
#define COUNTERS_MAX 256

static struct quoit *quoit;
static unsigned port;
static _Atomic int ending;

static void require(int kept, const char *promise)
{
	if (kept)
		return;
	fprintf(stderr, "counters_while_serving: not so: %s\n", promise);
	_exit(1);
}

static int open_connection(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	require(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0,
		"it accepts connections");
	return fd;
}

/* One answer: the body of the file comes last. */
static void fetch_once(int fd)
{
	static const char request[] = "GET /file.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
	char answer[4096] = "";
	size_t size = 0;

	require(write(fd, request, sizeof(request) - 1) == sizeof(request) - 1, "it takes a request");
	while (!strstr(answer, "\r\n\r\n" BODY)) {
		ssize_t count = read(fd, answer + size, sizeof(answer) - 1 - size);

		require(count > 0, "it answers, reload or not");
		size += (size_t)count;
		answer[size] = 0;
	}
}

static void *fetch(void *count)
{
	int fd = open_connection();

	while (!ending) {
		fetch_once(fd);
		++*(uint64_t *)count;
	}
	close(fd);
	return NULL;
}

/* Of a name such as "connections_open" the value goes up and down. */
static int is_growing(const char *name)
{
	return strcmp(name, "requests") == 0 || strcmp(name, "bytes_sent") == 0;
}

static void *count(void *context)
{
	uint64_t before[COUNTERS_MAX] = { 0 }, value = 0;
	const char *name, *sentence;

	(void)context;
	while (!ending) {
		for (unsigned i = 0; (name = quoit_counter_name(i, &sentence)); i++) {
			require(i < COUNTERS_MAX && *sentence, "a counter has a sentence");
			require(quoit_counter(quoit, name, &value) == 0, "each counter can be read");
			require(!is_growing(name) || value >= before[i],
				"requests and bytes_sent never fall");
			before[i] = value;
		}
	}
	return NULL;
}

static void reload_while_others_work(void)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	uint64_t fetched[FETCHERS] = { 0 }, sum = 0, counted = 0;
	pthread_t fetcher[FETCHERS], counter;

	for (int i = 0; i < FETCHERS; i++)
		require(pthread_create(&fetcher[i], NULL, fetch, &fetched[i]) == 0, "a thread begins");
	require(pthread_create(&counter, NULL, count, NULL) == 0, "a thread begins");
	for (int i = 0; i < RELOADS; i++) {
		require(quoit_reload(quoit) == 0, "it can be reloaded while it serves");
		nanosleep(&pause, NULL);
	}
	ending = 1;
	for (int i = 0; i < FETCHERS; i++) {
		require(pthread_join(fetcher[i], NULL) == 0, "a thread ends");
		sum += fetched[i];
	}
	require(pthread_join(counter, NULL) == 0, "a thread ends");
	require(quoit_counter(quoit, "requests", &counted) == 0 && counted == sum,
		"each request is counted once");
}

static void start(const char *folder)
{
	quoit = quoit_create();
	require(quoit && quoit_set(quoit, "root", folder) == 0, "the root can be set");
	require(quoit_set(quoit, "listen", "127.0.0.1:0") == 0, "the address can be set");
	require(quoit_set(quoit, "threads", "2") == 0, "the threads can be set");
	require(quoit_start(quoit) == 0, quoit_error(quoit));
	require(sscanf(quoit_address(quoit, 0), "http://127.0.0.1:%u", &port) == 1,
		"it says where it listens");
}

int main(void)
{
	char folder[] = "/tmp/quoit-counters-XXXXXX", path[64];
	FILE *file;

	require(mkdtemp(folder) != NULL, "there is a folder");
	snprintf(path, sizeof(path), "%s/file.txt", folder);
	file = fopen(path, "w");
	require(file && fputs(BODY, file) >= 0 && fclose(file) == 0, "there is a file in it");
	start(folder);
	reload_while_others_work();
	quoit_drain(quoit);
	require(quoit_join(quoit, 10000) == 0, "it ends when it is drained");
	quoit_destroy(quoit);
	unlink(path);
	rmdir(folder);
	return 0;
}
