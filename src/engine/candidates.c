/*
 * candidates.c: top-k, top-p and min-p by selection. Only additions, multiplications, divisions and
 * comparisons of IEEE doubles, in a fixed order: no result depends on the C library or the machine.
 */
#include "engine/candidates.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Collecting a top-k prunes when its array is full; this many entries to spare keep that rare. */
#define SPARE_CANDIDATES 1024

rf_status rf_candidates_create(uint32_t n_vocabulary, uint32_t top_k, rf_candidates *out,
                               rf_error *error)
{
    rf_candidates candidates = {.limit = n_vocabulary, .capacity = n_vocabulary};
    if (top_k > 0 && top_k < n_vocabulary) {
        /* As many to spare as are kept make every prune pay for itself: linear over all. */
        uint64_t spare = top_k > SPARE_CANDIDATES ? top_k : SPARE_CANDIDATES;
        if (top_k + spare < n_vocabulary)
            candidates.capacity = (uint32_t)(top_k + spare);
        candidates.limit = top_k;
    }
    candidates.items = rf_calloc(candidates.capacity, sizeof(*candidates.items));
    if (!candidates.items)
        return rf_error_host_memory(error, "the candidates of a draw",
                                    (uint64_t)candidates.capacity * sizeof(*candidates.items));
    *out = candidates;
    return RF_OK;
}

void rf_candidates_free(rf_candidates *candidates)
{
    rf_free(candidates->items);
    *candidates = (rf_candidates){0};
}

/* A number that grows with a candidate's place in the order; no two candidates share one. */
static uint64_t order_key(const rf_candidate *candidate)
{
    uint32_t bits;
    memcpy(&bits, &candidate->logit, sizeof(bits));
    /* IEEE floats sort as integers once negative ones are inverted and the others put above them.
     */
    bits = bits >> 31 ? ~bits : bits | 0x80000000U;
    return (uint64_t)bits << 32 | (UINT32_MAX - (uint32_t)candidate->token);
}

static uint32_t digit_of(const rf_candidate *candidate, unsigned shift)
{
    return (uint32_t)(order_key(candidate) >> shift) & 0xff;
}

