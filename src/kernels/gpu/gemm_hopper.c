/*
 * gemm_hopper.c: the host's side of gemm_hopper.hip: which tiles a product is cut into, and how
 * many blocks share one, so that all compute units read the same number of bytes.
 */
#include "kernels/gpu/gemm_hopper.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/gpu/args_gemm_hopper.h"

#define SPAN        RF_GPU_HOPPER_SPAN
#define ALIGNMENT   16U /* of rows of weights: they are copied 16 bytes at a time */
#define GROUP_ROWS  64U
#define ROW_STEP    8U /* of tiles: lanes have rows eight apart */
#define MAX_THREADS 1024U
/* Of shared memory, where a row's squares are summed by warps, in front of the row as f16. */
#define SQUARES_BYTES (MAX_THREADS / 32 * (uint32_t)sizeof(float))
#define SHARE         2048U /* elements of a row that a block packs, where it can be any */

/*
 * What things take, in microseconds, on an H100 as rocmforge-bench-kernels has it: with these every
 * shape there was given the tiles that were the fastest of all. A stage takes the longest of three:
 * what a copy takes however small it is; instructions, for each group; and the block's share of the
 * memory.
 */
#define STAGE_TIME       0.8
#define GROUP_TIME       0.1
#define BYTES_A_TIME     24000.0
#define TILE_TIME        1.0     /* to begin and end it */
#define SUM_BYTES_A_TIME 33000.0 /* of shared sums */
/* Larger clusters were slower throughout: not all compute units find a place in one. */
#define MAX_CLUSTER 2U

typedef struct plan {
    uint32_t padded; /* rows of activations */
    uint32_t box_rows, n_tiles, blocks, cluster;
    uint32_t groups, k_groups; /* of a block; of these along k */
    uint32_t slots, shared_bytes;
    double time;
} plan;

static uint32_t padded_rows(uint32_t n_rows)
{
    uint32_t padded = 8;
    while (padded < n_rows)
        padded *= 2;
    return padded;
}

static uint32_t span_bytes(const rf_type_info *type)
{
    return RF_GPU_HOPPER_WEIGHT_BYTES(type->block_elements, type->block_bytes);
}

/* What a block takes. */
static double time_of(const plan *p, uint32_t tile_rows, const rf_type_info *type, uint32_t n_spans,
                      uint32_t rounds)
{
    const uint32_t stages = rf_div_up(rf_div_up(n_spans, p->cluster), p->k_groups);
    const double groups = p->groups * GROUP_TIME;
    const double bytes = p->k_groups * tile_rows * (double)span_bytes(type) / BYTES_A_TIME;
    double stage = groups > bytes ? groups : bytes;
    stage = stage > STAGE_TIME ? stage : STAGE_TIME;
    double sums = 0;
    if (p->cluster * p->k_groups > 1)
        sums = p->groups * GROUP_ROWS * p->padded * 4.0 / SUM_BYTES_A_TIME;
    return rounds * (stages * stage + TILE_TIME) + sums;
}

/* As many as there is room for; false: too few. */
static bool set_slots(const rf_compute *compute, const rf_type_info *type, plan *p)
{
    const uint32_t row = RF_GPU_HOPPER_ROW(span_bytes(type));
    p->slots = RF_GPU_HOPPER_MAX_SLOTS + 1;
    do {
        p->slots--;
        p->shared_bytes = RF_GPU_HOPPER_SHARED(p->padded, p->groups, p->k_groups, row, p->slots);
    } while (p->slots > RF_GPU_HOPPER_MIN_SLOTS &&
             p->shared_bytes > rf_gpu_traits_of(compute->programs)->shared_bytes);
    return p->shared_bytes <= rf_gpu_traits_of(compute->programs)->shared_bytes;
}

/* Tiles of so many rows of weights, of a part each; with SwiGLU half of them are of each. */
static uint32_t tiles_of(const rf_gpu_product *product, uint32_t box_rows)
{
    const uint32_t n_parts = product->end == RF_LINEAR_SWIGLU ? 1 : product->n_parts;
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_parts; i++)
        n += rf_div_up(product->parts[i].m, box_rows);
    return n;
}

/* The lowest tiles, of at most so many rows, of which there are no more than that; 0: none. */
static uint32_t find_rows(const rf_gpu_product *product, uint64_t most_tiles, uint32_t most_rows)
{
    for (uint32_t rows = ROW_STEP; rows <= most_rows; rows += ROW_STEP)
        if (tiles_of(product, rows) <= most_tiles)
            return rows;
    return 0;
}

