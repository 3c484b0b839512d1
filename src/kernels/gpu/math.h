/*
 * math.h: functions that no hardware has, or none well enough.
 */
#ifndef RF_KERNELS_GPU_MATH_H
#define RF_KERNELS_GPU_MATH_H

#include "kernels/gpu/prelude.h"

#define MINUS_INF (-__builtin_inff())
/* Below any score of attention, and still a number: what differs of it is not NaN. */
#define NO_SCORE (-1e30F)

/*
 * Sine and cosine of an angle in radians, within 1e-7 for any position of a sequence. The angle is
 * brought into [-pi/4, pi/4] in double: quarter turns are taken off in two steps (Cody and Waite
 * 1980), the first of 33 bits, so that its products with up to 2^20 turns are exact. What is left
 * goes through polynomials in f32, the Taylor series of either function: the first term left out is
 * below 3e-9.
 */
DEVICE void sine_cosine(double angle, f32 *sine, f32 *cosine)
{
    const double turns = __builtin_rint(angle * 0.63661977236758134308);
    double rest = __builtin_fma(turns, -1.57079632673412561417, angle);
    rest = __builtin_fma(turns, -6.07710050650619224932e-11, rest);
    const f32 x = (f32)rest;
    const f32 xx = x * x;
    f32 s = fused(xx, 2.7557319e-6F, -1.9841270e-4F);
    s = fused(s, xx, 8.3333333e-3F);
    s = fused(s, xx, -1.6666667e-1F);
    s = fused(s * xx, x, x);
    f32 c = fused(xx, -2.7557319e-7F, 2.4801587e-5F);
    c = fused(c, xx, -1.3888889e-3F);
    c = fused(c, xx, 4.1666667e-2F);
    c = fused(c, xx, -0.5F);
    c = fused(c, xx, 1.0F);
    const u32 quarter = (u32)(i64)turns & 3;
    const f32 one = quarter & 1 ? c : s;
    const f32 other = quarter & 1 ? s : c;
    *sine = quarter & 2 ? -one : one;
    *cosine = (quarter + 1) & 2 ? -other : other;
}

#endif
