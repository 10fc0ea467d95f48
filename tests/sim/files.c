/* SPDX-License-Identifier: MIT */
/*
 * Names, nodes and editions; see files.h.
 *
 * The engine and the system calls read here, the session changes it, the model asks what was when. It
 * knows nothing of HTTP. Modification times are unique to the nanosecond, as if no two writes fell into one
 * tick of the clock: what the server cannot tell apart is not its fault, and not looked for here.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "descriptors.h"
#include "world.h"

static const char *const paths[] = {
	"index.html", "a.txt",    "b.html",   "c.css",          "d.bin",    "e.bin",
	"gone.txt",   "dir",      "bare",     "dir/index.html", "dir/x.js", "a.txt.gz",
	"c.css.br",   "c.css.gz", "d.bin.gz", "b.html.zst",
};
#define COUNT (sizeof(paths) / sizeof(paths[0]))

static struct name names[COUNT];
static struct {
	uint64_t small, turn;
	uint64_t inode;
	unsigned number;
	int64_t unique_ns;
	unsigned hot;
} files;

static void fill(uint8_t *bytes, uint64_t size, uint64_t from, unsigned number)
{
	for (uint64_t at = from; at < size; at++) {
		uint64_t word = (at / 8 + ((uint64_t)number << 32)) * UINT64_C(0x9e3779b97f4a7c15);

		word ^= word >> 29;
		bytes[at] = (uint8_t)(word >> (at % 8 * 8));
	}
}

static uint64_t draw_size(void)
{
	switch (world_below(8)) {
	case 0:
		return world_below(3);
	case 1:
		return files.small + world_below(3) - (files.small > 0);
	case 2:
		return files.turn + world_below(3) - 1;
	case 3:
		return world_between(1, 3 * files.turn);
	case 4:
		return world_between(1, 2 * files.small + 2);
	default:
		return world_between(1, 600);
	}
}

/* A little before now, so that the next second does not begin by being unique. */
static int64_t draw_time(bool may_be_old)
{
	int64_t age = may_be_old && world_one_in(3) ? (int64_t)world_below(UINT64_C(1000000000000)) : 0;

	return world.wall_ns - 100000 - age + ++files.unique_ns;
}

struct edition *files_edition(struct node *node)
{
	return &node->edition[node->count - 1];
}

static struct edition *add_edition(struct node *node, uint64_t size)
{
	struct edition *edition = &node->edition[node->count];

	if (node->count > 0)
		files_edition(node)->end = world.step - 1;
	node->count++;
	*edition = (struct edition){
		.begin = world.step, .end = UINT64_MAX, .size = size, .number = ++files.number
	};
	return edition;
}

static struct node *create_node(bool is_folder)
{
	struct node *node = world_alloc(sizeof(*node));
	uint64_t size = is_folder ? 0 : draw_size();
	struct edition *edition = add_edition(node, size);

	node->inode = ++files.inode;
	node->is_folder = is_folder;
	edition->bytes = world_alloc(size);
	fill(edition->bytes, size, 0, edition->number);
	edition->modified_ns = draw_time(true);
	node->changed_ns = edition->modified_ns;
	return node;
}

static void set_link(struct name *name, struct node *node)
{
	if (name->link_count > 0)
		name->link[name->link_count - 1].end = world.step - 1;
	name->link[name->link_count++] = (struct link){ world.step, UINT64_MAX, node };
}

void files_begin(uint64_t small, uint64_t turn)
{
	memset(&files, 0, sizeof(files));
	memset(names, 0, sizeof(names));
	files.small = small;
	files.turn = turn;
	files.hot = (unsigned)world_below(COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		bool is_folder = strcmp(paths[i], "dir") == 0 || strcmp(paths[i], "bare") == 0;
		bool is_there = is_folder || world_below(i >= 11 ? 2 : 6) > 0;

		names[i].path = paths[i];
		set_link(&names[i],
			 is_there && strcmp(paths[i], "gone.txt") != 0 ? create_node(is_folder) : NULL);
	}
}

struct name *files_hot(void)
{
	return &names[files.hot];
}

unsigned files_count(void)
{
	return COUNT;
}

struct name *files_name(unsigned index)
{
	return &names[index];
}

struct name *files_find(const char *path)
{
	for (unsigned i = 0; i < COUNT; i++)
		if (strcmp(names[i].path, path) == 0)
			return &names[i];
	return NULL;
}

struct name *files_sibling(const struct name *name, const char *ending)
{
	char path[64];

	snprintf(path, sizeof(path), "%s%s", name->path, ending);
	return files_find(path);
}

struct node *files_node(const struct name *name)
{
	return name->link[name->link_count - 1].node;
}

/* Changes */

static void disturb(struct name *name)
{
	name->disturbed++;
}

static void replace(struct name *name)
{
	struct node *old = files_node(name);

	if (old)
		old->changed_ns = world.wall_ns + ++files.unique_ns; /* it has lost a name */
	set_link(name, create_node(false));
	world_log("file: %s is edition %u of %llu bytes", name->path, files_edition(files_node(name))->number,
		  (unsigned long long)files_edition(files_node(name))->size);
}

static void take_away(struct name *name)
{
	files_node(name)->changed_ns = world.wall_ns + ++files.unique_ns;
	set_link(name, NULL);
	world_log("file: %s is removed", name->path);
}

