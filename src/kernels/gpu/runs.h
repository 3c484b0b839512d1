/* runs.h: which tokens of a batch follow each other in a sequence; see args_attention.h. */
#ifndef RF_KERNELS_GPU_RUNS_H
#define RF_KERNELS_GPU_RUNS_H

#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/prelude.h"

/* Whether a token is the next one of the sequence that the token before it in its tile belongs to.
 */
DEVICE bool continues_run(const rf_gpu_attention_args *a, u32 token)
{
    if (token % a->run_tile == 0 || token >= a->kv.n_tokens)
        return false;
    const i32 *positions = GLOBAL(const i32, a->kv.positions) + token;
    const i32 *rows = GLOBAL(const i32, a->kv.rows) + token;
    return positions[-1] >= 0 && positions[0] == positions[-1] + 1 && rows[0] == rows[-1];
}

/* Whether a token is in a run for the prefill kernel. */
DEVICE bool in_long_run(const rf_gpu_attention_args *a, u32 token)
{
    if (a->run_tile == 0)
        return false;
    u32 length = 1;
    for (u32 t = token; length < RF_GPU_ATTENTION_RUN && continues_run(a, t); t--)
        length++;
    for (u32 t = token + 1; length < RF_GPU_ATTENTION_RUN && continues_run(a, t); t++)
        length++;
    return length >= RF_GPU_ATTENTION_RUN;
}

#endif
