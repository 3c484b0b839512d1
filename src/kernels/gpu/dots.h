/*
 * dots.h: what matvec.hip needs to know of each element type of weights in blocks: pieces of them
 * made bytes for dot4, with their scales. The layouts are those of tensor/blocks.h.
 *
 * A piece is what one lane takes at a time: 32 or 64 elements, chunks of 16 that need not be
 * neighbours: they are where the nibbles of the same bytes belong. With activations dx * x of
 * blocks of 32:
 *
 *   weights · activations = d * sum over chunks of dx * scale * (q · x + offset * sum of x)
 *                         + m * sum over chunks of dx * min * sum of x
 *
 * In the first line everything up to the factor dx is an exact integer, and below 2^24 but for
 * nibbles that stay in the upper half of a byte (dot4_mixed). One type is one unit: shape_TYPE,
 * chunk_TYPE and unpack_TYPE.
 */
#ifndef RF_KERNELS_GPU_DOTS_H
#define RF_KERNELS_GPU_DOTS_H

#include "kernels/gpu/args_matvec.h"
#include "kernels/gpu/prelude.h"

typedef struct piece {
    u32 q[16];    /* bytes: four words a chunk */
    i32 scale[4]; /* a chunk, or one for all */
    i32 min[4];
    f32 d;
    f32 m;
} piece;

/* One type: block: elements; bytes: of a block; stride: from one chunk of a piece to the next, in
 * chunks; whole: scale and activation block are the same for the whole piece (two chunks); scaled,
 * mins: whether there is anything in piece.scale and piece.min (with whole, min is 1). */
#define SHAPE(type, block_, bytes_, stride_, whole_, scaled_, mins_, offset_)                      \
    typedef struct shape_##type {                                                                  \
        enum {                                                                                     \
            block = block_,                                                                        \
            bytes = bytes_,                                                                        \
            piece = RF_GPU_MATVEC_PIECE(block_, bytes_),                                           \
            parts = block_ / piece,                                                                \
            chunks = piece / 16,                                                                   \
            stride = stride_,                                                                      \
            whole = whole_,                                                                        \
            scaled = scaled_,                                                                      \
            mins = mins_,                                                                          \
            offset = offset_                                                                       \
        };                                                                                         \
    } shape_##type;

/* ---- reading --------------------------------------------------------------------------------- */

/* Four bytes from `from` (0 to 3) on of eight. */
DEVICE u32 slice(u32 low, u32 high, u32 from)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm("prmt.b32 %0, %1, %2, %3;"
        : "=r"(out)
        : "r"(low), "r"(high), "r"(0x3210U + 0x1111U * from));
    return out;
#elif defined(RF_GPU_AMD)
    return __builtin_amdgcn_alignbyte(high, low, from);
#else
    return (u32)(((u64)high << 32 | low) >> (8 * from));
#endif
}

/* Eight and sixteen bytes of shared memory at once, aligned to that. Left to itself the compiler
 * takes vectors apart where their elements are used one by one, and single words are in the same
 * banks. */
DEVICE u32x2 shared_8(const u8 *p)
{
#if defined(RF_GPU_NVIDIA)
    u32x2 v;
    asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                 : "=r"(v.x), "=r"(v.y)
                 : "r"(shared_address(p)));
    return v;
#else
    return *(const u32x2 *)p;
#endif
}
DEVICE u32x4 shared_16(const u8 *p)
{
#if defined(RF_GPU_NVIDIA)
    u32x4 v;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(shared_address(p)));
    return v;
#else
    return *(const u32x4 *)p;
#endif
}

/* n words from byte `at` of memory on, wherever that is. Reads whole aligned words around them. */
template <u32 n> DEVICE void words_anywhere(const u8 *memory, u32 at, u32 *out)
{
    const u32 *words = (const u32 *)(memory + (at & ~3U));
    u32 low = words[0];
    UNROLL
    for (u32 i = 0; i < n; i++) {
        u32 high = words[i + 1];
        out[i] = slice(low, high, at & 3U);
        low = high;
    }
}

/* The same from a multiple of 4, 8 or 16. */
template <u32 n> DEVICE void words_of_4(const u8 *memory, u32 at, u32 *out)
{
    UNROLL
    for (u32 i = 0; i < n; i++)
        out[i] = ((const u32 *)(memory + at))[i];
}
template <u32 n> DEVICE void words_of_8(const u8 *memory, u32 at, u32 *out)
{
    UNROLL
    for (u32 i = 0; i < n / 2; i++) {
        u32x2 v = shared_8(memory + at + 8 * i);
        out[2 * i] = v.x;
        out[2 * i + 1] = v.y;
    }
}
DEVICE void words_of_16(const u8 *memory, u32 at, u32 *out)
{
    u32x4 v = shared_16(memory + at);
    out[0] = v.x;
    out[1] = v.y;
    out[2] = v.z;
    out[3] = v.w;
}

DEVICE f32 f16_at(const u8 *memory, u32 at)
{
    return f16_from_bits(*(const u16 *)(memory + at));
}
DEVICE f32 low_f16(u32 word)
{
    return f16_from_bits((u16)word);
}
DEVICE f32 high_f16(u32 word)
{
    return f16_from_bits((u16)(word >> 16));
}

#define NIBBLES 0x0F0F0F0FU

/* Low halves to the first chunk, high ones to the second. */
DEVICE void split_nibbles(const u32 w[4], u32 *q)
{
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        q[i] = w[i] & NIBBLES;
        q[4 + i] = w[i] >> 4 & NIBBLES;
    }
}

/* Four bits, one to bit 4 of each byte. The products of the multiplication do not meet. */
DEVICE u32 spread_fifths(u32 bits)
{
    return (bits & 15U) * 0x02040810U & 0x10101010U;
}

/* Adds bits 0 to 31 of fifths to 32 elements in order. */
DEVICE void add_fifths(u32 fifths, u32 *q)
{
    UNROLL
    for (u32 i = 0; i < 8; i++)
        q[i] |= spread_fifths(fifths >> (4 * i));
}

#include "kernels/gpu/dots_k.h"
#include "kernels/gpu/dots_simple.h"

#endif
