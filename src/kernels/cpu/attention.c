/*
 * attention.c: causal attention over paged keys and values.
 *
 * A task is a tile: up to QUERIES rows of queries (tokens times the heads that share a key head),
 * which meet the keys in blocks of KEYS positions with an online softmax (Milakov and Gimelshein
 * 2018; Dao et al. 2022): a running maximum and sum, and results that are scaled when the maximum
 * grows. So a key is read and widened once a tile, and nothing grows with the context.
 *
 * Blocks start at multiples of KEYS whatever the page size. What a token gets depends on its own
 * queries and its positions alone: the same, bit for bit, in a batch and by itself.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/kv_page.h"

#define QUERIES 16
#define KEYS    32 /* of the widest head, f32: 64 KiB; of 128 elements, 16 KiB */

#define MULTIPLY_ADDS_PER_NS 8.0

typedef struct attention_job {
    const rf_attention_args *args;
    const rf_cpu_loops *loops;
    const rf_kv_rows *kv_rows;
    rf_kv_pages pages;
    uint32_t group;       /* query heads of a key head */
    uint32_t width;       /* head size, padded */
    uint32_t tile_tokens; /* tokens of a tile, and */
    uint32_t tile_heads;  /* heads of one group: their product is at most QUERIES */
    uint64_t n_splits;    /* tiles that a group's heads make */
} attention_job;

/* What one task works with: 130 KiB of its thread's stack. */
typedef struct attention_tile {
    float q[QUERIES * RF_MAX_HEAD_SIZE] __attribute__((aligned(32)));
    float sums[QUERIES * RF_MAX_HEAD_SIZE] __attribute__((aligned(32)));
    float rows[KEYS * RF_MAX_HEAD_SIZE] __attribute__((aligned(32))); /* keys, then values */
    float weights[QUERIES][KEYS] __attribute__((aligned(32))); /* scores, then exponentials */
    float rescale[QUERIES];
    float max[QUERIES];
    float total[QUERIES];
    uint32_t visible[QUERIES]; /* positions that a query sees: from 0 up to it */
    uint32_t n_queries;
    uint32_t n_visible; /* the most of any */
    uint32_t kv_head;
    uint32_t row; /* of the block tables */
} attention_tile;

static uint64_t query_offset(const attention_job *job, uint64_t token, uint32_t head)
{
    return (token * job->args->n_heads + head) * job->args->kv->head_size;
}

/* Adds one head of one token. Queries are scaled here, once, instead of every score. */
static void add_query(const attention_job *job, attention_tile *tile, uint64_t token, uint32_t head)
{
    const uint32_t i = tile->n_queries++;
    const uint32_t head_size = job->args->kv->head_size;
    const float *from =
        (const float *)rf_cpu_pointer(job->args->q) + query_offset(job, token, head);
    float *q = tile->q + (size_t)i * job->width;
    for (uint32_t d = 0; d < head_size; d++)
        q[d] = from[d] * job->args->scale;
    for (uint32_t d = head_size; d < job->width; d++)
        q[d] = 0;
    memset(tile->sums + (size_t)i * job->width, 0, job->width * sizeof(float));
    tile->max[i] = -INFINITY;
    tile->total[i] = 0;
    tile->visible[i] = (uint32_t)job->pages.positions[token] + 1;
    if (tile->visible[i] > tile->n_visible)
        tile->n_visible = tile->visible[i];
}

/* Widens the keys or the values of positions [first, first + count), and pads them. */
static void load_rows(const attention_job *job, attention_tile *tile, rf_address from,
                      uint32_t first, uint32_t count)
{
    const uint32_t head_size = job->args->kv->head_size;
    const uint8_t *base = rf_cpu_pointer(from);
    const uint32_t padded =
        (count + RF_ATTENTION_LANES - 1) / RF_ATTENTION_LANES * RF_ATTENTION_LANES;
    float *out = tile->rows;
    for (uint32_t j = 0; j < count; j++, out += job->width) {
        job->kv_rows->load(base +
                               rf_kv_pages_offset(&job->pages, tile->row, first + j, tile->kv_head),
                           out, head_size);
        for (uint32_t d = head_size; d < job->width; d++)
            out[d] = 0;
    }
    memset(out, 0, (size_t)(padded - count) * job->width * sizeof(float));
}

/* How many of a block of count positions from first on a query sees. */
static uint32_t seen(const attention_tile *tile, uint32_t query, uint32_t first, uint32_t count)
{
    uint32_t visible = tile->visible[query];
    if (visible <= first)
        return 0;
    return visible - first < count ? visible - first : count;
}

/* Scores of one query with a block, as weights under the new maximum. */
static void weigh_block(const attention_job *job, attention_tile *tile, uint32_t i, uint32_t count)
{
    float *weights = tile->weights[i];
    job->loops->scores(tile->q + (size_t)i * job->width, tile->rows, count, job->width, weights);
    float max = tile->max[i];
    for (uint32_t j = 0; j < count; j++)
        max = weights[j] > max ? weights[j] : max;
    tile->rescale[i] = max == tile->max[i] ? 1 : expf(tile->max[i] - max);
    tile->max[i] = max;
    tile->total[i] =
        tile->total[i] * tile->rescale[i] + job->loops->exponentials(weights, count, max);
}

