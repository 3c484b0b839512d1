/*
 * kernels.c: how fast each operation of a GPU is, beside what bounds it.
 *
 *   rocmforge-bench-kernels [--device ID] [--only TEXT] [--runs N]
 *
 * An operation is put on a stream several times, over copies of its weights or pages that together
 * exceed every cache, captured as a graph as the engine does it, and replayed between two events:
 * the time a launch, as the median of the runs with the fastest and the slowest. Beside it what it
 * reaches of the memory's bandwidth (measured in the same run: a copy on the device reads and
 * writes its bytes), counting weights, pages and activations once, or in TFLOP/s where it is bound
 * by arithmetic.
 *
 * The shapes are those of Llama 3 8B. Weights are bytes that every type decodes to small numbers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/gpu.h"
#include "kernels/runtime.h"

#define MAX_RUNS 101

/* More than the last-level cache of any GPU that is known here (256 MiB). */
#define FOOTPRINT (768ULL << 20)
/* Launches in a graph, at least. */
#define MIN_LAUNCHES 8

typedef struct bench {
    rf_runtime *runtime;
    rf_device *device;
    rf_compute compute;
    rf_address weights; /* FOOTPRINT bytes */
    rf_address x, y, z; /* f32, ACTIVATIONS each */
    rf_address batch;   /* i32 */
    rf_event *begin, *end;
    const char *only;
    uint32_t runs;
    double copy_gbs; /* bytes read and written by a copy on the device */
} bench;

#define ACTIVATIONS     (2048ULL * 14336)
#define WORKSPACE_BYTES (1ULL << 30)

static void fail(const char *what, const rf_error *error)
{
    fprintf(stderr, "%s: %s\n", what, error->message);
    exit(1);
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        rf_error error_;                                                                           \
        if ((call) != RF_OK)                                                                       \
            fail(#call, &error_);                                                                  \
    } while (0)

/* ---- timing -----------------------------------------------------------------------------------
 */

/* Puts launch i of the operation on the stream. */
typedef rf_status (*launch_fn)(bench *b, void *context, uint32_t i, rf_error *error);

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct timing {
    double median, fastest, slowest; /* microseconds a launch */
} timing;

static timing measure(bench *b, launch_fn launch, void *context, uint32_t launches)
{
    const rf_device_ops *ops = b->device->ops;
    rf_stream *stream = b->compute.stream;
    rf_graph *graph = NULL;
    double times[MAX_RUNS];
    MUST(launch(b, context, 0, &error_)); /* loads its kernels */
    MUST(ops->stream_sync(b->device, stream, &error_));
    MUST(ops->graph_begin(b->device, stream, &error_));
    for (uint32_t i = 0; i < launches; i++)
        MUST(launch(b, context, i, &error_));
    MUST(ops->graph_end(b->device, stream, &graph, &error_));
    MUST(ops->graph_replay(b->device, stream, graph, &error_));
    for (uint32_t run = 0; run < b->runs; run++) {
        uint64_t ns = 0;
        MUST(ops->event_record(b->device, b->begin, stream, &error_));
        MUST(ops->graph_replay(b->device, stream, graph, &error_));
        MUST(ops->event_record(b->device, b->end, stream, &error_));
        MUST(ops->event_sync(b->device, b->end, &error_));
        MUST(ops->event_elapsed(b->device, b->begin, b->end, &ns, &error_));
        times[run] = (double)ns / 1e3 / launches;
    }
    MUST(ops->graph_destroy(b->device, graph, &error_));
    qsort(times, b->runs, sizeof(times[0]), compare);
    return (timing){times[b->runs / 2], times[0], times[b->runs - 1]};
}

static bool wanted(const bench *b, const char *name)
{
    return !b->only || strstr(name, b->only);
}

static void report(const bench *b, const char *name, timing t, double bytes, double flop)
{
    double gbs = bytes / t.median / 1e3;
    printf("%-44s %9.2f us (%.2f to %.2f) %8.0f GB/s %5.1f %%", name, t.median, t.fastest,
           t.slowest, gbs, 100 * gbs / b->copy_gbs);
    if (flop > 0)
        printf(" %8.1f TFLOP/s", flop / t.median / 1e6);
    printf("\n");
    fflush(stdout);
}

/* ---- the ceiling ------------------------------------------------------------------------------
 */

static rf_status launch_copy(bench *b, void *context, uint32_t i, rf_error *error)
{
    (void)context, (void)i;
    uint64_t half = FOOTPRINT / 2;
    return b->device->ops->copy(b->device, b->compute.stream, RF_COPY_ON_DEVICE, b->weights + half,
                                b->weights, half, error);
}

static void measure_ceiling(bench *b)
{
    timing t = measure(b, launch_copy, NULL, 4);
    b->copy_gbs = (double)FOOTPRINT / t.median / 1e3;
    printf("ceiling: a copy on the device reads and writes at %.0f GB/s\n", b->copy_gbs);
}

/* ---- products ---------------------------------------------------------------------------------
 */

typedef struct product_case {
    rf_tensor weight;
    uint32_t n, copies;
    bool swiglu;
} product_case;

static rf_tensor weight_at(rf_type type, uint64_t k, uint64_t m, rf_address address)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    uint64_t row = k / info->block_elements * info->block_bytes;
    return (rf_tensor){.type = type,
                       .n_dimensions = 2,
                       .shape = {k, m, 1, 1},
                       .stride = {info->block_bytes, row, row * m, row * m},
                       .address = address};
}

