/* gemm_few.c: the host's side of gemm_few.hip: how a product is shared out over blocks and warps.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/gpu/args_gemm_few.h"
#include "kernels/gpu/gemm.h"

/* Rows, of an expert on average, up to which this is faster than the tiles of gemm.hip. */
#define MAX_ROWS RF_GPU_FEW_MAX_ROWS

/* Blocks that every compute unit should have at least, before warps of a block lie along the
 * weights rather than along k: it saves reading activations, which every block does. */
#define BLOCKS_A_UNIT 1U

/* k is split over blocks, to be added by another kernel, where there are not so many thousandths of
 * blocks for each compute unit; into at most so many splits, of at least so many stages. */
#define SPLIT_BELOW      500U
#define MAX_SPLITS       4U
#define MIN_SPLIT_STAGES 2U
/* The most that partial sums take of the workspace, as in gemm.c. */
#define PARTIAL_BYTES (16ULL << 20)

#define ALIGNMENT 16U /* of weights: they are copied 16 bytes at a time */

/* One of the kernels, for one type. */
typedef struct few_kernel {
    uint32_t rows, tiles, ahead;
    uint32_t min_weights; /* warps along weights, at least: with many rows activations bound it */
} few_kernel;

#define FEW(rows, tiles, ahead, resident) {rows, tiles, ahead, (rows) >= 32 ? 2 : 1},
static const few_kernel kernels[] = {RF_GPU_FEW_KERNELS(FEW)};
#define N_KERNELS (sizeof(kernels) / sizeof(kernels[0]))

/* How a product is shared out. */
typedef struct plan {
    const few_kernel *kernel;
    uint32_t warps_m, warps_k; /* of a block, along weights and along k */
    uint32_t slots;
    uint32_t shared_bytes;
} plan;

static uint32_t divided_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b ? 1 : 0);
}

static uint32_t rows_of(const rf_gpu_product *product)
{
    return product->n_experts ? divided_up(product->n_rows, product->n_experts) : product->n_rows;
}

/* Blocks, where one has so many rows of weights. */
static uint64_t blocks_of(const rf_gpu_product *product, uint32_t rows, uint32_t weights)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < product->n_parts; i++)
        n += divided_up(product->parts[i].m, weights);
    /* Of experts, those that have rows; for each there is about one tile. */
    uint32_t used = product->n_rows < product->n_experts ? product->n_rows : product->n_experts;
    return n * (product->n_experts ? used : divided_up(product->n_rows, rows));
}

/* The smallest kernel that has all rows, or the largest. */
static size_t kernel_for(const rf_gpu_traits *traits, const rf_gpu_product *product)
{
    size_t i = 0;
    while (i + 1 < N_KERNELS &&
           (kernels[i].rows < rows_of(product) || kernels[i].rows < traits->matrix_columns))
        i++;
    return i;
}

/* Sets slots and bytes of shared memory; false: a block cannot have so many. NVIDIA's kernels have
 * one number of slots, others may have two. */
static bool fits(const rf_compute *compute, const rf_type_info *type, plan *p)
{
    const uint32_t row = RF_GPU_FEW_ROW(type->block_elements, type->block_bytes);
    const uint32_t span = RF_GPU_FEW_SPAN(type->block_elements);
    const few_kernel *k = p->kernel;
    const uint32_t warps = p->warps_m * p->warps_k;
    const uint32_t slot = RF_GPU_FEW_SLOT(k->rows, p->warps_k, span, warps, k->tiles, row);
    const uint32_t sums = RF_GPU_FEW_SUMS(k->rows, warps, k->tiles);
    const uint32_t room = rf_gpu_traits_of(compute->programs)->shared_bytes;
    const char *backend = compute->device->ops->backend;
    uint32_t bytes;
    p->slots = RF_GPU_FEW_DEPTH(k->tiles, k->ahead, row) + 1;
    if (strcmp(backend, "hip") == 0) /* its copies are waited for at once */
        p->slots = 2;
    if (strcmp(backend, "cuda") != 0 && k->rows * 8 + p->slots * slot > room)
        p->slots = 2;
    bytes = p->slots * slot > sums ? p->slots * slot : sums;
    p->shared_bytes = k->rows * 8 + bytes;
    return p->shared_bytes <= room;
}

/* As many warps along the weights as leave blocks enough, the others along k. */
static void share_out(const rf_compute *compute, const rf_gpu_product *product, uint32_t n_spans,
                      plan *p)
{
    const uint64_t wanted =
        (uint64_t)rf_gpu_traits_of(compute->programs)->compute_units * BLOCKS_A_UNIT;
    const few_kernel *k = p->kernel;
    p->warps_m = RF_GPU_FEW_WARPS;
    while (p->warps_m > k->min_weights &&
           blocks_of(product, k->rows, p->warps_m * k->tiles * 16) < wanted)
        p->warps_m /= 2;
    p->warps_k = RF_GPU_FEW_WARPS / p->warps_m;
    while (p->warps_k > n_spans)
        p->warps_k /= 2;
}

