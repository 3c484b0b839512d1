/* expected.h: logits that another program computed, and how far ours are from them. */
#ifndef RF_TESTS_SUPPORT_EXPECTED_H
#define RF_TESTS_SUPPORT_EXPECTED_H

#include "rocmforge.h"

/* A GGUF file with the tensors tokens, I32 [n_tokens], and logits, F32 [n_vocab, n_tokens]. */
typedef struct expected {
    int32_t *tokens;
    float *logits;
    uint32_t n_tokens;
    uint32_t n_vocab;
} expected;

/* Fails the running test where the file is not such a one. */
expected expected_read(const char *path);
void expected_free(expected *e);

/* ||logits - expected|| / ||expected||, over all tokens; NaN counts as infinite. */
double expected_distance(const expected *e, const float *logits);

#endif
