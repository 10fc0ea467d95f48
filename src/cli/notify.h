/* SPDX-License-Identifier: MIT */
/*
 * What the service manager is told (sd_notify(3)); without one, nothing happens.
 *
 * One process at a time may speak: the service's main process. In an upgrade that is the old one until it has
 * named its successor, so the new one keeps silent until then.
 */
#ifndef QUOIT_CLI_NOTIFY_H
#define QUOIT_CLI_NOTIFY_H

#include <sys/types.h>

struct quoit;

/* It serves: this, there. Also the end of a reload, whatever came of it. */
void notify_ready(const struct quoit *quoit);
void notify_reloading(void);
void notify_stopping(void);

/* From now on that process is the service. */
void notify_successor(pid_t pid);

/* Returns when the service manager has seen all that was said, which an ending process must wait for. */
void notify_flush(void);

/* How often it wants to hear that all is well; 0: it does not. */
unsigned notify_watchdog_ms(void);
void notify_alive(void);

#endif
