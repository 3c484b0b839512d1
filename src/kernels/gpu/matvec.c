/* matvec.c: the host's side of matvec.hip: how a product is shared out over blocks and warps. */
#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"
#include "kernels/gpu/ahead_plan.h"
#include "kernels/gpu/args_matvec.h"
#include "kernels/gpu/product.h"

/* Blocks for each compute unit: as many as are resident at a time. With one, products that follow
 * each other overlap more, but blocks find two places on some units and none on others: 14 % slower
 * in all (docs/performance.md). */
#define BLOCKS_A_UNIT 2U

/* What a share of a pair costs beside its steps, in steps: its sums over a warp. */
#define SHARE_COST 1.0

/* Elements of activations that a block keeps, over all rows: 24 KiB with their scales. A tile is at
 * least one step of each warp. */
#define TILE_ELEMENTS 16384U

/* Of blocks in y that a launch may have, on CUDA and HIP. */
#define MAX_BLOCKS_Y 65535U

/* Of shared memory for the sums of a block's pairs. */
#define SUMS_BYTES (8U << 10)

/* Of weights in blocks: they are copied 16 bytes at a time. */
#define ALIGNMENT 16U

/* Of one launch. */
typedef struct geometry {
    uint32_t columns; /* rows that the kernel is for */
    uint32_t threads; /* of a block */
    uint32_t warps;
    uint32_t n_pairs;
    uint32_t n_blocks;
    uint32_t step; /* elements */
    uint32_t n_steps;
    uint32_t split;
    uint32_t tile_steps;
    uint32_t slots;
    uint32_t shared_bytes;
} geometry;

static bool is_float(rf_type type)
{
    return type == RF_TYPE_F32 || type == RF_TYPE_F16 || type == RF_TYPE_BF16;
}

static uint32_t pairs_of(const rf_gpu_product *product, uint32_t part)
{
    uint32_t m = product->parts[part].m;
    return product->end == RF_LINEAR_SWIGLU ? m : rf_div_up(m, 2);
}

/* Parts that have blocks of their own. */
static uint32_t parts_of(const rf_gpu_product *product)
{
    return product->end == RF_LINEAR_SWIGLU ? 1 : product->n_parts;
}

/* About how long a block takes whose pairs are shared by `split` warps each, in steps. */
static double time_of(const geometry *g, uint32_t split)
{
    uint32_t rounds = rf_div_up(rf_div_up(g->n_pairs, g->n_blocks), g->warps / split);
    return rounds * (rf_div_up(g->n_steps, split) + SHARE_COST);
}

static void choose_split(geometry *g)
{
    g->split = 1;
    for (uint32_t split = 2; split <= g->warps && split <= g->n_steps; split++) {
        if (g->warps % split == 0 && time_of(g, split) < time_of(g, g->split))
            g->split = split;
    }
}

static uint32_t smaller_split(const geometry *g)
{
    uint32_t split = g->split;
    do {
        split--;
    } while (split > 1 && g->warps % split != 0);
    return split;
}

/* Blocks: as many as are resident as a rule; more where the sums of their pairs would take too
 * much. */
static void choose_blocks(const rf_gpu_product *product, const rf_gpu_traits *traits, geometry *g)
{
    const uint32_t rows = product->n_experts ? product->n_rows : 1; /* each has blocks of its own */
    const uint32_t places = traits->compute_units * BLOCKS_A_UNIT;
    const uint32_t wanted = rf_div_up((uint32_t)((float)places * (1 - product->others)), rows);
    const uint32_t most_pairs = SUMS_BYTES / (2 * g->columns * (uint32_t)sizeof(float));
    uint32_t blocks = rf_div_up(g->n_pairs, most_pairs);
    blocks = blocks > wanted ? blocks : wanted;
    g->n_blocks = blocks < g->n_pairs ? blocks : g->n_pairs;
    g->n_blocks = g->n_blocks ? g->n_blocks : 1;
    choose_split(g);
    while (g->split > 1 && rf_div_up(g->n_pairs, g->n_blocks) > most_pairs / g->split)
        g->split = smaller_split(g);
}

