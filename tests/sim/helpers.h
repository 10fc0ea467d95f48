/* SPDX-License-Identifier: MIT */
/* The helper threads of the server, simulated: its jobs run in the worker's wait, at times of chance. */
#ifndef QUOIT_TESTS_SIM_HELPERS_H
#define QUOIT_TESTS_SIM_HELPERS_H

#include <stdbool.h>

void helpers_begin(void);
/* Run some of the jobs that wait; `all` of them. */
void helpers_step(bool all);
bool helpers_are_idle(void);

#endif
