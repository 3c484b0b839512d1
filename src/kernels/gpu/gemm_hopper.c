/*
 * gemm_hopper.c: the host's side of gemm_hopper.hip: which tiles a product is cut into, and how
 * many blocks share one, so that all compute units read the same number of bytes.
 */
#include "kernels/gpu/gemm_hopper.h"

#include <stdio.h>

#include "base/checked.h"
#include "kernels/gpu/args_gemm_hopper.h"

#define SPAN        RF_GPU_HOPPER_SPAN
#define ALIGNMENT   16U /* of rows of weights: they are copied 16 bytes at a time */
#define GROUP_ROWS  64U
#define MAX_THREADS 1024U
#define SHARE       2048U /* elements of a row that a block packs, where it can be any */

/* The time that things take, in bytes of weights that a compute unit could read meanwhile: a stage
 * at least, however little it has; the start of a tile; to add up shared sums; and that of
 * clusters. */
#define STAGE_BYTES   20480.0
#define TILE_BYTES    24576.0
#define SUMS_BYTES    16384.0
#define CLUSTER_BYTES 24576.0
/* Activations come from a cache, at this part of what weights cost. */
#define ACTIVATION_COST 0.4
/* Of a cluster of 4 or 8 blocks some compute units stay idle: graphics processing clusters have 16
 * or 18 (NVIDIA H100 Tensor Core GPU Architecture, white paper). */
#define CLUSTER_UNITS 16U

typedef struct plan {
    uint32_t padded; /* rows of activations */
    uint32_t tile_rows, n_tiles, blocks, cluster;
    uint32_t groups, k_groups; /* of a block; of these along k */
    uint32_t shared_bytes;
    double cost;
} plan;

static uint32_t divided_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b ? 1 : 0);
}

static uint32_t padded_rows(uint32_t n_rows)
{
    uint32_t padded = 8;
    while (padded < n_rows)
        padded *= 2;
    return padded;
}

static uint32_t weights_of(const rf_gpu_product *product)
{
    uint32_t n = product->parts[0].m;
    for (uint32_t i = 1; i < product->n_parts && product->end != RF_LINEAR_SWIGLU; i++)
        n += product->parts[i].m;
    return n;
}

static uint32_t span_bytes(const rf_type_info *type)
{
    return RF_GPU_HOPPER_WEIGHT_BYTES(type->block_elements, type->block_bytes);
}

/* What a block's stages take. */
static double cost_of(const plan *p, const rf_type_info *type, uint32_t n_spans, uint32_t rounds)
{
    const double activations = RF_GPU_HOPPER_SPAN_BYTES(p->padded) * ACTIVATION_COST;
    double stage = p->k_groups * (p->tile_rows * (double)span_bytes(type) + activations);
    double sums = 0;
    if (p->cluster * p->k_groups > 1)
        sums = SUMS_BYTES + p->groups * GROUP_ROWS * p->padded * 4.0;
    if (p->cluster > 1)
        sums += CLUSTER_BYTES;
    stage = stage > STAGE_BYTES ? stage : STAGE_BYTES;
    const uint32_t stages = divided_up(divided_up(n_spans, p->cluster), p->k_groups);
    return rounds * (stages * stage + TILE_BYTES) + sums;
}

/* Tiles of so many rounds for clusters of so many blocks with so many groups along k; false: it
 * cannot be. */
static bool try_plan(const rf_compute *compute, const rf_gpu_product *product, uint32_t rounds,
                     plan *p)
{
    const rf_type_info *type = rf_type_describe((uint32_t)product->type);
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    const bool gated = product->end == RF_LINEAR_SWIGLU;
    const uint32_t rows = weights_of(product) * (gated ? 2 : 1), step = gated ? 16 : 8;
    const uint32_t n_spans = product->k / SPAN;
    uint32_t clusters = traits->compute_units / p->cluster;
    if (p->cluster > 2)
        clusters = traits->compute_units / CLUSTER_UNITS * (CLUSTER_UNITS / p->cluster);
    if (clusters == 0 || p->cluster * p->k_groups > n_spans)
        return false;
    p->tile_rows = divided_up(divided_up(rows, clusters * rounds), step) * step;
    p->n_tiles = divided_up(rows, p->tile_rows);
    p->groups = divided_up(p->tile_rows, GROUP_ROWS) * p->k_groups;
    p->blocks = (p->n_tiles < clusters ? p->n_tiles : clusters) * p->cluster;
    p->shared_bytes = RF_GPU_HOPPER_SHARED(p->padded, p->groups, p->k_groups,
                                           RF_GPU_HOPPER_ROW(span_bytes(type)));
    p->cost = cost_of(p, type, n_spans, rounds);
    return p->groups <= RF_GPU_HOPPER_GROUPS && p->shared_bytes <= traits->shared_bytes;
}

