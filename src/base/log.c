/* SPDX-License-Identifier: MIT */
/*
 * Warnings on standard error.
 *
 * Called where something is wrong with what is served, seldom and from any thread: a line is one write(2),
 * so lines of several threads do not mix. Names of files come from strangers, so nothing in them may
 * start a line of its own or move a terminal's cursor. Standard error may be a full disk, or a pipe that
 * nobody reads: a worker must not wait for either, so a line that cannot be written at once is lost, counted,
 * and told of by the next one that can.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_SIZE 1024
#define KEYS 4096
#define TURN_TRIES 1000

static _Atomic uint64_t lost;
static _Atomic uint64_t lost_untold;

/*
 * Where the kernel cannot promise not to wait (a terminal, some file systems, pipes of older kernels) it is
 * asked first. Between question and write another process may fill the pipe: no line is longer than what
 * a pipe that is ready takes at once (PIPE_BUF), and threads of this process take turns.
 */
static bool write_now(const char *line, size_t size)
{
	struct iovec piece = { .iov_base = (void *)line, .iov_len = size };
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t written = pwritev2(STDERR_FILENO, &piece, 1, -1, RWF_NOWAIT);

	if (written < 0 && errno != EPIPE && errno != EIO && errno != ENOSPC && errno != EBADF) {
		if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
			return false;
		written = write(STDERR_FILENO, line, size);
	}
	return written == (ssize_t)size;
}

/* The one who writes is soon done, or stuck: then it is not waited for. */
static bool take_turn(atomic_flag *busy)
{
	for (unsigned i = 0; i < TURN_TRIES; i++) {
		if (!atomic_flag_test_and_set_explicit(busy, memory_order_acquire))
			return true;
		sched_yield();
	}
	return false;
}

static bool write_line(const char *line, size_t size)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	uint64_t untold;
	bool done;

	if (!take_turn(&busy))
		return false;
	done = write_now(line, size);
	untold = done ? atomic_exchange_explicit(&lost_untold, 0, memory_order_relaxed) : 0;
	if (untold > 0) {
		char note[96];
		int length = snprintf(note, sizeof(note), "quoit: warning: %llu earlier lines were lost\n",
				      (unsigned long long)untold);

		if (!write_now(note, (size_t)length))
			atomic_fetch_add_explicit(&lost_untold, untold, memory_order_relaxed);
	}
	atomic_flag_clear_explicit(&busy, memory_order_release);
	return done;
}

void log_warning(const char *format, ...)
{
	char line[LINE_MAX_SIZE];
	int prefix = snprintf(line, sizeof(line), "quoit: warning: ");
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(line + prefix, sizeof(line) - 1 - (size_t)prefix, format, arguments);
	va_end(arguments);
	if (size < 0)
		return;
	size += prefix;
	if (size > LINE_MAX_SIZE - 2)
		size = LINE_MAX_SIZE - 2;
	for (int i = prefix; i < size; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[size++] = '\n';
	if (write_line(line, (size_t)size))
		return;
	atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&lost_untold, 1, memory_order_relaxed);
}

uint64_t log_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}

bool log_is_new(uint64_t key)
{
	static _Atomic uint64_t told[KEYS];

	return atomic_exchange_explicit(&told[key % KEYS], key, memory_order_relaxed) != key;
}
