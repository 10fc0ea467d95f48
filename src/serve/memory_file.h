/* SPDX-License-Identifier: MIT */
/* A file that is in memory only (memfd_create(2)): for what is too long to be sent in one piece. */
#ifndef QUOIT_SERVE_MEMORY_FILE_H
#define QUOIT_SERVE_MEMORY_FILE_H

#include "base/bytes.h"
#include "site/asset.h"

/* A descriptor of a new one with this content, for the caller to close, or -errno. */
int memory_file_create(struct bytes content);

/* Which version of itself it is; it is written once, so it stays that. */
void memory_file_version(int fd, struct version *ret_version);

#endif
