/* gemm_few.c: the host's side of gemm_few.hip: how a product is shared out over blocks and warps.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/gpu/args_gemm_few.h"
#include "kernels/gpu/gemm.h"

/* Rows, of an expert on average, up to which this is faster than the tiles of gemm.hip. */
#define MAX_ROWS RF_GPU_FEW_MAX_ROWS

/* Blocks for each compute unit, in thousandths: as long as there are more, warps of a block lie
 * along the weights rather than along k, which saves reading activations, as every block does. */
#define ENOUGH_BLOCKS 800U

/* With fewer, k is split over blocks, to be added by another kernel: into at most so many splits,
 * of at least so many stages. */
#define SPLIT_BELOW      500U
#define MAX_SPLITS       4U
#define MIN_SPLIT_STAGES 2U

#define ALIGNMENT 16U /* of weights: they are copied 16 bytes at a time */

/* One of the kernels. */
typedef struct few_kernel {
    uint32_t rows, tiles;
    uint32_t warps;       /* of a block, at most */
    uint32_t min_weights; /* warps along weights, at least: the more rows, the more are read */
} few_kernel;

#define MIN_WEIGHTS(rows)                 ((rows) > 32 ? 4 : (rows) > 16 ? 2 : 1)
#define FEW(rows, tiles, warps, resident) {rows, tiles, warps, MIN_WEIGHTS(rows)},
static const few_kernel kernels[] = {RF_GPU_FEW_KERNELS(FEW)};
#define N_KERNELS (sizeof(kernels) / sizeof(kernels[0]))

/* How a product is shared out. */
typedef struct plan {
    const few_kernel *kernel;
    uint32_t warps_m, warps_k; /* of a block, along weights and along k */
    uint64_t blocks;
    uint32_t splits; /* of k, at most */
    uint32_t slots;
    uint32_t shared_bytes;
} plan;

static uint32_t rows_of(const rf_gpu_product *product)
{
    return product->n_experts ? rf_div_up(product->n_rows, product->n_experts) : product->n_rows;
}

/* Blocks, where one has so many rows of weights. */
static uint64_t blocks_of(const rf_gpu_product *product, uint32_t rows, uint32_t weights)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < product->n_parts; i++)
        n += rf_div_up(product->parts[i].m, weights);
    /* Of experts, those that have rows; for each there is about one tile. */
    uint32_t used = product->n_rows < product->n_experts ? product->n_rows : product->n_experts;
    return n * (product->n_experts ? used : rf_div_up(product->n_rows, rows));
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

static uint32_t stages_of(const rf_gpu_product *product, uint32_t span, uint32_t warps_k)
{
    return rf_div_up(product->k, span * warps_k);
}

/* As many warps along the weights as leave blocks enough, the others along k. */
static void share_out(const rf_compute *compute, const rf_gpu_product *product, uint32_t span,
                      plan *p)
{
    const uint64_t units = rf_gpu_traits_of(compute->programs)->compute_units;
    const few_kernel *k = p->kernel;
    for (p->warps_m = k->warps;; p->warps_m /= 2) {
        p->blocks = blocks_of(product, k->rows, p->warps_m * k->tiles * 16);
        if (p->warps_m == k->min_weights || p->blocks * 1000 >= units * ENOUGH_BLOCKS)
            break;
    }
    p->warps_k = k->warps / p->warps_m;
    while (p->warps_k > 1 && stages_of(product, span, p->warps_k / 2) == 1)
        p->warps_k /= 2;
    p->splits = 1;
    if (!product->n_experts && p->blocks * 1000 < units * SPLIT_BELOW)
        p->splits = (uint32_t)(units / (p->blocks ? p->blocks : 1));
}

