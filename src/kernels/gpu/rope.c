/* rope.c: the host's side of rope.hip. */
#include "kernels/gpu/args_rope.h"
#include "kernels/gpu/kv.h"
#include "kernels/gpu/operations.h"

/* Blocks for each compute unit, where there are as many: beyond that, a block takes several heads a
 * warp, so that fewer blocks compute the same sines. */
#define BLOCKS_A_UNIT 8U

static uint64_t address_or_none(const rf_tensor *tensor)
{
    return tensor ? tensor->address : 0;
}

/* Blocks that share the heads of a token. */
static uint32_t choose_slices(const rf_gpu_traits *traits, uint32_t n_tokens, uint32_t n_heads,
                              uint32_t n_warps)
{
    const uint32_t most = (n_heads + n_warps - 1) / n_warps;
    const uint32_t wanted = (traits->compute_units * BLOCKS_A_UNIT + n_tokens - 1) / n_tokens;
    return wanted < most ? wanted : most;
}

rf_status rf_gpu_rope_append(const rf_compute *compute, const rf_rope_append_args *args,
                             rf_error *error)
{
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const uint32_t head_size = args->kv->head_size;
    const uint32_t n_tokens = args->batch->n_tokens;
    const rf_rope *rope = &args->rope;
    struct rf_gpu_rope_args a = {
        .q = args->q,
        .k = args->k,
        .v = args->v,
        .q_norm = address_or_none(args->q_norm),
        .k_norm = address_or_none(args->k_norm),
        .frequencies = rope->frequencies->address,
        .n_heads = args->n_heads,
        .n_rotary = rope->n_rotary,
        .halves = rope->style == RF_ROPE_HALVES,
        .magnitude = rope->magnitude,
        .epsilon = args->epsilon,
    };
    RF_TRY(rf_gpu_kv_args(args->batch, args->kv, &a.kv, error));
    if (rope->n_rotary > head_size || rope->n_rotary % 2 != 0)
        return rf_error_set(error, RF_ERROR_INTERNAL, "rope: %u elements of a head of %u",
                            rope->n_rotary, head_size);
    const uint32_t n_heads = args->n_heads + 2 * args->kv->n_kv_heads;
    /* One token: a warp for every head, on as many compute units as there are blocks of four warps.
     */
    const uint32_t n_warps = n_tokens == 1 ? 4 : RF_GPU_ROPE_THREADS / traits->warp_size;
    const rf_gpu_launch launch = {
        .unit = "rope",
        .kernel = head_size <= 4 * traits->warp_size ? "rope_append" : "rope_append_wide",
        .blocks = {choose_slices(traits, n_tokens, n_heads, n_warps), n_tokens},
        .threads = n_warps * traits->warp_size,
        .shared_bytes = RF_GPU_ROPE_SHARED(rope->n_rotary, head_size, n_warps),
        .overlap = true,
    };
    return rf_gpu_run(compute, &launch, &a, error);
}
