/*
 * dot.c: how fast one thread multiplies weights of each type. Decode reads each weight once, so its
 * figure is bytes of weights a second beside what the same thread can read at all, measured in the
 * same run; prefill uses each weight for many columns, so its figure is arithmetic.
 *
 *     rocmforge-bench-dot [MiB of weights, 256]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    PREFILL_ROWS = 1024,
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

/* Nanoseconds that this thread has run, without those in which others had its core. */
static uint64_t thread_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        return rf_clock_ns();
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Work a nanosecond (GB/s, GFLOP/s) of RUNS runs after one that warms up. */
static result measure(void (*run)(void *), void *context, double work)
{
    double rates[RUNS];
    run(context);
    for (int i = 0; i < RUNS; i++) {
        uint64_t start = thread_ns();
        run(context);
        rates[i] = work / (double)(thread_ns() - start);
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

typedef struct buffers {
    uint8_t *weights;
    uint64_t bytes;  /* of weights */
    float *values;   /* [N], to be quantised */
    float *x;        /* [COLUMNS][N] */
    uint8_t *packed; /* [COLUMNS] rows of x_bytes */
    uint64_t x_bytes;
    float *out;
    uint64_t out_count;
} buffers;

static void free_buffers(const buffers *b)
{
    free(b->weights);
    free(b->values);
    free(b->x);
    free(b->packed);
    free(b->out);
}

static bool allocate(uint64_t bytes, buffers *b)
{
    const uint64_t shortest_row = (uint64_t)N / 256 * 84; /* of Q2_K */
    const uint64_t decode_results = bytes / shortest_row;
    const uint64_t prefill_results = (uint64_t)PREFILL_ROWS * COLUMNS;
    b->bytes = bytes;
    b->x_bytes = N * sizeof(float); /* the larger of the two ways to pack */
    b->out_count = decode_results > prefill_results ? decode_results : prefill_results;
    b->weights = malloc(bytes);
    b->values = malloc(N * sizeof(float));
    b->x = malloc((size_t)COLUMNS * N * sizeof(float));
    b->packed = aligned_alloc(64, COLUMNS * b->x_bytes);
    b->out = calloc(b->out_count, sizeof(float));
    return b->weights && b->values && b->x && b->packed && b->out;
}

/* Fills all rows with quantised weights as models have them: normal, of small variance. */
static void make_weights(rf_type type, const buffers *b, uint64_t rows, uint64_t row_bytes)
{
    for (uint64_t r = 0; r < PATTERN_ROWS; r++) {
        for (int i = 0; i < N; i++)
            b->values[i] = 0.02F * random_normal();
        if (rf_quantise_row(type, b->values, b->weights + r * row_bytes, N, NULL) != RF_OK)
            return; /* cannot be: the list is of computable types, and N a multiple of 256 */
    }
    for (uint64_t r = PATTERN_ROWS; r < rows; r++)
        memcpy(b->weights + r * row_bytes, b->weights + r % PATTERN_ROWS * row_bytes, row_bytes);
}

static result bench_product(const rf_dot_type *dot, const buffers *b, uint64_t row_bytes,
                            uint64_t rows, uint32_t columns, double work)
{
    product p = {dot,
                 {.weights = b->weights,
                  .x = b->packed,
                  .out = b->out,
                  .n = N,
                  .row_bytes = row_bytes,
                  .x_bytes = b->x_bytes,
                  .out_stride = rows,
                  .n_rows = (uint32_t)rows,
                  .n_columns = columns}};
    return measure(multiply, &p, work);
}

static void bench_type(rf_type type, const buffers *b, double ceiling)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    const rf_dot_type *dot = rf_dot_for(type, false);
    uint64_t row_bytes = (uint64_t)N / info->block_elements * info->block_bytes;
    uint64_t rows = b->bytes / row_bytes;
    make_weights(type, b, rows, row_bytes);
    for (uint64_t c = 0; c < COLUMNS; c++)
        dot->pack(b->x + c * N, b->packed + c * b->x_bytes, N);

    result decode = bench_product(dot, b, row_bytes, rows, 1, (double)(rows * row_bytes));
    result prefill =
        bench_product(dot, b, row_bytes, PREFILL_ROWS, COLUMNS, 2.0 * N * PREFILL_ROWS * COLUMNS);
    printf("%-8s %8.2f  (%6.2f .. %6.2f) %6.0f %%  %10.1f  (%6.1f .. %6.1f)\n", info->name,
           decode.median, decode.lowest, decode.highest, 100 * decode.median / ceiling,
           prefill.median, prefill.lowest, prefill.highest);
}

static void bench(const buffers *b)
{
    for (uint64_t i = 0; i < (uint64_t)COLUMNS * N; i++)
        b->x[i] = random_normal();
    memset(b->weights, 1, b->bytes); /* so that each page is there */
    array a = {(const uint64_t *)(const void *)b->weights, b->bytes / sizeof(uint64_t), 0};
    result ceiling = measure(read_lines, &a, (double)b->bytes);
    printf("one thread, %s, %" PRIu64 " MiB of weights, rows of %d, %d runs: median (lowest .. "
           "highest)\n",
           rf_cpu_has_avx2_fma_f16c() ? "avx2" : "portable", b->bytes >> 20, N, RUNS);
    printf("reading memory: %.2f GB/s (%.2f .. %.2f), check %" PRIx64 "\n", ceiling.median,
           ceiling.lowest, ceiling.highest, a.sum & 0xFF);
    printf("%-8s %-38s  prefill of %d columns, GFLOP/s\n", "type",
           "decode, GB/s of weights, of reading", COLUMNS);
    for (uint32_t t = 0; t < n_computable_types; t++)
        bench_type(computable_types[t], b, ceiling.median);
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
    buffers b;
    bool ready = allocate(mebibytes << 20, &b);
    if (ready)
        bench(&b);
    else
        fprintf(stderr, "rocmforge-bench-dot: not enough memory for %" PRIu64 " MiB\n", mebibytes);
    free_buffers(&b);
    return ready ? 0 : 1;
}
