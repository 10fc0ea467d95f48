/* SPDX-License-Identifier: MIT */
/*
 * What stands in for functions that the library calls: the linker's --wrap=NAME sends its calls of NAME to
 * __wrap_NAME, and calls of __real_NAME to NAME itself. The list of names is in meson.build.
 *
 * The names with 64 are those that the C library gives to calls with large offsets; on machines where all
 * offsets are large it may use either.
 */
#ifndef QUOIT_TESTS_SIM_WRAP_H
#define QUOIT_TESTS_SIM_WRAP_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "base/bytes.h"
#include "serve/jobs.h"

struct fault;
struct iovec;
struct listen_address;
struct listener;
struct version;

int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendfile64(int fd, int file, off_t *offset, size_t size);
int __wrap_shutdown(int fd, int how);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_listen_open(const struct listen_address *address, unsigned count, int backlog,
		       struct listener *ret_listener, struct fault *fault);
void __wrap_listen_claim(struct listener *listener);
void __wrap_listen_refuse(const struct listener *listener);
void __wrap_listen_close(struct listener *listener);
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret_status);
int __real_statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret_status);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *piece, int count, off_t offset, int flags);
ssize_t __wrap_pread64(int fd, void *base, size_t size, off_t offset);
ssize_t __real_pread64(int fd, void *base, size_t size, off_t offset);
int __wrap_fcntl64(int fd, int command, ...);
int __real_fcntl64(int fd, int command, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __wrap_faccessat(int fd, const char *path, int mode, int flags);
int __real_faccessat(int fd, const char *path, int mode, int flags);
int __wrap_memory_file_create(struct bytes content);
void __wrap_memory_file_version(int fd, struct version *ret_version);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_eventfd(unsigned count, int flags);
ssize_t __wrap_read(int fd, void *base, size_t size);
ssize_t __real_read(int fd, void *base, size_t size);
ssize_t __wrap_write(int fd, const void *base, size_t size);
ssize_t __real_write(int fd, const void *base, size_t size);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
ssize_t __wrap_getrandom(void *base, size_t size, unsigned flags);
int __wrap_getrlimit64(int resource, struct rlimit *ret_limit);
int __real_getrlimit64(int resource, struct rlimit *ret_limit);
int __wrap_setrlimit64(int resource, const struct rlimit *limit);
int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *cpus);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*body)(void *),
			  void *argument);
int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*body)(void *),
			  void *argument);

/* memory.c */
void *__wrap_mem_alloc(size_t size);
void *__real_mem_alloc(size_t size);
void *__wrap_mem_alloc_zeroed(size_t count, size_t size);
void *__real_mem_alloc_zeroed(size_t count, size_t size);
void *__wrap_mem_resize(void *block, size_t size);
void *__real_mem_resize(void *block, size_t size);
void __wrap_mem_free(void *block);
void __real_mem_free(void *block);
void *__wrap_mem_alloc_aligned(size_t size, size_t alignment);
void *__real_mem_alloc_aligned(size_t size, size_t alignment);
char *__wrap_mem_string(const char *string);
void *__wrap_mem_reserve(size_t size);
void *__real_mem_reserve(size_t size);
void __wrap_mem_unreserve(void *block, size_t size);
void __real_mem_unreserve(void *block, size_t size);

/* helpers.c */
int __wrap_jobs_start(struct jobs *jobs, bool low, void *begin, void *context, struct fault *fault);
int __wrap_jobs_submit(struct jobs *jobs, struct job *job, struct job_outbox *outbox);

/* session.c */
void __wrap_log_warning(const char *format, ...);
_Noreturn void __wrap_check_failed(const char *condition, const char *file, int line);

#endif