/* Written over, cut, or written on: the bytes of the edition before it, up to `same`, stay. */
static void rewrite(struct name *name)
{
	struct node *node = files_node(name);
	struct edition *before = files_edition(node);
	uint64_t size = before->size, same = 0;
	struct edition *edition;

	switch (world_below(4)) {
	case 0:
		break; /* as long as before */
	case 1:
		size = same = world_below(size + 1);
		break;
	case 2:
		same = size;
		size += world_between(1, 500);
		break;
	default:
		size = draw_size();
		break;
	}
	edition = add_edition(node, size);
	edition->bytes = world_alloc(size);
	memcpy(edition->bytes, before->bytes, same < size ? same : size);
	fill(edition->bytes, size, same, edition->number);
	edition->modified_ns = draw_time(false);
	node->changed_ns = edition->modified_ns;
	name->in_place = true;
	world_log("file: %s is written in place: edition %u of %llu bytes, %llu as before", name->path,
		  edition->number, (unsigned long long)size, (unsigned long long)same);
}

void files_change(struct name *likely)
{
	struct name *name = likely && world_one_in(2) ? likely : &names[world_below(COUNT)];
	struct node *node = files_node(name);

	if ((node && node->is_folder) || name->link_count == FILES_LINKS)
		return;
	world_next();
	disturb(name);
	if (node && node->count < FILES_EDITIONS && world_happens(CHANCE_in_place))
		rewrite(name);
	else if (node && world_one_in(4))
		take_away(name);
	else
		replace(name);
}

/* Access */

static struct node *walk(const char *path, int *ret_error)
{
	char part[64];
	struct name *name;
	size_t size = strlen(path);

	if (strcmp(path, ".") == 0)
		path = "dir"; /* any folder: nothing is listed in it */
	while (size > 0 && path[size - 1] == '/')
		size--;
	*ret_error = -ENOENT;
	if (size >= sizeof(part))
		return NULL;
	for (size_t i = 0; i <= size; i++) {
		if (i < size && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		name = files_find(part);
		if (!name || !files_node(name))
			return NULL;
		if (i < size && !files_node(name)->is_folder) {
			*ret_error = -ENOTDIR;
			return NULL;
		}
		if (i == size)
			return files_node(name);
	}
	return NULL;
}

int files_open(const char *path, int flags)
{
	int error, fd;
	struct node *node = walk(path, &error);

	if (!node)
		return error;
	if (flags & O_DIRECTORY && !node->is_folder)
		return -ENOTDIR;
	fd = descriptors_open(DESCRIPTOR_FILE, node);
	descriptors_get(fd, DESCRIPTOR_FILE, "open")->path_only = flags & O_PATH;
	return fd;
}

int files_open_memory(const void *base, size_t size)
{
	struct node *node = world_alloc(sizeof(*node));
	struct edition *edition = add_edition(node, size);

	node->inode = ++files.inode;
	edition->bytes = world_alloc(size);
	memcpy(edition->bytes, base, size);
	edition->modified_ns = world.wall_ns;
	node->changed_ns = world.wall_ns;
	return descriptors_open(DESCRIPTOR_FILE, node);
}

static void set_time(struct statx_timestamp *time, int64_t ns)
{
	time->tv_sec = ns / 1000000000;
	time->tv_nsec = (uint32_t)(ns % 1000000000);
}

void files_stat(const struct node *node, struct statx *ret_status)
{
	const struct edition *edition = &node->edition[node->count - 1];

	memset(ret_status, 0, sizeof(*ret_status));
	ret_status->stx_mask = STATX_BASIC_STATS;
	ret_status->stx_mode = node->is_folder ? S_IFDIR | 0755 : S_IFREG | 0644;
	ret_status->stx_ino = node->inode;
	ret_status->stx_size = edition->size;
	ret_status->stx_dev_major = 8;
	set_time(&ret_status->stx_mtime, edition->modified_ns);
	set_time(&ret_status->stx_ctime, node->changed_ns);
}

size_t files_read(struct node *node, void *base, size_t size, uint64_t offset)
{
	const struct edition *edition = files_edition(node);

	if (offset >= edition->size)
		return 0;
	if (size > edition->size - offset)
		size = (size_t)(edition->size - offset);
	memcpy(base, edition->bytes + offset, size);
	return size;
}

/* Looks */

void files_look_goes_on(uint32_t fetch, const void *entry)
{
	for (unsigned i = 0; i < COUNT; i++)
		for (unsigned j = 0; j < names[i].look_count; j++) {
			struct look *look = &names[i].look[j];

			if (look->ended || look->fetch != fetch)
				continue;
			if (look->entry == entry)
				look->done_ms = world.now_ms;
			else
				look->ended = true;
		}
}

void files_look(const char *path, uint32_t fetch, const void *entry)
{
	struct name *name = files_find(path);

	files_look_goes_on(fetch, entry);
	if (!name)
		return;
	for (unsigned i = 0; i < name->look_count; i++)
		if (name->look[i].fetch == fetch)
			name->look[i].ended = true;
	if (name->look_count == FILES_LOOKS)
		memmove(name->look, name->look + 1, --name->look_count * sizeof(name->look[0]));
	name->look[name->look_count++] = (struct look){ world.step, world.now_ms, fetch, entry, false };
}
