/* SPDX-License-Identifier: MIT */
/*
 * A whole connection: the real worker on the simulated kernel (tests/sim).
 *
 *   bytes 0, 1    how many of the next ones decide what the kernel does
 *   those         options, faults, splits, the order of completions
 *   the rest      what the client sends
 *
 * The simulation checks the server's own state after each step: nothing is leaked, used late, or left
 * waiting.
 */
#include "fuzz.h"
#include "sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return sim_run_bytes(data, size);
}
