/* quantise_search.c: least-squares searches for scales (quantise_search.h). */
#include "tensor/quantise_search.h"

/*
 * Four floats or integers at once, as the compiler's portable vectors: a sum of floats in a loop
 * may not be reordered by the compiler, so the four chains are spelt out.
 */
typedef float float4 __attribute__((vector_size(16)));
typedef int32_t int4 __attribute__((vector_size(16)));

/* How many scales to each side of the first guess are tried, and how far apart they are, as parts
 * of the distance between two levels at the end of the range. More steps gain under 1 % of the
 * error. */
#define STEPS 7
#define STEP  0.13F

static float4 splat(float x)
{
    return (float4){x, x, x, x};
}

static float4 load(const float *x)
{
    float4 v;
    memcpy(&v, x, sizeof(v));
    return v;
}

static float4 choose(int4 mask, float4 yes, float4 no)
{
    return (float4)(((int4)yes & mask) | ((int4)no & ~mask));
}

static float total(float4 v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
}

/* The nearest whole numbers in [low, high], as floats. */
static float4 round_in(float4 x, float4 low, float4 high)
{
    const float4 magic = splat(12582912.0F);
    x = choose(x < low, low, x);
    x = choose(x > high, high, x);
    return (x + magic) - magic;
}

/* The element of largest magnitude, with its sign. */
static float extreme(const float *x, int n)
{
    float largest = 0;
    float value = 0;
    for (int i = 0; i < n; i++) {
        float magnitude = x[i] < 0 ? -x[i] : x[i];
        value = magnitude > largest ? x[i] : value;
        largest = magnitude > largest ? magnitude : largest;
    }
    return value;
}

/*
 * With s = sum of x q and t = sum of q^2, the best scale is s / t, and it takes s^2 / t off the
 * error that a scale of zero has. So the search wants the largest s^2 / t.
 */
typedef struct best_scale {
    float scale;
    float gain;
} best_scale;

static void keep_better(best_scale *best, float4 xq, float4 qq)
{
    float s = total(xq);
    float t = total(qq);
    if (t > 0 && s * s > best->gain * t)
        *best = (best_scale){s / t, s * s / t};
}

float rf_search_scale(const float *x, int n, int levels)
{
    float end = extreme(x, n);
    const float4 low = splat((float)-levels);
    const float4 high = splat((float)(levels - 1));
    best_scale best = {0, 0};
    if (rf_inverse(end) == 0)
        return 0;
    for (int step = -STEPS; step <= STEPS; step++) {
        /* The side with one level more goes to the sign that the extreme element has. */
        const float4 inverse = splat(-((float)levels + STEP * (float)step) / end);
        float4 xq = {0};
        float4 qq = {0};
        for (int i = 0; i < n; i += 4) {
            float4 v = load(x + i);
            float4 q = round_in(v * inverse, low, high);
            xq += v * q;
            qq += q * q;
        }
        keep_better(&best, xq, qq);
    }
    return best.scale;
}

/* Sums over one assignment of integers to numbers. */
typedef struct affine_sums {
    float q, qq, xq;
} affine_sums;

static affine_sums sum_affine(const float *x, int n, float4 inverse, float4 min, float4 top)
{
    float4 sum_q = {0};
    float4 sum_qq = {0};
    float4 sum_xq = {0};
    for (int i = 0; i < n; i += 4) {
        float4 v = load(x + i);
        float4 q = round_in((v + min) * inverse, splat(0), top);
        sum_q += q;
        sum_qq += q * q;
        sum_xq += v * q;
    }
    return (affine_sums){total(sum_q), total(sum_qq), total(sum_xq)};
}

/*
 * The least-squares scale and min >= 0 for sums of q, q^2 and x q, and of x alone; the result is
 * how much of the error of scale = min = 0 they take off, or 0 where there is no solution.
 */
static float solve_affine(const affine_sums *s, float sum_x, float n, rf_affine *out)
{
    float determinant = n * s->qq - s->q * s->q;
    if (determinant <= 0)
        return 0;
    float scale = (n * s->xq - sum_x * s->q) / determinant;
    float min = (s->q * s->xq - s->qq * sum_x) / determinant;
    if (min < 0) { /* the format has none: the best without */
        min = 0;
        scale = s->xq / s->qq;
    }
    if (scale < 0)
        return 0;
    *out = (rf_affine){scale, min};
    /* sum x^2 - sum (x - scale q + min)^2 */
    return 2 * scale * s->xq - 2 * min * sum_x - scale * scale * s->qq + 2 * scale * min * s->q -
           n * min * min;
}

rf_affine rf_search_affine(const float *x, int n, int top)
{
    float lowest = 0; /* the minimum cannot be above zero */
    float highest = 0;
    float sum_x = 0;
    for (int i = 0; i < n; i++) {
        lowest = x[i] < lowest ? x[i] : lowest;
        highest = x[i] > highest ? x[i] : highest;
        sum_x += x[i];
    }
    rf_affine best = {(highest - lowest) / (float)top, -lowest};
    float best_gain = 0;
    if (rf_inverse(highest - lowest) == 0)
        return (rf_affine){0, 0};
    for (int step = -STEPS; step <= STEPS; step++) {
        float levels = (float)top + STEP * (float)step;
        rf_affine found = {levels > 0.5F ? (highest - lowest) / levels : highest - lowest, -lowest};
        /* Twice: the integers that are nearest change with what was solved for. */
        for (int pass = 0; pass < 2 && found.scale > 0; pass++) {
            affine_sums sums = sum_affine(x, n, splat(rf_inverse(found.scale)), splat(found.min),
                                          splat((float)top));
            float gain = solve_affine(&sums, sum_x, (float)n, &found);
            if (gain > best_gain) {
                best_gain = gain;
                best = found;
            }
        }
    }
    return best;
}

/* The nearest of 16 ascending values to each of four numbers. */
static float4 round_to_values(float4 x, const int8_t values[16])
{
    float4 nearest = splat((float)values[0]);
    for (int k = 1; k < 16; k++) {
        float middle = 0.5F * (float)(values[k - 1] + values[k]);
        nearest = choose(x > splat(middle), splat((float)values[k]), nearest);
    }
    return nearest;
}

float rf_search_codebook(const float *x, int n, const int8_t values[16])
{
    float end = extreme(x, n);
    best_scale best = {0, 0};
    if (rf_inverse(end) == 0)
        return 0;
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int step = -STEPS; step <= STEPS; step++) {
            const float levels =
                (float)values[0] + 8 * STEP * (float)step; /* levels 8 apart there */
            const float4 inverse = splat((float)sign * levels / end);
            float4 xq = {0};
            float4 qq = {0};
            for (int i = 0; i < n; i += 4) {
                float4 v = load(x + i);
                float4 q = round_to_values(v * inverse, values);
                xq += v * q;
                qq += q * q;
            }
            keep_better(&best, xq, qq);
        }
    }
    return best.scale;
}

int rf_nearest_value(float x, float inverse_scale, const int8_t values[16])
{
    float target = x * inverse_scale;
    int nearest = 0;
    for (int k = 1; k < 16; k++)
        nearest += target > 0.5F * (float)(values[k - 1] + values[k]);
    return nearest;
}
