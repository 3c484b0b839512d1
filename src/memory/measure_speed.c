/*
 * measure_speed.c: how fast device memory is, far from any cache. Of several runs the fastest
 * counts: it is a ceiling, and whatever else the machine does makes it lower.
 */
#include "base/clock.h"
#include "memory/measure.h"

/* Beyond the caches of GPUs (256 MiB at most so far) and of most CPUs. */
#define AREA_BYTES (512ULL << 20)
/* A piece of an area, which one thread reads. */
#define PIECE_BYTES (1ULL << 20)
/* Of one run, so that the calls themselves do not count; and of all runs together. */
#define RUN_NS    10000000ULL
#define ENOUGH_NS 1000000000ULL

enum { MIN_RUNS = 3, MAX_RUNS = 9, MAX_ROUNDS = 64, WORDS = 16 };

/* What is moved, and how: threads where it is read. */
typedef struct area {
    rf_device *device;
    rf_threads *threads; /* NULL: copied */
    rf_stream *stream;
    rf_address from, to;
    uint64_t bytes;
    uint64_t rounds; /* in one run */
    uint64_t sums[RF_THREADS_MAX];
} area;

/* Sums words in as many chains as hide the latency of an addition; the sum is kept, so that the
 * reading cannot be left out. */
static void read_pieces(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    area *a = context;
    const uint64_t *words = (const uint64_t *)(uintptr_t)a->from;
    uint64_t sums[WORDS] = {0};
    for (uint64_t i = begin * (PIECE_BYTES / 8); i < end * (PIECE_BYTES / 8); i += WORDS) {
        for (int k = 0; k < WORDS; k++)
            sums[k] += words[i + (uint64_t)k];
    }
    for (int k = 0; k < WORDS; k++)
        a->sums[worker] += sums[k];
}

static rf_status run(area *a, uint64_t *nanoseconds, rf_error *error)
{
    const rf_device_ops *ops = a->device->ops;
    uint64_t start = rf_clock_ns();
    for (uint64_t i = 0; i < a->rounds; i++) {
        if (a->threads)
            rf_threads_run(a->threads, a->bytes / PIECE_BYTES, 1, read_pieces, a);
        else
            RF_TRY(ops->copy(a->device, a->stream, RF_COPY_ON_DEVICE, a->to, a->from, a->bytes,
                             error));
    }
    RF_TRY(ops->stream_sync(a->device, a->stream, error));
    *nanoseconds = rf_clock_ns() - start;
    *nanoseconds += *nanoseconds == 0; /* a clock that is too coarse for this */
    return RF_OK;
}

/* The first run, in which the driver makes ready, does not count; the second says how many rounds
 * make a run. */
static rf_status time_runs(area *a, rf_memory_measurement *out, rf_error *error)
{
    uint64_t took = 0;
    uint64_t sum = 0;
    a->rounds = 1;
    RF_TRY(run(a, &took, error));
    RF_TRY(run(a, &took, error));
    a->rounds = 1 + RUN_NS / took;
    a->rounds = a->rounds < MAX_ROUNDS ? a->rounds : MAX_ROUNDS;
    rf_memory_measurement m = {.bytes = a->bytes * a->rounds * (a->threads ? 1 : 2),
                               .nanoseconds = UINT64_MAX,
                               .copied = !a->threads,
                               .n_threads = a->threads ? rf_threads_count(a->threads) : 0};
    while (m.n_runs < MAX_RUNS && (m.n_runs < MIN_RUNS || sum < ENOUGH_NS)) {
        RF_TRY(run(a, &took, error));
        m.nanoseconds = took < m.nanoseconds ? took : m.nanoseconds;
        m.slowest_nanoseconds = took > m.slowest_nanoseconds ? took : m.slowest_nanoseconds;
        m.n_runs++;
        sum += took;
    }
    *out = m;
    return RF_OK;
}

/* In a block of one area, or of two for copies, every page of which is written once. */
static rf_status time_block(area *a, rf_block block, rf_memory_measurement *out, rf_error *error)
{
    const rf_device_ops *ops = a->device->ops;
    RF_TRY(rf_block_address(block, &a->from, error));
    a->to = a->from + a->bytes;
    RF_TRY(ops->stream_create(a->device, &a->stream, error));
    rf_status status = ops->fill(a->device, a->stream, a->from, 1, block.bytes, error);
    if (status == RF_OK)
        status = time_runs(a, out, error);
    rf_status destroyed = ops->stream_destroy(a->device, a->stream, status == RF_OK ? error : NULL);
    return status == RF_OK ? destroyed : status;
}

static rf_status time_pool(area *a, rf_memory *memory, const rf_plan *plan,
                           rf_memory_measurement *out, rf_error *error)
{
    rf_pool *pool = NULL;
    rf_block block;
    RF_TRY(rf_pool_open(memory, plan, 1U << RF_MEMORY_SCRATCH, "measuring", &pool, error));
    rf_status status = rf_pool_take_planned(pool, plan, 0, &block, error);
    if (status == RF_OK) {
        status = time_block(a, block, out, error);
        rf_status given = rf_pool_give(block, status == RF_OK ? error : NULL);
        status = status == RF_OK ? given : status;
    }
    rf_status closed = rf_pool_close(pool, status == RF_OK ? error : NULL);
    return status == RF_OK ? closed : status;
}

/* An area of whole pieces, of which an eighth of the free memory is not exceeded. */
static rf_status choose_area(rf_threads *threads, area *a, rf_error *error)
{
    rf_device_facts facts;
    RF_TRY(a->device->ops->facts(a->device, &facts, error));
    uint64_t most = facts.info.memory_free / 8;
    a->bytes = most < AREA_BYTES ? most / PIECE_BYTES * PIECE_BYTES : AREA_BYTES;
    a->bytes = a->bytes ? a->bytes : PIECE_BYTES;
    a->threads = facts.unified ? threads : NULL;
    return RF_OK;
}

rf_status rf_memory_measure_speed(rf_memory *memory, rf_threads *threads,
                                  rf_memory_measurement *out, rf_error *error)
{
    area a = {.device = rf_memory_device(memory)};
    rf_memory_measurement measured = {0};
    rf_plan *plan = NULL;
    RF_TRY(choose_area(threads, &a, error));
    RF_TRY(rf_plan_new(&(rf_plan_config){0}, &plan, error));
    uint64_t bytes = a.threads ? a.bytes : 2 * a.bytes; /* at most 1 GiB */
    rf_status status = rf_plan_add(plan, "measured", RF_MEMORY_SCRATCH, bytes, NULL, error);
    if (status == RF_OK)
        status = rf_plan_solve(plan, error);
    if (status == RF_OK)
        status = time_pool(&a, memory, plan, &measured, error);
    rf_plan_free(plan);
    RF_TRY(status);
    *out = measured;
    return RF_OK;
}
