/* SPDX-License-Identifier: MIT */
/* What is made of an asset when a request asks for it: its digest, or the plain form of what is there coded
 * only. */
#ifndef QUOIT_SERVE_MAKING_H
#define QUOIT_SERVE_MAKING_H

#include "serve/conn.h"
#include "site/answer.h"
#include "site/cache.h"

/*
 * `need` is NEED_DIGEST of `asset`, or NEED_DECODED: of the chain that begins with `first` and
 * that `key` stands for, made of its coded member `asset`. True: the connection is RESOLVING, and the
 * request is to be answered anew when it is resumed. False: it cannot be made (asset->digested or
 * asset->decoded says so): ask answer_asset() again at once.
 */
bool making_wait(struct worker *worker, struct conn *conn, enum answer_need need, const struct cache_key *key,
		 struct asset *first, struct asset *asset);

#endif
