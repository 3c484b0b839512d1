/*
 * test_gemm_few.c: products of few rows by matrix units against double precision, on every emulated
 * GPU, or the one that is named (on_gpu.h).
 */
#include "kernels/gpu/gemm_case.h"

#include "kernels/gpu/args_gemm_few.h"

/* ---- few rows -------------------------------------------------------------------------------- */

/* A case for gemm_few, or skipped where there are no matrix units. */
static void check_few_case(gpu *g, gemm_case c)
{
    if (g->traits->matrix_columns == 0)
        return;
    c.run = rf_gpu_gemm_few;
    /* gemm_few.hip, few::WHOLE; rows of an expert on average */
    const uint32_t n_rows = c.n_experts ? (c.n_rows + c.n_experts - 1) / c.n_experts : c.n_rows;
    c.whole = n_rows <= RF_GPU_FEW_WHOLE_ROWS && g->traits->matrix_columns == 8 &&
              (c.type == RF_TYPE_Q4_K || c.type == RF_TYPE_Q5_K || c.type == RF_TYPE_Q6_K);
    check_case(g, c);
}

/* Elements of a row that end anywhere in a span, where rows begin at multiples of 16 or not. */
static uint32_t random_k(rf_type type)
{
    const uint32_t block = rf_type_describe((uint32_t)type)->block_elements;
    const uint32_t unit = block == 1 ? 8 : block;
    return unit * (1 + random_below(2 + 1300 / unit));
}

static void check_few_types(gpu *g)
{
    static const uint32_t limits[4] = {8, 16, 32, 64};
    static const rf_linear_end ends[3] = {RF_LINEAR_STORE, RF_LINEAR_ADD, RF_LINEAR_SWIGLU};
    for (uint32_t t = 0; t < n_computable_types; t++)
        for (uint32_t i = 0; i < 4; i++) {
            const rf_linear_end end = ends[(t + i) % 3];
            const uint32_t m = 1 + random_below(i == 3 ? 50 : 90);
            check_few_case(g, (gemm_case){.type = computable_types[t],
                                          .n_rows = limits[i] - random_below(limits[i] / 2),
                                          .k = random_k(computable_types[t]),
                                          .n_parts = end == RF_LINEAR_SWIGLU ? 2 : 1,
                                          .m = {m, m},
                                          .end = end,
                                          .bias = i % 2,
                                          .workspace = i < 2 ? 1 << 20 : 0});
        }
}

/* Several blocks, warps along weights and along k, and splits of k. */
static void check_few_shapes(gpu *g)
{
    for (uint32_t i = 0; i < 12; i++) {
        const rf_type type = some_types[i % SOME_TYPES];
        const bool swiglu = i % 4 == 3;
        const uint32_t m = 1 + random_below(i < 6 ? 700 : 40);
        check_few_case(g, (gemm_case){.type = type,
                                      .n_rows = 2 + random_below(i % 2 ? 62 : 10),
                                      .k = i < 6 ? 256 : 4096,
                                      .n_parts = swiglu ? 2 : 1 + i % 3,
                                      .m = {m, swiglu ? m : 1 + random_below(60), 33},
                                      .end = swiglu  ? RF_LINEAR_SWIGLU
                                             : i % 2 ? RF_LINEAR_ADD
                                                     : RF_LINEAR_STORE,
                                      .bias = i % 2,
                                      .workspace = i % 3 ? 1 << 20 : 0});
    }
}

static void check_few_experts(gpu *g)
{
    static const uint32_t n_rows[3] = {40, 90, 150};
    for (uint32_t i = 0; i < 3; i++) {
        check_few_case(g, (gemm_case){.type = some_types[i],
                                      .n_rows = n_rows[i],
                                      .k = 512,
                                      .n_parts = 2,
                                      .m = {40, 40},
                                      .end = RF_LINEAR_SWIGLU,
                                      .n_experts = i == 0 ? 70 : 3,
                                      .row_divisor = 2});
        check_few_case(g, (gemm_case){.type = some_types[i],
                                      .n_rows = n_rows[i],
                                      .k = 256,
                                      .n_parts = 1,
                                      .m = {141},
                                      .n_experts = 2 + i});
    }
}

/* ---- few rows on Hopper ---------------------------------------------------------------------- */

