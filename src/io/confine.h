/* SPDX-License-Identifier: MIT */
/*
 * What a thread gives up before it meets what strangers send: new privileges, capabilities, files
 * outside of what is served (Landlock), system calls that it has no use for (seccomp).
 *
 * Everything here is of a thread, never of the process: the control plane stays free, since it starts the
 * next version of the program on an upgrade, and what is given up is given up for whatever is executed, too.
 * The control plane makes one `struct confine` and tries it on a thread that ends again; each thread then
 * enters it once. What the kernel lacks is left out and named, unless it was asked for with CONFINE_ON.
 */
#ifndef QUOIT_IO_CONFINE_H
#define QUOIT_IO_CONFINE_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/text.h"

/* The words of the options `landlock` and `seccomp`, in their order. */
enum confine_mode {
	CONFINE_AUTO, /* where the kernel has it */
	CONFINE_ON,   /* or not at all: without it nothing starts */
	CONFINE_OFF,
};

enum confine_role {
	CONFINE_WORKER_URING,
	CONFINE_WORKER_EPOLL, /* and its thread for files, which it starts itself */
	CONFINE_HELPER,
	CONFINE_LOW, /* the helper that writes what it has compressed */
	CONFINE_ROLES,
};

struct confine_setup {
	enum confine_mode landlock;
	enum confine_mode seccomp;
	const int *folder; /* descriptors (O_PATH will do) of what may be read, with all below it */
	unsigned folder_count;
	bool everywhere; /* everything may be read */
	int written;     /* a folder to read, and for CONFINE_LOW to write in; -1: none */
	/* Whose threads will be replaced: what was given up by them is to be had again. NULL: nobody's. */
	const struct confine *before;
};

struct confine;

/* Is there any in this process? Its threads could not follow a change of user, and the C library ends the
 * process then. */
bool confine_is_in_use(void);

/* Finds out what there is. -errno with a sentence: something that must be there is not, or no memory. */
int confine_create(const struct confine_setup *setup, struct confine **ret_confine, struct fault *fault);
/* Once no thread will enter any more; those that have stay as they are. NULL is ignored. */
void confine_destroy(struct confine *confine);

/*
 * For the calling thread, for good, in this order, each once. NULL does nothing. Threads that it starts
 * later are confined as it is. -errno with a sentence.
 *
 *   confine_files   no new privileges, files. A ring that was made before works with them, too, but for
 *                   the kernel's thread of sqpoll, which is as its maker was.
 *   confine_calls   capabilities, system calls: everything has been opened and made.
 */
int confine_files(const struct confine *confine, enum confine_role role, struct fault *fault);
int confine_calls(const struct confine *confine, enum confine_role role, struct fault *fault);

/* May threads read the folder behind this descriptor? Looks at where it lies, and asks for no right. */
bool confine_covers(const struct confine *confine, int folder);

bool confine_reads_everywhere(const struct confine *confine);

/* Appends "a, b, c" of what is given up, and "x (reason), y (reason)" of what is not. */
void confine_describe(const struct confine *confine, struct text *given_up, struct text *kept);

#endif
