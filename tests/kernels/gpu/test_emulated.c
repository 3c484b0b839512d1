/* test_emulated.c: kernels on the emulated devices: threads, warps, shared memory, tiles, and what
 * is found wrong with them. */
#include "kernels/gpu/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tensor/half.h"

#define MAX_THREADS 1024U

/* A test of a device, for each variant. */
static void for_all(void (*test)(probe *p))
{
    for (size_t i = 0; i < PROBE_VARIANTS; i++) {
        probe p = probe_open(probe_variants[i]);
        test(&p);
        probe_close(&p);
    }
}

static void for_orders(void (*test)(probe *p))
{
    static const rf_emu_schedule orders[] = {RF_EMU_EAGER, RF_EMU_RANDOM, RF_EMU_LAZY};
    for (size_t i = 0; i < 2; i++) {
        for (size_t o = 0; o < 3; o++) {
            probe p = probe_open(probe_variants[i]);
            rf_emu_set_schedule(p.device, orders[o], 11 + o);
            test(&p);
            probe_close(&p);
        }
    }
}

/* ---- threads -------------------------------------------------------------------------------- */

static void check_indices(probe *p)
{
    enum { X = 3, Y = 2, Z = 2, THREADS = 100 };
    static uint32_t out[Z][Y][X][THREADS][8];
    struct probe_args args = {.out = emu_alloc(p->device, sizeof(out)), .n = Y};
    void *arguments[] = {&args};
    rf_launch launch = {
        .blocks = {X, Y, Z}, .threads = {THREADS, 1, 1}, .arguments = arguments, .n_arguments = 1};
    EMU_OK(p->device, launch, NULL, probe_function(p, "probe_indices"), &launch);
    emu_read(p->device, NULL, out, args.out, sizeof(out));
    for (uint32_t z = 0; z < Z; z++)
        for (uint32_t y = 0; y < Y; y++)
            for (uint32_t x = 0; x < X; x++)
                for (uint32_t t = 0; t < THREADS; t++) {
                    const uint32_t expected[8] = {t, THREADS, x, y, z, X, t % p->warp, t / p->warp};
                    assert_memory_equal(out[z][y][x][t], expected, sizeof(expected));
                }
    EMU_OK(p->device, free, args.out);
}

static void threads_know_where_they_are(void **state)
{
    (void)state;
    for_all(check_indices);
}

static void check_reduce(probe *p)
{
    enum { BLOCKS = 5 };
    static uint32_t in[BLOCKS * MAX_THREADS];
    uint32_t out[BLOCKS];
    struct probe_args args = {.out = emu_alloc(p->device, sizeof(out)),
                              .in = emu_alloc(p->device, sizeof(in))};
    for (uint32_t i = 0; i < BLOCKS * MAX_THREADS; i++)
        in[i] = i * 2654435761U;
    emu_write(p->device, NULL, args.in, in, sizeof(in));
    for (uint32_t threads = 1; threads <= MAX_THREADS; threads *= 2) {
        PROBE_RUN(p, "probe_reduce", BLOCKS, threads, threads * 4, &args);
        emu_read(p->device, NULL, out, args.out, sizeof(out));
        for (uint32_t b = 0; b < BLOCKS; b++) {
            uint32_t sum = 0;
            for (uint32_t t = 0; t < threads; t++)
                sum += in[b * threads + t];
            assert_int_equal(out[b], sum);
        }
    }
    EMU_OK(p->device, free, args.out);
    EMU_OK(p->device, free, args.in);
}

static void barriers_hold_all_threads(void **state)
{
    (void)state;
    for_orders(check_reduce);
}

/* What lane `from` of the thread's warp has, where it has one. */
static uint32_t of_lane(const probe *p, uint32_t threads, uint32_t thread, uint32_t from)
{
    uint32_t other = thread / p->warp * p->warp + from % p->warp;
    return other < threads ? other : UINT32_MAX;
}

