/* utf8.c: the well-formed byte sequences of the Unicode standard, table 3-7. */
#include "base/utf8.h"

/* The rows of the table that differ: what may stand second depends on what stands first. */
static void second_byte_range(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
}

/* Bytes of the character that starts with this byte; 0 where no character does. */
static size_t sequence_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

size_t rf_utf8_next(const unsigned char *data, size_t length, rf_utf8_kind *kind)
{
    size_t needed = sequence_length(data[0]);
    *kind = needed ? RF_UTF8_WHOLE : RF_UTF8_BROKEN;
    if (needed <= 1)
        return 1;
    unsigned char low;
    unsigned char high;
    second_byte_range(data[0], &low, &high);
    for (size_t i = 1; i < needed; i++) {
        if (i == length) {
            *kind = RF_UTF8_CUT;
            return i;
        }
        if (data[i] < low || data[i] > high) {
            *kind = RF_UTF8_BROKEN;
            return i;
        }
        low = 0x80;
        high = 0xBF;
    }
    return needed;
}

uint32_t rf_utf8_decode(const unsigned char *data, size_t length)
{
    if (length == 1)
        return data[0];
    uint32_t point = data[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++)
        point = point << 6 | (data[i] & 0x3FU);
    return point;
}

bool rf_utf8_is_printable(const unsigned char *data, size_t length, rf_utf8_kind kind)
{
    if (kind != RF_UTF8_WHOLE)
        return false;
    uint32_t point = rf_utf8_decode(data, length);
    return point >= 0x20 && !(point >= 0x7F && point < 0xA0);
}
