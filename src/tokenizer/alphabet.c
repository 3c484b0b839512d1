/* alphabet.c: the bytes that stand for themselves are 21-7E, A1-AC and AE-FF. */
#include "tokenizer/alphabet.h"

/* The bytes that do not, in the order in which U+0100, U+0101, … stand for them. */
static const struct {
    unsigned char first, last;
} replaced[] = {{0x00, 0x20}, {0x7F, 0xA0}, {0xAD, 0xAD}};

#define REPLACED_RANGES (sizeof(replaced) / sizeof(replaced[0]))

static uint32_t code_point_of(unsigned char byte)
{
    uint32_t point = 0x100;
    for (size_t i = 0; i < REPLACED_RANGES; i++) {
        if (byte >= replaced[i].first && byte <= replaced[i].last)
            return point + byte - replaced[i].first;
        point += (uint32_t)(replaced[i].last - replaced[i].first + 1);
    }
    return byte;
}

size_t rf_alphabet_letter(unsigned char byte, char out[RF_ALPHABET_BYTES_MAX])
{
    uint32_t point = code_point_of(byte);
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    out[0] = (char)(0xC0 | point >> 6);
    out[1] = (char)(0x80 | (point & 0x3F));
    return 2;
}

int rf_alphabet_byte(uint32_t code_point)
{
    uint32_t point = 0x100;
    for (size_t i = 0; i < REPLACED_RANGES; i++) {
        uint32_t count = (uint32_t)(replaced[i].last - replaced[i].first + 1);
        if (code_point >= point && code_point < point + count)
            return (int)(replaced[i].first + code_point - point);
        point += count;
    }
    return code_point < 0x100 && code_point_of((unsigned char)code_point) == code_point
               ? (int)code_point
               : -1;
}
