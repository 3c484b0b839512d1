/* norm.c: RMS norm, a row a task; and what products do to their input before. */
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

void rf_cpu_norm(const rf_compute *compute, const rf_norm_args *args)
{
    norm_job job = {
        .args = args,
        .loops = rf_cpu_kernels_of(compute)->loops,
        .x = rf_cpu_pointer(args->x),
        .weight = rf_cpu_pointer(args->weight->address),
        .out = rf_cpu_pointer(args->out),
    };
    double work = (double)args->n_rows * args->n / ELEMENTS_PER_NS;
    rf_cpu_run(compute, args->n_rows, work, norm_rows, &job);
}

void rf_cpu_prepare_input(const rf_compute *compute, const rf_linear_input *input, uint32_t n_rows,
                          uint32_t n, rf_address *x)
{
    rf_address from = input->x;
    if (input->rows) {
        rf_cpu_gather(compute, &(rf_gather_args){from, input->rows, input->scratch, n_rows, n});
        from = input->scratch;
    }
    if (input->norm) {
        rf_cpu_norm(compute, &(rf_norm_args){.x = from,
                                             .weight = input->norm,
                                             .out = input->scratch,
                                             .n_rows = n_rows,
                                             .n = n,
                                             .epsilon = input->epsilon});
        from = input->scratch;
    }
    *x = from;
}