static void check_warp(probe *p)
{
    static uint32_t out[MAX_THREADS][4];
    struct probe_args args = {.out = emu_alloc(p->device, sizeof(out))};
    static const uint32_t counts[] = {64, 192, 1024, 80, 7};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint32_t threads = counts[i];
        PROBE_RUN(p, "probe_warp", 1, threads, 0, &args);
        emu_read(p->device, NULL, out, args.out, sizeof(out));
        for (uint32_t t = 0; t < threads; t++) {
            uint32_t lane = t % p->warp;
            uint32_t first = t - lane;
            assert_int_equal(out[t][0], of_lane(p, threads, t, lane + 1));
            assert_int_equal(out[t][1], of_lane(p, threads, t, lane ^ 5));
            if (first + p->warp > threads)
                continue; /* sums and maxima take whole warps */
            assert_int_equal(out[t][2], p->warp * first + p->warp * (p->warp - 1) / 2);
            float maximum;
            memcpy(&maximum, &out[t][3], sizeof(maximum));
            assert_true(maximum == (float)(t | 7));
        }
    }
    EMU_OK(p->device, free, args.out);
}

static void lanes_exchange_values(void **state)
{
    (void)state;
    for_orders(check_warp);
}

static void check_count(probe *p)
{
    uint32_t zero = 0;
    uint32_t count;
    uint32_t last;
    struct probe_args args = {.out = emu_alloc(p->device, 4), .counter = emu_alloc(p->device, 4)};
    emu_write(p->device, NULL, args.counter, &zero, 4);
    PROBE_RUN(p, "probe_count", 20, 96, 0, &args);
    emu_read(p->device, NULL, &count, args.counter, 4);
    emu_read(p->device, NULL, &last, args.out, 4);
    assert_int_equal(count, 20 * 96);
    assert_int_equal(last, 20); /* blocks run in order */
    EMU_OK(p->device, free, args.out);
    EMU_OK(p->device, free, args.counter);
}

static void counters_count(void **state)
{
    (void)state;
    for_orders(check_count);
}

/* ---- shared memory -------------------------------------------------------------------------- */

static void check_fresh(probe *p)
{
    enum { WORDS = 3 * 64 };
    static uint32_t out[WORDS];
    struct probe_args args = {.out = emu_alloc(p->device, sizeof(out))};
    PROBE_RUN(p, "probe_fresh", 3, 64, 256, &args);
    emu_read(p->device, NULL, out, args.out, sizeof(out));
    for (size_t i = 0; i < WORDS; i++)
        assert_int_equal(out[i], UINT32_MAX);
    EMU_OK(p->device, free, args.out);
}

static void shared_memory_starts_as_no_numbers(void **state)
{
    (void)state;
    for_orders(check_fresh);
}

static void check_copies(probe *p)
{
    static uint32_t in[256][4];
    static uint32_t out[256][4];
    struct probe_args args = {.out = emu_alloc(p->device, sizeof(out)),
                              .in = emu_alloc(p->device, sizeof(in))};
    for (uint32_t i = 0; i < 1024; i++)
        in[i / 4][i % 4] = i * i;
    emu_write(p->device, NULL, args.in, in, sizeof(in));
    PROBE_RUN(p, "probe_copy", 1, 256, 4096, &args);
    emu_read(p->device, NULL, out, args.out, sizeof(out));
    for (uint32_t i = 0; i < 1024; i++)
        assert_int_equal(out[i / 4][i % 4], in[255 - i / 4][i % 4] + in[0][i % 4]);
    EMU_OK(p->device, free, args.out);
    EMU_OK(p->device, free, args.in);
}

static void copies_reach_shared_memory(void **state)
{
    (void)state;
    for_orders(check_copies);
}

