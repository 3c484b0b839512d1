/* swiglu.c: the gated activation of the feed-forward part, a stretch of elements a task. */
#include "kernels/cpu/operations.h"

#define ELEMENTS_PER_NS 1.0
#define STRETCH         1024 /* elements a task: 4 KiB of each of the three arrays */

typedef struct swiglu_job {
    const rf_cpu_loops *loops;
    const float *gate;
    const float *up;
    float *out;
    uint64_t n;
} swiglu_job;

static void swiglu_stretches(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const swiglu_job *job = context;
    uint64_t first = begin * STRETCH;
    uint64_t left = job->n - first;
    uint64_t count = (end - begin) * STRETCH;
    job->loops->swiglu(job->gate + first, job->up + first, job->out + first,
                       count < left ? count : left);
}

void rf_cpu_swiglu(const rf_compute *compute, const rf_swiglu_args *args)
{
    swiglu_job job = {
        .loops = rf_cpu_kernels_of(compute)->loops,
        .gate = rf_cpu_pointer(args->gate),
        .up = rf_cpu_pointer(args->up),
        .out = rf_cpu_pointer(args->out),
        .n = args->n,
    };
    uint64_t tasks = args->n / STRETCH + (args->n % STRETCH != 0);
    rf_cpu_run(compute, tasks, (double)args->n / ELEMENTS_PER_NS, swiglu_stretches, &job);
}
