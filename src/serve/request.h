/* SPDX-License-Identifier: MIT */
/* A request that is whole: from its target to the answer that is queued. */
#ifndef QUOIT_SERVE_REQUEST_H
#define QUOIT_SERVE_REQUEST_H

#include "http/http1.h"
#include "http/target.h"
#include "serve/conn.h"
#include "site/site.h"

enum request_result {
	REQUEST_ANSWERED, /* and the connection goes on */
	REQUEST_LAST,     /* answered, and it ends; or it is CLOSING */
	REQUEST_WAITS,    /* RESOLVING: the same request comes again when receive_resume() is called */
};

/* Is this a method that files are served by? Others are answered 405. */
bool request_is_served(enum method method);

/* A status that needs no file; 0 when one must be looked for. `scratch` as for target_parse(). */
static inline unsigned request_status(const struct request *request, struct target *ret_target,
				      uint8_t *scratch)
{
	if (!request_is_served(request->method))
		return 405;
	switch (target_parse(request->target, request->method, scratch, ret_target)) {
	case TARGET_MALFORMED:
		return 400;
	case TARGET_NOWHERE:
		return 404;
	case TARGET_OK:
		break;
	}
	if (request->method == METHOD_OPTIONS)
		return 204;
	return ret_target->hidden ? 404 : 0;
}

/* RFC 9112 3.2.2: the authority of an absolute target outweighs Host. */
static inline struct bytes request_host(const struct request *request, struct bytes authority)
{
	if (authority.size == 0 && request_has(request, FIELD_HOST))
		return request->field[FIELD_HOST];
	return authority;
}

/* `request` may be changed: repeated fields are joined. Its slices need last only for the call. */
enum request_result request_answer(struct worker *worker, struct conn *conn, struct request *request);

/* Forget what was waited for. */
void request_drop(struct worker *worker, struct conn *conn);

#endif