/* Bytes of shared memory, with slots and tile_steps for a split. */
static void place_in_shared(const rf_type_info *type, const rf_gpu_traits *traits, geometry *g)
{
    uint32_t warp = traits->warp_size;
    uint32_t piece = RF_GPU_MATVEC_PIECE(type->block_elements, type->block_bytes);
    uint32_t slot = RF_GPU_MATVEC_SLOT(warp, piece, type->block_elements, type->block_bytes);
    uint32_t depth = RF_GPU_MATVEC_DEPTH(warp, slot, traits->asynchronous_copies);
    uint32_t block_pairs = rf_div_up(g->n_pairs, g->n_blocks);
    uint32_t rounds = rf_div_up(block_pairs, g->warps / g->split);
    uint32_t share_steps = rf_div_up(g->n_steps, g->split);
    uint32_t turns = TILE_ELEMENTS / g->columns / g->step / g->split;
    if (turns > share_steps || g->columns == 1) /* the kernel of one row has one tile */
        turns = share_steps;
    g->tile_steps = (turns == 0 ? 1 : turns) * g->split;
    /* All steps of a warp: of its shares of pairs. */
    g->slots = rounds < depth && rounds * share_steps < depth ? rounds * share_steps : depth;
    uint32_t elements = g->columns * g->tile_steps * g->step;
    uint32_t scales = elements / RF_GPU_Q8_CHUNK * (uint32_t)sizeof(rf_gpu_q8_scale);
    g->shared_bytes = RF_GPU_MATVEC_SUMS(block_pairs + 1, g->split, g->warps, g->columns) +
                      elements + scales + g->warps * g->slots * 2 * slot;
}

/* Of a kernel for so many rows, with blocks of so many threads. */
static geometry geometry_for(const rf_gpu_product *product, const rf_gpu_traits *traits,
                             uint32_t columns, uint32_t threads)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    geometry g = {.columns = columns, .threads = threads};
    g.warps = g.threads / traits->warp_size;
    uint32_t piece = is_float(product->type)
                         ? 16 / type->block_bytes
                         : RF_GPU_MATVEC_PIECE(type->block_elements, type->block_bytes);
    for (uint32_t i = 0; i < parts_of(product); i++)
        g.n_pairs += pairs_of(product, i);
    g.step = traits->warp_size * piece;
    g.n_steps = rf_div_up(product->k, g.step);
    choose_blocks(product, traits, &g);
    g.shared_bytes =
        RF_GPU_MATVEC_SUMS(rf_div_up(g.n_pairs, g.n_blocks) + 1, g.split, g.warps, g.columns);
    if (is_float(product->type))
        return g;
    place_in_shared(type, traits, &g);
    while (g.split > 1 && g.shared_bytes > traits->shared_bytes) {
        g.split = smaller_split(&g);
        place_in_shared(type, traits, &g);
    }
    return g;
}

static geometry geometry_of(const rf_gpu_product *product, const rf_gpu_traits *traits)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    const uint32_t n = product->n_experts ? 1 : product->n_rows;
    uint32_t threads = RF_GPU_MATVEC_THREADS(type->block_elements, type->block_bytes);
    uint32_t columns = 1;
    while (columns < n)
        columns *= 2;
    geometry g = geometry_for(product, traits, columns, threads);
    /* A row that is too long for one tile. */
    if (columns == 1 && g.shared_bytes > traits->shared_bytes)
        g = geometry_for(product, traits, 2, threads);
    /* Rings that are too large beside the rows. */
    while (g.shared_bytes > traits->shared_bytes && threads > traits->warp_size) {
        threads = threads / 2 / traits->warp_size * traits->warp_size;
        g = geometry_for(product, traits, g.columns, threads);
    }
    return g;
}

