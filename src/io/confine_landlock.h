/* SPDX-License-Identifier: MIT */
/*
 * Landlock (landlock(7), Linux 5.13): which files a thread may open.
 *
 * A rule set is made once and may be taken on by many threads. It handles every right that the
 * running kernel knows, so what no rule grants is refused: everything but reading beneath the given
 * folders, and TCP both ways (what was bound before still accepts).
 */
#ifndef QUOIT_IO_CONFINE_LANDLOCK_H
#define QUOIT_IO_CONFINE_LANDLOCK_H

struct confine_setup;

/* The kernel's version of the interface, from 1 up, or -errno: -ENOSYS not built, -EOPNOTSUPP not booted. */
int confine_landlock_version(void);

/* A descriptor of a rule set, or -errno. `writes`: also in setup->written. */
int confine_landlock_create(const struct confine_setup *setup, int version, int writes);

/* For the calling thread, which has no_new_privs. 0 or -errno. */
int confine_landlock_enter(int ruleset);

#endif
