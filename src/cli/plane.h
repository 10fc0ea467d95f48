/* SPDX-License-Identifier: MIT */
/* The control plane of `quoit serve`: what signals, commands, time and the service manager make of a server.
 */
#ifndef QUOIT_CLI_PLANE_H
#define QUOIT_CLI_PLANE_H

struct plane;
struct quoit;

/* From now on signals come to the control plane and nowhere else: before any thread is started. */
int plane_catch_signals(void);

/*
 * The server runs: open its control socket (`inherited`: the predecessor's, or -1), say that it is ready,
 * and steer it until it has ended. An exit code. `announce` says so to a person; what it returns but 0
 * ends the server at once.
 */
int plane_run(struct quoit *quoit, int inherited, int (*announce)(const struct quoit *quoit));

#endif