/* Tiles of so many rounds for clusters of so many blocks with so many groups along k, on so many
 * compute units; false: it cannot be. */
static bool try_plan(const rf_compute *compute, const rf_gpu_product *product, uint32_t units,
                     uint32_t rounds, plan *p)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    const uint32_t boxes = product->end == RF_LINEAR_SWIGLU ? 2 : 1; /* of a tile */
    const uint32_t n_spans = product->k / SPAN;
    const uint32_t most = RF_GPU_HOPPER_GROUPS / p->k_groups * GROUP_ROWS / boxes;
    const uint32_t clusters = units / p->cluster;
    if (clusters == 0 || p->cluster * p->k_groups > n_spans)
        return false;
    p->box_rows = find_rows(product, (uint64_t)clusters * rounds, most);
    if (p->box_rows == 0)
        return false;
    p->n_tiles = tiles_of(product, p->box_rows);
    p->groups = rf_div_up(p->box_rows * boxes, GROUP_ROWS) * p->k_groups;
    p->blocks = (p->n_tiles < clusters ? p->n_tiles : clusters) * p->cluster;
    p->time = time_of(p, p->box_rows * boxes, type, n_spans, rounds);
    return set_slots(compute, type, p);
}

/* The fastest on so many compute units; false: there is none. */
static bool plan_on(const rf_compute *compute, const rf_gpu_product *product, uint32_t units,
                    plan *best)
{
    const uint32_t most = RF_GPU_HOPPER_GROUPS * GROUP_ROWS;
    const uint32_t tiles = tiles_of(product, product->end == RF_LINEAR_SWIGLU ? most / 2 : most);
    const uint32_t least = rf_div_up(tiles, units ? units : 1);
    *best = (plan){0};
    for (uint32_t cluster = 1; cluster <= MAX_CLUSTER; cluster *= 2) {
        for (uint32_t k_groups = 1; k_groups <= RF_GPU_HOPPER_GROUPS; k_groups *= 2) {
            /* Where k is shared out a block has one tile. Others may have to be lower than they
             * could, for shared memory to hold their slots. */
            const bool shared = cluster * k_groups > 1;
            for (uint32_t r = shared ? 1 : least; r <= (shared ? 1 : 4 * least); r++) {
                plan p = {.padded = padded_rows(product->n_rows),
                          .cluster = cluster,
                          .k_groups = k_groups};
                if (try_plan(compute, product, units, r, &p) &&
                    (best->blocks == 0 || p.time < best->time))
                    *best = p;
            }
        }
    }
    return best->blocks > 0;
}

/* Beside others on its share of the compute units, where that will do. */
static bool make_plan(const rf_compute *compute, const rf_gpu_product *product, plan *best)
{
    const uint32_t units = rf_gpu_traits_of(compute->programs)->compute_units;
    const uint32_t share = (uint32_t)((float)units * (1 - product->others));
    return plan_on(compute, product, share, best) ||
           (share < units && plan_on(compute, product, units, best));
}

bool rf_gpu_gemm_hopper_suits(const rf_compute *compute, const rf_gpu_product *product)
{
    plan p;
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    if (!traits->boxes || product->n_experts != 0 || product->n_rows < RF_GPU_FEW_MIN_ROWS ||
        product->n_rows > RF_GPU_HOPPER_MAX_ROWS || product->k == 0 || product->k % SPAN != 0 ||
        product->type == RF_TYPE_F32 || !rf_gpu_type_name(product->type) ||
        product->k > (traits->shared_bytes - SQUARES_BYTES) / sizeof(uint16_t))
        return false;
    for (uint32_t i = 0; i < product->n_parts; i++)
        if (product->parts[i].weights % ALIGNMENT || product->parts[i].row_bytes % ALIGNMENT)
            return false;
    return make_plan(compute, product, &p);
}

/* ---- packed rows ----------------------------------------------------------------------------- */

rf_gpu_form rf_gpu_gemm_hopper_form(rf_type type)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    return RF_GPU_HOPPER_SPLIT(info->block_elements, info->block_bytes) ? RF_GPU_PACKED_SPLIT
                                                                        : RF_GPU_PACKED;
}

