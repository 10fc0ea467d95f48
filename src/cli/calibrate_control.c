/* SPDX-License-Identifier: MIT */
/*
 * Lines between the two processes of `quoit calibrate`, over a socket pair or TCP.
 *
 * Both sides are of one program, but the other end of a TCP connection may be anybody: a line has a
 * greatest length, holds no sign that would do something to a terminal, and whoever waits says how
 * long. Signals are only let in while something is waited for, so that none is missed between a look at
 * its flag and the wait.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "calibrate.h"

int calibrate_control_send(struct calibrate_control *control, const char *format, ...)
{
	char line[CALIBRATE_LINE_MAX];
	va_list arguments;
	size_t size;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	size = strlen(line);
	line[size++] = '\n';
	for (size_t sent = 0; sent < size;) {
		ssize_t now = send(control->fd, line + sent, size - sent, MSG_NOSIGNAL);

		if (now < 0 && errno != EINTR)
			return -errno;
		sent += now > 0 ? (size_t)now : 0;
	}
	return 0;
}

int calibrate_control_wait(int fd, int timeout_ms, const struct calibrate_signals *signals)
{
	struct pollfd poll = { .fd = fd, .events = POLLIN };
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	for (;;) {
		int count =
			ppoll(&poll, 1, timeout_ms < 0 ? NULL : &timeout, signals ? &signals->mask : NULL);

		if (signals && *signals->came)
			return -EINTR;
		if (count >= 0)
			return count == 0 ? -ETIMEDOUT : 0;
		if (errno != EINTR) /* who was only stopped and continued waits on, in full */
			return -errno;
	}
}

/* 1: a line was taken out of what was received; 0: there is none yet; -EPROTO. */
static int take_line(struct calibrate_control *control, char *ret_line)
{
	char *end = memchr(control->received, '\n', control->received_size);
	size_t size = end ? (size_t)(end - control->received) : control->received_size;

	for (size_t i = 0; i < size; i++)
		if (control->received[i] < ' ' || control->received[i] == 127)
			return -EPROTO;
	if (!end)
		return control->received_size == sizeof(control->received) ? -EPROTO : 0;
	memcpy(ret_line, control->received, size);
	ret_line[size] = 0;
	control->received_size -= size + 1;
	memmove(control->received, end + 1, control->received_size);
	return 1;
}

int calibrate_control_receive(struct calibrate_control *control, int timeout_ms,
			      char ret_line[CALIBRATE_LINE_MAX])
{
	int found;

	while ((found = take_line(control, ret_line)) == 0) {
		int error = calibrate_control_wait(control->fd, timeout_ms, control->signals);
		ssize_t size;

		if (error < 0)
			return error;
		size = recv(control->fd, control->received + control->received_size,
			    sizeof(control->received) - control->received_size, 0);
		if (size < 0)
			return -errno;
		if (size == 0)
			return -EPIPE;
		control->received_size += (size_t)size;
	}
	return found < 0 ? found : 0;
}