static rf_status launch_product(bench *b, void *context, uint32_t i, rf_error *error)
{
    const product_case *c = context;
    rf_tensor weight = c->weight;
    rf_tensor second = c->weight;
    weight.address += (uint64_t)(i % c->copies) * (c->swiglu ? 2 : 1) * weight.stride[2];
    second.address = weight.address + weight.stride[2];
    rf_linear_args args = {
        .input = {.x = b->x},
        .n_tokens = c->n,
        .n_weights = c->swiglu ? 2 : 1,
        .parts = {{.weight = &weight, .out = b->y}, {.weight = &second, .out = b->z}},
        .end = c->swiglu ? RF_LINEAR_SWIGLU : RF_LINEAR_STORE};
    return b->compute.kernels->linear(&b->compute, &args, error);
}

static void product(bench *b, rf_type type, uint64_t k, uint64_t m, uint32_t n, bool swiglu)
{
    char name[96];
    snprintf(name, sizeof(name), "linear %s %s%" PRIu64 "x%" PRIu64 ", %u rows",
             rf_type_describe((uint32_t)type)->name, swiglu ? "2x" : "", k, m, n);
    if (!wanted(b, name))
        return;
    product_case c = {.weight = weight_at(type, k, m, b->weights), .n = n, .swiglu = swiglu};
    uint64_t bytes = c.weight.stride[2] * (swiglu ? 2 : 1);
    c.copies = (uint32_t)(FOOTPRINT / bytes);
    if (c.copies == 0)
        return;
    uint32_t launches = c.copies > MIN_LAUNCHES ? c.copies < 64 ? c.copies : 64 : MIN_LAUNCHES;
    timing t = measure(b, launch_product, &c, launches);
    double activations = (double)n * (double)(k + m) * 4;
    double flop = 2.0 * n * (double)k * (double)m * (swiglu ? 2 : 1);
    report(b, name, t, (double)bytes + activations, n > 8 ? flop : 0);
}

static void products(bench *b)
{
    static const rf_type types[] = {RF_TYPE_Q4_K,   RF_TYPE_Q6_K, RF_TYPE_Q8_0, RF_TYPE_F16,
                                    RF_TYPE_Q4_0,   RF_TYPE_Q5_K, RF_TYPE_Q3_K, RF_TYPE_Q2_K,
                                    RF_TYPE_IQ4_XS, RF_TYPE_MXFP4};
    static const uint32_t rows[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 2048};
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
            if (t > 3 && rows[r] != 1 && rows[r] != 8 && rows[r] != 64 && rows[r] != 2048)
                continue;
            product(b, types[t], 4096, 4096, rows[r], false);
            product(b, types[t], 4096, 14336, rows[r], true);
            product(b, types[t], 14336, 4096, rows[r], false);
            if (rows[r] <= 64) {
                product(b, types[t], 4096, 6144, rows[r], false);
                product(b, types[t], 4096, 128256, rows[r], false);
            }
        }
    }
}

/* ---- attention --------------------------------------------------------------------------------
 */

enum { HEADS = 32, KV_HEADS = 8, HEAD = 128, PAGE = 16, MAX_TABLE = 64 * 2048 + 2048 };

typedef struct attention_case {
    rf_kv_layer kv;
    rf_batch_view batch;
    uint64_t layer_bytes;
    uint32_t copies;
} attention_case;

