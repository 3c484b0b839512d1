/* operations.c: see operations.h. */
#include "operations.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/cpu/cpu.h"
#include "tensor/dequantise.h"
#include "tensor/quantise.h"

const bool both_tables[2] = {true, false};
const uint32_t thread_counts[4] = {1, 2, 3, 7};

float *random_floats(size_t n, float scale)
{
    float *out = malloc((n + 1) * sizeof(*out));
    assert_non_null(out);
    for (size_t i = 0; i < n; i++)
        out[i] = random_uniform(-scale, scale);
    return out;
}

uint32_t random_below(uint32_t n)
{
    return (uint32_t)(random_bits() % n);
}

rf_tensor random_tensor(rf_type type, uint64_t k, uint64_t m, uint64_t n)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    const uint64_t count = k * m * n;
    const uint64_t row_bytes = k / info->block_elements * info->block_bytes;
    /* Weights in a file may be anywhere; floats are read in place, so those keep their alignment.
     */
    const size_t shift = info->block_elements == 1 ? 0 : 1;
    float *values = random_floats(count, 1);
    uint8_t *bytes = malloc(row_bytes * m * n + shift);
    assert_non_null(bytes);
    rf_error error;
    assert_int_equal(rf_quantise_row(type, values, bytes + shift, count, &error), RF_OK);
    free(values);
    return (rf_tensor){
        .type = type,
        .n_dimensions = n > 1   ? 3
                        : m > 1 ? 2
                                : 1,
        .shape = {k, m, n, 1},
        .stride = {info->block_bytes, row_bytes, row_bytes * m, row_bytes * m * n},
        .block = {.offset = shift},
        .address = address_of(bytes + shift),
    };
}

void free_tensor(rf_tensor *tensor)
{
    free((void *)(uintptr_t)(tensor->address - tensor->block.offset));
}

float *widen_tensor(const rf_tensor *tensor)
{
    const uint64_t n = tensor->shape[0] * tensor->shape[1] * tensor->shape[2];
    float *out = malloc(n * sizeof(*out));
    assert_non_null(out);
    rf_error error;
    assert_int_equal(
        rf_dequantise_row(tensor->type, (const void *)(uintptr_t)tensor->address, out, n, &error),
        RF_OK);
    return out;
}

void open_compute(test_compute *on, bool reference, uint32_t n_threads, uint64_t workspace_bytes)
{
    rf_error error;
    assert_int_equal(rf_threads_create(n_threads, &on->threads, &error), RF_OK);
    assert_int_equal(posix_memalign(&on->memory, 256, workspace_bytes + 1), 0);
    on->compute = (rf_compute){
        .kernels = rf_kernels_for_cpu(reference),
        .threads = on->threads,
        .workspace = address_of(on->memory),
        .workspace_bytes = workspace_bytes,
    };
}

void close_compute(test_compute *on)
{
    rf_threads_free(on->threads);
    free(on->memory);
}

rf_address address_of(const void *pointer)
{
    return (rf_address)(uintptr_t)pointer;
}

static void check_one(float got, double expected, double bound, size_t i)
{
    if (!(fabs((double)got - expected) <= bound))
        fail_msg("element %zu: %.9g, expected %.9g within %.3g", i, (double)got, expected, bound);
}

void assert_close(const float *got, const double *expected, const double *bound, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_one(got[i], expected[i], bound[i], i);
}

void assert_all_close(const float *got, const double *expected, double bound, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_one(got[i], expected[i], bound, i);
}
