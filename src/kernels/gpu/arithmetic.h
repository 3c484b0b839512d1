/* arithmetic.h: the part of prelude.h with arithmetic that hardware has instructions for. */
#ifndef RF_KERNELS_GPU_ARITHMETIC_H
#define RF_KERNELS_GPU_ARITHMETIC_H

/* sum + the products of four pairs of signed bytes. */
DEVICE i32 dot4(u32 a, u32 b, i32 sum)
{
#if defined(RF_GPU_NVIDIA)
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
#elif defined(__gfx906__) || defined(__gfx908__) || defined(__gfx90a__) || defined(__gfx942__) ||  \
    defined(__gfx1030__)
    return __builtin_amdgcn_sdot4((int)a, (int)b, sum, false);
#elif defined(__GFX11__) || defined(__GFX12__)
    return __builtin_amdgcn_sudot4(true, (int)a, true, (int)b, sum, false);
#else
#pragma unroll
    for (u32 i = 0; i < 32; i += 8)
        sum += (i32)(i8)(a >> i) * (i32)(i8)(b >> i);
    return sum;
#endif
}

/* The same with bytes of a that have no sign, where that is as cheap. */
#if defined(RF_GPU_NVIDIA) || !defined(RF_GPU_AMD) || defined(__GFX11__) || defined(__GFX12__)
#define MIXED_DOTS 1
#else
#define MIXED_DOTS 0
#endif
DEVICE i32 dot4_mixed(u32 a, u32 b, i32 sum)
{
#if defined(RF_GPU_NVIDIA)
    asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
#elif defined(__GFX11__) || defined(__GFX12__)
    return __builtin_amdgcn_sudot4(false, (int)a, true, (int)b, sum, false);
#else
#pragma unroll
    for (u32 i = 0; i < 32; i += 8)
        sum += (i32)(u8)(a >> i) * (i32)(i8)(b >> i);
    return sum;
#endif
}

/* Of numbers: what is none is left out. */
DEVICE f32 minimum(f32 a, f32 b)
{
    return __builtin_fminf(a, b);
}
DEVICE f32 maximum(f32 a, f32 b)
{
    return __builtin_fmaxf(a, b);
}
/* NaN where one of them is. */
DEVICE f32 maximum_or_nan(f32 a, f32 b)
{
#if defined(RF_GPU_NVIDIA)
    return __nvvm_fmax_nan_f(a, b);
#else
    return a > b || a != a ? a : b;
#endif
}
DEVICE u32 minimum(u32 a, u32 b)
{
    return a < b ? a : b;
}
DEVICE u32 maximum(u32 a, u32 b)
{
    return a > b ? a : b;
}
DEVICE f32 magnitude(f32 x)
{
    return __builtin_fabsf(x);
}

SMALL f32 fused(f32 a, f32 b, f32 c)
{
    return __builtin_fmaf(a, b, c);
}
/* To within a few units of the last place; x is normal. */
DEVICE f32 reciprocal(f32 x)
{
#if defined(RF_GPU_AMD)
    return __builtin_amdgcn_rcpf(x);
#elif defined(RF_GPU_NVIDIA)
    return __nvvm_rcp_approx_ftz_f(x);
#else
    return 1.0F / x;
#endif
}
/* The low bytes of four words, as one. */
DEVICE u32 low_bytes(u32 a, u32 b, u32 c, u32 d)
{
#if defined(RF_GPU_NVIDIA)
    return __nvvm_prmt(__nvvm_prmt(a, b, 0x0040U), __nvvm_prmt(c, d, 0x0040U), 0x5410U);
#elif defined(RF_GPU_AMD)
    /* Selectors 0 to 3 are bytes of the second operand, 4 to 7 of the first. */
    return __builtin_amdgcn_perm(__builtin_amdgcn_perm(d, c, 0x0400U),
                                 __builtin_amdgcn_perm(b, a, 0x0400U), 0x05040100U);
#else
    return (a & 255U) | (b & 255U) << 8 | (c & 255U) << 16 | d << 24;
#endif
}

DEVICE f32 exp2_of(f32 x)
{
#if defined(RF_GPU_AMD)
    return __builtin_amdgcn_exp2f(x);
#elif defined(RF_GPU_NVIDIA)
    return __nvvm_ex2_approx_f(x);
#else
    return __builtin_exp2f(x);
#endif
}
DEVICE f32 exp_of(f32 x)
{
    return exp2_of(x * 1.44269504F);
}
DEVICE f32 reciprocal_root(f32 x)
{
#if defined(RF_GPU_AMD)
    return __builtin_amdgcn_rsqf(x);
#elif defined(RF_GPU_NVIDIA)
    return __nvvm_rsqrt_approx_f(x);
#else
    return 1.0F / __builtin_sqrtf(x);
#endif
}
DEVICE f32 silu(f32 x)
{
    return x / (1.0F + exp_of(-x));
}

#endif
