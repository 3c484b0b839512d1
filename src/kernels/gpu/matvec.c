/* matvec.c: the host's side of matvec.hip: how a product is shared out over blocks and warps. */
#include <inttypes.h>
#include <stdio.h>

#include "kernels/gpu/args_matvec.h"
#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/product.h"

/* Warps that a compute unit of NVIDIA's has work for, of 32 lanes. As long as there are fewer,
 * pairs of rows are shared by more of them. Measured on an H200 (docs/performance.md): with 8 to 24
 * decode is the same, with 32 and 64 blocks that share activations are loaded once more for each.
 */
#define WARPS_A_UNIT 16U

/* Elements of activations that a block keeps, over all rows: 20 KiB. A tile is at least one step of
 * each warp. */
#define TILE_ELEMENTS 16384U

/* Of blocks in y that a launch may have, on CUDA and HIP. */
#define MAX_BLOCKS_Y 65535U

/* Of shared memory that every device's blocks can have. */
#define SHARED_BYTES (64U << 10)

/* Of weights in blocks: they are copied 16 bytes at a time. */
#define ALIGNMENT 16U

/* Of one launch. */
typedef struct geometry {
    uint32_t columns; /* rows that the kernel is for */
    uint32_t warps;   /* of a block */
    uint32_t step;    /* elements */
    uint32_t n_steps;
    uint32_t split;
    uint32_t tile_steps;
    uint32_t slots;
    uint32_t shared_bytes;
} geometry;

static uint32_t ceiling(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

static bool is_float(rf_type type)
{
    return type == RF_TYPE_F32 || type == RF_TYPE_F16 || type == RF_TYPE_BF16;
}

static uint32_t pairs_of(const rf_gpu_product *product, uint32_t part)
{
    uint32_t m = product->parts[part].m;
    return product->end == RF_LINEAR_SWIGLU ? m : ceiling(m, 2);
}

/* Parts that have blocks of their own. */
static uint32_t parts_of(const rf_gpu_product *product)
{
    return product->end == RF_LINEAR_SWIGLU ? 1 : product->n_parts;
}

/* How many warps share a pair of rows: more, as long as the device is not full. */
static uint32_t split_for(const rf_gpu_product *product, const rf_gpu_traits *traits,
                          const geometry *g)
{
    uint64_t warps = 0;
    uint64_t wanted = (uint64_t)traits->compute_units * WARPS_A_UNIT * 32 / traits->warp_size;
    for (uint32_t i = 0; i < parts_of(product); i++)
        warps += pairs_of(product, i);
    if (product->n_experts)
        warps *= product->n_rows;
    uint32_t split = 1;
    while (2 * split <= g->warps && 2 * split <= g->n_steps && warps * split * 2 <= wanted)
        split *= 2;
    return split;
}

/* Bytes of shared memory, with slots and tile_steps for a split. */
static void place_in_shared(const rf_type_info *type, uint32_t warp, geometry *g)
{
    uint32_t piece = RF_GPU_MATVEC_PIECE(type->block_elements, type->block_bytes);
    uint32_t slot = RF_GPU_MATVEC_SLOT(warp, piece, type->block_elements, type->block_bytes);
    uint32_t depth = RF_GPU_MATVEC_DEPTH(warp, piece, slot);
    uint32_t own_steps = ceiling(g->n_steps, g->split);
    uint32_t turns = TILE_ELEMENTS / g->columns / g->step / g->split;
    turns = turns == 0 ? 1 : turns < own_steps ? turns : own_steps;
    g->tile_steps = turns * g->split;
    g->slots = depth < own_steps ? depth : own_steps;
    uint32_t elements = g->columns * g->tile_steps * g->step;
    uint32_t scales = elements / RF_GPU_Q8_BLOCK * (uint32_t)sizeof(rf_gpu_q8_scale);
    g->shared_bytes = RF_GPU_MATVEC_SUMS(g->warps, g->columns) + elements + scales +
                      g->warps * g->slots * 2 * slot;
}

static geometry geometry_of(const rf_gpu_product *product, const rf_gpu_traits *traits)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    const uint32_t n = product->n_experts ? 1 : product->n_rows;
    geometry g = {.columns = n <= 1   ? 1
                             : n <= 2 ? 2
                             : n <= 4 ? 4
                                      : 8,
                  .warps = RF_GPU_MATVEC_THREADS / traits->warp_size};
    uint32_t piece = is_float(product->type)
                         ? 16 / type->block_bytes
                         : RF_GPU_MATVEC_PIECE(type->block_elements, type->block_bytes);
    g.step = traits->warp_size * piece;
    g.n_steps = ceiling(product->k, g.step);
    g.split = split_for(product, traits, &g);
    g.shared_bytes = RF_GPU_MATVEC_SUMS(g.warps, g.columns);
    if (is_float(product->type))
        return g;
    place_in_shared(type, traits->warp_size, &g);
    while (g.split > 1 && g.shared_bytes > SHARED_BYTES) {
        g.split /= 2;
        place_in_shared(type, traits->warp_size, &g);
    }
    return g;
}