/* Sets slots, as many as there are stages and room for; false: there is not for two. */
static bool set_slots(const rf_compute *compute, const rf_gpu_product *product,
                      const rf_type_info *type, uint32_t room, plan *p)
{
    const uint32_t row = RF_GPU_FEW_ROW(type->block_elements, type->block_bytes);
    const uint32_t span = RF_GPU_FEW_SPAN(type->block_elements);
    const few_kernel *k = p->kernel;
    const uint32_t warps = p->warps_m * p->warps_k;
    const uint32_t slot = RF_GPU_FEW_SLOT(k->rows, p->warps_k, span, warps, k->tiles, row);
    const uint32_t sums = RF_GPU_FEW_SUMS(k->rows, warps, k->tiles);
    const uint32_t stages = stages_of(product, span, p->warps_k);
    p->slots = strcmp(compute->device->ops->backend, "hip") == 0 /* waits for copies at once */
                   ? 2
                   : RF_GPU_FEW_MAX_SLOTS;
    while (p->slots > 2 && (p->slots > stages || k->rows * 8 + p->slots * slot > room))
        p->slots--;
    p->shared_bytes = k->rows * 8 + (p->slots * slot > sums ? p->slots * slot : sums);
    return p->shared_bytes <= room;
}

/* Where there are blocks for it two to a compute unit, or one, or with fewer warps. */
static bool fit(const rf_compute *compute, const rf_gpu_product *product, const rf_type_info *type,
                plan *p)
{
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const uint32_t room = traits->shared_bytes;
    if (p->blocks > traits->compute_units && set_slots(compute, product, type, room / 2 - 1024, p))
        return true;
    while (!set_slots(compute, product, type, room, p)) {
        if (p->warps_k > 1)
            p->warps_k /= 2;
        else if (p->warps_m > 1)
            p->warps_m /= 2;
        else
            return false;
    }
    return true;
}

/* False: no kernel fits into shared memory. */
static bool make_plan(const rf_compute *compute, const rf_gpu_product *product, plan *p)
{
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    for (size_t i = kernel_for(traits, product) + 1; i > 0; i--) {
        p->kernel = &kernels[i - 1];
        if (p->kernel->rows < traits->matrix_columns)
            return false;
        share_out(compute, product, RF_GPU_FEW_SPAN(type->block_elements), p);
        if (fit(compute, product, type, p))
            return true;
    }
    return false;
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
    char kernel[RF_GPU_NAME_BYTES + 12]; /* and a number */
    plan p;
    if (!make_plan(compute, product, &p))
        return rf_error_set(error, RF_ERROR_INTERNAL, "gemm_few: %u rows do not fit",
                            product->n_rows);
    struct rf_gpu_gemm_args args;
    uint32_t weight_tiles = rf_gpu_gemm_open(product, p.warps_m * p.kernel->tiles * 16, &args);
    uint32_t row_tiles = rf_div_up(product->n_rows, p.kernel->rows) + product->n_experts;
    uint32_t span = RF_GPU_FEW_SPAN(rf_type_describe((uint32_t)product->type)->block_elements);
    uint32_t stages = stages_of(product, span, p.warps_k);
    uint32_t most = stages / MIN_SPLIT_STAGES;
    rf_gpu_gemm_split(compute, p.splits, stages, most < MAX_SPLITS ? most : MAX_SPLITS, &args);
    args.buffers = p.slots;
    args.warps_k = p.warps_k;
    (void)snprintf(unit, sizeof(unit), "gemm_few_%s", name); /* it fits */
    (void)snprintf(kernel, sizeof(kernel), "%s_%u", unit, p.kernel->rows);
    const rf_gpu_launch launch = {.unit = unit,
                                  .kernel = kernel,
                                  .blocks = {row_tiles, weight_tiles, args.n_splits},
                                  .threads = p.warps_m * p.warps_k * traits->warp_size,
                                  .shared_bytes = p.shared_bytes,
                                  .overlap = true};
    RF_TRY(rf_gpu_run(compute, &launch, &args, error));
    return args.partial ? rf_gpu_gemm_sum(compute, &args, error) : RF_OK;
}