static void swap(rf_candidate *a, rf_candidate *b)
{
    rf_candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Parts [*begin, *end) into larger digits, the digit, and smaller ones; gives the middle part. */
static void part_by_digit(rf_candidate *items, uint32_t *begin, uint32_t *end, unsigned shift,
                          uint32_t digit)
{
    uint32_t i = *begin;
    while (i < *end) {
        uint32_t found = digit_of(&items[i], shift);
        if (found > digit)
            swap(&items[i++], &items[(*begin)++]);
        else if (found < digit)
            swap(&items[i], &items[--*end]);
        else
            i++;
    }
}

/*
 * Moves the shortest beginning of the order whose weight reaches the target to the front, and
 * returns its length. A radix selection from the highest byte of the key: sums weights by digit,
 * finds the digit in which the target is crossed, and goes on among the candidates with that digit.
 */
static uint32_t select_weight(rf_candidate *items, uint32_t count, double target)
{
    uint32_t begin = 0;   /* everything before it is in; its weight is `weight`, below the target */
    uint32_t end = count; /* everything from here on is out */
    double weight = 0;
    for (int shift = 56; shift >= 0 && end - begin > 1; shift -= 8) {
        double weights[256] = {0};
        for (uint32_t i = begin; i < end; i++)
            weights[digit_of(&items[i], (unsigned)shift)] += items[i].weight;
        uint32_t digit = 255;
        /* Where rounding keeps the target out of reach, digit 0 takes all that is left. */
        while (digit > 0 && weight + weights[digit] < target)
            weight += weights[digit--];
        part_by_digit(items, &begin, &end, (unsigned)shift, digit);
    }
    return end;
}

/* Keeps the first `limit`, and returns the smallest logit among them. */
static float prune(rf_candidates *candidates)
{
    for (uint32_t i = 0; i < candidates->count; i++)
        candidates->items[i].weight = 1;
    candidates->count = select_weight(candidates->items, candidates->count, candidates->limit);
    float smallest = INFINITY;
    for (uint32_t i = 0; i < candidates->count; i++)
        smallest = fminf(smallest, candidates->items[i].logit);
    return smallest;
}

void rf_candidates_collect(rf_candidates *candidates, const float *logits, uint32_t n_vocabulary)
{
    candidates->count = 0;
    float floor = -INFINITY; /* what a logit has to exceed; NaN exceeds nothing */
    for (uint32_t token = 0; token < n_vocabulary; token++) {
        if (!(logits[token] > floor))
            continue;
        if (candidates->count == candidates->capacity) {
            /* Tokens come in ascending order: one that equals the floor loses to those kept. */
            floor = prune(candidates);
            if (!(logits[token] > floor))
                continue;
        }
        /* Adding zero makes -0 to +0, which are equal but differ in their bits. */
        candidates->items[candidates->count++] =
            (rf_candidate){.logit = fminf(logits[token], FLT_MAX) + 0.0F, .token = (int32_t)token};
    }
    if (candidates->count > candidates->limit)
        prune(candidates);
}

void rf_candidates_take(rf_candidates *candidates, const int32_t *tokens, const float *logits,
                        uint32_t n)
{
    candidates->count = 0;
    for (uint32_t i = 0; i < n && candidates->count < candidates->limit; i++) {
        if (logits[i] > -INFINITY)
            candidates->items[candidates->count++] =
                (rf_candidate){.logit = fminf(logits[i], FLT_MAX) + 0.0F, .token = tokens[i]};
    }
}

/*
 * e^x for x <= 0, -infinity too, to within two units in the last place. x = k ln 2 + r with |r| at
 * most ln 2 / 2, where the Taylor series up to r^13 is exact to 2^-57; then 2^k through the
 * exponent bits.
 */
static double exp_of_negative(double x)
{
    static const double coefficients[] = {1.0 / 6227020800,
                                          1.0 / 479001600,
                                          1.0 / 39916800,
                                          1.0 / 3628800,
                                          1.0 / 362880,
                                          1.0 / 40320,
                                          1.0 / 5040,
                                          1.0 / 720,
                                          1.0 / 120,
                                          1.0 / 24,
                                          1.0 / 6,
                                          1.0 / 2,
                                          1.0,
                                          1.0};
    const double shifter = 0x1.8p52; /* adding it rounds to an integer, held in the low bits */
    if (x < -708)
        return 0; /* the result would be subnormal */
    double shifted = x * 0x1.71547652b82fep0 + shifter;
    double k = shifted - shifter;
    /* ln 2 in two parts, the first short enough for an exact product (Cody and Waite 1980). */
    double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
    double sum = 0;
    for (size_t i = 0; i < sizeof(coefficients) / sizeof(coefficients[0]); i++)
        sum = sum * r + coefficients[i];
    uint64_t bits = (uint64_t)((int64_t)k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof(power));
    return sum * power;
}

void rf_candidates_weigh(rf_candidates *candidates, double temperature)
{
    double largest = -INFINITY;
    for (uint32_t i = 0; i < candidates->count; i++)
        largest = fmax(largest, candidates->items[i].logit);
    for (uint32_t i = 0; i < candidates->count; i++) {
        rf_candidate *item = &candidates->items[i];
        item->weight = exp_of_negative(((double)item->logit - largest) / temperature);
    }
}

static double total_weight(const rf_candidates *candidates)
{
    double total = 0;
    for (uint32_t i = 0; i < candidates->count; i++)
        total += candidates->items[i].weight;
    return total;
}

void rf_candidates_keep_share(rf_candidates *candidates, double p)
{
    double target = p * total_weight(candidates);
    candidates->count = select_weight(candidates->items, candidates->count, target);
}

void rf_candidates_keep_ratio(rf_candidates *candidates, double p)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].weight >= p)
            candidates->items[kept++] = candidates->items[i];
    }
    candidates->count = kept;
}

int32_t rf_candidates_pick(const rf_candidates *candidates, double u)
{
    /* The sum below ends at the same total, and u < 1 puts the point below it: a candidate with a
     * weight of zero is never the one that passes it. */
    double point = u * total_weight(candidates);
    double sum = 0;
    uint32_t i = 0;
    for (; i + 1 < candidates->count; i++) {
        sum += candidates->items[i].weight;
        if (sum > point)
            break;
    }
    return candidates->items[i].token;
}
