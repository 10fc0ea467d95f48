/* SPDX-License-Identifier: MIT */
/*
 * Draws a session's options: small limits more often than large ones, so that they are hit.
 *
 * Called by session.c before the server starts. Whatever is not drawn here has its default, but for what
 * would make the server look beyond the simulation (its own sandbox, a file of configuration).
 */
#include "options.h"

#include <stdio.h>
#include <string.h>

#include "quoit.h"
#include "world.h"

struct options options;

static void set(struct quoit *quoit, const char *name, const char *value)
{
	world_log("option: --%s %s", name, value);
	world_check(quoit_set(quoit, name, value) == 0, "--%s %s is refused: %s", name, value,
		    quoit_error(quoit));
}

static void set_number(struct quoit *quoit, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	set(quoit, name, text);
}

static uint64_t set_ms(struct quoit *quoit, const char *name, uint64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu.%03llu", (unsigned long long)ms / 1000,
		 (unsigned long long)ms % 1000);
	set(quoit, name, text);
	return ms;
}

static uint64_t draw_of(const uint64_t *values, unsigned count)
{
	return values[world_below(count)];
}

#define DRAW(...)                                                                                            \
	draw_of((const uint64_t[]){ __VA_ARGS__ }, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static uint64_t draw_time(uint64_t longest_ms)
{
	return world_one_in(2) ? longest_ms : world_between(100, longest_ms);
}

static void draw_sizes(struct quoit *quoit)
{
	options.small = DRAW(0, 1, 100, 700, 4096, 16384);
	options.turn = DRAW(4096, 5000, 16384);
	options.head_size = DRAW(1024, 2048, 16384);
	options.target_size = world_one_in(2) ? 256 : options.head_size / 2;
	options.body_size = DRAW(0, 10, 1000, 100000);
	set_number(quoit, "small", options.small);
	set_number(quoit, "turn", options.turn);
	set_number(quoit, "head-size", options.head_size);
	set_number(quoit, "target-size", options.target_size);
	set_number(quoit, "body-size", options.body_size);
	set_number(quoit, "cork", DRAW(0, 1000, 65536));
	set_number(quoit, "memory", DRAW(65536, 67108864));
	set_number(quoit, "files", DRAW(16, 1024));
	set_number(quoit, "recall", DRAW(0, 2, 256));
	set_number(quoit, "buffers", DRAW(16, 16, 64, 512));
	set_number(quoit, "buffer-size", DRAW(256, 300, 2048));
	set_number(quoit, "connections", DRAW(1, 2, 3, 5, 100));
	options.backlog = DRAW(1, 2, 4, 4096);
	set_number(quoit, "backlog", options.backlog);
}

static void draw_times(struct quoit *quoit)
{
	options.fresh_ms = set_ms(quoit, "fresh", DRAW(0, 1, 50, 1000, 100000));
	options.head_time = set_ms(quoit, "head-time", draw_time(10000));
	options.body_time = set_ms(quoit, "body-time", draw_time(10000));
	options.idle_time = set_ms(quoit, "idle-time", draw_time(60000));
	options.send_time = set_ms(quoit, "send-time", draw_time(30000));
	options.linger_time = set_ms(quoit, "linger-time", world_one_in(3) ? 0 : 2000);
	options.drain_time = set_ms(quoit, "drain-time", draw_time(10000));
}

/* What would reach out of the simulation, or shut the simulation in. */
static void stay_inside(struct quoit *quoit)
{
	static const char *const names[] = { "landlock", "seccomp", "control" };
	struct quoit_option option;

	for (unsigned i = 0; quoit_option(i, &option) == 0; i++)
		for (unsigned j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			if (strcmp(option.name, names[j]) == 0)
				set(quoit, names[j], "off");
}

void options_draw(struct quoit *quoit)
{
	memset(&options, 0, sizeof(options));
	options.has_tags = true;
	set(quoit, "root", "/simulated");
	set(quoit, "listen", "127.0.0.1:80");
	set(quoit, "threads", "1");
	stay_inside(quoit);
	draw_sizes(quoit);
	draw_times(quoit);
	options.has_fallback = world_one_in(4);
	if (options.has_fallback)
		set(quoit, "fallback", "/index.html");
	options.has_codings = world_one_in(2);
	if (!options.has_codings)
		set(quoit, "codings", "none");
	if (world_one_in(4)) {
		options.tags_are_content = world_one_in(2);
		options.has_tags = options.tags_are_content;
		set(quoit, "etag", options.has_tags ? "content" : "none");
	}
}
