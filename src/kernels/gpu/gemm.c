/*
 * gemm.c: the host's side of gemm.hip: which tiles a product is cut into, and into how many splits
 * of k, so that every compute unit has blocks enough.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/gpu/args_gemm.h"
#include "kernels/gpu/gemm.h"
#include "kernels/gpu/gemm_sm90a.h"

/* The most that partial sums take of the workspace. What fills 132 compute units with blocks takes
 * less. */
#define PARTIAL_BYTES (16ULL << 20)
/* A split is not worth its launch with fewer stages; nor are more splits. */
#define MIN_SPLIT_STAGES 4
#define MAX_SPLITS       16

typedef struct tile {
    uint32_t rows, weights, warps;
    uint32_t per_unit; /* blocks that a compute unit runs at a time, about */
} tile;

#define TILE(rows, weights, r, w) {rows, weights, (r) * (w), (rows) > 64 ? 2 : (rows) > 32 ? 3 : 4},
static const tile tiles[] = {RF_GPU_GEMM_TILES(TILE)};
#define N_TILES (sizeof(tiles) / sizeof(tiles[0]))

/* The smallest that has all rows, of one expert on average, or the largest. */
static const tile *tile_for(const rf_gpu_product *product)
{
    uint32_t rows = product->n_rows;
    if (product->n_experts)
        rows = (rows + product->n_experts - 1) / product->n_experts;
    size_t i = 0;
    while (i + 1 < N_TILES && tiles[i].rows < rows)
        i++;
    return &tiles[i];
}

/* NVIDIA's kernels have two buffers of a stage, AMD's one: kernels/gpu/gemm.hip. The emulated
 * device's have what fits. */
static uint32_t buffers_for(const rf_compute *compute, const tile *t)
{
    if (strcmp(compute->device->ops->backend, "hip") == 0)
        return 1;
    uint32_t two = RF_GPU_GEMM_SHARED(t->rows, t->weights, 2);
    return two <= rf_gpu_traits_of(compute->programs)->shared_bytes ? 2 : 1;
}

static uint32_t set_parts(const rf_gpu_product *product, uint32_t weights,
                          struct rf_gpu_gemm_args *args)
{
    uint32_t n = 0;
    uint32_t n_columns = 0;
    for (uint32_t i = 0; i < product->n_parts; i++) {
        args->parts[i] = (struct rf_gpu_gemm_part){.weights = product->parts[i].weights,
                                                   .row_bytes = product->parts[i].row_bytes,
                                                   .bias = product->parts[i].bias,
                                                   .out = product->parts[i].out,
                                                   .m = product->parts[i].m,
                                                   .first_tile = n,
                                                   .first_column = n_columns};
        n += rf_div_up(product->parts[i].m, weights);
        n_columns += product->parts[i].m;
    }
    args->n_columns = n_columns;
    if (product->end == RF_LINEAR_SWIGLU)
        return rf_div_up(product->parts[0].m, weights / 2);
    return n;
}

void rf_gpu_gemm_split(const rf_compute *compute, uint64_t wanted, uint32_t stages, uint32_t most,
                       struct rf_gpu_gemm_args *args)
{
    const uint64_t sums = (uint64_t)args->n_rows * args->n_columns * sizeof(float);
    uint64_t room =
        compute->workspace_bytes < PARTIAL_BYTES ? compute->workspace_bytes : PARTIAL_BYTES;
    room = sums ? room / sums : 0;
    uint64_t splits = wanted < room ? wanted : room;
    splits = splits < most ? splits : most;
    args->n_splits = 1;
    args->split_depth = stages;
    if (splits < 2)
        return;
    args->split_depth = rf_div_up(stages, (uint32_t)splits);
    args->n_splits = rf_div_up(stages, args->split_depth);
    args->partial = compute->workspace;
}

/* As many splits as fill the device. */
static void set_splits(const rf_compute *compute, const tile *t, uint64_t n_blocks,
                       struct rf_gpu_gemm_args *args)
{
    const uint32_t stages = rf_div_up(args->k, RF_GPU_GEMM_DEPTH);
    const uint32_t most = stages / MIN_SPLIT_STAGES;
    uint64_t wanted = (uint64_t)rf_gpu_traits_of(compute->programs)->compute_units * t->per_unit;
    wanted = args->n_experts || n_blocks == 0 ? 1 : wanted / n_blocks;
    rf_gpu_gemm_split(compute, wanted, stages, most < MAX_SPLITS ? most : MAX_SPLITS, args);
}

