/* SPDX-License-Identifier: MIT */
/*
 * The system calls that the server makes beside the engine.
 *
 * The program is linked with --wrap for each of them, so what the library calls comes here. Descriptors
 * of the simulation are told by their numbers; a call with another one goes on to the real system.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "io/listen.h"
#include "serve/memory_file.h"
#include "session.h"
#include "wrap.h"
#include "world.h"

#define ROOT "/simulated"
#define FILES_MAX 20000 /* RLIMIT_NOFILE: the same on every machine */

static int fail_with(int error)
{
	errno = error;
	return -1;
}

static struct client *client_of(int fd, const char *what)
{
	return descriptors_get(fd, DESCRIPTOR_SOCKET, what)->object;
}

static struct node *node_of(int fd, const char *what)
{
	return descriptors_get(fd, DESCRIPTOR_FILE, what)->object;
}

/* Sockets */

int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags)
{
	(void)address, (void)size, (void)flags;
	descriptors_get(listener, DESCRIPTOR_LISTENER, "accept4");
	if (!session_queued())
		return fail_with(EAGAIN);
	if (world_happens(CHANCE_accept_error))
		return fail_with(world_one_in(2) ? EMFILE : ECONNABORTED);
	return session_accept();
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct client *client = client_of(fd, "sendmsg");
	int64_t taken;

	(void)flags;
	world_check(!client->send_queued, "client %u: a send overtakes one that is queued", client->number);
	if (world_happens(CHANCE_send_interrupted))
		return fail_with(EINTR);
	taken = client_take_some(client, message->msg_iov, message->msg_iovlen, false);
	return taken < 0 ? fail_with((int)-taken) : (ssize_t)taken;
}

ssize_t __wrap_sendfile64(int fd, int file, off_t *offset, size_t size)
{
	struct client *client = client_of(fd, "sendfile");
	const struct edition *edition = files_edition(node_of(file, "sendfile"));
	struct iovec piece;
	int64_t taken;

	world_check(!client->send_queued, "client %u: a file overtakes what is queued", client->number);
	if (world_happens(CHANCE_send_interrupted))
		return fail_with(EINTR);
	if ((uint64_t)*offset >= edition->size)
		return 0;
	piece.iov_base = edition->bytes + *offset;
	piece.iov_len = (size_t)(edition->size - (uint64_t)*offset);
	if (piece.iov_len > size)
		piece.iov_len = size;
	taken = client_take_some(client, &piece, 1, true);
	if (taken < 0)
		return fail_with((int)-taken);
	*offset += (off_t)taken;
	return (ssize_t)taken;
}

int __wrap_shutdown(int fd, int how)
{
	struct client *client = client_of(fd, "shutdown");

	(void)how;
	world_check(!client->send_queued, "client %u: the end overtakes what is queued", client->number);
	if (client->error || world_happens(CHANCE_shutdown_error))
		return fail_with(ENOTCONN);
	client->has_ended = true;
	client->ended_ms = world.now_ms;
	session_on_end_of(client);
	return 0;
}

/* What the peer has not read is what ring.h calls unread. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	int *ret_size;

	va_start(arguments, request);
	ret_size = va_arg(arguments, int *);
	va_end(arguments);
	*ret_size = (int)client_of(fd, "ioctl")->unread;
	return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	descriptors_find(fd, "getsockname");
	memset(address, 0, *size);
	address->sa_family = AF_INET;
	return 0;
}

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
	return __wrap_getsockname(fd, address, size);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	if (!descriptors_is_ours(fd))
		return __real_setsockopt(fd, level, option, value, size);
	descriptors_find(fd, "setsockopt");
	return 0;
}

int __wrap_listen_open(const struct listen_address *address, unsigned count, int backlog,
		       struct listener *ret_listener, struct fault *fault)
{
	(void)backlog, (void)fault;
	memset(ret_listener, 0, sizeof(*ret_listener));
	ret_listener->address = *address;
	ret_listener->fd = malloc(count * sizeof(*ret_listener->fd));
	world_check(ret_listener->fd, "no memory");
	ret_listener->count = count;
	for (unsigned i = 0; i < count; i++)
		ret_listener->fd[i] = descriptors_open(DESCRIPTOR_LISTENER, NULL);
	return 0;
}

void __wrap_listen_claim(struct listener *listener)
{
	(void)listener;
}

void __wrap_listen_refuse(const struct listener *listener)
{
	(void)listener;
	session_refuse();
}

void __wrap_listen_close(struct listener *listener)
{
	for (unsigned i = 0; i < listener->count; i++)
		if (listener->fd[i] >= 0)
			descriptors_close(listener->fd[i]);
	free(listener->fd);
	memset(listener, 0, sizeof(*listener));
}

/* Files */

int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret_status)
{
	if (!descriptors_is_ours(fd))
		return __real_statx(fd, path, flags, mask, ret_status);
	if (world_happens(CHANCE_stat_error)) {
		node_of(fd, "statx");
		world.file_failed_step = world.step;
		return fail_with(world_one_in(2) ? EIO : ESTALE);
	}
	files_stat(node_of(fd, "statx"), ret_status);
	return 0;
}

