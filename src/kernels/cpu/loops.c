/* loops.c: the portable inner loops. Sums are in double: the reference for faster ones. */
#include "kernels/cpu/loops.h"

#include <math.h>

#include "kernels/cpu/kv_rows.h"

static void norm(const float *x, const float *weight, float *out, uint64_t n, float epsilon)
{
    double squares = 0;
    for (uint64_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    double scale = 1 / sqrt(squares / (double)n + (double)epsilon);
    for (uint64_t i = 0; i < n; i++)
        out[i] = (float)((double)x[i] * scale * (double)weight[i]);
}

static void swiglu(const float *gate, const float *up, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double x = (double)gate[i];
        out[i] = (float)(x / (1 + exp(-x)) * (double)up[i]);
    }
}

static float exponentials(float *x, uint32_t n, float max)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        x[i] = (float)exp((double)x[i] - (double)max);
        sum += (double)x[i];
    }
    return (float)sum;
}

static void scores(const float *q, const float *keys, uint32_t n_keys, uint32_t width,
                   float *scores)
{
    for (uint32_t j = 0; j < n_keys; j++) {
        const float *key = keys + (size_t)j * width;
        double sum = 0;
        for (uint32_t d = 0; d < width; d++)
            sum += (double)q[d] * (double)key[d];
        scores[j] = (float)sum;
    }
}

static void accumulate(const float *weights, const float *values, uint32_t n_values, uint32_t width,
                       float scale, float *sum)
{
    for (uint32_t d = 0; d < width; d++) {
        double total = (double)sum[d] * (double)scale;
        for (uint32_t j = 0; j < n_values; j++)
            total += (double)weights[j] * (double)values[(size_t)j * width + d];
        sum[d] = (float)total;
    }
}

const rf_cpu_loops rf_loops_portable = {
    .norm = norm,
    .swiglu = swiglu,
    .exponentials = exponentials,
    .scores = scores,
    .accumulate = accumulate,
    .kv_rows =
        {
            {RF_TYPE_F32, rf_kv_store_f32, rf_kv_load_f32},
            {RF_TYPE_F16, rf_kv_store_f16, rf_kv_load_f16},
            {RF_TYPE_Q8_0, rf_kv_store_q8_0, rf_kv_load_q8_0},
        },
};

rf_status rf_cpu_loops_kv(const rf_cpu_loops *loops, rf_type type, const rf_kv_rows **out,
                          rf_error *error)
{
    for (int i = 0; i < RF_KV_ROW_TYPES; i++) {
        if (loops->kv_rows[i].type == type) {
            *out = &loops->kv_rows[i];
            return RF_OK;
        }
    }
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    return rf_error_set(error, RF_ERROR_UNSUPPORTED, "kv cache: element type %s",
                        info ? info->name : "unknown");
}
