/* SPDX-License-Identifier: MIT */
/* The head of an answer, as a client reads it. */
#ifndef QUOIT_TESTS_SIM_REPLY_H
#define QUOIT_TESTS_SIM_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum coded { CODED_NOT, CODED_GZIP, CODED_BR, CODED_ZSTD, CODED_COUNT };

struct reply {
	unsigned status;
	size_t head_size;
	bool has_length;
	uint64_t length;
	bool closes, keeps; /* Connection: close, keep-alive */
	char tag[80];       /* "": none */
	enum coded coded;
	bool has_range, range_is_unsatisfied;
	uint64_t range_first, range_last, range_size;
	char type[128];
	char location[128];
	int64_t date;       /* seconds */
	uint64_t step;      /* at which its head was complete */
	uint64_t body_size; /* that follows */
};

/* False: the head is not complete. What is malformed fails the session. */
bool reply_parse(const uint8_t *bytes, size_t size, struct reply *ret_reply);

#endif
