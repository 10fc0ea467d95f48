/* SPDX-License-Identifier: MIT */
/*
 * The table of simulated descriptors; see descriptors.h.
 *
 * Used by whatever stands in for a system call (system.c, engine.c). It knows of operations in flight only
 * their number: enough to see a descriptor closed under one.
 */
#include "descriptors.h"

#include <string.h>

#include "world.h"

#define MOST 65536

static struct descriptor table[MOST];
static unsigned used;
static unsigned open_count;

static const char *const names[] = {
	[DESCRIPTOR_CLOSED] = "closed",       [DESCRIPTOR_SOCKET] = "a socket",
	[DESCRIPTOR_LISTENER] = "a listener", [DESCRIPTOR_FILE] = "a file",
	[DESCRIPTOR_EVENT] = "an eventfd",
};

void descriptors_begin(void)
{
	memset(table, 0, used * sizeof(table[0]));
	used = 0;
	open_count = 0;
}

int descriptors_open(enum descriptor_kind kind, void *object)
{
	world_check(used < MOST, "more than %d descriptors in a session", MOST);
	table[used] = (struct descriptor){ .kind = kind, .object = object };
	open_count++;
	return DESCRIPTOR_FIRST + (int)used++;
}

struct descriptor *descriptors_find(int fd, const char *what)
{
	struct descriptor *descriptor;

	if (!descriptors_is_ours(fd))
		return NULL;
	world_check((unsigned)(fd - DESCRIPTOR_FIRST) < used, "%s of %d, which never was open", what, fd);
	descriptor = &table[fd - DESCRIPTOR_FIRST];
	world_check(descriptor->kind != DESCRIPTOR_CLOSED, "%s of %d, which is closed", what, fd);
	return descriptor;
}

struct descriptor *descriptors_get(int fd, enum descriptor_kind kind, const char *what)
{
	struct descriptor *descriptor = descriptors_find(fd, what);

	world_check(descriptor, "%s of %d, which is no descriptor", what, fd);
	world_check(descriptor->kind == kind, "%s of %d, which is %s and not %s", what, fd,
		    names[descriptor->kind], names[kind]);
	return descriptor;
}

void descriptors_close(int fd)
{
	struct descriptor *descriptor = descriptors_find(fd, "close");

	world_check(descriptor, "close of %d, which is no descriptor", fd);
	world_check(descriptor->in_flight == 0, "%d, %s, is closed while an operation is in flight", fd,
		    names[descriptor->kind]);
	descriptor->kind = DESCRIPTOR_CLOSED;
	open_count--;
}

unsigned descriptors_count(void)
{
	return open_count;
}

int descriptors_any(void)
{
	for (unsigned i = 0; i < used; i++)
		if (table[i].kind != DESCRIPTOR_CLOSED)
			return DESCRIPTOR_FIRST + (int)i;
	return -1;
}
