/* prepare.c: the host's side of prepare.hip. */
#include "kernels/gpu/prepare.h"

#include "base/checked.h"
#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/gemm_hopper.h"

/* A thread takes four elements at a time; more threads than elements would only be waited for. */
#define MAX_THREADS     1024
#define ELEMENTS_A_TURN 4

/* Rows of f16 are padded to whole steps of the products of matrix units. */
#define F16_STRIDE 64

rf_status rf_gpu_prepare_bytes(uint64_t n_rows, uint64_t k, uint64_t *bytes, rf_error *error)
{
    uint64_t row, total;
    /* f32 is the largest form, but for few rows, which are packed; f16 pads its rows. */
    uint64_t packed;
    RF_TRY(rf_gpu_packed_bytes(n_rows, k, &packed, error));
    if (!rf_mul(k, sizeof(float), &row) || !rf_add(row, 4 * (uint64_t)F16_STRIDE, &row) ||
        !rf_mul(n_rows, row, &total) || !rf_add(total > packed ? total : packed, 1024, bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "rows of a product: %llu of %llu elements",
                            (unsigned long long)n_rows, (unsigned long long)k);
    return RF_OK;
}

static uint32_t threads_for(const rf_compute *compute, uint32_t k)
{
    uint32_t warp = rf_gpu_traits_of(compute->programs)->warp_size;
    uint32_t wanted = (k + ELEMENTS_A_TURN - 1) / ELEMENTS_A_TURN;
    wanted = (wanted + warp - 1) / warp * warp;
    return wanted < MAX_THREADS ? wanted : MAX_THREADS;
}

static rf_status find_room(rf_gpu_form form, uint32_t n_rows, uint32_t k, rf_gpu_room *room,
                           rf_gpu_rows *out, rf_error *error)
{
    out->stride = form == RF_GPU_F16 ? (k + F16_STRIDE - 1) / F16_STRIDE * F16_STRIDE : k;
    uint64_t size = form == RF_GPU_F16 ? sizeof(uint16_t) : sizeof(float);
    /* The product was checked by rf_gpu_prepare_bytes. */
    return rf_gpu_room_take(room, (uint64_t)n_rows * out->stride * size, &out->values, error);
}

rf_status rf_gpu_prepare(const rf_compute *compute, const rf_linear_input *input, uint32_t n_rows,
                         uint32_t k, rf_gpu_form form, rf_gpu_room *room, rf_gpu_rows *out,
                         rf_error *error)
{
    rf_gpu_rows rows = {.form = form};
    if (form == RF_GPU_INPUT || (form == RF_GPU_F32 && !input->rows && !input->norm)) {
        rows.values = input->x;
        rows.stride = k;
        rows.order = input->rows;
        rows.norm = input->norm ? input->norm->address : 0;
        rows.epsilon = input->epsilon;
        *out = rows;
        return RF_OK;
    }
    if (form == RF_GPU_PACKED || form == RF_GPU_PACKED_SPLIT) {
        uint64_t bytes;
        RF_TRY(rf_gpu_packed_bytes(n_rows, k, &bytes, error));
        RF_TRY(rf_gpu_room_take(room, bytes, &rows.values, error));
        RF_TRY(rf_gpu_pack(compute, input, n_rows, k, form, rows.values, error));
        *out = rows;
        return RF_OK;
    }
    RF_TRY(find_room(form, n_rows, k, room, &rows, error));
    const struct rf_gpu_prepare_args args = {.x = input->x,
                                             .rows = input->rows,
                                             .norm = input->norm ? input->norm->address : 0,
                                             .values = rows.values,
                                             .k = k,
                                             .stride = rows.stride,
                                             .epsilon = input->epsilon};
    const rf_gpu_launch launch = {.unit = "prepare",
                                  .kernel = form == RF_GPU_F16 ? "prepare_f16" : "prepare_f32",
                                  .blocks = {n_rows},
                                  .threads = threads_for(compute, k),
                                  .shared_bytes = MAX_THREADS / 32 * sizeof(float),
                                  .overlap = true};
    RF_TRY(rf_gpu_run(compute, &launch, &args, error));
    *out = rows;
    return RF_OK;
}
