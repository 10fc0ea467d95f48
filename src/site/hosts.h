/* SPDX-License-Identifier: MIT */
/*
 * Which host of the configuration is meant by a Host value (RFC 9110 7.2).
 *
 * Names compare without case, port and final dot: exact names first, then "*.example.org", which
 * stands for one label or more, the longest first. Addresses in brackets compare as they are written.
 * Compiled once, then constant; any thread.
 */
#ifndef QUOIT_SITE_HOSTS_H
#define QUOIT_SITE_HOSTS_H

#include "base/bytes.h"
#include "base/problems.h"
#include "site/spec.h"

struct hosts;

#define HOSTS_NAME_MAX 253 /* bytes (RFC 1035 3.1, without the final dot) */

/* The names of specs[0..count]. Wrong and repeated ones are problems at hosts[i].names[j]. NULL: no memory.
 */
struct hosts *hosts_create(const struct host_spec *specs, unsigned count, struct problems *problems);
void hosts_destroy(struct hosts *hosts);

/* 1 for specs[0], 2 for specs[1] ...; 0: it is none of them. No allocation; `host` may be any bytes. */
unsigned hosts_find(const struct hosts *hosts, struct bytes host);

/*
 * The name by which it is found: "example.org", of "*.example.org" its part ".example.org"; size 0 when it is
 * none of them. Lower case; lasts as long as the hosts.
 */
struct bytes hosts_name(const struct hosts *hosts, struct bytes host);

#endif
