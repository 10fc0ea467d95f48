/* SPDX-License-Identifier: MIT */
/*
 * quoit: an HTTP server for static content, in your own program.
 *
 *   struct quoit *quoit = quoit_create();
 *
 *   if (!quoit || quoit_set(quoit, "root", "/srv/www") < 0 ||
 *       quoit_set(quoit, "listen", "127.0.0.1:8080") < 0 || quoit_start(quoit) < 0)
 *           fprintf(stderr, "%s\n", quoit ? quoit_error(quoit) : "no memory");
 *   ...
 *   quoit_drain(quoit);
 *   quoit_join(quoit, 10000);
 *   quoit_destroy(quoit);
 *
 * Functions that can fail return 0 or a negative errno, and leave a sentence for a person in
 * quoit_error(). One object is used by one thread at a time; several objects are independent.
 * The library starts threads of its own, with all signals blocked, and installs no handler.
 */
#ifndef QUOIT_H
#define QUOIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QUOIT_EXPORT __attribute__((visibility("default")))

struct quoit;

/* "0.1.0". Static memory. */
QUOIT_EXPORT const char *quoit_version(void);

/* A server with every option at its default, not started. NULL: no memory. */
QUOIT_EXPORT struct quoit *quoit_create(void);

/* Stop it if it runs, and free everything. NULL is ignored. */
QUOIT_EXPORT void quoit_destroy(struct quoit *quoit);

/*
 * Set one option by its name, as in `quoit serve --help` ("root", "listen", "idle-time" ...), from
 * text. "listen" may be set several times: each adds an address.
 * -ENOENT: no such option. -EINVAL, -ERANGE: not such a value. -EBUSY: already started.
 */
QUOIT_EXPORT int quoit_set(struct quoit *quoit, const char *name, const char *value);

/* The options: index 0, 1, ... until -ENOENT. `fallback` is valid until this thread's next call, the rest for
 * ever. */
struct quoit_option {
	const char *name;     /* "idle-time" */
	const char *value;    /* what stands behind it: "TEXT", "N", "SIZE", "SECONDS" */
	const char *fallback; /* the default, as one would type it: "60", "16K" */
	const char *sentence; /* what it does */
};
QUOIT_EXPORT int quoit_option(unsigned index, struct quoit_option *ret_option);

/*
 * Open the root, bind every address, start the workers; returns when all of them accept
 * connections, or none is left running. -EINVAL: options that do not fit each other; else the
 * -errno of what failed. After a failure it may be started again with other options; the first
 * "listen" set then replaces those set before.
 */
QUOIT_EXPORT int quoit_start(struct quoit *quoit);

/*
 * Check what quoit_start() would begin with, without beginning: the options that were set and the file that
 * "config" names. Each problem is reported in a line: "FILE:LINE:COLUMN: what is wrong", or "quoit: ..." for
 * what is not in the file. Returns how many there were, or a negative errno. For a server that is not
 * started.
 */
QUOIT_EXPORT int quoit_check(struct quoit *quoit, void (*report)(void *context, const char *line),
			     void *context);

/*
 * Explain what would be answered to a request, and why, without serving: which host, each rule that was
 * tried, each file that was looked at, what was chosen, then an empty line and the head. A line of the head
 * keeps its CR, so that with a newline behind each it is what would be sent, byte for byte, but for Date (and
 * the boundary of several ranges). The options that were set count, and the file that "config" names as it is
 * now; the server may run. 0 also for an error that would be answered. -EINVAL: no such URL or field, or the
 * configuration is wrong; else the -errno of what failed.
 */
struct quoit_request {
	const char *method;        /* NULL: "GET" */
	const char *url;           /* "/a?b", or "http://example.org/a?b": then that is the Host */
	const char *const *fields; /* "Name: value" */
	unsigned field_count;
};
QUOIT_EXPORT int quoit_explain(struct quoit *quoit, const struct quoit_request *request,
			       void (*report)(void *context, const char *line), void *context);

/* An option as it is since quoit_start(), by flag or file, as text; NULL: there is none. Valid until the next
 * call. */
QUOIT_EXPORT const char *quoit_value(struct quoit *quoit, const char *name);

/*
 * Where it listens, after quoit_start(): "http://127.0.0.1:8080" (the real port), "unix:/path",
 * for index 0, 1, ...; NULL behind the last. Valid until quoit_destroy().
 */
