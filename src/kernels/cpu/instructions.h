/* instructions.h: which instructions this CPU has: the one place that asks it. */
#ifndef RF_KERNELS_CPU_INSTRUCTIONS_H
#define RF_KERNELS_CPU_INSTRUCTIONS_H

#include <stdbool.h>

/* Whether code built with -mavx2 -mfma -mf16c may run: the CPU has the instructions and the system
 * keeps their registers. Asked once, then remembered: cheap enough to ask anywhere. */
bool rf_cpu_has_avx2_fma_f16c(void);

#endif
