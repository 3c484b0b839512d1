/* test_dequantise.c: every computable type, bit for bit against the reference implementation's
 * values. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/dequantise.h"
#include "tensor/ground_truth.h"
#include "tensor/random_blocks.h"

static bool is_float(rf_type type)
{
    return rf_type_describe((uint32_t)type)->block_elements == 1;
}

/* Whether the set ("quantised" or "random") is there for this type; it has to be right if so. */
static bool check_set(const rf_gguf *gguf, rf_type type, const char *blocks_name,
                      const char *values_name)
{
    rf_gguf_tensor blocks;
    rf_gguf_tensor values;
    void *packed = read_ground_truth(gguf, type, blocks_name, &blocks);
    float *expected = read_ground_truth(gguf, type, values_name, &values);
    if (!packed || !expected) {
        rf_free(packed);
        rf_free(expected);
        return false;
    }
    assert_int_equal(blocks.type, type);
    assert_int_equal(blocks.n_elements, values.n_elements);
    float *out = rf_calloc(blocks.n_elements, sizeof(*out));
    assert_non_null(out);
    assert_int_equal(rf_dequantise_row(type, packed, out, blocks.n_elements, NULL), RF_OK);
    for (uint64_t i = 0; i < blocks.n_elements; i++) {
        if (!same_float(out[i], expected[i]))
            fail_msg("%s element %llu: %a, expected %a", blocks_name, (unsigned long long)i,
                     (double)out[i], (double)expected[i]);
    }
    rf_free(out);
    rf_free(packed);
    rf_free(expected);
    return true;
}

static void values_are_those_of_the_reference(void **state)
{
    (void)state;
    rf_gguf *gguf = open_ground_truth();
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        bool quantised = check_set(gguf, type, "quantised.blocks", "quantised.values");
        bool random = check_set(gguf, type, "random.blocks", "random.values");
        /* F32 needs none; floats have no random set. */
        assert_true(quantised || type == RF_TYPE_F32);
        assert_true(random || is_float(type));
    }
    rf_gguf_close(gguf);
}

/* Blocks are packed, so a row may start anywhere and has no padding after it. */
static void rows_need_no_alignment(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        const rf_type_info *info = rf_type_describe((uint32_t)type);
        for (uint64_t blocks = 0; blocks < 4; blocks++) {
            uint64_t n = blocks * info->block_elements;
            uint64_t bytes = blocks * info->block_bytes;
            uint8_t *aligned = malloc(bytes + 1);
            uint8_t *moved = malloc(bytes + 1); /* the sanitizers watch its end */
            float *first = malloc((n + 1) * sizeof(float));
            float *second = malloc((n + 1) * sizeof(float));
            assert_true(aligned && moved && first && second);
            random_blocks(type, aligned, n);
            memcpy(moved + 1, aligned, bytes);
            first[n] = second[n] = 42;
            assert_int_equal(rf_dequantise_row(type, aligned, first, n, NULL), RF_OK);
            assert_int_equal(rf_dequantise_row(type, moved + 1, second, n, NULL), RF_OK);
            assert_memory_equal(first, second, (n + 1) * sizeof(float));
            assert_true(first[n] == 42);
            free(aligned);
            free(moved);
            free(first);
            free(second);
        }
    }
}

static void other_types_and_sizes_are_refused(void **state)
{
    (void)state;
    rf_error error;
    float out[256] = {42};
    uint8_t blocks[256] = {0};
    for (uint32_t type = 0; type < 64; type++) {
        const rf_type_info *info = rf_type_describe(type);
        rf_status status = rf_dequantise_row((rf_type)type, blocks, out, 0, &error);
        if (!info) {
            assert_int_equal(status, RF_ERROR_ARGUMENT);
        } else if (info->computable) {
            assert_int_equal(status, RF_OK);
            assert_non_null(rf_dequantise_for(info->type));
        } else {
            assert_int_equal(status, RF_ERROR_UNSUPPORTED);
            assert_non_null(strstr(error.message, info->name));
            assert_null(rf_dequantise_for(info->type));
        }
    }
    assert_int_equal(rf_dequantise_row(RF_TYPE_Q4_K, blocks, out, 128, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "128"));
    assert_true(out[0] == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_reference),
        cmocka_unit_test(rows_need_no_alignment),
        cmocka_unit_test(other_types_and_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("dequantise", tests, NULL, NULL);
}
