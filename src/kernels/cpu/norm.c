/* norm.c: RMS norm, a row a task. */
#include "kernels/cpu/operations.h"

#define ELEMENTS_PER_NS 2.0

typedef struct norm_job {
    const rf_norm_args *args;
    const rf_cpu_loops *loops;
    const float *x;
    const float *weight;
    float *out;
} norm_job;

static void norm_rows(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const norm_job *job = context;
    const uint64_t n = job->args->n;
    for (uint64_t row = begin; row < end; row++)
        job->loops->norm(job->x + row * n, job->weight, job->out + row * n, n, job->args->epsilon);
}

rf_status rf_cpu_norm(const rf_compute *compute, const rf_norm_args *args, rf_error *error)
{
    (void)error;
    norm_job job = {
        .args = args,
        .loops = rf_cpu_kernels_of(compute)->loops,
        .x = rf_cpu_pointer(args->x),
        .weight = rf_cpu_pointer(args->weight->address),
        .out = rf_cpu_pointer(args->out),
    };
    double work = (double)args->n_rows * args->n / ELEMENTS_PER_NS;
    rf_cpu_run(compute, args->n_rows, work, norm_rows, &job);
    return RF_OK;
}
