/* embed.c: the host's side of embed.hip. */
#include <stdio.h>

#include "kernels/gpu/args_gemm.h"
#include "kernels/gpu/operations.h"

rf_status rf_gpu_embed(const rf_compute *compute, const rf_embed_args *args, rf_error *error)
{
    const char *type = rf_gpu_type_name(args->table->type);
    char name[RF_GPU_NAME_BYTES];
    if (!type)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "embed: element type %u",
                            (unsigned)args->table->type);
    snprintf(name, sizeof(name), "embed_%s", type);
    const struct rf_gpu_embed_args kernel = {.table = args->table->address,
                                             .row_bytes = args->table->stride[1],
                                             .tokens = args->tokens,
                                             .out = args->out,
                                             .n = (uint32_t)args->table->shape[0]};
    const rf_gpu_launch launch = {
        .unit = name, .kernel = name, .blocks = {args->n_tokens}, .threads = 256, .overlap = true};
    return rf_gpu_run(compute, &launch, &kernel, error);
}