/* The cheapest; false: there is none. */
static bool make_plan(const rf_compute *compute, const rf_gpu_product *product, plan *best)
{
    const uint32_t units = rf_gpu_traits_of(compute->programs)->compute_units;
    const uint32_t gated = product->end == RF_LINEAR_SWIGLU ? 2 : 1;
    const uint32_t tiles =
        divided_up(weights_of(product), RF_GPU_HOPPER_GROUPS * GROUP_ROWS / gated);
    const uint32_t least = divided_up(tiles, units);
    *best = (plan){0};
    for (uint32_t cluster = 1; cluster <= RF_GPU_HOPPER_MAX_CLUSTER; cluster *= 2) {
        for (uint32_t k_groups = 1; k_groups <= RF_GPU_HOPPER_GROUPS; k_groups *= 2) {
            /* Where k is shared out a block has one tile. Others may have to be lower than they
             * could, for shared memory to hold their slots. */
            const bool shared = cluster * k_groups > 1;
            for (uint32_t r = shared ? 1 : least; r <= (shared ? 1 : 4 * least); r++) {
                plan p = {.padded = padded_rows(product->n_rows),
                          .cluster = cluster,
                          .k_groups = k_groups};
                if (try_plan(compute, product, r, &p) && (best->blocks == 0 || p.cost < best->cost))
                    *best = p;
            }
        }
    }
    return best->blocks > 0;
}

bool rf_gpu_gemm_hopper_suits(const rf_compute *compute, const rf_gpu_product *product)
{
    plan p;
    const rf_gpu_traits *traits = rf_gpu_traits_of(compute->programs);
    if (!traits->warpgroups || product->n_experts != 0 || product->n_rows < RF_GPU_FEW_MIN_ROWS ||
        product->n_rows > RF_GPU_HOPPER_MAX_ROWS || product->k == 0 || product->k % SPAN != 0 ||
        product->type == RF_TYPE_F32 || !rf_gpu_type_name(product->type) ||
        product->k > (traits->shared_bytes - MAX_THREADS) / sizeof(uint16_t))
        return false;
    for (uint32_t i = 0; i < product->n_parts; i++)
        if (product->parts[i].weights % ALIGNMENT || product->parts[i].row_bytes % ALIGNMENT)
            return false;
    return make_plan(compute, product, &p);
}

/* ---- packed rows ----------------------------------------------------------------------------- */

/* As quants.h has SPLIT. */
static bool is_split(rf_type type)
{
    return type == RF_TYPE_Q2_K || type == RF_TYPE_Q3_K || type == RF_TYPE_Q4_K ||
           type == RF_TYPE_Q5_K || type == RF_TYPE_Q6_K;
}

rf_gpu_form rf_gpu_gemm_hopper_form(rf_type type)
{
    return is_split(type) ? RF_GPU_PACKED_SPLIT : RF_GPU_PACKED;
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
    const struct rf_gpu_pack_args args = {.x = input->x,
                                          .rows = input->rows,
                                          .norm = input->norm ? input->norm->address : 0,
                                          .packed = packed,
                                          .k = k,
                                          .share = share,
                                          .padded = padded_rows(n_rows),
                                          .split = form == RF_GPU_PACKED_SPLIT,
                                          .epsilon = input->epsilon};
    /* With a norm every block reads all of its row. */
    const uint32_t share = input->norm || k < SHARE ? k : SHARE;
    const uint32_t threads = share / 4 < MAX_THREADS ? share / 4 : MAX_THREADS; /* of 256 */
    const rf_gpu_launch launch = {.unit = "prepare_packed",
                                  .kernel = "prepare_packed",
                                  .blocks = {n_rows, divided_up(k, share)},
                                  .threads = threads,
                                  .shared_bytes = MAX_THREADS / 32 * sizeof(float) + 2 * share,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, &args, error);
}

/* ---- the product ----------------------------------------------------------------------------- */

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
                                      .n_rows = product->n_rows,
                                      .n_spans = product->k / SPAN,
                                      .tile_rows = p.tile_rows,
                                      .n_tiles = p.n_tiles,
                                      .n_weights = weights_of(product),
                                      .cluster = p.cluster,
                                      .k_groups = p.k_groups,
                                      .weights_step = p.groups * GROUP_ROWS *
                                                      RF_GPU_HOPPER_ROW(span_bytes(type))};
    uint32_t column = 0;
    for (uint32_t i = 0; i < product->n_parts; i++) {
        args.parts[i] = (struct rf_gpu_gemm_part){.weights = product->parts[i].weights,
                                                  .row_bytes = product->parts[i].row_bytes,
                                                  .bias = product->parts[i].bias,
                                                  .out = product->parts[i].out,
                                                  .m = product->parts[i].m,
                                                  .first_column = column};
        column += product->parts[i].m;
    }
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
