/*
 * gemm_sm90a.c: the host's side of gemm_sm90a.hip. Rows are packed, then weights, as many at a time
 * as the workspace has room for, each slab followed by its products.
 */
#include "kernels/gpu/gemm_sm90a.h"

#include <stdio.h>

#include "base/checked.h"
#include "kernels/gpu/args_gemm_packed.h"

/* Fewer rows do not pay for the packing of weights. */
#define MIN_ROWS 256
/* Of packed weights. More would not make products faster, less would leave units idle at a slab's
 * end. */
#define SLAB_BYTES (64ULL << 20)

static uint64_t packed_bytes(uint64_t tiles, uint64_t k)
{
    return tiles * ((k + 63) / 64) * RF_GPU_PACKED_TILE;
}

static uint64_t rows_bytes(const rf_gpu_product *product)
{
    return packed_bytes(rf_div_up(product->n_rows, 128), product->k);
}

bool rf_gpu_gemm_sm90a_suits(const rf_compute *compute, const rf_gpu_product *product)
{
    return rf_gpu_traits_of(compute->programs)->warpgroups && product->n_experts == 0 &&
           product->n_rows >= MIN_ROWS &&
           compute->workspace_bytes >= rows_bytes(product) + packed_bytes(2, product->k);
}

/* Returns the pairs of tiles of all parts. */
static uint32_t set_parts(const rf_gpu_product *product, struct rf_gpu_packed_args *args)
{
    uint32_t tiles = 0;
    for (uint32_t i = 0; i < product->n_parts; i++) {
        args->parts[i] = (struct rf_gpu_gemm_part){.weights = product->parts[i].weights,
                                                   .row_bytes = product->parts[i].row_bytes,
                                                   .bias = product->parts[i].bias,
                                                   .out = product->parts[i].out,
                                                   .m = product->parts[i].m,
                                                   .first_tile = tiles};
        tiles += rf_div_up(product->parts[i].m, 128);
    }
    return rf_div_up(tiles, 2);
}

/* Of the numbers of pairs that there is room for, from half of the most, the one whose tiles fill
 * the last round of blocks best. */
static uint32_t slab_pairs(uint32_t most, uint32_t row_tiles, uint32_t units)
{
    uint32_t best = most;
    double best_fill = 0;
    for (uint32_t pairs = most; pairs > 0 && pairs >= most / 2; pairs--) {
        uint64_t tiles = (uint64_t)pairs * row_tiles;
        uint64_t rounds = (tiles + units - 1) / units;
        double fill = (double)tiles / (double)(rounds * units);
        if (fill > best_fill + 0.02) { /* larger slabs, unless it is worth it */
            best_fill = fill;
            best = pairs;
        }
    }
    return best;
}

static rf_status run(const rf_compute *compute, const char *unit, uint32_t x, uint32_t y,
                     uint32_t threads, uint32_t shared, const struct rf_gpu_packed_args *args,
                     rf_error *error)
{
    const rf_gpu_launch launch = {.unit = unit,
                                  .kernel = unit,
                                  .blocks = {x, y},
                                  .threads = threads,
                                  .shared_bytes = shared,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, args, error);
}

rf_status rf_gpu_gemm_sm90a(const rf_compute *compute, const rf_gpu_product *product,
                            rf_error *error)
{
    const char *type = rf_gpu_type_name(product->type);
    char unit[RF_GPU_NAME_BYTES];
    if (!type)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "a matrix product: element type %u",
                            (unsigned)product->type);
    snprintf(unit, sizeof(unit), "gemm_pack_%s", type);
    struct rf_gpu_packed_args args = {.input = product->rows.values,
                                      .rows = compute->workspace,
                                      .weights = compute->workspace + rows_bytes(product),
                                      .n_rows = product->n_rows,
                                      .stride = product->rows.stride,
                                      .k = product->k,
                                      .n_parts = product->n_parts,
                                      .end = (uint32_t)product->end,
                                      .n_row_tiles = rf_div_up(product->n_rows, 128),
                                      .k_tiles = rf_div_up(product->k, 64)};
    const uint32_t all = set_parts(product, &args);
    const uint32_t units = rf_gpu_traits_of(compute->programs)->compute_units;
    uint64_t room = compute->workspace_bytes - rows_bytes(product);
    room = (room < SLAB_BYTES ? room : SLAB_BYTES) / packed_bytes(2, product->k);
    uint32_t most = room == 0 ? 1 : room < all ? (uint32_t)room : all;
    uint32_t slab = most == all ? all : slab_pairs(most, args.n_row_tiles, units);
    RF_TRY(run(compute, "gemm_pack_rows", args.k_tiles, args.n_row_tiles, 256, 0, &args, error));
    for (args.first_pair = 0; args.first_pair < all; args.first_pair += slab) {
        args.n_pairs = all - args.first_pair < slab ? all - args.first_pair : slab;
        uint64_t tiles = (uint64_t)args.n_pairs * args.n_row_tiles;
        RF_TRY(run(compute, unit, args.k_tiles, 2 * args.n_pairs, 256, RF_GPU_PACKED_TILE, &args,
                   error));
        RF_TRY(run(compute, "gemm_sm90a", tiles < units ? (uint32_t)tiles : units, 1, 384,
                   RF_GPU_PACKED_SHARED, &args, error));
    }
    return RF_OK;
}

rf_status rf_gpu_gemm_sm90a_workspace(const rf_kernel_limits *limits, uint64_t *bytes,
                                      rf_error *error)
{
    uint64_t rows, weights;
    *bytes = 0;
    if (limits->n_tokens < MIN_ROWS)
        return RF_OK;
    const uint64_t padded = ((uint64_t)limits->n_row_elements + 63) / 64 * 64;
    /* All weights of one input are at most three times as many rows as the widest row has elements.
     */
    if (!rf_mul(((uint64_t)limits->n_tokens + 127) / 128 * 256, padded, &rows) ||
        !rf_mul(padded + 256, padded, &weights) || !rf_mul(weights, 6, &weights))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the packed operands of a product");
    weights = weights < SLAB_BYTES ? weights : SLAB_BYTES;
    if (!rf_add(rows, weights, bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the packed operands of a product");
    return RF_OK;
}
