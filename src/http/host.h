/* SPDX-License-Identifier: MIT */
/* The Host field's value (RFC 9110 7.2, RFC 3986 3.2.2): uri-host [ ":" port ]. */
#ifndef QUOIT_HTTP_HOST_H
#define QUOIT_HTTP_HOST_H

#include <stdbool.h>

#include "base/bytes.h"

/*
 * May this stand in Host? A registered name, an IPv4 address, or an IPv6 address in brackets,
 * and an optional port of decimal digits. Empty is allowed: a client whose target has no
 * authority must send it so. Stricter than RFC 3986 in two places, because nobody's name has
 * them and somebody's parser splits at them: no comma, no apostrophe.
 */
bool host_is_valid(struct bytes value);

#endif