rf_status rf_gpu_packed_bytes(uint64_t n_rows, uint64_t k, uint64_t *bytes, rf_error *error)
{
    const uint64_t rows =
        padded_rows(n_rows < RF_GPU_HOPPER_MAX_ROWS ? (uint32_t)n_rows : RF_GPU_HOPPER_MAX_ROWS);
    if (!rf_mul((k + SPAN - 1) / SPAN, RF_GPU_HOPPER_SPAN_BYTES(rows), bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "packed rows of a product: %llu elements",
                            (unsigned long long)k);
    return RF_OK;
}

rf_status rf_gpu_pack(const rf_compute *compute, const rf_linear_input *input, uint32_t n_rows,
                      uint32_t k, rf_gpu_form form, rf_address packed, rf_error *error)
{
    /* With a norm every block reads all of its row, which is a multiple of 256, so that warps are
     * whole. */
    const uint32_t share = input->norm || k < SHARE ? k : SHARE;
    const uint32_t threads = share / 4 < MAX_THREADS ? share / 4 : MAX_THREADS;
    const struct rf_gpu_pack_args args = {.x = input->x,
                                          .rows = input->rows,
                                          .norm = input->norm ? input->norm->address : 0,
                                          .packed = packed,
                                          .k = k,
                                          .share = share,
                                          .padded = padded_rows(n_rows),
                                          .split = form == RF_GPU_PACKED_SPLIT,
                                          .epsilon = input->epsilon};
    const rf_gpu_launch launch = {.unit = "prepare_packed",
                                  .kernel = "prepare_packed",
                                  .blocks = {n_rows, rf_div_up(k, share)},
                                  .threads = threads,
                                  .shared_bytes = SQUARES_BYTES + 2 * share,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, &args, error);
}

/* ---- the product ----------------------------------------------------------------------------- */

static rf_status set_parts(const rf_compute *compute, const rf_gpu_product *product, const plan *p,
                           struct rf_gpu_hopper_args *args, rf_error *error)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    rf_device *device = compute->device;
    uint32_t tile = 0;
    for (uint32_t i = 0; i < product->n_parts; i++) {
        args->parts[i] = (struct rf_gpu_gemm_part){.bias = product->parts[i].bias,
                                                   .out = product->parts[i].out,
                                                   .m = product->parts[i].m,
                                                   .first_tile = tile};
        tile += rf_div_up(product->parts[i].m, p->box_rows);
        const rf_row_boxes boxes = {.address = product->parts[i].weights,
                                    .row_bytes = product->parts[i].row_bytes,
                                    .n_rows = product->parts[i].m,
                                    .box_rows = p->box_rows,
                                    .box_bytes = RF_GPU_HOPPER_ROW(span_bytes(type))};
        rf_row_boxes_code code;
        RF_TRY(device->ops->describe_rows(device, &boxes, &code, error));
        memcpy(&args->maps[i], &code, sizeof(code));
    }
    return RF_OK;
}

rf_status rf_gpu_gemm_hopper(const rf_compute *compute, const rf_gpu_product *product,
                             rf_error *error)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    char unit[RF_GPU_NAME_BYTES], kernel[RF_GPU_NAME_BYTES + 12]; /* and a number */
    plan p;
    if (!make_plan(compute, product, &p))
        return rf_error_set(error, RF_ERROR_INTERNAL, "gemm_hopper: %u rows do not fit",
                            product->n_rows);
    struct rf_gpu_hopper_args args = {.rows = product->rows.values,
                                      .n_parts = product->n_parts,
                                      .end = (uint32_t)product->end,
                                      .order = product->among,
                                      .n_rows = product->n_rows,
                                      .n_spans = product->k / SPAN,
                                      .box_rows = p.box_rows,
                                      .n_tiles = p.n_tiles,
                                      .cluster = p.cluster,
                                      .k_groups = p.k_groups,
                                      .weights_step = p.groups / p.k_groups * GROUP_ROWS *
                                                      RF_GPU_HOPPER_ROW(span_bytes(type)),
                                      .slots = p.slots};
    RF_TRY(set_parts(compute, product, &p, &args, error));
    (void)snprintf(unit, sizeof(unit), "gemm_hopper_%s", rf_gpu_type_name(product->type));
    (void)snprintf(kernel, sizeof(kernel), "%s_%u", unit, p.padded); /* both fit */
    const rf_gpu_launch launch = {.unit = unit,
                                  .kernel = kernel,
                                  .blocks = {p.blocks},
                                  .threads = p.groups * 128,
                                  .shared_bytes = p.shared_bytes,
                                  .cluster = p.cluster,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, &args, error);
}
