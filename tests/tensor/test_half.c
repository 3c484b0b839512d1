/* test_half.c: 16-bit and 8-bit floats against the compiler's own and against arithmetic. */
#include "support/cmocka.h"

#include <math.h>
#include <stdbool.h>

#include "tensor/half.h"
#include "tensor/random_blocks.h"

/* F16 by its definition, in double. */
static double f16_value(uint16_t h)
{
    int exponent = h >> 10 & 31;
    int fraction = h & 1023;
    double magnitude = exponent == 0    ? ldexp(fraction, -24)
                       : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                        : ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

static void every_f16_widens_exactly_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float x = rf_f16_to_f32((uint16_t)h);
        double expected = f16_value((uint16_t)h);
        assert_int_equal(signbit(x) != 0, h >> 15);
        if (isnan(expected)) {
            assert_true(isnan(x));
            assert_int_equal(rf_f32_to_f16(x), h | 0x0200U);
        } else {
            assert_true((double)x == expected);
            assert_int_equal(rf_f32_to_f16(x), h);
        }
    }
}

/* The nearest F16 by search: its two neighbours are tried, and a tie goes to the even one. */
static bool is_nearest_f16(float x, uint16_t h)
{
    if (isnan(x))
        return (h & 0x7FFF) > 0x7C00;
    if ((h >> 15) != (signbit(x) != 0))
        return false;
    double magnitude = fabs((double)x);
    uint16_t positive = h & 0x7FFF;
    if (positive > 0x7C00)
        return false;
    /* Infinity stands where the next number would be: 65536. */
    double value = positive == 0x7C00 ? 65536 : fabs(f16_value(positive));
    double above = positive >= 0x7BFF ? 65536 : f16_value((uint16_t)(positive + 1));
    double below = positive ? f16_value((uint16_t)(positive - 1)) : 0;
    if (positive == 0x7C00 && magnitude >= 65536)
        return true;
    double error = fabs(magnitude - value);
    if (positive < 0x7C00 &&
        (fabs(magnitude - above) < error || (fabs(magnitude - above) == error && positive % 2)))
        return false;
    return !(positive && (fabs(magnitude - below) < error ||
                          (fabs(magnitude - below) == error && positive % 2)));
}

static float with_exponents(uint32_t lowest, uint32_t count)
{
    uint32_t bits = (uint32_t)random_bits();
    uint32_t exponent = lowest + (uint32_t)(random_bits() % count);
    return rf_f32_from_bits((bits & 0x807FFFFFU) | exponent << 23);
}

static void f32_narrows_to_the_nearest_f16(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        float any = rf_f32_from_bits((uint32_t)random_bits());
        float near =
            with_exponents(127 - 27, 45); /* from below the subnormals to above the largest */
        assert_true(is_nearest_f16(any, rf_f32_to_f16(any)));
        assert_true(is_nearest_f16(near, rf_f32_to_f16(near)));
    }
}

/* Half way between two neighbours, and one step of an f32 to each side. */
static void ties_go_to_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) {
        double value = f16_value((uint16_t)h);
        double above = h == 0x7BFF ? 65536 : f16_value((uint16_t)(h + 1));
        float middle = (float)((value + above) / 2);
        assert_int_equal(rf_f32_to_f16(middle), h + h % 2);
        assert_int_equal(rf_f32_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(rf_f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(rf_f32_to_f16(-middle), (h + h % 2) | 0x8000);
    }
}

#ifdef __FLT16_MAX__
static void f16_agrees_with_the_compiler(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        float x = i % 2 ? rf_f32_from_bits((uint32_t)random_bits()) : with_exponents(100, 45);
        if (isnan(x))
            continue;
        _Float16 half = (_Float16)x;
        uint16_t bits;
        memcpy(&bits, &half, sizeof(bits));
        assert_int_equal(rf_f32_to_f16(x), bits);
        assert_true(rf_f16_to_f32(bits) == (float)half);
    }
}
#else
static void f16_agrees_with_the_compiler(void **state)
{
    (void)state;
    print_message("skipped: this compiler has no _Float16\n");
    skip();
}
#endif

static void bf16_widens_and_rounds(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float x = rf_bf16_to_f32((uint16_t)h);
        assert_int_equal(rf_f32_bits(x), h << 16);
        assert_int_equal(rf_f32_to_bf16(x), isnan(x) ? h | 0x40U : h);
        if (!isfinite(x))
            continue;
        /* Half way to the next one up, and the bits next to that. */
        uint32_t middle = h << 16 | 0x8000U;
        assert_int_equal(rf_f32_to_bf16(rf_f32_from_bits(middle)), h + h % 2);
        assert_int_equal(rf_f32_to_bf16(rf_f32_from_bits(middle - 1)), h);
        assert_int_equal(rf_f32_to_bf16(rf_f32_from_bits(middle + 1)), h + 1);
    }
    assert_true(isnan(rf_bf16_to_f32(rf_f32_to_bf16(rf_f32_from_bits(0x7F800001U)))));
    assert_true(isnan(rf_bf16_to_f32(rf_f32_to_bf16(rf_f32_from_bits(0xFFFFFFFFU)))));
}

static void e8m0_is_a_power_of_two(void **state)
{
    (void)state;
    for (int e = 0; e < 256; e++)
        assert_true((double)rf_e8m0_half_to_f32((uint8_t)e) == ldexp(1, e - 128));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16_widens_exactly_and_comes_back),
        cmocka_unit_test(f32_narrows_to_the_nearest_f16),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(f16_agrees_with_the_compiler),
        cmocka_unit_test(bf16_widens_and_rounds),
        cmocka_unit_test(e8m0_is_a_power_of_two),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