static void check_hopper_case(gpu *g, gemm_case c)
{
    c.run = rf_gpu_gemm_hopper;
    c.hopper = true;
    c.whole = c.type == RF_TYPE_Q4_K || c.type == RF_TYPE_Q5_K || c.type == RF_TYPE_Q6_K;
    check_case(g, c);
}

/* On a card alone: no other GPU has its instructions. */
static void check_hopper(gpu *g)
{
    static const rf_linear_end ends[3] = {RF_LINEAR_STORE, RF_LINEAR_ADD, RF_LINEAR_SWIGLU};
    if (!g->traits->warpgroups) {
        print_message("skipped: %s is no Hopper GPU\n", g->id);
        skip();
    }
    for (uint32_t i = 0; i < 6 * n_computable_types; i++) {
        const rf_type type = computable_types[i % n_computable_types];
        const rf_linear_end end = ends[random_below(3)];
        const uint32_t m = 1 + random_below(i % 2 ? 900 : 90);
        if (type == RF_TYPE_F32)
            continue;
        check_hopper_case(g,
                          (gemm_case){.type = type,
                                      .n_rows = 2 + random_below(i % 3 ? 15 : 63),
                                      /* rows that begin at multiples of 16 bytes */
                                      .k = 2048 * (1 + random_below(3)),
                                      .n_parts = end == RF_LINEAR_SWIGLU ? 2 : 1 + random_below(3),
                                      .m = {m, end == RF_LINEAR_SWIGLU ? m : 40, 77},
                                      .end = end,
                                      .bias = i % 2});
    }
    /* Few spans, of an odd number, some of which not every group along k has. */
    for (uint32_t i = 0; i < 30; i++)
        check_hopper_case(g, (gemm_case){.type = some_types[i % SOME_TYPES],
                                         .n_rows = 2 + random_below(63),
                                         .k = 256 * (1 + 2 * random_below(8)),
                                         .n_parts = 1,
                                         .m = {1 + random_below(900)},
                                         .end = i % 2 ? RF_LINEAR_ADD : RF_LINEAR_STORE});
    /* More tiles than there are compute units. */
    for (uint32_t i = 0; i < 2; i++)
        check_hopper_case(
            g,
            (gemm_case){
                .type = RF_TYPE_Q4_K, .n_rows = i ? 64 : 5, .k = 512, .n_parts = 1, .m = {150001}});
}

/* What it is not for. */
static void check_hopper_refuses(gpu *g)
{
    const bool hopper = g->traits->boxes;
    const rf_gpu_product good = {.type = RF_TYPE_Q4_K,
                                 .n_rows = 8,
                                 .k = 512,
                                 .n_parts = 1,
                                 .parts = {{.weights = 4096, .row_bytes = 288, .m = 100}},
                                 .row_divisor = 1};
    rf_gpu_product p = good;
    assert_int_equal(rf_gpu_gemm_hopper_suits(&g->compute, &p), hopper);
    p.n_rows = 1;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
    p.n_rows = 65;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
    p = good;
    p.k = 384;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
    p = good;
    p.parts[0].weights = 4104;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
    p = good;
    p.parts[0].row_bytes = 300;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
    p = good;
    p.n_experts = 2;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
    p = good;
    p.type = RF_TYPE_F32;
    assert_false(rf_gpu_gemm_hopper_suits(&g->compute, &p));
}

static void hopper_is_for_what_it_can(void **state)
{
    (void)state;
    on_every_gpu(check_hopper_refuses);
}

static void few_rows_agree_on_hopper(void **state)
{
    (void)state;
    gpu_needs_card();
    on_every_gpu(check_hopper);
}

static void few_rows_of_every_type_agree(void **state)
{
    (void)state;
    on_every_gpu(check_few_types);
}

static void few_rows_are_shared_out(void **state)
{
    (void)state;
    on_every_gpu(check_few_shapes);
}

static void few_rows_find_their_experts(void **state)
{
    (void)state;
    on_every_gpu(check_few_experts);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_rows_of_every_type_agree), cmocka_unit_test(few_rows_are_shared_out),
        cmocka_unit_test(few_rows_find_their_experts),  cmocka_unit_test(few_rows_agree_on_hopper),
        cmocka_unit_test(hopper_is_for_what_it_can),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status : cmocka_run_group_tests_name("gemm-few", tests, NULL, gpu_stop_all);
}
