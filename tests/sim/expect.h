/* SPDX-License-Identifier: MIT */
/*
 * What may be answered to a request, given what the file system had.
 *
 * Plain and slow: it tries every edition of every file that the name stood for at a time that the answer may
 * have been made of.
 */
#ifndef QUOIT_TESTS_SIM_EXPECT_H
#define QUOIT_TESTS_SIM_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"

struct edition;
struct exchange;

/*
 * NULL: the answer may be this one; else a sentence why not. `size` bytes of its body came; less than it
 * announces: the connection ended in it.
 */
const char *expect_judge(const struct exchange *exchange, const struct reply *reply, const uint8_t *body,
			 size_t size);
/* May the connection be ended in the body of this answer, because its file was changed in place? */
bool expect_may_be_cut(const struct exchange *exchange);

/* The entity tag of an edition; ret_tag has room for 64. */
void expect_tag(const struct edition *edition, enum coded coded, char *ret_tag);

/* expect_parts.c: is it the multipart body of these ranges of the edition? */
const char *expect_parts(const struct exchange *exchange, const struct edition *edition,
			 const struct reply *reply, const uint8_t *body, size_t size);

enum wanted { WANTED_WHOLE, WANTED_PARTS, WANTED_NOTHING };
/* What the Range field asks for, of `size` bytes. */
enum wanted expect_wanted(const struct exchange *exchange, uint64_t size, unsigned *ret_count);

#endif
