/* SPDX-License-Identifier: MIT */
/*
 * The simulated file system: names, what they stood for and when, and files whose every byte tells which
 * edition of which file it is of.
 *
 *   name --link--> node --> edition, edition ...
 *
 * A node is an inode. A name is given another node (a file replaced by rename) or none (removed); a node gets
 * another edition when it is written in place. Nothing is forgotten: each link and edition says from which
 * step to which it was there, so that the model can ask for all that an answer may have been made of.
 */
#ifndef QUOIT_TESTS_SIM_FILES_H
#define QUOIT_TESTS_SIM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct statx;

#define FILES_EDITIONS 24
#define FILES_LINKS 48
#define FILES_LOOKS 48

struct edition {
	uint64_t begin, end; /* steps; end UINT64_MAX: still */
	uint64_t size;
	uint8_t *bytes;
	int64_t modified_ns;
	unsigned number; /* unique in the session */
};

struct node {
	uint64_t inode;
	int64_t changed_ns;
	bool is_folder;
	unsigned count;
	struct edition edition[FILES_EDITIONS];
};

/* From when to when a name stood for a node; NULL: for none. */
struct link {
	uint64_t begin, end;
	struct node *node;
};

/* The server began to ask what a name stands for, and was last known to be at it. */
struct look {
	uint64_t begin_step;
	uint64_t done_ms;
	uint32_t fetch;
	const void *entry; /* that it is for */
	bool ended;
};

struct name {
	const char *path; /* from the root, without a slash in front */
	unsigned link_count;
	struct link link[FILES_LINKS];
	unsigned look_count;
	struct look look[FILES_LOOKS];
	unsigned disturbed; /* changes and faults that make the server look again */
	bool in_place;      /* a file of this name was changed in place */
};

/* Of these sizes something special happens at: `small`, `turn`. */
void files_begin(uint64_t small, uint64_t turn);
unsigned files_count(void);
struct name *files_name(unsigned index);
/* NULL: there never was one. */
struct name *files_find(const char *path);
/* The name with an ending (".gz") behind it; NULL: there never was one. */
struct name *files_sibling(const struct name *name, const char *ending);
/* What it stands for now; NULL: for nothing. */
struct node *files_node(const struct name *name);
struct edition *files_edition(struct node *node);

/* One that is asked for more often than others. */
struct name *files_hot(void);

/* Something changes, by chance: often this name (NULL: any). */
void files_change(struct name *likely);

/* As openat2(2) below the root: a descriptor or -errno. */
int files_open(const char *path, int flags);
void files_stat(const struct node *node, struct statx *ret_status);
/* As pread(2). */
size_t files_read(struct node *node, void *base, size_t size, uint64_t offset);
/* A file without a name, with this content: a descriptor. */
int files_open_memory(const void *base, size_t size);

/* The server's fetch number `fetch`, for `entry`, looks at this path; it did something; it has ended. */
void files_look(const char *path, uint32_t fetch, const void *entry);
void files_look_goes_on(uint32_t fetch, const void *entry);

#endif
