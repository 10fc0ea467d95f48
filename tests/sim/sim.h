/* SPDX-License-Identifier: MIT */
/*
 * The simulation, for other programs: meson.build has what they need to link it (sources_sim,
 * sim_link_args).
 */
#ifndef QUOIT_TESTS_SIM_SIM_H
#define QUOIT_TESTS_SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

/* One session of this seed. Whatever it finds ends the process, with a sentence on standard error. */
void sim_run(uint64_t seed);

/*
 * One session in which bytes decide: the first two say how many behind them are choices (options, faults,
 * splits, order); what is left is what one client sends. When the choices are used up, nothing goes wrong any
 * more. What is answered is not compared with anything, since nobody knows what was asked; all that holds of
 * the server's own state is checked. Returns 0; aborts on a failure.
 */
int sim_run_bytes(const uint8_t *data, size_t size);

#endif
