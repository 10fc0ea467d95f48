/* SPDX-License-Identifier: MIT */
/*
 * The switches of the io_uring engine (io/ring.def): their values, and how they are typed.
 *
 * A tuning is made once, from the option `ring`, and constant from then on. Whether the running kernel
 * has what is asked for shows only when a ring is created; ring_tuning_lacks() is the sentence for that.
 */
#ifndef QUOIT_IO_RING_TUNING_H
#define QUOIT_IO_RING_TUNING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum ring_switch {
#define SWITCH(name, default, since, values, sentence) RING_SWITCH_##name,
#include "io/ring.def"
#undef SWITCH
	RING_SWITCHES,
};

#define RING_ADAPTIVE UINT32_MAX /* wait, min_wait */

enum ring_recv { RING_RECV_SINGLE, RING_RECV_MULTISHOT };
enum ring_taskrun { RING_TASKRUN_NONE, RING_TASKRUN_COOP, RING_TASKRUN_DEFER };
enum ring_sqarray { RING_SQARRAY_ON, RING_SQARRAY_OFF }; /* off is the richer one here */

struct ring_tuning {
/* Of a word its place among the values, so that off is 0; of a number the number; or RING_ADAPTIVE. */
#define SWITCH(name, default, since, values, sentence) uint32_t name;
#include "io/ring.def"
#undef SWITCH
	uint32_t given; /* a bit for each enum ring_switch that was named: refused where it cannot be */
};

/* Every switch at its default. */
void ring_tuning_init(struct ring_tuning *tuning);

/*
 * Set what `text` names, "name=value,name=value" with dashes or underscores; "" names nothing. -EINVAL:
 * there is no such name or value, or two exclude each other; the fault says which and what there is, and
 * nothing is changed.
 */
int ring_tuning_set(struct ring_tuning *tuning, const char *text, struct fault *fault);

static inline bool ring_tuning_is_given(const struct ring_tuning *tuning, enum ring_switch name)
{
	return tuning->given & UINT32_C(1) << name;
}

/* -EOPNOTSUPP and "this kernel has no direct=on ...": what was asked for and is not there. */
int ring_tuning_lacks(const struct ring_tuning *tuning, enum ring_switch name, struct fault *fault);

#endif