/* Fills the parts; the blocks that they have. */
static uint32_t set_parts(const rf_gpu_product *product, const geometry *g,
                          struct rf_gpu_matvec_args *args)
{
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < RF_GPU_MATVEC_PARTS; i++) {
        args->parts[i].first_block = i < parts_of(product) ? blocks : UINT32_MAX;
        if (i >= product->n_parts)
            continue;
        args->parts[i].weights = product->parts[i].weights;
        args->parts[i].row_bytes = product->parts[i].row_bytes;
        args->parts[i].bias = product->parts[i].bias;
        args->parts[i].out = product->parts[i].out;
        args->parts[i].m = product->parts[i].m;
        if (i < parts_of(product))
            blocks += ceiling(pairs_of(product, i), g->warps / g->split);
    }
    return blocks;
}

static rf_gpu_matvec_end end_of(rf_linear_end end)
{
    switch (end) {
    case RF_LINEAR_ADD:
        return RF_GPU_MATVEC_ADD;
    case RF_LINEAR_SWIGLU:
        return RF_GPU_MATVEC_SWIGLU;
    case RF_LINEAR_STORE:
    default:
        return RF_GPU_MATVEC_STORE;
    }
}

static rf_status check(const rf_gpu_product *product, rf_error *error)
{
    const rf_gpu_form form = is_float(product->type) ? RF_GPU_F32 : RF_GPU_Q8;
    if (product->rows.form != form)
        return rf_error_set(error, RF_ERROR_INTERNAL, "matvec: form %d of rows, expected %d",
                            (int)product->rows.form, (int)form);
    if (!product->n_experts && product->n_rows > RF_GPU_MATVEC_ROWS)
        return rf_error_set(error, RF_ERROR_INTERNAL, "matvec: %" PRIu32 " rows, limit %u",
                            product->n_rows, RF_GPU_MATVEC_ROWS);
    for (uint32_t i = 0; i < product->n_parts && form == RF_GPU_Q8; i++) {
        if (product->parts[i].weights % ALIGNMENT != 0)
            return rf_error_set(error, RF_ERROR_INTERNAL,
                                "matvec: weights at 0x%" PRIx64 ", alignment must be %u",
                                product->parts[i].weights, ALIGNMENT);
    }
    return RF_OK;
}

static struct rf_gpu_matvec_args args_of(const rf_gpu_product *product, const geometry *g)
{
    return (struct rf_gpu_matvec_args){
        .quants = product->rows.quants,
        .scales = product->rows.scales,
        .values = product->rows.values,
        .ids = product->n_experts ? product->ids : 0,
        .expert_bytes = product->expert_bytes,
        .k = product->k,
        .stride = product->rows.stride,
        .n_rows = product->n_experts ? 1 : product->n_rows,
        .row_divisor = product->row_divisor,
        .n_experts = product->n_experts,
        .end = end_of(product->end),
        .split = g->split,
        .tile_steps = g->tile_steps,
        .slots = g->slots,
    };
}

rf_gpu_form rf_gpu_form_for(rf_type type, uint32_t n_rows)
{
    if (n_rows > RF_GPU_MATVEC_ROWS)
        return RF_GPU_F16;
    return is_float(type) ? RF_GPU_F32 : RF_GPU_Q8;
}

rf_status rf_gpu_matvec(const rf_compute *compute, const rf_gpu_product *product, rf_error *error)
{
    char unit[32], kernel[64];
    RF_TRY(check(product, error));
    const geometry g = geometry_of(product, rf_gpu_traits_of(compute->programs));
    struct rf_gpu_matvec_args args = args_of(product, &g);
    /* Names of types are short: nothing is cut off. */
    (void)snprintf(unit, sizeof(unit), "matvec_%s", rf_gpu_type_name(product->type));
    (void)snprintf(kernel, sizeof(kernel), "%s_%" PRIu32, unit, g.columns);
    rf_gpu_launch launch = {.unit = unit,
                            .kernel = kernel,
                            .blocks = {set_parts(product, &g, &args)},
                            .threads = RF_GPU_MATVEC_THREADS,
                            .shared_bytes = g.shared_bytes,
                            .overlap = true};
    const uint32_t rows = product->n_experts ? product->n_rows : 1;
    for (uint32_t first = 0; first < rows; first += MAX_BLOCKS_Y) {
        args.first_row = first;
        launch.blocks[1] = rows - first < MAX_BLOCKS_Y ? rows - first : MAX_BLOCKS_Y;
        RF_TRY(rf_gpu_run(compute, &launch, &args, error));
    }
    return RF_OK;
}
