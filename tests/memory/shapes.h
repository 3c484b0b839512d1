/* shapes.h: lists of sizes to plan: those of a real model, and random ones. */
#ifndef RF_TESTS_MEMORY_SHAPES_H
#define RF_TESTS_MEMORY_SHAPES_H

#include <stddef.h>

#include "memory/random.h"

#define SHAPES_MAX 1024

typedef struct shapes {
    uint64_t bytes[SHAPES_MAX];
    size_t count;
} shapes;

static inline void shapes_add(shapes *s, uint64_t rows, uint64_t columns, uint64_t block_elements,
                              uint64_t block_bytes)
{
    s->bytes[s->count++] = rows * columns / block_elements * block_bytes;
}

/* Llama 3 8B as Q4_K_M: 32 layers, width 4096, 8 KV heads of 128, feed-forward width 14336,
 * vocabulary 128256; Q6_K for the output and half of the value and down projections. In the file's
 * order. */
static inline shapes shapes_llama_3_8b(void)
{
    shapes s = {.count = 0};
    shapes_add(&s, 128256, 4096, 256, 144);
    for (int layer = 0; layer < 32; layer++) {
        uint64_t more = layer % 2 ? 210 : 144;
        shapes_add(&s, 1, 4096, 1, 4);
        shapes_add(&s, 14336, 4096, 256, more);
        shapes_add(&s, 14336, 4096, 256, 144);
        shapes_add(&s, 14336, 4096, 256, 144);
        shapes_add(&s, 1, 4096, 1, 4);
        shapes_add(&s, 1024, 4096, 256, 144);
        shapes_add(&s, 4096, 4096, 256, 144);
        shapes_add(&s, 4096, 4096, 256, 144);
        shapes_add(&s, 1024, 4096, 256, more);
    }
    shapes_add(&s, 1, 4096, 1, 4);
    shapes_add(&s, 128256, 4096, 256, 210);
    return s;
}

/* Sizes spread over all magnitudes up to `largest`, as many small tensors as large ones. */
static inline shapes shapes_random(uint64_t *random, uint64_t largest)
{
    shapes s = {.count = (size_t)(1 + random_below(random, 200))};
    for (size_t i = 0; i < s.count; i++) {
        uint64_t magnitude = largest >> random_below(random, 20);
        s.bytes[i] = 1 + random_below(random, magnitude ? magnitude : 1);
    }
    return s;
}

#endif
