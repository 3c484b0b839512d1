/* instructions.c: asks the CPU once. */
#include "kernels/cpu/instructions.h"

#include <cpuid.h>
#include <pthread.h>

static bool has_avx2_fma_f16c;

/* Not every compiler's __builtin_cpu_supports knows F16C; AVX2's answer covers the registers. */
static void ask(void)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    has_avx2_fma_f16c = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                        __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

bool rf_cpu_has_avx2_fma_f16c(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask); /* fails only for a bad `once` */
    return has_avx2_fma_f16c;
}