ssize_t __wrap_preadv64v2(int fd, const struct iovec *piece, int count, off_t offset, int flags)
{
	(void)count, (void)flags;
	if (world_happens(CHANCE_cold)) {
		node_of(fd, "preadv2");
		return fail_with(EAGAIN);
	}
	return (ssize_t)files_read(node_of(fd, "preadv2"), piece->iov_base, piece->iov_len, (uint64_t)offset);
}

ssize_t __wrap_pread64(int fd, void *base, size_t size, off_t offset)
{
	if (!descriptors_is_ours(fd))
		return __real_pread64(fd, base, size, offset);
	if (world_happens(CHANCE_read_error)) {
		world.file_failed_step = world.step;
		return fail_with(world_one_in(2) ? EIO : EINTR);
	}
	return (ssize_t)files_read(node_of(fd, "pread"), base, size, (uint64_t)offset);
}

int __wrap_fcntl64(int fd, int command, ...)
{
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	if (!descriptors_is_ours(fd))
		return __real_fcntl64(fd, command, argument);
	descriptors_find(fd, "fcntl");
	return 0;
}

int __wrap_open64(const char *path, int flags, ...)
{
	va_list arguments;
	int mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, int);
	va_end(arguments);
	if (strncmp(path, ROOT, strlen(ROOT)) != 0)
		return __real_open64(path, flags, mode);
	if (!world.starting && world_happens(CHANCE_open_error))
		return fail_with(EMFILE);
	return files_open("dir", flags);
}

int __wrap_faccessat(int fd, const char *path, int mode, int flags)
{
	if (!descriptors_is_ours(fd))
		return __real_faccessat(fd, path, mode, flags);
	node_of(fd, "faccessat");
	return 0;
}

int __wrap_memory_file_create(struct bytes content)
{
	if (world_happens(CHANCE_open_error))
		return -EMFILE;
	return files_open_memory(content.base, content.size);
}

void __wrap_memory_file_version(int fd, struct version *ret_version)
{
	const struct node *node = node_of(fd, "fstat");

	*ret_version = (struct version){ .device = 1,
					 .inode = node->inode,
					 .size = node->edition[0].size,
					 .modified_ns = node->edition[0].modified_ns,
					 .changed_ns = node->changed_ns };
}

/* Any descriptor */

int __wrap_close(int fd)
{
	struct descriptor *descriptor = descriptors_find(fd, "close");
	bool is_socket = descriptor && descriptor->kind == DESCRIPTOR_SOCKET;
	struct client *client = descriptor ? descriptor->object : NULL;

	if (!descriptor)
		return __real_close(fd);
	descriptors_close(fd);
	if (is_socket)
		session_on_close(client);
	return 0;
}

int __wrap_eventfd(unsigned count, int flags)
{
	uint64_t *event = world_alloc(sizeof(*event));

	(void)flags;
	*event = count;
	return descriptors_open(DESCRIPTOR_EVENT, event);
}

ssize_t __wrap_read(int fd, void *base, size_t size)
{
	uint64_t *event;

	if (!descriptors_is_ours(fd))
		return __real_read(fd, base, size);
	event = descriptors_get(fd, DESCRIPTOR_EVENT, "read")->object;
	if (*event == 0)
		return fail_with(EAGAIN);
	memcpy(base, event, sizeof(*event));
	*event = 0;
	return (ssize_t)sizeof(*event);
}

ssize_t __wrap_write(int fd, const void *base, size_t size)
{
	uint64_t count;

	if (!descriptors_is_ours(fd))
		return __real_write(fd, base, size);
	memcpy(&count, base, sizeof(count));
	*(uint64_t *)descriptors_get(fd, DESCRIPTOR_EVENT, "write")->object += count;
	return (ssize_t)sizeof(count);
}

/* The machine */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
		ret_time->tv_sec = world.wall_ns / 1000000000;
		ret_time->tv_nsec = world.wall_ns % 1000000000;
	} else {
		ret_time->tv_sec = (time_t)(world.now_ms / 1000);
		ret_time->tv_nsec = (long)(world.now_ms % 1000) * 1000000;
	}
	return 0;
}

ssize_t __wrap_getrandom(void *base, size_t size, unsigned flags)
{
	uint8_t *bytes = base;

	(void)flags;
	if (!world.starting && world_happens(CHANCE_random)) {
		world.memory_failed_step = world.step;
		return fail_with(EAGAIN);
	}
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)world_random();
	return (ssize_t)size;
}

int __wrap_getrlimit64(int resource, struct rlimit *ret_limit)
{
	if (resource != RLIMIT_NOFILE)
		return __real_getrlimit64(resource, ret_limit);
	ret_limit->rlim_cur = FILES_MAX;
	ret_limit->rlim_max = FILES_MAX;
	return 0;
}

int __wrap_setrlimit64(int resource, const struct rlimit *limit)
{
	(void)resource, (void)limit;
	return 0;
}

int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *cpus)
{
	(void)thread, (void)size, (void)cpus;
	return 0;
}