static void set_parts(const rf_gpu_product *product, struct rf_gpu_matvec_args *args)
{
    uint32_t pairs = 0;
    for (uint32_t i = 0; i < RF_GPU_MATVEC_PARTS; i++) {
        args->parts[i].first_pair = i < parts_of(product) ? pairs : UINT32_MAX;
        if (i >= product->n_parts)
            continue;
        args->parts[i].weights = product->parts[i].weights;
        args->parts[i].row_bytes = product->parts[i].row_bytes;
        args->parts[i].bias = product->parts[i].bias;
        args->parts[i].out = product->parts[i].out;
        args->parts[i].m = product->parts[i].m;
        if (i < parts_of(product))
            pairs += pairs_of(product, i);
    }
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
    const rf_gpu_form form = is_float(product->type) ? RF_GPU_F32 : RF_GPU_INPUT;
    if (product->rows.form != form)
        return rf_error_set(error, RF_ERROR_INTERNAL, "matvec: form %d of rows, expected %d",
                            (int)product->rows.form, (int)form);
    if (!product->n_experts && product->n_rows > RF_GPU_MATVEC_ROWS)
        return rf_error_set(error, RF_ERROR_INTERNAL, "matvec: %" PRIu32 " rows, limit %u",
                            product->n_rows, RF_GPU_MATVEC_ROWS);
    for (uint32_t i = 0; i < product->n_parts && form == RF_GPU_INPUT; i++) {
        if (product->parts[i].weights % ALIGNMENT != 0)
            return rf_error_set(error, RF_ERROR_INTERNAL,
                                "matvec: weights at 0x%" PRIx64 ", alignment must be %u",
                                product->parts[i].weights, ALIGNMENT);
    }
    return RF_OK;
}

static struct rf_gpu_matvec_args args_of(const rf_gpu_product *product, const rf_gpu_traits *traits,
                                         const geometry *g)
{
    const rf_gpu_rows *rows = &product->rows;
    struct rf_gpu_matvec_args args = {
        .x = rows->values,
        .rows = rows->order,
        .norm = rows->norm,
        .ids = product->n_experts ? product->ids : 0,
        .expert_bytes = product->expert_bytes,
        .k = product->k,
        .stride = rows->stride,
        .n_rows = product->n_experts ? 1 : product->n_rows,
        .row_divisor = product->row_divisor,
        .n_experts = product->n_experts,
        .end = end_of(product->end),
        .order = product->among,
        .block_pairs = g->n_pairs / g->n_blocks,
        .longer_blocks = g->n_pairs % g->n_blocks,
        .split = g->split,
        .split_inverse = rf_div_up(1U << 16, g->split),
        .turn_pairs = g->warps / g->split,
        .n_steps = g->n_steps,
        .tile_steps = g->tile_steps,
        .slots = g->slots,
        .epsilon = rows->epsilon,
    };
    set_parts(product, &args);
    if (traits->overlap && g->columns == 1 && !product->n_experts)
        rf_gpu_plan_ahead(&product->ahead, traits->compute_units * BLOCKS_A_UNIT, &args.ahead);
    return args;
}

rf_gpu_form rf_gpu_form_for(rf_type type, uint32_t n_rows)
{
    if (n_rows > RF_GPU_MATVEC_ROWS)
        return RF_GPU_F16;
    return is_float(type) ? RF_GPU_F32 : RF_GPU_INPUT;
}

rf_status rf_gpu_matvec(const rf_compute *compute, const rf_gpu_product *product, rf_error *error)
{
    char unit[32], kernel[64];
    RF_TRY(check(product, error));
    if (product->n_rows == 0)
        return RF_OK;
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const geometry g = geometry_of(product, traits);
    struct rf_gpu_matvec_args args = args_of(product, traits, &g);
    /* Names of types are short: nothing is cut off. */
    (void)snprintf(unit, sizeof(unit), "matvec_%s", rf_gpu_type_name(product->type));
    (void)snprintf(kernel, sizeof(kernel), "%s_%" PRIu32, unit, g.columns);
    rf_gpu_launch launch = {.unit = unit,
                            .kernel = kernel,
                            .blocks = {g.n_blocks},
                            .threads = g.threads,
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
