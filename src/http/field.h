/* SPDX-License-Identifier: MIT */
/* Which request field is this? Names compare without case (RFC 9110 5.1). */
#ifndef QUOIT_HTTP_FIELD_H
#define QUOIT_HTTP_FIELD_H

#include "base/bytes.h"

enum field_id {
#define FIELD(constant, name) FIELD_##constant,
#include "http/field.def"
#undef FIELD
	FIELD_COUNT,
	FIELD_UNKNOWN = FIELD_COUNT,
};

/* The field that `name` names, or FIELD_UNKNOWN. */
enum field_id field_recognise(struct bytes name);

#endif
