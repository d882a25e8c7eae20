/* The two clocks of the system.  Layer 1 does not include this: there, time
 * is an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Never set back; for waits and intervals. */
uint64_t clock_mono_ns(void);
/* Since 1970 UTC, as the system has it; for people and peers. */
int64_t clock_wall_us(void);

#endif
