/*
 * attention.c: the host's side of attention_decode.hip and attention_prefill.hip.
 *
 * Both kernels get all tokens of a larger batch, and take those that are theirs: which those are
 * depends on positions and rows that only the device knows. What is chosen here depends on numbers
 * of tokens and heads alone, so that a captured launch is right for any context.
 */
#include "kernels/gpu/attention.h"

#include <stdio.h>

#include "base/checked.h"
#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/kv.h"
#include "kernels/gpu/operations.h"

#define LOG2_E 1.44269504F

/* Tokens up to which a batch has no runs that are worth a prefill kernel. */
#define DECODE_TOKENS 16U

/* Blocks of the decode kernel that run on a compute unit at a time. */
#define BLOCKS_A_UNIT 2U

/* ---- shapes ---------------------------------------------------------------------------------- */

/* A decode kernel: see the shapes in attention_vector.h and attention_matrix.h. */
typedef struct decode_kernel {
    char name[48];
    uint32_t n_heads; /* of a slice */
    uint32_t padded;  /* head size */
    uint32_t threads;
    uint32_t shared_bytes;
} decode_kernel;

/* Whether the kernels that load rows 16 bytes at a time, four of a page, can. */
static bool is_regular(uint32_t head_size, uint32_t page_tokens)
{
    return head_size % 8 == 0 && head_size <= 256 && page_tokens >= 4;
}

/* Of a kernel, its number of heads and the elements of a head. Groups of more than four heads would
 * read an F32 cache, which nobody uses for speed, twice; it is not worth more kernels. */
static void choose_shape(const rf_kv_layer *kv, uint32_t group, decode_kernel *out)
{
    if (!is_regular(kv->head_size, kv->page_tokens)) {
        out->n_heads = 2;
        out->padded = 512;
    } else {
        out->n_heads = group > 4 && kv->type != RF_TYPE_F32 ? 8 : 4;
        out->padded = kv->head_size <= 64 ? 64 : kv->head_size <= 128 ? 128 : 256;
    }
}

/* The narrowest prefill kernel for a head; 0: there is none. */
static uint32_t prefill_head(uint32_t head_size)
{
    static const uint32_t heads[] = {64, 96, 128, 256};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        if (head_size <= heads[i])
            return heads[i];
    }
    return 0;
}

/* ---- splits ---------------------------------------------------------------------------------- */

static uint32_t slices_of(uint32_t group, uint32_t slice_heads)
{
    return (group + slice_heads - 1) / slice_heads;
}

/* Blocks of the decode kernel that run at a time. */
static uint64_t blocks_at_once(const rf_gpu_traits *traits)
{
    return (uint64_t)traits->compute_units * BLOCKS_A_UNIT;
}

/* The fewest splits with which blocks fill the compute units, and the last blocks to run still most
 * of them. n: blocks without splits. */
static uint32_t choose_splits(const rf_gpu_traits *traits, uint64_t n)
{
    const uint64_t wave = blocks_at_once(traits);
    uint32_t best = 1;
    double best_share = 0;
    for (uint32_t splits = 1; splits <= RF_GPU_ATTENTION_SPLITS && best_share < 0.95; splits++) {
        const uint64_t blocks = n * splits;
        if (blocks > RF_GPU_COUNTERS || (splits > 1 && blocks > 4 * wave))
            break;
        const uint64_t waves = (blocks + wave - 1) / wave;
        const double share = (double)blocks / (double)(waves * wave);
        if (share > best_share) {
            best = splits;
            best_share = share;
        }
    }
    return best;
}

/* Where every token having blocks of its own would make many of them, each has several tokens: as a
 * rule most will be in runs, which blocks find out at once and leave. Twice what runs at a time is
 * enough for the others. */
static uint32_t choose_tokens_per_block(const rf_gpu_traits *traits, uint32_t n_tokens,
                                        uint32_t rows)
{
    const uint64_t most = 2 * blocks_at_once(traits);
    if ((uint64_t)n_tokens * rows <= most)
        return 1;
    const uint64_t blocks = (most + rows - 1) / rows;
    return (uint32_t)((n_tokens + blocks - 1) / blocks);
}

/* Whether attention_decode.hip is for matrix units: see RF_BY_MATRIX there. */
static bool by_matrix(const rf_gpu_traits *traits, const rf_kv_layer *kv,
                      const decode_kernel *kernel)
{
    return traits->matrix_columns == 8 && kv->type == RF_TYPE_F16 && kernel->padded <= 256;
}

/*
 * Steps of a block up to which a context is not split: those that it makes in the time that merging
 * takes. By matrix units steps are shorter where blocks have the device to themselves; where there
 * are many, they are bound by the memory, which splits do not make faster.
 */
