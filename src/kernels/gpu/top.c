/* top.c: the host's side of top.hip. */
#include "kernels/gpu/top.h"

#include "base/checked.h"
#include "kernels/gpu/args_top.h"
#include "kernels/gpu/operations.h"

#define ROOM_ALIGNMENT 256 /* as rooms are aligned */

_Static_assert(RF_GPU_TOP_MOST == RF_TOP_MAX, "the kernel has room for RF_TOP_MAX keys");

static uint32_t chunks_of(uint32_t n)
{
    return n / RF_GPU_TOP_CHUNK + (n % RF_GPU_TOP_CHUNK != 0);
}

static rf_status keys_bytes(uint64_t n_rows, uint32_t n, uint32_t k, uint64_t *bytes,
                            rf_error *error)
{
    uint64_t keys;
    if (!rf_mul(n_rows, (uint64_t)chunks_of(n) * k, &keys) ||
        !rf_mul(keys, sizeof(uint64_t), bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "top: %llu rows of %u logits",
                            (unsigned long long)n_rows, n);
    return RF_OK;
}

rf_status rf_gpu_top_workspace(uint32_t n_rows, uint32_t n, uint64_t *bytes, rf_error *error)
{
    return keys_bytes(n_rows, n, RF_TOP_MAX, bytes, error);
}

/* Rows that one launch can have, by the room for what their chunks find. */
static rf_status find_room(const rf_compute *compute, struct rf_gpu_top_args *a, uint32_t *n_rows,
                           rf_error *error)
{
    uint64_t each, bytes;
    rf_gpu_room room = rf_gpu_room_begin(compute);
    const uint64_t whole = (room.end - room.next) / ROOM_ALIGNMENT * ROOM_ALIGNMENT;
    RF_TRY(keys_bytes(1, a->n, a->k, &each, error));
    uint64_t most = whole / each;
    most = most < RF_GPU_COUNTERS ? most : RF_GPU_COUNTERS;
    most = most < *n_rows ? most : *n_rows;
    most = most ? most : 1; /* and then there is no room for it */
    RF_TRY(keys_bytes(most, a->n, a->k, &bytes, error));
    RF_TRY(rf_gpu_room_take(&room, bytes, &a->keys, error));
    a->counters = rf_gpu_counters(compute);
    *n_rows = (uint32_t)most;
    return RF_OK;
}

rf_status rf_gpu_top(const rf_compute *compute, const rf_top_args *args, rf_error *error)
{
    struct rf_gpu_top_args a = {
        .logits = args->logits,
        .indices = args->indices,
        .values = args->values,
        .n = args->n,
        .k = args->k,
        .chunks = chunks_of(args->n),
    };
    if (args->k == 0 || args->k > RF_TOP_MAX || args->k > args->n)
        return rf_error_set(error, RF_ERROR_INTERNAL, "top: %u of %u, the most is %d", args->k,
                            args->n, RF_TOP_MAX);
    uint32_t at_once = args->n_rows;
    if (a.chunks > 1)
        RF_TRY(find_room(compute, &a, &at_once, error));
    for (uint32_t row = 0; row < args->n_rows; row += at_once) {
        const uint32_t left = args->n_rows - row;
        a.logits = args->logits + (uint64_t)row * args->n * sizeof(float);
        a.indices = args->indices + (uint64_t)row * args->k * sizeof(int32_t);
        a.values = args->values + (uint64_t)row * args->k * sizeof(float);
        const rf_gpu_launch launch = {
            .unit = "top",
            .kernel = args->k == 1 ? "top_one" : "top",
            .blocks = {a.chunks, left < at_once ? left : at_once},
            .threads = RF_GPU_TOP_THREADS,
            .shared_bytes = RF_GPU_TOP_SHARED,
            .overlap = true,
        };
        RF_TRY(rf_gpu_run(compute, &launch, &a, error));
    }
    return RF_OK;
}
