/* gather.c: copies the chosen rows, a row a task. */
#include <string.h>

#include "kernels/cpu/operations.h"

#define ELEMENTS_PER_NS 4.0

typedef struct gather_job {
    const float *x;
    const int32_t *rows;
    float *out;
    uint64_t n;
} gather_job;

static void gather_rows(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const gather_job *job = context;
    for (uint64_t i = begin; i < end; i++)
        memcpy(job->out + i * job->n, job->x + (uint32_t)job->rows[i] * job->n,
               job->n * sizeof(float));
}

void rf_cpu_gather(const rf_compute *compute, const rf_gather_args *args)
{
    gather_job job = {
        .x = rf_cpu_pointer(args->x),
        .rows = rf_cpu_pointer(args->rows),
        .out = rf_cpu_pointer(args->out),
        .n = args->n,
    };
    double work = (double)args->n_rows * args->n / ELEMENTS_PER_NS;
    rf_cpu_run(compute, args->n_rows, work, gather_rows, &job);
}