/* A missing barrier shows in one order or in the other. */
static void orders_show_races(void **state)
{
    (void)state;
    uint32_t out[64];
    for (uint32_t mode = 0; mode < 2; mode++) {
        bool seen = false;
        for (int order = 0; order < 2; order++) {
            probe p = probe_open("emu32");
            struct probe_args args = {.out = emu_alloc(p.device, sizeof(out)), .mode = mode};
            rf_emu_set_schedule(p.device, order ? RF_EMU_LAZY : RF_EMU_EAGER, 0);
            PROBE_RUN(&p, "probe_race", 1, 64, 256, &args);
            emu_read(p.device, NULL, out, args.out, sizeof(out));
            for (uint32_t t = 1; t < 63; t++)
                seen |= out[t] == UINT32_MAX;
            EMU_OK(p.device, free, args.out);
            probe_close(&p);
        }
        assert_true(seen);
    }
}

/* ---- tiles ---------------------------------------------------------------------------------- */

static float random_value(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return ((float)(*seed >> 16) - 32768.0F) / 16384.0F;
}

static float as_f16(float x)
{
    return rf_f16_to_f32(rf_f32_to_f16(x));
}

/* A product of random tiles, against a plain loop. */
static void check_product(probe *p, uint32_t stride, bool transposed, uint32_t seed)
{
    static uint16_t a[16 * 64], b[16 * 64];
    static float c[256], expected[256], turned[256];
    uint32_t bytes = 16 * stride * 2;
    struct probe_matrix_args args = {.a = emu_alloc(p->device, bytes),
                                     .b = emu_alloc(p->device, bytes),
                                     .c = emu_alloc(p->device, sizeof(c)),
                                     .turned = emu_alloc(p->device, sizeof(turned)),
                                     .stride = stride,
                                     .transposed = transposed};
    for (uint32_t i = 0; i < 16 * stride; i++) {
        a[i] = rf_f32_to_f16(random_value(&seed));
        b[i] = rf_f32_to_f16(random_value(&seed));
    }
    for (uint32_t i = 0; i < 256; i++) {
        expected[i] = c[i] = random_value(&seed);
        for (uint32_t k = 0; k < 16; k++)
            expected[i] +=
                rf_f16_to_f32(a[i / 16 * stride + k]) *
                rf_f16_to_f32(transposed ? b[k * stride + i % 16] : b[i % 16 * stride + k]);
    }
    emu_write(p->device, NULL, args.a, a, bytes);
    emu_write(p->device, NULL, args.b, b, bytes);
    emu_write(p->device, NULL, args.c, c, sizeof(c));
    PROBE_RUN(p, "probe_product", 1, p->warp, 3 * bytes, &args);
    emu_read(p->device, NULL, c, args.c, sizeof(c));
    emu_read(p->device, NULL, turned, args.turned, sizeof(turned));
    for (uint32_t i = 0; i < 256; i++) {
        assert_true(fabsf(c[i] - expected[i]) < 1e-4F);
        assert_true(turned[i] == as_f16(c[i]));
    }
    EMU_OK(p->device, free, args.a);
    EMU_OK(p->device, free, args.b);
    EMU_OK(p->device, free, args.c);
    EMU_OK(p->device, free, args.turned);
}

static void check_products(probe *p)
{
    static const uint32_t strides[] = {16, 24, 40, 64};
    for (uint32_t i = 0; i < 4; i++) {
        check_product(p, strides[i], false, i);
        check_product(p, strides[i], true, 100 + i);
    }
}

static void tiles_are_multiplied_in_each_layout(void **state)
{
    (void)state;
    for_all(check_products);
}

static void check_rows(probe *p)
{
    static float c[256], best[256];
    uint32_t seed = 5;
    struct probe_matrix_args args = {.c = emu_alloc(p->device, sizeof(c)),
                                     .turned = emu_alloc(p->device, sizeof(best))};
    for (uint32_t i = 0; i < 256; i++)
        c[i] = random_value(&seed);
    emu_write(p->device, NULL, args.c, c, sizeof(c));
    PROBE_RUN(p, "probe_rows", 1, p->warp, 0, &args);
    emu_read(p->device, NULL, best, args.turned, sizeof(best));
    for (size_t row = 0; row < 16; row++) {
        float expected = c[row * 16];
        for (size_t column = 1; column < 16; column++)
            expected = fmaxf(expected, c[row * 16 + column]);
        for (size_t column = 0; column < 16; column++)
            assert_true(best[row * 16 + column] == expected);
    }
    EMU_OK(p->device, free, args.c);
    EMU_OK(p->device, free, args.turned);
}

