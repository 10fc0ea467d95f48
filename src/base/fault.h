/* SPDX-License-Identifier: MIT */
/*
 * One sentence for a person: what is wrong, with what, and the cure.
 *
 * Functions that can fail on the world's account at start (an address in use, a missing
 * folder, a refused ring) take a `struct fault *` beside their negative errno and describe
 * the failure where all its details are known. Whoever talks to a person prints it.
 */
#ifndef QUOIT_BASE_FAULT_H
#define QUOIT_BASE_FAULT_H

#define FAULT_SIZE 768

struct fault {
	char text[FAULT_SIZE]; /* no trailing newline; "" when nothing is wrong */
};

/* Write the sentence (cut to FAULT_SIZE) and return `error` unchanged, for `return fault_set(...)`. */
int fault_set(struct fault *fault, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
