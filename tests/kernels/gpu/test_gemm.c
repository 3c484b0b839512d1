/*
 * test_gemm.c: embeddings and products by matrix units against double precision, on every emulated
 * GPU, or the one that is named (on_gpu.h).
 */
#include "kernels/gpu/gemm_case.h"

/* ---- products -------------------------------------------------------------------------------- */

static void check_types(gpu *g)
{
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_type type = computable_types[t];
        const uint32_t block = rf_type_describe((uint32_t)type)->block_elements;
        const uint32_t k[3] = {block == 1    ? 77
                               : block == 32 ? 96
                                             : 256,
                               512, block == 1 ? 200 : 256};
        const uint32_t n_rows[3] = {9, 33, 70};
        for (uint32_t i = 0; i < 3; i++)
            check_case(g, (gemm_case){.type = type,
                                      .n_rows = n_rows[i],
                                      .k = k[i],
                                      .n_parts = 1,
                                      .m = {i == 2 ? 131 : 50},
                                      .bias = i == 1});
    }
}

static void check_parts(gpu *g)
{
    for (uint32_t i = 0; i < 2 * SOME_TYPES; i++)
        check_case(g, (gemm_case){.type = some_types[i % SOME_TYPES],
                                  .n_rows = 17 + random_below(40),
                                  .k = 512,
                                  .n_parts = 3,
                                  .m = {130 + random_below(60), 1 + random_below(9), 33},
                                  .end = i < SOME_TYPES ? RF_LINEAR_ADD : RF_LINEAR_STORE,
                                  .bias = i % 2,
                                  .workspace = i % 2 ? 1 << 20 : 0});
}

static void check_swiglu(gpu *g)
{
    static const uint32_t n_rows[4] = {11, 20, 40, 66};
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t m = 65 + random_below(40);
        check_case(g, (gemm_case){.type = some_types[i % SOME_TYPES],
                                  .n_rows = n_rows[i],
                                  .k = 512,
                                  .n_parts = 2,
                                  .m = {m, m},
                                  .end = RF_LINEAR_SWIGLU,
                                  .bias = i % 2,
                                  .workspace = i < 2 ? 1 << 20 : 0});
    }
}

static void check_experts(gpu *g)
{
    static const uint32_t n_rows[3] = {40, 90, 150};
    for (uint32_t i = 0; i < 3; i++) {
        check_case(g, (gemm_case){.type = some_types[i],
                                  .n_rows = n_rows[i],
                                  .k = 256,
                                  .n_parts = 2,
                                  .m = {40, 40},
                                  .end = RF_LINEAR_SWIGLU,
                                  .n_experts = i == 0 ? 70 : 3,
                                  .row_divisor = 2});
        check_case(g, (gemm_case){.type = some_types[i],
                                  .n_rows = n_rows[i],
                                  .k = 256,
                                  .n_parts = 1,
                                  .m = {141},
                                  .n_experts = 2 + i});
    }
}

/* As long prompts have: on a card alone, an emulated GPU would take minutes. */
static void check_many_rows(gpu *g)
{
    static const rf_linear_end ends[3] = {RF_LINEAR_STORE, RF_LINEAR_ADD, RF_LINEAR_SWIGLU};
    for (uint32_t t = 0; t < n_computable_types; t++)
        for (uint32_t i = 0; i < 3; i++)
            check_case(g, (gemm_case){.type = computable_types[t],
                                      .n_rows = 256 + 150 * i,
                                      .k = 512 + 256 * i,
                                      .n_parts = i == 2 ? 2 : 3 - i,
                                      .m = {i == 2 ? 300 : 129 + 100 * i, 300, 77},
                                      .end = ends[i],
                                      .bias = i != 1,
                                      .run = rf_gpu_gemm,
                                      /* of i 2: a slab at a time */
                                      .workspace = i == 2 ? 5 << 19 : 64 << 20});
}

static void many_rows_agree(void **state)
{
    (void)state;
    gpu_needs_card();
    on_every_gpu(check_many_rows);
}

/* ---- embeddings ------------------------------------------------------------------------------ */

static void check_embed(gpu *g)
{
    static const int32_t tokens[] = {3, 0, 6, 3};
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_type type = computable_types[t];
        const uint32_t n = rf_type_describe((uint32_t)type)->block_elements == 1 ? 77 : 512;
        rf_tensor table = random_tensor(type, n, 7, 1);
        float *wide = widen_tensor(&table);
        float *out = malloc(4 * (size_t)n * sizeof(float));
        rf_tensor there = table;
        rf_error error = {0};
        there.address = gpu_copy(g, (const void *)(uintptr_t)table.address, 7 * table.stride[1]);
        const rf_embed_args args = {.table = &there,
                                    .tokens = gpu_copy(g, tokens, sizeof(tokens)),
                                    .out = gpu_room(g, 4 * (uint64_t)n * sizeof(float)),
                                    .n_tokens = 4};
        expect_ok(rf_gpu_embed(&g->compute, &args, &error), &error);
        gpu_read(g, out, args.out, 4 * (uint64_t)n * sizeof(float));
        for (uint32_t i = 0; i < 4 * n; i++)
            if (out[i] != wide[(uint32_t)tokens[i / n] * n + i % n])
                fail_msg("type %d, element %u: %g, expected %g", (int)type, i, (double)out[i],
                         (double)wide[(uint32_t)tokens[i / n] * n + i % n]);
        gpu_forget(g);
        free(out);
        free(wide);
        free_tensor(&table);
    }
}

static void embeddings_are_exact(void **state)
{
    (void)state;
    on_every_gpu(check_embed);
}

static void every_type_agrees(void **state)
{
    (void)state;
    on_every_gpu(check_types);
}

static void parts_share_rows(void **state)
{
    (void)state;
    on_every_gpu(check_parts);
}

static void gates_are_applied(void **state)
{
    (void)state;
    on_every_gpu(check_swiglu);
}

static void rows_find_their_experts(void **state)
{
    (void)state;
    on_every_gpu(check_experts);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_are_exact),    cmocka_unit_test(every_type_agrees),
        cmocka_unit_test(parts_share_rows),        cmocka_unit_test(gates_are_applied),
        cmocka_unit_test(rows_find_their_experts), cmocka_unit_test(many_rows_agree),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status : cmocka_run_group_tests_name("gemm", tests, NULL, gpu_stop_all);
}
