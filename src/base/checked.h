/*
 * checked.h: size arithmetic that cannot wrap. Every sum, product and rounding of a number that
 * came from a file, a caller or a driver goes through here. Each returns false, and leaves *out
 * alone, when the result does not fit.
 */
#ifndef RF_BASE_CHECKED_H
#define RF_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__attribute__((warn_unused_result)) static inline bool rf_add(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

__attribute__((warn_unused_result)) static inline bool rf_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

static inline bool rf_is_power_of_two(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/*
 * Rounds up to a multiple of a power of two. Adding alignment - 1 carries into the next multiple
 * unless x is one already, and the mask clears the bits below; the sum is what can wrap.
 */
__attribute__((warn_unused_result)) static inline bool rf_align_up(uint64_t x, uint64_t alignment,
                                                                   uint64_t *out)
{
    uint64_t sum;
    if (!rf_is_power_of_two(alignment) || !rf_add(x, alignment - 1, &sum))
        return false;
    *out = sum & ~(alignment - 1);
    return true;
}

/* Whether [offset, offset + length) lies in [0, size). */
static inline bool rf_range_inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/* a / b, rounded up; cannot overflow. b: not 0 */
static inline uint32_t rf_div_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b ? 1 : 0);
}

#endif
