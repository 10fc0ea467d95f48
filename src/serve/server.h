/* SPDX-License-Identifier: MIT */
/* What workers ask of the control plane; everything else about it is include/quoit.h. */
#ifndef QUOIT_SERVE_SERVER_H
#define QUOIT_SERVE_SERVER_H

struct server;

/* A new descriptor of the folder that is served now, for the caller to close. -errno. Any thread. */
int server_root(struct server *server);

/* A worker has ended. Its thread only. */
void server_on_worker_end(struct server *server);

#endif
