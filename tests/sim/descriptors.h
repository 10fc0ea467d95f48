/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the simulated kernel.
 *
 * Their numbers begin where no real one is and are never given twice in a session, so whatever is done to a
 * closed one is seen.
 */
#ifndef QUOIT_TESTS_SIM_DESCRIPTORS_H
#define QUOIT_TESTS_SIM_DESCRIPTORS_H

#include <stdbool.h>

#define DESCRIPTOR_FIRST 1000000

enum descriptor_kind {
	DESCRIPTOR_CLOSED,
	DESCRIPTOR_SOCKET,
	DESCRIPTOR_LISTENER,
	DESCRIPTOR_FILE,
	DESCRIPTOR_EVENT,
};

struct descriptor {
	enum descriptor_kind kind;
	bool path_only;     /* O_PATH */
	unsigned in_flight; /* operations that hold it */
	void *object;       /* struct node, struct client, a counter; by kind */
};

void descriptors_begin(void);
int descriptors_open(enum descriptor_kind kind, void *object);
/* Fails the session when it is not open, or of another kind. `what` is done to it. */
struct descriptor *descriptors_get(int fd, enum descriptor_kind kind, const char *what);
/* Of any kind; NULL when it is no simulated one. */
struct descriptor *descriptors_find(int fd, const char *what);
void descriptors_close(int fd);
/* How many are open. */
unsigned descriptors_count(void);
/* One that is open, for a message; -1: none. */
int descriptors_any(void);

static inline bool descriptors_is_ours(int fd)
{
	return fd >= DESCRIPTOR_FIRST;
}

#endif
