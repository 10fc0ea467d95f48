/* SPDX-License-Identifier: MIT */
/* The part of sending that takes more than one quiet send; for serve/send.c. The rest of it is in send.h. */
#ifndef QUOIT_SERVE_SEND_DRIVE_H
#define QUOIT_SERVE_SEND_DRIVE_H

#include "serve/conn.h"

/* Something follows what is queued (a file, more requests, the end): send what can be sent now. */
void send_drive(struct worker *worker, struct conn *conn);

/* A quiet send has left something (conn->send_result): wait until the socket takes more. */
void send_drive_short(struct worker *worker, struct conn *conn);

#endif
