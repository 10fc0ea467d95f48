/* SPDX-License-Identifier: MIT */
/* The listing of a folder, made by a helper: a chain of two assets, the page and the JSON array. */
#ifndef QUOIT_SERVE_FOLDER_H
#define QUOIT_SERVE_FOLDER_H

#include "serve/worker.h"
#include "site/site.h"

struct folder_input {
	struct sites *sites; /* a reference is taken for as long as it takes */
	const struct site *site;
	struct bytes path; /* that was asked for: starts and ends with a slash; borrowed for the call */
	const char *name;  /* relative to the root; borrowed for the call */
	int fd;            /* of the folder, readable; taken over when 0 is returned */
	/* One reference, or NULL with a negative errno. */
	void (*done)(struct worker *worker, void *context, struct asset *listing, int error);
	void *context;
};

/* 0, or -errno: there is no helper or no memory. */
int folder_start(struct worker *worker, const struct folder_input *input);

#endif