static void attend_block(const attention_job *job, attention_tile *tile, uint32_t first,
                         uint32_t count)
{
    load_rows(job, tile, job->args->kv->keys, first, count);
    for (uint32_t i = 0; i < tile->n_queries; i++) {
        uint32_t n = seen(tile, i, first, count);
        if (n != 0)
            weigh_block(job, tile, i, n);
    }
    load_rows(job, tile, job->args->kv->values, first, count);
    for (uint32_t i = 0; i < tile->n_queries; i++) {
        uint32_t n = seen(tile, i, first, count);
        if (n != 0)
            job->loops->accumulate(tile->weights[i], tile->rows, n, job->width, tile->rescale[i],
                                   tile->sums + (size_t)i * job->width);
    }
}

static void store_query(const attention_job *job, const attention_tile *tile, uint32_t i,
                        uint64_t token, uint32_t head)
{
    const float *sums = tile->sums + (size_t)i * job->width;
    float *out = (float *)rf_cpu_pointer(job->args->out) + query_offset(job, token, head);
    for (uint32_t d = 0; d < job->args->kv->head_size; d++)
        out[d] = sums[d] / tile->total[i];
}

/* Tokens [begin, end) of one sequence with query heads [first_head, end_head). */
static void attend_tile(const attention_job *job, attention_tile *tile, uint64_t begin,
                        uint64_t end, uint32_t first_head, uint32_t end_head)
{
    tile->n_queries = 0;
    tile->n_visible = 0;
    tile->kv_head = first_head / job->group;
    tile->row = (uint32_t)job->pages.rows[begin];
    for (uint64_t t = begin; t < end; t++) {
        for (uint32_t head = first_head; head < end_head; head++)
            add_query(job, tile, t, head);
    }
    for (uint32_t first = 0; first < tile->n_visible; first += KEYS) {
        uint32_t left = tile->n_visible - first;
        attend_block(job, tile, first, left < KEYS ? left : KEYS);
    }
    uint32_t i = 0;
    for (uint64_t t = begin; t < end; t++) {
        for (uint32_t head = first_head; head < end_head; head++)
            store_query(job, tile, i++, t, head);
    }
}

/* Tiles from the last tokens to the first: those see the most, and what is long should start early.
 */
static void attend_task(const attention_job *job, attention_tile *tile, uint64_t task)
{
    const uint64_t n_tokens = job->args->batch->n_tokens;
    const uint64_t tiles = (n_tokens + job->tile_tokens - 1) / job->tile_tokens;
    const uint32_t split = (uint32_t)(task % job->n_splits);
    const uint32_t kv_head = (uint32_t)(task / job->n_splits % job->args->kv->n_kv_heads);
    const uint64_t index = tiles - 1 - task / job->n_splits / job->args->kv->n_kv_heads;

    const uint32_t first_head = kv_head * job->group + split * job->tile_heads;
    const uint32_t group_end = (kv_head + 1) * job->group;
    const uint32_t left = group_end - first_head;
    const uint32_t end_head = left < job->tile_heads ? group_end : first_head + job->tile_heads;

    const uint64_t last = (index + 1) * job->tile_tokens;
    const uint64_t end = last < n_tokens ? last : n_tokens;
    for (uint64_t t = index * job->tile_tokens; t < end;) {
        uint64_t run = t + 1;
        while (run < end && job->pages.rows[run] == job->pages.rows[t])
            run++;
        attend_tile(job, tile, t, run, first_head, end_head);
        t = run;
    }
}

static void attention_tasks(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const attention_job *job = context;
    attention_tile tile;
    for (uint64_t task = begin; task < end; task++)
        attend_task(job, &tile, task);
}

static uint64_t task_count(const attention_job *job)
{
    uint64_t tokens = job->args->batch->n_tokens;
    uint64_t tiles = (tokens + job->tile_tokens - 1) / job->tile_tokens;
    return tiles * job->args->kv->n_kv_heads * job->n_splits;
}

/* Large tiles share more work; but every thread should have one. */
static void choose_tile(attention_job *job, uint32_t n_threads)
{
    job->tile_heads = job->group < QUERIES ? job->group : QUERIES;
    job->tile_tokens = QUERIES / job->tile_heads;
    job->n_splits = (job->group + job->tile_heads - 1) / job->tile_heads;
    while (job->tile_tokens > 1 && task_count(job) < n_threads)
        job->tile_tokens /= 2;
}

static double total_work(const attention_job *job)
{
    double positions = 0;
    for (uint32_t t = 0; t < job->args->batch->n_tokens; t++)
        positions += (double)job->pages.positions[t] + 1;
    return 2 * positions * job->args->n_heads * job->width / MULTIPLY_ADDS_PER_NS;
}

rf_status rf_cpu_attention(const rf_compute *compute, const rf_attention_args *args,
                           rf_error *error)
{
    const rf_cpu_loops *loops = rf_cpu_kernels_of(compute)->loops;
    const uint32_t head_size = args->kv->head_size;
    attention_job job = {
        .args = args,
        .loops = loops,
        .group = args->n_heads / args->kv->n_kv_heads,
        .width = (head_size + RF_ATTENTION_LANES - 1) / RF_ATTENTION_LANES * RF_ATTENTION_LANES,
    };
    RF_TRY(rf_kv_pages_open(args->batch, args->kv, &job.pages, error));
    RF_TRY(rf_cpu_loops_kv(loops, args->kv->type, &job.kv_rows, error));
    choose_tile(&job, rf_threads_count(compute->threads));
    rf_cpu_run(compute, task_count(&job), total_work(&job), attention_tasks, &job);
    return RF_OK;
}
