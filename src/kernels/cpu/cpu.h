/* cpu.h: the kernels of the CPU, where addresses are host pointers. */
#ifndef RF_KERNELS_CPU_CPU_H
#define RF_KERNELS_CPU_CPU_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* The fastest table for this CPU; or, if `reference`, the portable one: exact arithmetic on
 * dequantised weights, sums in double. Constant, and never NULL. */
const rf_kernels *rf_kernels_for_cpu(bool reference);

#endif