static void rows_of_a_tile_are_shared_by_their_lanes(void **state)
{
    (void)state;
    for_all(check_rows);
}

/* ---- what is found -------------------------------------------------------------------------- */

static void check_divergence(probe *p)
{
    static const struct {
        uint32_t mode, n;
        const char *text;
    } cases[] = {
        {0, 64, "threads 0 to 63 wait at a barrier (entry_probe_diverge+0x"},
        {0, 64, ", 64 to 127 have ended"},
        {0, 64, "kernel probe_diverge, block (0, 0, 0)"},
        {1, 50, "its threads are at different barriers"},
        {2, 9, "threads 0 to 8 wait in a shuffle"},
        {3, 9, "different operations"},
        {3, 9, " wait at a barrier of their warp (entry_probe_diverge"},
        {4, 9, "wait for each other for good"},
        {5, 100, "have ended"},
    };
    struct probe_args args = {.out = emu_alloc(p->device, 512)};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        args.mode = cases[i].mode;
        args.n = cases[i].n;
        PROBE_FAILS(p, cases[i].text, "probe_diverge", 2, 128, 0, &args);
        /* The device works as before. */
        PROBE_RUN(p, "probe_fresh", 1, 128, 512, &args);
    }
    EMU_OK(p->device, free, args.out);
}

static void divergence_is_reported(void **state)
{
    (void)state;
    for_orders(check_divergence);
}

static void unknown_addresses_are_reported(void **state)
{
    (void)state;
    probe p = probe_open("emu32");
    rf_address out = emu_alloc(p.device, 256);
    struct probe_args args = {.out = out, .in = out};
    args.out = out + 256;
    PROBE_FAILS(&p, "kernel probe_work, block (0, 0, 0), thread 0: address 0x", "probe_work", 1, 64,
                0, &args);
    args.out = 0x1234;
    PROBE_FAILS(&p, "address 0x1234 is in no allocation", "probe_work", 3, 64, 0, &args);
    /* Not among the arguments either: found in memory, live and then freed. */
    rf_address hidden = emu_alloc(p.device, 256);
    emu_write(p.device, NULL, out, &hidden, 8);
    PROBE_RUN(&p, "probe_indirect", 1, 64, 0, &args);
    EMU_OK(p.device, free, hidden);
    PROBE_FAILS(&p, "is in no allocation", "probe_indirect", 1, 64, 0, &args);
    EMU_OK(p.device, free, out);
    probe_close(&p);
}

static void freed_memory_is_reported(void **state)
{
    (void)state;
    probe p = probe_open("emu32");
    rf_emu_set_schedule(p.device, RF_EMU_LAZY, 0);
    struct probe_args args = {.out = emu_alloc(p.device, 256)};
    PROBE_LAUNCH(&p, NULL, "probe_few", 1, 64, 0, &args);
    EMU_OK(p.device, free, args.out);
    EMU_FAILS(p.device, RF_ERROR_DEVICE,
              "was freed before a launch of kernel probe_few on it was done", sync);
    probe_close(&p);
}

#if defined(__SANITIZE_ADDRESS__)
#define ASAN true
#else
#define ASAN false
#endif

/* Runs a kernel that does what the address sanitizer ends the process for, in a process of its own.
 */
static void expect_sanitizer_report(const char *name, struct probe_args args, uint32_t bytes,
                                    uint32_t shared)
{
    int ends[2];
    char text[4096];
    size_t length = 0;
    ssize_t got;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        probe p = probe_open("emu32");
        rf_address memory = emu_alloc(p.device, bytes);
        args.out = memory;
        args.in = memory;
        PROBE_LAUNCH(&p, NULL, name, 1, 32, shared, &args);
        EMU_OK(p.device, sync);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_not_equal(result, 0);
    if (!strstr(text, "AddressSanitizer"))
        fail_msg("%s", text);
}