rf_status rf_gpu_gemm_sum(const rf_compute *compute, const struct rf_gpu_gemm_args *args,
                          rf_error *error)
{
    uint32_t columns = args->end == RF_GPU_END_SWIGLU ? args->parts[0].m : args->n_columns;
    const rf_gpu_launch launch = {.unit = "gemm_sum",
                                  .kernel = "gemm_sum",
                                  .blocks = {rf_div_up(columns, 256), args->n_rows},
                                  .threads = 256,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, args, error);
}

uint32_t rf_gpu_gemm_open(const rf_gpu_product *product, uint32_t weights,
                          struct rf_gpu_gemm_args *args)
{
    *args =
        (struct rf_gpu_gemm_args){.rows = product->rows.values,
                                  .offsets = product->n_experts ? product->offsets : 0,
                                  .order = product->n_experts ? product->order : 0,
                                  .expert_bytes = product->n_experts ? product->expert_bytes : 0,
                                  .n_rows = product->n_rows,
                                  .k = product->k,
                                  .stride = product->rows.stride,
                                  .n_parts = product->n_parts,
                                  .end = (uint32_t)product->end,
                                  .n_experts = product->n_experts,
                                  .row_divisor = product->row_divisor};
    return set_parts(product, weights, args);
}

rf_status rf_gpu_gemm_tiles(const rf_compute *compute, const rf_gpu_product *product,
                            rf_error *error)
{
    const char *type = rf_gpu_type_name(product->type);
    if (!type)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "a matrix product: element type %u",
                            (unsigned)product->type);
    const tile *t = tile_for(product);
    struct rf_gpu_gemm_args args;
    uint32_t weight_tiles = rf_gpu_gemm_open(product, t->weights, &args);
    args.buffers = buffers_for(compute, t);
    /* Experts' rows fill their last tiles in part: at most one more tile for each. */
    uint32_t row_tiles = rf_div_up(product->n_rows, t->rows) + product->n_experts;
    set_splits(compute, t, (uint64_t)row_tiles * weight_tiles, &args);
    char unit[RF_GPU_NAME_BYTES];
    char kernel[RF_GPU_NAME_BYTES];
    snprintf(unit, sizeof(unit), "gemm_%s", type);
    snprintf(kernel, sizeof(kernel), "gemm_%s_%u", type, t->rows);
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const rf_gpu_launch launch = {.unit = unit,
                                  .kernel = kernel,
                                  .blocks = {row_tiles, weight_tiles, args.n_splits},
                                  .threads = t->warps * traits->warp_size,
                                  .shared_bytes =
                                      RF_GPU_GEMM_SHARED(t->rows, t->weights, args.buffers),
                                  .overlap = true};
    RF_TRY(rf_gpu_run(compute, &launch, &args, error));
    return args.partial ? rf_gpu_gemm_sum(compute, &args, error) : RF_OK;
}

rf_status rf_gpu_gemm(const rf_compute *compute, const rf_gpu_product *product, rf_error *error)
{
    if (rf_gpu_gemm_few_suits(compute, product))
        return rf_gpu_gemm_few(compute, product, error);
    if (rf_gpu_gemm_sm90a_suits(compute, product))
        return rf_gpu_gemm_sm90a(compute, product, error);
    return rf_gpu_gemm_tiles(compute, product, error);
}

rf_status rf_gpu_gemm_workspace(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error)
{
    /* Rows of outputs are at most as wide as three of the widest input; those of logits are wider,
     * and have blocks enough without splits. */
    uint64_t sums, packed;
    RF_TRY(rf_gpu_gemm_sm90a_workspace(limits, &packed, error));
    if (!rf_mul(limits->n_tokens, limits->n_row_elements, &sums) ||
        !rf_mul(sums, 3 * sizeof(float) * MAX_SPLITS, &sums))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the partial sums of a product");
    sums = sums < PARTIAL_BYTES ? sums : PARTIAL_BYTES;
    *bytes = sums > packed ? sums : packed;
    return RF_OK;
}
