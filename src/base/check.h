/* SPDX-License-Identifier: MIT */
/*
 * check(): for our own mistakes, never for the world's.
 *
 * Always on, in release builds too: a server that goes on with broken state serves wrong
 * bytes. A failed check prints the condition and its place to standard error and aborts, so
 * that a supervisor starts the process anew.
 */
#ifndef QUOIT_BASE_CHECK_H
#define QUOIT_BASE_CHECK_H

/*
 * What this thread knows of how it came about: called when one of its checks has failed, before the process
 * ends. It writes to standard error with write(2), and neither allocates nor waits for a lock. NULL: nobody.
 */
void check_set_witness(void (*tell)(void *context), void *context);

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define check(condition)                                                                                     \
	do {                                                                                                 \
		if (__builtin_expect(!(condition), 0))                                                       \
			check_failed(#condition, __FILE__, __LINE__);                                        \
	} while (0)

#endif
