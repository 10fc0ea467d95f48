/* SPDX-License-Identifier: MIT */
/* The options that a session draws for the server, as the model has to know them. */
#ifndef QUOIT_TESTS_SIM_OPTIONS_H
#define QUOIT_TESTS_SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct quoit;

struct options {
	uint64_t small, turn;
	uint64_t fresh_ms;
	uint64_t head_size, target_size, body_size;
	uint64_t head_time, body_time, idle_time, send_time, linger_time, drain_time;
	uint64_t backlog;
	bool has_fallback;
	bool tags_are_content; /* --etag content */
	bool has_tags;
	bool has_codings;
};

extern struct options options;

/* Draw them and set them, with others that change no answer. Fails the session when one is refused. */
void options_draw(struct quoit *quoit);

#endif