static rf_status launch_attention(bench *b, void *context, uint32_t i, rf_error *error)
{
    attention_case *c = context;
    rf_kv_layer kv = c->kv;
    kv.keys = b->weights + (uint64_t)(i % c->copies) * 2 * c->layer_bytes;
    kv.values = kv.keys + c->layer_bytes;
    rf_attention_args args = {
        .batch = &c->batch, .q = b->x, .out = b->y, .n_heads = HEADS, .scale = 0.088F, .kv = &kv};
    return b->compute.kernels->attention(&b->compute, &args, error);
}

/* n_rows sequences of `depth` tokens before n_tokens new ones each. */
static void attention(bench *b, uint32_t n_rows, uint32_t depth, uint32_t n_tokens)
{
    char name[96];
    snprintf(name, sizeof(name), "attention F16, %u sequences at %u, %u tokens", n_rows, depth,
             n_tokens);
    if (!wanted(b, name))
        return;
    static int32_t host[4 * 4096 + MAX_TABLE];
    uint32_t n = n_rows * n_tokens;
    uint32_t pages = (depth + n_tokens + PAGE - 1) / PAGE;
    for (uint32_t i = 0; i < n; i++) {
        host[i] = (int32_t)(depth + i % n_tokens);
        host[4096 + i] = (int32_t)(i / n_tokens);
    }
    for (uint32_t i = 0; i < n_rows * pages; i++)
        host[8192 + i] = (int32_t)i;
    MUST(b->device->ops->copy(b->device, NULL, RF_COPY_TO_DEVICE, b->batch, (uintptr_t)host,
                              sizeof(host), &error_));
    MUST(b->device->ops->stream_sync(b->device, NULL, &error_));
    attention_case c = {
        .kv = {.type = RF_TYPE_F16, .n_kv_heads = KV_HEADS, .head_size = HEAD, .page_tokens = PAGE},
        .batch = {.n_tokens = n,
                  .positions = b->batch,
                  .rows = b->batch + 4096ULL * 4,
                  .block_tables = b->batch + 8192ULL * 4,
                  .table_stride = pages},
        .layer_bytes = (uint64_t)n_rows * pages * PAGE * KV_HEADS * HEAD * 2};
    c.copies = (uint32_t)(FOOTPRINT / 2 / c.layer_bytes);
    uint32_t launches = c.copies > MIN_LAUNCHES ? c.copies < 64 ? c.copies : 64 : MIN_LAUNCHES;
    if (c.copies == 0)
        return;
    timing t = measure(b, launch_attention, &c, launches);
    double pairs = (double)n_rows * ((double)n_tokens * depth + 0.5 * n_tokens * (n_tokens + 1.0));
    double bytes = 2.0 * (double)c.layer_bytes + 2.0 * n * HEADS * HEAD * 4;
    report(b, name, t, bytes, n_tokens > 1 ? pairs * HEADS * HEAD * 4 : 0);
}

