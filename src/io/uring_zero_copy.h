/* SPDX-License-Identifier: MIT */
/* SEND_ZC from registered memory, for the table of the io_uring engine. */
#ifndef QUOIT_IO_URING_ZERO_COPY_H
#define QUOIT_IO_URING_ZERO_COPY_H

#include "io/ring.h"

extern const struct ring_zero_copy uring_zero_copy;

#endif