/* False: no kernel fits into shared memory. */
static bool make_plan(const rf_compute *compute, const rf_gpu_product *product, plan *p)
{
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    const uint32_t n_spans = divided_up(product->k, RF_GPU_FEW_SPAN(type->block_elements));
    for (size_t i = kernel_for(traits, product) + 1; i > 0; i--) {
        p->kernel = &kernels[i - 1];
        if (p->kernel->rows < traits->matrix_columns)
            return false;
        share_out(compute, product, n_spans, p);
        while (p->warps_k > 1 && !fits(compute, type, p))
            p->warps_k /= 2;
        while (p->warps_m > 1 && !fits(compute, type, p))
            p->warps_m /= 2;
        if (fits(compute, type, p))
            return true;
    }
    return false;
}

/* Into how many splits of k, as far as the workspace has room for their sums. */
static void set_splits(const rf_compute *compute, uint64_t n_blocks, uint32_t stages,
                       struct rf_gpu_gemm_args *args)
{
    const uint64_t units = rf_gpu_traits_of(compute->programs)->compute_units;
    const uint64_t sums = (uint64_t)args->n_rows * args->n_columns * sizeof(float);
    uint64_t room =
        compute->workspace_bytes < PARTIAL_BYTES ? compute->workspace_bytes : PARTIAL_BYTES;
    uint64_t splits = units / n_blocks;
    room = sums ? room / sums : 0;
    splits = splits < room ? splits : room;
    splits = splits < stages / MIN_SPLIT_STAGES ? splits : stages / MIN_SPLIT_STAGES;
    splits = splits < MAX_SPLITS ? splits : MAX_SPLITS;
    args->n_splits = 1;
    args->split_depth = stages;
    if (args->n_experts || splits < 2 || n_blocks * 1000 >= units * SPLIT_BELOW)
        return;
    args->split_depth = divided_up(stages, (uint32_t)splits);
    args->n_splits = divided_up(stages, args->split_depth);
    args->partial = compute->workspace;
}

bool rf_gpu_gemm_few_suits(const rf_compute *compute, const rf_gpu_product *product)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    const bool floats = type->block_elements == 1;
    plan p;
    if (rf_gpu_traits_of(compute->programs)->matrix_columns == 0 ||
        product->rows.form != RF_GPU_F16 || rows_of(product) > MAX_ROWS)
        return false;
    for (uint32_t i = 0; i < product->n_parts; i++)
        if (product->parts[i].weights % ALIGNMENT ||
            (floats && product->parts[i].row_bytes % ALIGNMENT))
            return false;
    if (floats && product->n_experts && product->expert_bytes % ALIGNMENT)
        return false;
    return make_plan(compute, product, &p);
}

rf_status rf_gpu_gemm_few(const rf_compute *compute, const rf_gpu_product *product, rf_error *error)
{
    const char *name = rf_gpu_type_name(product->type);
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    char unit[RF_GPU_NAME_BYTES];
    char kernel[RF_GPU_NAME_BYTES];
    plan p;
    if (!make_plan(compute, product, &p))
        return rf_error_set(error, RF_ERROR_INTERNAL, "gemm_few: %u rows do not fit",
                            product->n_rows);
    struct rf_gpu_gemm_args args;
    uint32_t weight_tiles = rf_gpu_gemm_open(product, p.warps_m * p.kernel->tiles * 16, &args);
    uint32_t row_tiles = divided_up(product->n_rows, p.kernel->rows) + product->n_experts;
    uint32_t span = RF_GPU_FEW_SPAN(rf_type_describe((uint32_t)product->type)->block_elements);
    set_splits(compute, (uint64_t)row_tiles * weight_tiles,
               divided_up(product->k, span * p.warps_k), &args);
    args.buffers = p.slots;
    args.warps_k = p.warps_k;
    snprintf(unit, sizeof(unit), "gemm_few_%s", name);
    snprintf(kernel, sizeof(kernel), "%s_%u", unit, p.kernel->rows);
    const rf_gpu_launch launch = {.unit = unit,
                                  .kernel = kernel,
                                  .blocks = {row_tiles, weight_tiles, args.n_splits},
                                  .threads = p.warps_m * p.warps_k * traits->warp_size,
                                  .shared_bytes = p.shared_bytes,
                                  .overlap = true};
    RF_TRY(rf_gpu_run(compute, &launch, &args, error));
    return args.partial ? rf_gpu_gemm_sum(compute, &args, error) : RF_OK;
}