static void writes_out_of_bounds_are_found(void **state)
{
    (void)state;
    if (ASAN) {
        expect_sanitizer_report("probe_write", (struct probe_args){.n = 25}, 100, 0);
        expect_sanitizer_report("probe_write", (struct probe_args){.n = UINT32_MAX}, 100, 0);
        expect_sanitizer_report("probe_read", (struct probe_args){.n = 25}, 100, 0);
        expect_sanitizer_report("probe_write", (struct probe_args){.n = 25, .mode = 1}, 4, 100);
        expect_sanitizer_report("probe_read", (struct probe_args){.n = UINT32_MAX, .mode = 1}, 4,
                                100);
        return;
    }
    probe p = probe_open("emu32");
    struct probe_args args = {.out = emu_alloc(p.device, 100)};
    args.n = 24;
    PROBE_RUN(&p, "probe_write", 1, 32, 0, &args);
    args.n = 25;
    PROBE_FAILS(&p, "after kernel probe_write: device emu32: allocation 1", "probe_write", 1, 32, 0,
                &args);
    PROBE_FAILS(&p, "byte 1 behind its end was overwritten", "probe_write", 1, 32, 0, &args);
    args.n = UINT32_MAX;
    PROBE_FAILS(&p, "byte 1 before its start was overwritten", "probe_write", 1, 32, 0, &args);
    args.mode = 1;
    PROBE_FAILS(&p, "byte 1 before its 100 bytes of shared memory", "probe_write", 1, 32, 100,
                &args);
    args.n = 26;
    PROBE_FAILS(&p, "block (0, 0, 0): byte 5 behind its 100 bytes of shared memory", "probe_write",
                1, 32, 100, &args);
    EMU_OK(p.device, free, args.out);
    probe_close(&p);
}

/* ---- speed ---------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Not a test of the machine: the limit is far above what it takes. */
static void switching_is_quick(void **state)
{
    (void)state;
    enum { BLOCKS = 50, THREADS = 256, TURNS = 10, BYTES = BLOCKS * THREADS * 4 };
    probe p = probe_open("emu32");
    struct probe_args args = {
        .out = emu_alloc(p.device, BYTES), .in = emu_alloc(p.device, BYTES), .n = TURNS};
    PROBE_RUN(&p, "probe_work", BLOCKS, THREADS, 0, &args);
    uint64_t begin = cpu_ns();
    PROBE_RUN(&p, "probe_work", BLOCKS, THREADS, 0, &args);
    double ns = (double)(cpu_ns() - begin);
    args.n = 0;
    begin = cpu_ns();
    PROBE_RUN(&p, "probe_work", BLOCKS, THREADS, 0, &args);
    double without = (double)(cpu_ns() - begin);
    print_message("a block of %d threads with %d waits: %.0f us; without: %.1f us\n", THREADS,
                  2 * TURNS, ns / BLOCKS / 1e3, without / BLOCKS / 1e3);
    assert_true(ns / BLOCKS < 20e6);
    EMU_OK(p.device, free, args.out);
    EMU_OK(p.device, free, args.in);
    probe_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_know_where_they_are),
        cmocka_unit_test(barriers_hold_all_threads),
        cmocka_unit_test(lanes_exchange_values),
        cmocka_unit_test(counters_count),
        cmocka_unit_test(shared_memory_starts_as_no_numbers),
        cmocka_unit_test(copies_reach_shared_memory),
        cmocka_unit_test(orders_show_races),
        cmocka_unit_test(tiles_are_multiplied_in_each_layout),
        cmocka_unit_test(rows_of_a_tile_are_shared_by_their_lanes),
        cmocka_unit_test(divergence_is_reported),
        cmocka_unit_test(unknown_addresses_are_reported),
        cmocka_unit_test(freed_memory_is_reported),
        cmocka_unit_test(writes_out_of_bounds_are_found),
        cmocka_unit_test(switching_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
