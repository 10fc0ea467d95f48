/* SPDX-License-Identifier: MIT */
/* Who listens on an address? Only for the message that says so. */
#ifndef QUOIT_IO_OWNER_H
#define QUOIT_IO_OWNER_H

#include <stdbool.h>
#include <stddef.h>

struct listen_address;

/*
 * True when a living process holds a listening socket on this TCP port, with "nginx (process
 * 123)" in `out`, or "a process of another user" when its descriptors cannot be seen. False
 * when no process does: such a socket is about to vanish.
 */
bool owner_find(const struct listen_address *address, char *out, size_t capacity);

#endif