static void attentions(bench *b)
{
    attention(b, 1, 127, 1);
    attention(b, 1, 1023, 1);
    attention(b, 1, 8191, 1);
    attention(b, 1, 32767, 1);
    attention(b, 8, 575, 1);
    attention(b, 32, 575, 1);
    attention(b, 64, 575, 1);
    attention(b, 1, 0, 512);
    attention(b, 1, 0, 2048);
    attention(b, 1, 8192, 512);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static rf_status launch_top(bench *b, void *context, uint32_t i, rf_error *error)
{
    (void)i;
    rf_top_args args = *(rf_top_args *)context;
    args.logits = b->weights;
    args.indices = b->y;
    args.values = b->z;
    return b->compute.kernels->top(&b->compute, &args, error);
}

static void top(bench *b, uint32_t n_rows, uint32_t k)
{
    char name[64];
    snprintf(name, sizeof(name), "top %u of 128256, %u rows", k, n_rows);
    if (!wanted(b, name))
        return;
    rf_top_args args = {.n_rows = n_rows, .n = 128256, .k = k};
    report(b, name, measure(b, launch_top, &args, 32), 4.0 * n_rows * 128256, 0);
}

static rf_status launch_norm(bench *b, void *context, uint32_t i, rf_error *error)
{
    (void)i;
    uint32_t n = *(uint32_t *)context;
    rf_tensor norm = weight_at(RF_TYPE_F32, 4096, 1, b->weights);
    rf_tensor weight = weight_at(RF_TYPE_Q4_K, 4096, 2, b->weights);
    rf_linear_args args = {.input = {.x = b->x, .norm = &norm, .epsilon = 1e-5F, .scratch = b->z},
                           .n_tokens = n,
                           .n_weights = 1,
                           .parts = {{.weight = &weight, .out = b->y}}};
    return b->compute.kernels->linear(&b->compute, &args, error);
}

static void norm(bench *b, uint32_t n)
{
    char name[64];
    snprintf(name, sizeof(name), "norm of 4096 and a product of 2, %u rows", n);
    if (wanted(b, name))
        report(b, name, measure(b, launch_norm, &n, 32), 4.0 * n * 4096, 0);
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static void fill_weights(const bench *b)
{
    enum { PIECE = 16 << 20 };
    uint8_t *bytes = malloc(PIECE);
    uint64_t state = 88172645463325252ULL;
    if (!bytes)
        exit(1);
    for (uint32_t i = 0; i < PIECE; i++) { /* xorshift; below 0x3C: f16 and f32 are below 1 */
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        bytes[i] = (uint8_t)(state >> 32) % 0x3C;
    }
    for (uint64_t done = 0; done < FOOTPRINT; done += PIECE) {
        MUST(b->device->ops->copy(b->device, NULL, RF_COPY_TO_DEVICE, b->weights + done,
                                  (uintptr_t)bytes, PIECE, &error_));
        MUST(b->device->ops->stream_sync(b->device, NULL, &error_));
    }
    MUST(b->device->ops->copy(b->device, NULL, RF_COPY_TO_DEVICE, b->x, (uintptr_t)bytes, PIECE,
                              &error_));
    MUST(b->device->ops->stream_sync(b->device, NULL, &error_));
    free(bytes);
}

static rf_address allocate(const bench *b, uint64_t bytes)
{
    rf_address address = 0;
    MUST(b->device->ops->alloc(b->device, bytes, 256, &address, &error_));
    MUST(b->device->ops->fill(b->device, NULL, address, 0, bytes, &error_));
    MUST(b->device->ops->stream_sync(b->device, NULL, &error_));
    return address;
}

static void open_bench(bench *b, const char *device)
{
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    options.device = device;
    MUST(rf_runtime_open(&options, &b->runtime, &error_));
    MUST(rf_runtime_require_kernels(b->runtime, &error_));
    b->device = b->runtime->device;
    b->weights = allocate(b, FOOTPRINT);
    b->x = allocate(b, ACTIVATIONS * 4);
    b->y = allocate(b, ACTIVATIONS * 4);
    b->z = allocate(b, ACTIVATIONS * 4);
    b->batch = allocate(b, (4ULL * 4096 + MAX_TABLE) * 4);
    b->compute = (rf_compute){.kernels = b->runtime->kernels,
                              .device = b->device,
                              .programs = b->runtime->programs,
                              .workspace = allocate(b, WORKSPACE_BYTES),
                              .workspace_bytes = WORKSPACE_BYTES};
    MUST(b->device->ops->stream_create(b->device, &b->compute.stream, &error_));
    MUST(b->device->ops->event_create(b->device, &b->begin, &error_));
    MUST(b->device->ops->event_create(b->device, &b->end, &error_));
    fill_weights(b);
}

static void close_bench(bench *b)
{
    const rf_address all[] = {b->weights, b->x, b->y, b->z, b->batch, b->compute.workspace};
    MUST(b->device->ops->event_destroy(b->device, b->begin, &error_));
    MUST(b->device->ops->event_destroy(b->device, b->end, &error_));
    MUST(b->device->ops->stream_destroy(b->device, b->compute.stream, &error_));
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        MUST(b->device->ops->free(b->device, all[i], &error_));
    MUST(rf_runtime_close(b->runtime, &error_));
}

int main(int argc, char **argv)
{
    bench b = {.runs = 11};
    const char *device = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--device") == 0)
            device = argv[i + 1];
        else if (strcmp(argv[i], "--only") == 0)
            b.only = argv[i + 1];
        else if (strcmp(argv[i], "--runs") == 0)
            b.runs = (uint32_t)atoi(argv[i + 1]);
    }
    if (argc % 2 == 0 || b.runs < 1 || b.runs > MAX_RUNS) {
        fprintf(stderr, "usage: %s [--device ID] [--only TEXT] [--runs N]\n", argv[0]);
        return 2;
    }
    rf_device_info info;
    open_bench(&b, device);
    MUST(rf_runtime_device(b.runtime, &info, &error_));
    printf("%s, %s, %s\n", info.id, info.name, info.architecture);
    measure_ceiling(&b);
    products(&b);
    attentions(&b);
    norm(&b, 1);
    norm(&b, 2048);
    top(&b, 1, 1);
    top(&b, 1, 40);
    top(&b, 64, 1);
    close_bench(&b);
    return 0;
}
