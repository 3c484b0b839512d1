/*
 * dot.c: how fast one thread multiplies weights of each type. Decode reads each weight once, so its
 * figure is bytes of weights a second beside what the same thread can read at all, measured in the
 * same run; prefill uses each weight for many columns, so its figure is arithmetic.
 *
 *     rocmforge-bench-dot [MiB of weights, 256]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/cpu/dot.h"
#include "kernels/cpu/instructions.h"
#include "tensor/quantise.h"
#include "tensor/random_blocks.h"

enum {
    RUNS = 7,
    N = 4096,          /* elements of a row */
    TILE_ROWS = 64,    /* as a matrix product hands them out */
    PATTERN_ROWS = 16, /* that differ; the others repeat them */
    COLUMNS = 64,      /* of prefill */
};

typedef struct result {
    double median;
    double lowest;
    double highest;
} result;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Work a nanosecond (GB/s, GFLOP/s) of RUNS runs after one that warms up. */
static result measure(void (*run)(void *), void *context, double work)
{
    double rates[RUNS];
    run(context);
    for (int i = 0; i < RUNS; i++) {
        uint64_t start = rf_clock_ns();
        run(context);
        rates[i] = work / (double)(rf_clock_ns() - start);
    }
    qsort(rates, RUNS, sizeof(rates[0]), compare);
    return (result){rates[RUNS / 2], rates[0], rates[RUNS - 1]};
}

typedef struct array {
    const uint64_t *words;
    uint64_t count;
    uint64_t sum;
} array;

static void read_lines(void *context)
{
    array *a = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < a->count; i += 8) /* one word of each cache line moves all of it */
        sum += a->words[i];
    a->sum += sum; /* kept, so that the loop is */
}

typedef struct product {
    const rf_dot_type *dot;
    rf_dot_tile tile; /* of the whole matrix */
} product;

/* The whole matrix in tiles of TILE_ROWS, as one thread of a matrix product computes it. */
static void multiply(void *context)
{
    const product *p = context;
    for (uint32_t row = 0; row < p->tile.n_rows; row += TILE_ROWS) {
        rf_dot_tile tile = p->tile;
        uint32_t left = p->tile.n_rows - row;
        tile.n_rows = left < TILE_ROWS ? left : TILE_ROWS;
        tile.weights = (const uint8_t *)tile.weights + row * tile.row_bytes;
        tile.out += row;
        p->dot->tile(&tile);
    }
}

static void bench_type(rf_type type, uint8_t *weights, uint64_t bytes, const float *x,
                       uint8_t *packed, float *out, double ceiling)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    const rf_dot_type *dot = rf_dot_for(type, false);
    uint64_t row_bytes = (uint64_t)N / info->block_elements * info->block_bytes;
    uint64_t rows = bytes / row_bytes;
    for (uint64_t r = 0; r < PATTERN_ROWS; r++) {
        float values[N];
        for (int i = 0; i < N; i++)
            values[i] = 0.02F * random_normal();
        if (rf_quantise_row(type, values, weights + r * row_bytes, N, NULL) != RF_OK)
            return; /* no type of the list is refused */
    }
    for (uint64_t r = PATTERN_ROWS; r < rows; r++)
        memcpy(weights + r * row_bytes, weights + r % PATTERN_ROWS * row_bytes, row_bytes);
    for (uint64_t c = 0; c < COLUMNS; c++)
        dot->pack(x + c * N, packed + c * N * sizeof(float), N);

    product p = {dot,
                 {.weights = weights,
                  .x = packed,
                  .out = out,
                  .n = N,
                  .row_bytes = row_bytes,
                  .x_bytes = N * sizeof(float),
                  .out_stride = rows,
                  .n_rows = (uint32_t)rows,
                  .n_columns = 1}};
    result decode = measure(multiply, &p, (double)(rows * row_bytes));
    p.tile.n_rows = 1024;
    p.tile.n_columns = COLUMNS;
    result prefill = measure(multiply, &p, 2.0 * N * 1024 * COLUMNS);
    printf("%-8s %8.2f  (%6.2f .. %6.2f) %6.0f %%  %10.1f  (%6.1f .. %6.1f)\n", info->name,
           decode.median, decode.lowest, decode.highest, 100 * decode.median / ceiling,
           prefill.median, prefill.lowest, prefill.highest);
}

static int bench(uint64_t mebibytes)
{
    uint64_t bytes = mebibytes << 20;
    /* The shortest rows, of Q2_K, make the most results. */
    uint64_t most_rows = bytes / (N / 256 * 84) + 1024 * COLUMNS;
    uint8_t *weights = calloc(1, bytes);
    float *x = calloc((size_t)COLUMNS * N, sizeof(float));
    uint8_t *packed = aligned_alloc(64, (size_t)COLUMNS * N * sizeof(float));
    float *out = calloc(most_rows * COLUMNS, sizeof(float));
    if (!weights || !x || !packed || !out) {
        fprintf(stderr, "rocmforge-bench-dot: not enough memory for %" PRIu64 " MiB\n", mebibytes);
        free(weights);
        free(x);
        free(packed);
        free(out);
        return 1;
    }
    for (size_t i = 0; i < (size_t)COLUMNS * N; i++)
        x[i] = random_normal();
    memset(weights, 1, bytes);
    array a = {(const uint64_t *)(const void *)weights, bytes / sizeof(uint64_t), 0};
    result ceiling = measure(read_lines, &a, (double)bytes);
    printf("one thread, %s, %" PRIu64 " MiB of weights, rows of %d, %d runs: median (lowest .. "
           "highest)\n",
           rf_cpu_has_avx2_fma_f16c() ? "avx2" : "portable", mebibytes, N, RUNS);
    printf("reading memory: %.2f GB/s (%.2f .. %.2f), check %" PRIx64 "\n", ceiling.median,
           ceiling.lowest, ceiling.highest, a.sum & 0xFF);
    printf("%-8s %-38s  prefill of %d columns, GFLOP/s\n", "type",
           "decode, GB/s of weights, of reading", COLUMNS);
    for (uint32_t t = 0; t < n_computable_types; t++)
        bench_type(computable_types[t], weights, bytes, x, packed, out, ceiling.median);
    free(weights);
    free(x);
    free(packed);
    free(out);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t mebibytes = 256;
    if (argc > 1) {
        char *end;
        errno = 0;
        unsigned long given = strtoul(argv[1], &end, 10);
        if (errno || *end || given < 64 || given > 65536) {
            fprintf(stderr, "rocmforge-bench-dot: %s: give 64 to 65536 MiB of weights\n", argv[1]);
            return 2;
        }
        mebibytes = given;
    }
    return bench(mebibytes);
}
