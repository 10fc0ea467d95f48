/* SPDX-License-Identifier: MIT */
/*
 * How many connections each address has (--address-connections), over all workers.
 *
 * An address is an IPv4 address, also one that comes mapped into IPv6, or the first 64 bits of an IPv6
 * address: what one subscriber has. The table is there only when there is a limit. Its functions may be
 * called from any thread; they are, once for each connection that is accepted and once when it has gone.
 */
#ifndef QUOIT_SERVE_ADDRESS_H
#define QUOIT_SERVE_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/fault.h"

struct addresses;

#define ADDRESS_NONE 0          /* it does not count: a unix socket, or exempt */
#define ADDRESS_FULL UINT32_MAX /* it has as many as it may */
#define ADDRESS_RANGES_MAX 256  /* in --address-exempt */

/* Is this a list as of --address-exempt: ADDRESS, or ADDRESS/BITS, with commas or spaces between? 0, or
 * -EINVAL. */
int address_check_ranges(const char *text, struct fault *fault);

/*
 * At most `limit` connections for each address outside of the ranges of `exempt`, which is such a list, and
 * `connections` in all. -errno.
 */
int address_create(uint64_t limit, uint64_t connections, const char *exempt, struct addresses **ret_addresses,
		   struct fault *fault);
void address_destroy(struct addresses *addresses);

/* One connection more: its place, for address_leave(); or ADDRESS_NONE or ADDRESS_FULL, and nothing is kept.
 */
uint32_t address_enter(struct addresses *addresses, const struct sockaddr_storage *peer);

/* One connection less of what has this place, which is neither of the two. */
void address_leave(struct addresses *addresses, uint32_t place);

#endif