static uint32_t unsplit_steps(const rf_gpu_traits *traits, bool matrix, uint64_t n_blocks)
{
    if (!matrix)
        return 4;
    return 3 * n_blocks >= traits->compute_units ? 6 : 2;
}

void rf_gpu_attention_choose(const rf_gpu_traits *traits, const rf_attention_args *args,
                             rf_gpu_attention_choice *out)
{
    const uint32_t n_tokens = args->batch->n_tokens;
    const rf_kv_layer *kv = args->kv;
    const uint32_t group = args->n_heads / kv->n_kv_heads;
    decode_kernel kernel;
    choose_shape(kv, group, &kernel);
    const uint32_t rows = kv->n_kv_heads * slices_of(group, kernel.n_heads);
    *out = (rf_gpu_attention_choice){
        .n_splits = 1,
        .tokens_per_block = choose_tokens_per_block(traits, n_tokens, rows),
        .prefill =
            n_tokens > DECODE_TOKENS && !args->batch->alone && prefill_head(kv->head_size) != 0,
    };
    if (out->tokens_per_block == 1)
        out->n_splits = choose_splits(traits, (uint64_t)n_tokens * rows);
    out->unsplit_steps =
        unsplit_steps(traits, by_matrix(traits, kv, &kernel), (uint64_t)n_tokens * rows);
}

/* ---- the decode kernel ------------------------------------------------------------------------
 */

/* Beside the flags of tokens. */
static uint32_t decode_shared_bytes(const decode_kernel *kernel, uint32_t warp_size, bool matrix)
{
    const uint32_t warps = kernel->threads / warp_size;
    const uint32_t states = matrix ? RF_GPU_DECODE_TILES(warps, kernel->n_heads, kernel->padded)
                                   : RF_GPU_DECODE_STATES(warps, kernel->n_heads, kernel->padded);
    const uint32_t merging = RF_GPU_DECODE_MERGING(kernel->threads, kernel->n_heads);
    return states > merging ? states : merging;
}

/* Warps of a block by matrix units: all that it may have where a token has the device to itself and
 * waits for the longest of them; half where there are enough blocks, so that more run at a time;
 * fewer where shared memory is short. */
static void choose_warps(const rf_gpu_traits *traits, uint64_t n_blocks, uint32_t flags,
                         decode_kernel *out)
{
    uint32_t warps = RF_GPU_DECODE_MATRIX_WARPS(out->padded);
    if (n_blocks > blocks_at_once(traits) && warps > 4)
        warps = 4;
    do {
        out->threads = warps * traits->warp_size;
        out->shared_bytes = flags + decode_shared_bytes(out, traits->warp_size, true);
        warps /= 2;
    } while (out->shared_bytes > traits->shared_bytes && warps > 0);
}

static void choose_decode(const rf_gpu_traits *traits, const rf_attention_args *args,
                          const rf_gpu_attention_choice *choice, decode_kernel *out)
{
    const rf_kv_layer *kv = args->kv;
    const char *type = rf_gpu_type_name(kv->type);
    const uint32_t group = args->n_heads / kv->n_kv_heads;
    const uint32_t flags = RF_GPU_DECODE_FLAGS(choice->tokens_per_block) * 4U;
    choose_shape(kv, group, out);
    if (by_matrix(traits, kv, out)) {
        const uint32_t tokens = args->batch->n_tokens / choice->tokens_per_block;
        const uint32_t rows = kv->n_kv_heads * slices_of(group, out->n_heads);
        choose_warps(traits, (uint64_t)tokens * rows, flags, out);
    } else {
        out->threads = RF_GPU_DECODE_THREADS(out->n_heads, out->padded);
        out->shared_bytes = flags + decode_shared_bytes(out, traits->warp_size, false);
    }
    if (out->padded == 512) /* the name fits */
        (void)snprintf(out->name, sizeof(out->name), "attention_decode_%s_any", type);
    else
        (void)snprintf(out->name, sizeof(out->name), "attention_decode_%s_%u_%u", type, out->padded,
                       out->n_heads);
}

/* ---- the workspace --------------------------------------------------------------------------- */

/* Sums and ends of splits; there are at most as many blocks as counters. */
static rf_status splits_bytes(uint64_t blocks, uint32_t n_heads, uint32_t padded, uint64_t *sums,
                              uint64_t *ends, rf_error *error)
{
    uint64_t heads;
    if (!rf_mul(blocks, n_heads, &heads) || !rf_mul(heads, padded * sizeof(float), sums) ||
        !rf_mul(heads, 2 * sizeof(float), ends))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "attention: %llu blocks of %u heads",
                            (unsigned long long)blocks, n_heads);
    return RF_OK;
}

