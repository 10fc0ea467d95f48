/* SPDX-License-Identifier: MIT */
/* Media types by file name: the rows of mime.def. */
#ifndef QUOIT_SITE_MIME_H
#define QUOIT_SITE_MIME_H

#include "base/bytes.h"

/*
 * The whole Content-Type value for a file of this name (a path's last segment is enough), with
 * "; charset=utf-8" where the type is text. The longest extension with a row wins
 * ("archive.tar.gz" is application/gzip); case does not matter; "application/octet-stream"
 * when there is no row. Static memory.
 */
struct bytes mime_type(struct bytes name);

#endif