QUOIT_EXPORT const char *quoit_address(const struct quoit *quoit, unsigned index);

/*
 * What it serves and how: the root's absolute path, the number of threads, "io_uring" or "epoll" ("auto"
 * before the first start).
 */
QUOIT_EXPORT const char *quoit_root(const struct quoit *quoit);
QUOIT_EXPORT unsigned quoit_threads(const struct quoit *quoit);
QUOIT_EXPORT const char *quoit_engine(const struct quoit *quoit);

/*
 * The process is this server's alone, as that of `quoit serve`: then what holds for all of it, no core dumps,
 * is its default, too. Before quoit_start(). The option "user" holds for the whole process in any case. A
 * program that becomes another user itself does so before quoit_start(), as the server's threads cannot
 * follow.
 */
QUOIT_EXPORT void quoit_own_process(struct quoit *quoit);

/*
 * What its threads cannot do any more, and what they could have given up but did not: "no-new-privileges,
 * landlock (ABI 6) ...; not: seccomp (--seccomp off)". "" when it does not run. Valid until it ends.
 */
QUOIT_EXPORT const char *quoit_confinement(const struct quoit *quoit);

/*
 * Listen with this socket instead of a new one, before quoit_start(), which uses those that fit a "listen"
 * (port 0 fits any), or when none was set all that are lent. is_lent: who gave it keeps it (a service
 * manager), so a drain leaves its queue; else it is left by a server that ends. The descriptor is the
 * object's then.
 */
QUOIT_EXPORT int quoit_inherit(struct quoit *quoit, int fd, int is_lent);

/*
 * The sockets it listens with, index 0, 1, ... until -ENOENT, as long as it does not drain; and to lend one,
 * with all of its address: to say that somebody else listens there, too, from now on, and gets what a drain
 * leaves.
 */
QUOIT_EXPORT int quoit_listener(const struct quoit *quoit, unsigned index, int *ret_is_lent);
QUOIT_EXPORT void quoit_lend(struct quoit *quoit, unsigned index);

/*
 * Read the file that "config" names anew, open the roots anew (one may be a symbolic link that has moved)
 * and forget what is cached. Connections stay. On failure everything is served on as before. What is not
 * of a site (threads, limits, addresses) is as it was at the start.
 */
QUOIT_EXPORT int quoit_reload(struct quoit *quoit);

/*
 * Follow roots that lead elsewhere by now (a link that was switched): those alone are opened anew, the
 * file is not read. *ret_again_ms: when to call it again, so that this is seen within the option "fresh".
 * 1: they were; 0: nothing has changed; else as quoit_reload().
 */
QUOIT_EXPORT int quoit_tend(struct quoit *quoit, unsigned *ret_again_ms);

/*
 * For how many milliseconds a worker has not gone round its loop, since an earlier call of this function has
 * woken it. 0: all do.
 */
QUOIT_EXPORT unsigned quoit_stall(struct quoit *quoit);

/*
 * Begin to end: accept no more, close idle connections, finish answers under way, for at most
 * the option "drain-time". Returns at once; quoit_join() tells when it is done.
 */
QUOIT_EXPORT void quoit_drain(struct quoit *quoit);

/* Begin to end at once, answers under way are cut. */
QUOIT_EXPORT void quoit_stop(struct quoit *quoit);

/* Wait until all workers have ended, at most timeout_ms. 0, or -ETIMEDOUT. */
QUOIT_EXPORT int quoit_join(struct quoit *quoit, unsigned timeout_ms);

/*
 * One counter by name ("requests", "connections_open", "bytes_sent" ...), summed over all
 * workers; from any thread while it runs. -ENOENT: no such counter.
 */
QUOIT_EXPORT int quoit_counter(const struct quoit *quoit, const char *name, uint64_t *ret_value);

/* The counters' names: index 0, 1, ...; NULL behind the last. *ret_sentence says what it counts. */
QUOIT_EXPORT const char *quoit_counter_name(unsigned index, const char **ret_sentence);

/* The sentence of the last failure; "" when there was none. Valid until the next call. */
QUOIT_EXPORT const char *quoit_error(const struct quoit *quoit);

/*
 * Handlers for dynamic answers will be registered here, per path prefix, before quoit_start().
 */

#ifdef __cplusplus
}
#endif

#endif
