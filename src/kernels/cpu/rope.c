/*
 * rope.c: norms and rotates the heads of queries and keys, and stores keys and values in their
 * pages. A token a task: its sines and cosines are the same for all heads.
 */
#include <math.h>

#include "kernels/cpu/kv_page.h"

#define ELEMENTS_PER_NS 0.5

typedef struct rope_job {
    const rf_rope_append_args *args;
    const rf_cpu_loops *loops;
    const rf_kv_rows *kv_rows;
    rf_kv_pages pages;
    const float *frequencies;
    const float *q_norm; /* or NULL */
    const float *k_norm; /* or NULL */
} rope_job;

/* Sine and cosine of each pair's angle, times the magnitude. */
typedef struct rotation {
    uint32_t n_pairs;
    float sine[RF_MAX_HEAD_SIZE / 2];
    float cosine[RF_MAX_HEAD_SIZE / 2];
} rotation;

/* In double: an f32 angle of 100 000 radians would be off by 0.004. */
static void make_rotation(const rf_rope *rope, const float *frequencies, int32_t position,
                          rotation *out)
{
    out->n_pairs = rope->n_rotary / 2;
    for (uint32_t i = 0; i < out->n_pairs; i++) {
        double angle = (double)position * (double)frequencies[i];
        out->sine[i] = (float)(sin(angle) * (double)rope->magnitude);
        out->cosine[i] = (float)(cos(angle) * (double)rope->magnitude);
    }
}

static void rotate(const rotation *by, rf_rope_style style, float *head)
{
    /* Where the pairs are: neighbours, or halves of what rotates. */
    const uint32_t step = style == RF_ROPE_INTERLEAVED ? 2 : 1;
    const uint32_t apart = style == RF_ROPE_INTERLEAVED ? 1 : by->n_pairs;
    for (uint32_t i = 0; i < by->n_pairs; i++) {
        float *x = head + (size_t)i * step;
        float *y = x + apart;
        float a = *x;
        float b = *y;
        *x = a * by->cosine[i] - b * by->sine[i];
        *y = a * by->sine[i] + b * by->cosine[i];
    }
}

static void turn_heads(const rope_job *job, const rotation *by, const float *norm, float *heads,
                       uint32_t n_heads)
{
    const uint32_t head_size = job->args->kv->head_size;
    for (uint32_t h = 0; h < n_heads; h++) {
        float *head = heads + (size_t)h * head_size;
        if (norm)
            job->loops->norm(head, norm, head, head_size, job->args->epsilon);
        rotate(by, job->args->rope.style, head);
    }
}

static void store_heads(const rope_job *job, uint64_t token, const float *k, const float *v)
{
    const rf_kv_layer *kv = job->args->kv;
    uint8_t *keys = rf_cpu_pointer(kv->keys);
    uint8_t *values = rf_cpu_pointer(kv->values);
    const uint32_t row = (uint32_t)job->pages.rows[token];
    const uint32_t position = (uint32_t)job->pages.positions[token];
    for (uint32_t h = 0; h < kv->n_kv_heads; h++) {
        uint64_t offset = rf_kv_pages_offset(&job->pages, row, position, h);
        job->kv_rows->store(k + (size_t)h * kv->head_size, keys + offset, kv->head_size);
        job->kv_rows->store(v + (size_t)h * kv->head_size, values + offset, kv->head_size);
    }
}

static void rope_tokens(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const rope_job *job = context;
    const rf_rope_append_args *args = job->args;
    const uint64_t q_width = (uint64_t)args->n_heads * args->kv->head_size;
    const uint64_t kv_width = (uint64_t)args->kv->n_kv_heads * args->kv->head_size;
    float *q = rf_cpu_pointer(args->q);
    float *k = rf_cpu_pointer(args->k);
    const float *v = rf_cpu_pointer(args->v);
    rotation by;
    for (uint64_t t = begin; t < end; t++) {
        make_rotation(&args->rope, job->frequencies, job->pages.positions[t], &by);
        turn_heads(job, &by, job->q_norm, q + t * q_width, args->n_heads);
        turn_heads(job, &by, job->k_norm, k + t * kv_width, args->kv->n_kv_heads);
        store_heads(job, t, k + t * kv_width, v + t * kv_width);
    }
}

rf_status rf_cpu_rope_append(const rf_compute *compute, const rf_rope_append_args *args,
                             rf_error *error)
{
    const rf_cpu_loops *loops = rf_cpu_kernels_of(compute)->loops;
    rope_job job = {
        .args = args,
        .loops = loops,
        .frequencies = rf_cpu_pointer(args->rope.frequencies->address),
        .q_norm = args->q_norm ? rf_cpu_pointer(args->q_norm->address) : NULL,
        .k_norm = args->k_norm ? rf_cpu_pointer(args->k_norm->address) : NULL,
    };
    RF_TRY(rf_kv_pages_open(args->batch, args->kv, &job.pages, error));
    RF_TRY(rf_cpu_loops_kv(loops, args->kv->type, &job.kv_rows, error));
    if (args->rope.n_rotary > args->kv->head_size)
        return rf_error_set(error, RF_ERROR_INTERNAL, "rope: %u elements of a head of %u",
                            args->rope.n_rotary, args->kv->head_size);
    const double heads = (double)args->n_heads + 3.0 * args->kv->n_kv_heads;
    const double elements = heads * args->kv->head_size * args->batch->n_tokens;
    rf_cpu_run(compute, args->batch->n_tokens, elements / ELEMENTS_PER_NS, rope_tokens, &job);
    return RF_OK;
}
