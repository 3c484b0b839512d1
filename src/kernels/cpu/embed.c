/* embed.c: rows of the embedding table, widened to f32. */
#include "kernels/cpu/operations.h"
#include "tensor/dequantise.h"

#define ELEMENTS_PER_NS 1.0

typedef struct embed_job {
    rf_dequantise_fn dequantise;
    const uint8_t *table;
    uint64_t row_bytes;
    const int32_t *tokens;
    float *out;
    uint64_t n; /* elements of a row */
} embed_job;

static void embed_rows(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const embed_job *job = context;
    for (uint64_t i = begin; i < end; i++)
        job->dequantise(job->table + (uint32_t)job->tokens[i] * job->row_bytes,
                        job->out + i * job->n, job->n);
}

rf_status rf_cpu_embed(const rf_compute *compute, const rf_embed_args *args, rf_error *error)
{
    embed_job job = {
        .dequantise = rf_dequantise_for(args->table->type),
        .table = rf_cpu_pointer(args->table->address),
        .row_bytes = args->table->stride[1],
        .tokens = rf_cpu_pointer(args->tokens),
        .out = rf_cpu_pointer(args->out),
        .n = args->table->shape[0],
    };
    if (!job.dequantise)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "embed: element type %u",
                            (unsigned)args->table->type);
    double work = (double)args->n_tokens * (double)job.n / ELEMENTS_PER_NS;
    rf_cpu_run(compute, args->n_tokens, work, embed_rows, &job);
    return RF_OK;
}