rf_status rf_gpu_attention_workspace(const rf_kernel_limits *limits, const rf_gpu_traits *traits,
                                     uint64_t *bytes, rf_error *error)
{
    /* The type is not known, nor the page size: the largest of the two shapes. */
    const uint32_t group = limits->n_heads / limits->n_kv_heads;
    const uint32_t n_heads = group > 4 ? 8 : 4;
    const uint32_t padded = limits->head_size <= 64 ? 64 : limits->head_size <= 128 ? 128 : 256;
    uint64_t blocks = RF_GPU_COUNTERS;
    uint64_t sums, ends, any_sums, any_ends;
    if (traits) {
        const uint64_t most = (uint64_t)traits->compute_units * BLOCKS_A_UNIT * 4;
        blocks = most < blocks ? most : blocks;
    }
    const uint64_t base =
        (uint64_t)limits->n_tokens * limits->n_heads; /* one head a slice at least */
    if (base < blocks / RF_GPU_ATTENTION_SPLITS)
        blocks = base * RF_GPU_ATTENTION_SPLITS;
    RF_TRY(splits_bytes(blocks, n_heads, padded, &sums, &ends, error));
    RF_TRY(splits_bytes(blocks, 2, RF_MAX_HEAD_SIZE, &any_sums, &any_ends, error));
    sums = sums > any_sums ? sums : any_sums;
    *bytes = sums + ends + any_ends + 1024; /* rooms are rounded up; far from overflow */
    return RF_OK;
}

/* ---- the operation --------------------------------------------------------------------------- */

static rf_status run_decode(const rf_compute *compute, const decode_kernel *kernel,
                            struct rf_gpu_attention_args *a, rf_error *error)
{
    const uint32_t n_tokens = a->kv.n_tokens;
    const uint32_t rows = a->kv.n_kv_heads * a->n_slices;
    if (a->n_splits > 1) {
        const uint64_t blocks = (uint64_t)n_tokens * rows * a->n_splits;
        uint64_t sums, ends;
        rf_gpu_room room = rf_gpu_room_begin(compute);
        RF_TRY(splits_bytes(blocks, kernel->n_heads, kernel->padded, &sums, &ends, error));
        RF_TRY(rf_gpu_room_take(&room, sums, &a->sums, error));
        RF_TRY(rf_gpu_room_take(&room, ends, &a->ends, error));
        a->counters = rf_gpu_counters(compute);
    }
    const rf_gpu_launch launch = {
        .unit = kernel->name,
        .kernel = kernel->name,
        .blocks = {(n_tokens + a->tokens_per_block - 1) / a->tokens_per_block, rows, a->n_splits},
        .threads = kernel->threads,
        .shared_bytes = kernel->shared_bytes,
        .overlap = true,
    };
    return rf_gpu_run(compute, &launch, a, error);
}

static rf_status run_prefill(const rf_compute *compute, const struct rf_gpu_attention_args *a,
                             rf_error *error)
{
    const uint32_t head = prefill_head(a->kv.head_size);
    char name[48];
    (void)snprintf(name, sizeof(name), "attention_prefill_%u", head); /* it fits */
    const rf_gpu_launch launch = {
        .unit = name,
        .kernel = name,
        .blocks = {a->n_heads, (a->kv.n_tokens + a->run_tile - 1) / a->run_tile},
        .threads = RF_GPU_PREFILL_WARPS * rf_gpu_traits_of(compute->programs)->warp_size,
        .shared_bytes = RF_GPU_PREFILL_SHARED(head),
        .overlap = true,
    };
    return rf_gpu_run(compute, &launch, a, error);
}

rf_status rf_gpu_attention_run(const rf_compute *compute, const rf_attention_args *args,
                               const rf_gpu_attention_choice *choice, rf_error *error)
{
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const uint32_t group = args->n_heads / args->kv->n_kv_heads;
    decode_kernel kernel;
    struct rf_gpu_attention_args a = {
        .q = args->q,
        .out = args->out,
        .n_heads = args->n_heads,
        .group = group,
        .n_splits = choice->n_splits,
        .tokens_per_block = choice->tokens_per_block,
        .unsplit_steps = choice->unsplit_steps,
        .run_tile = choice->prefill ? RF_GPU_PREFILL_TOKENS : 0,
        .scale = args->scale * LOG2_E,
    };
    RF_TRY(rf_gpu_kv_args(args->batch, args->kv, &a.kv, error));
    choose_decode(traits, args, choice, &kernel);
    a.n_slices = slices_of(group, kernel.n_heads);
    RF_TRY(run_decode(compute, &kernel, &a, error));
    return choice->prefill ? run_prefill(compute, &a, error) : RF_OK;
}

rf_status rf_gpu_attention(const rf_compute *compute, const rf_attention_args *args,
                           rf_error *error)
{
    rf_gpu_attention_choice choice;
    rf_gpu_attention_choose(rf_gpu_traits_of(compute->programs), args, &choice);
    return rf_gpu_attention_run(compute, args, &choice, error);
}
