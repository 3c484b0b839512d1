/* instructions.h: which instructions this CPU has: the one place that asks it. */
#ifndef RF_KERNELS_CPU_INSTRUCTIONS_H
#define RF_KERNELS_CPU_INSTRUCTIONS_H

#include <stdbool.h>

/* Whether code built with -mavx2 -mfma -mf16c may run: the CPU has the instructions and the system
 * keeps their registers. The compiler's run-time support caches the answer. */
static inline bool rf_cpu_has_avx2_fma_f16c(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

#endif
