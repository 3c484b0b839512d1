/* clock.h: monotonic time. */
#ifndef RF_BASE_CLOCK_H
#define RF_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some fixed point in the past. */
uint64_t rf_clock_ns(void);

#endif
