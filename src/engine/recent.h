/*
 * recent.h: the latest tokens of a sequence and how often each of them is there: what penalties
 * look at. A ring of tokens, a count for each entry of the vocabulary, and a list of those whose
 * count is not zero; adding a token is O(1), and nothing is allocated after creation.
 */
#ifndef RF_ENGINE_RECENT_H
#define RF_ENGINE_RECENT_H

#include "base/error.h"

typedef struct rf_recent {
    uint32_t n_vocabulary;
    uint32_t capacity; /* tokens that are remembered; 0: none are, and nothing is allocated */
    uint32_t length;   /* of the ring, so far */
    uint32_t oldest;   /* where the ring starts, once it is full */
    int32_t *ring;     /* [capacity] */
    uint32_t *counts;  /* [n_vocabulary]: how often a token is in the ring */
    uint32_t *places;  /* [n_vocabulary]: where in distinct, if its count is not zero */
    int32_t *distinct; /* [n_distinct]: the tokens of the ring, each once, in no order */
    uint32_t n_distinct;
} rf_recent;

/* *out is untouched on failure. */
rf_status rf_recent_create(uint32_t n_vocabulary, uint32_t capacity, rf_recent *out,
                           rf_error *error);
void rf_recent_free(rf_recent *recent); /* takes a zeroed one */

/* A token outside the vocabulary is not remembered. */
void rf_recent_add(rf_recent *recent, int32_t token);

#endif
