/* dots_simple.h: the part of dots.h for blocks of 32 elements, and for those whose elements are
 * looked up. */
#ifndef RF_KERNELS_GPU_DOTS_SIMPLE_H
#define RF_KERNELS_GPU_DOTS_SIMPLE_H

/* A piece is a block of 32, or one of IQ4_XS's eight parts. */
#define NEIGHBOURING_CHUNKS(type)                                                                  \
    DEVICE u32 chunk_##type(u32 index)                                                             \
    {                                                                                              \
        return 2 * index;                                                                          \
    }

/* clang-format off */
/*    type    block bytes stride whole scaled mins offset */
SHAPE(q4_0,   32,   18,   1,     1,    0,     0,   -8)
SHAPE(q4_1,   32,   20,   1,     1,    0,     1,   0)
SHAPE(q5_0,   32,   22,   1,     1,    0,     0,   -16)
SHAPE(q5_1,   32,   24,   1,     1,    0,     1,   0)
SHAPE(q8_0,   32,   34,   1,     1,    0,     0,   0)
SHAPE(iq4_nl, 32,   18,   1,     1,    0,     0,   0)
SHAPE(mxfp4,  32,   17,   1,     1,    0,     0,   0)
SHAPE(iq4_xs, 256,  136,  1,     1,    1,     0,   0)
/* clang-format on */
NEIGHBOURING_CHUNKS(q4_0)
NEIGHBOURING_CHUNKS(q4_1)
NEIGHBOURING_CHUNKS(q5_0)
NEIGHBOURING_CHUNKS(q5_1)
NEIGHBOURING_CHUNKS(q8_0)
NEIGHBOURING_CHUNKS(iq4_nl)
NEIGHBOURING_CHUNKS(mxfp4)
NEIGHBOURING_CHUNKS(iq4_xs)

DEVICE void unpack_q4_0(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 w[4];
    words_anywhere<4>(memory, at + 2, w);
    split_nibbles(w, p->q);
    p->d = f16_at(memory, at);
    (void)part;
}

DEVICE void unpack_q4_1(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 w[5];
    words_of_4<5>(memory, at, w);
    split_nibbles(w + 1, p->q);
    p->d = low_f16(w[0]);
    p->m = high_f16(w[0]);
    (void)part;
}

DEVICE void unpack_q5_0(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 w[5];
    words_anywhere<5>(memory, at + 2, w);
    split_nibbles(w + 1, p->q);
    add_fifths(w[0], p->q);
    p->d = f16_at(memory, at);
    (void)part;
}

DEVICE void unpack_q5_1(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 w[6];
    words_of_8<6>(memory, at, w);
    split_nibbles(w + 2, p->q);
    add_fifths(w[1], p->q);
    p->d = low_f16(w[0]);
    p->m = high_f16(w[0]);
    (void)part;
}

DEVICE void unpack_q8_0(const u8 *memory, u32 at, u32 part, piece *p)
{
    words_anywhere<8>(memory, at + 2, p->q);
    p->d = f16_at(memory, at);
    (void)part;
}

/* ---- looked up ------------------------------------------------------------------------------- */

/* Sixteen signed bytes: rf_iq4_nl_values and rf_mxfp4_values. */
typedef struct byte_table {
    u32 words[4];
} byte_table;

DEVICE byte_table iq4_nl_table(void)
{
    byte_table t = {{0xBFAD9881U, 0xF6EADDCFU, 0x26190D01U, 0x71594535U}};
    return t;
}
DEVICE byte_table mxfp4_table(void)
{
    byte_table t = {{0x03020100U, 0x0C080604U, 0xFDFEFF00U, 0xF4F8FAFCU}};
    return t;
}

#if defined(RF_GPU_NVIDIA)
/* Bytes of eight, by the four nibbles of a selector; bit 3 of each is 0. */
DEVICE u32 permute(u32 low, u32 high, u32 selector)
{
    u32 out;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(low), "r"(high), "r"(selector));
    return out;
}
#endif

/* Values of the low nibbles of a word's bytes, and of the high ones. */
DEVICE void look_up(const byte_table *table, u32 word, u32 *low, u32 *high)
{
    const u32 *t = table->words;
#if defined(RF_GPU_NVIDIA)
    /* A selector is four nibbles, so the nibbles are taken in their order in the word: from both
     * halves of the table by their low three bits, from these two by the fourth; and sorted
     * afterwards. */
    u32 three = word & 0x77777777U;
    u32 fourth = (word >> 1 & 0x44444444U) | 0x32103210U;
    u32 first = permute(permute(t[0], t[1], three), permute(t[2], t[3], three), fourth);
    three >>= 16;
    u32 second = permute(permute(t[0], t[1], three), permute(t[2], t[3], three), fourth >> 16);
    *low = permute(first, second, 0x6420U);
    *high = permute(first, second, 0x7531U);
#elif defined(RF_GPU_AMD)
    u32 nibbles[2] = {word & NIBBLES, word >> 4 & NIBBLES};
    u32 found[2];
    UNROLL
    for (u32 i = 0; i < 2; i++) {
        u32 three = nibbles[i] & 0x07070707U;
        u32 fourth = (nibbles[i] >> 1 & 0x04040404U) | 0x03020100U;
        found[i] = __builtin_amdgcn_perm(__builtin_amdgcn_perm(t[3], t[2], three),
                                         __builtin_amdgcn_perm(t[1], t[0], three), fourth);
    }
    *low = found[0];
    *high = found[1];
#else
    *low = *high = 0;
    for (u32 i = 0; i < 32; i += 8) {
        u32 a = word >> i & 15U, b = word >> (i + 4) & 15U;
        *low |= (t[a / 4] >> (8 * (a % 4)) & 255U) << i;
        *high |= (t[b / 4] >> (8 * (b % 4)) & 255U) << i;
    }
#endif
}

DEVICE void look_up_chunks(byte_table table, const u32 w[4], u32 *q)
{
    UNROLL
    for (u32 i = 0; i < 4; i++)
        look_up(&table, w[i], &q[i], &q[4 + i]);
}

DEVICE void unpack_iq4_nl(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 w[4];
    words_anywhere<4>(memory, at + 2, w);
    look_up_chunks(iq4_nl_table(), w, p->q);
    p->d = f16_at(memory, at);
    (void)part;
}

/* Scales: rf_iq4_xs_scale. */
DEVICE void unpack_iq4_xs(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 header[2], w[4];
    words_of_8<2>(memory, at, header);
    words_of_8<4>(memory, at + 8 + 16 * part, w);
    look_up_chunks(iq4_nl_table(), w, p->q);
    u32 low = header[1] >> (4 * part) & 15U;
    u32 high = header[0] >> (16 + 2 * part) & 3U;
    p->scale[0] = (i32)(low | high << 4) - 32;
    p->d = low_f16(header[0]);
}

/* The scale: rf_e8m0_half_to_f32. */
DEVICE void unpack_mxfp4(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 w[4];
    words_anywhere<4>(memory, at + 1, w);
    look_up_chunks(mxfp4_table(), w, p->q);
    u32 e = memory[at];
    p->d = f32_from_bits(e < 2 ? 0x00200000U << e : (e - 1) << 23);
    (void)part;
}

#endif
