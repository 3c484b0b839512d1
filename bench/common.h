/* common.h: what benchmark programs share: giving up, clocks, and figures of several runs. */
#ifndef RF_BENCH_COMMON_H
#define RF_BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>

/* Stops the program where something that a bench relies on does not hold. */
void must(bool good, const char *what);

/* Time that this thread had a core for: other work on the machine does not count, nor does
 * sleeping. */
uint64_t thread_ns(void);

/* Prints the median of the runs, the least and the most, which it sorts; the caller ends the line.
 * Returns the median. */
double report(const char *name, double *figures, int runs, const char *unit);

#endif
