/* SPDX-License-Identifier: MIT */
/*
 * One line of a header rule: a field that is set, added or removed. Which fields allow what is in
 * rule.def. Pure; rule.h says what the whole means.
 */
#ifndef QUOIT_SITE_CHANGE_H
#define QUOIT_SITE_CHANGE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/problems.h"
#include "base/text.h"
#include "site/fields.h"

/* What the configuration says, as bits of a set. */
enum change_verb { CHANGE_REMOVE = 1, CHANGE_SET = 2, CHANGE_ADD = 4 };

struct change {
	enum change_verb verb;
	bool is_content;    /* it sets or adds something that is said of the content */
	struct bytes name;  /* both in the text that was read */
	struct bytes value; /* size 0: CHANGE_REMOVE */
};

/*
 * Read "Name: value", to remove "Name". `divides_content`: the rule names 200 or 304 alone, which validators
 * do not allow. False after adding a problem at `place`.
 */
bool change_read(struct change *change, enum change_verb verb, struct bytes text, bool divides_content,
		 const struct place *place, struct problems *problems);

/* `said`, unless it is NULL, gets what happened: " set Cache-Control: no-cache". */
void change_apply(const struct change *change, struct fields *fields, struct text *said);

/* NULL when this field may be changed so, else why not (static). */
const char *change_refusal(struct bytes name, enum change_verb verb);

#endif
