/*
 * candidates.h: the tokens that are still in the draw, and the steps that thin them out. Candidates
 * are ordered by logit, the largest first, and among equals by token id, the lowest first; each
 * step keeps a beginning of that order. The array itself is in no order: a step finds its cut by
 * radix selection, linear in the number of candidates, and nothing is ever sorted.
 */
#ifndef RF_ENGINE_CANDIDATES_H
#define RF_ENGINE_CANDIDATES_H

#include "base/error.h"

typedef struct rf_candidate {
    double weight; /* in proportion to its probability; the largest logit's is 1 */
    float logit;   /* finite */
    int32_t token;
} rf_candidate;

typedef struct rf_candidates {
    rf_candidate *items; /* [capacity], of which count are in use */
    uint32_t count;
    uint32_t capacity;
    uint32_t limit; /* candidates that collecting keeps: top-k */
} rf_candidates;

/* Allocates what drawing from n_vocabulary (at least 1) logits needs; top_k 0: no limit. With a
 * small top_k that is little memory, whatever the vocabulary. *out is untouched on failure. */
rf_status rf_candidates_create(uint32_t n_vocabulary, uint32_t top_k, rf_candidates *out,
                               rf_error *error);
void rf_candidates_free(rf_candidates *candidates); /* takes a zeroed one */

/* Starts anew with the top-k of logits, f32 [n_vocabulary]. NaN and -infinity are left out, so
 * there may be none; +infinity counts as the largest finite number. Weights are not set. */
void rf_candidates_collect(rf_candidates *candidates, const float *logits, uint32_t n_vocabulary);

/* Starts anew with the first `limit` of n candidates that are in order already, the largest logit
 * first. */
void rf_candidates_take(rf_candidates *candidates, const int32_t *tokens, const float *logits,
                        uint32_t n);

/* Sets every weight to exp((logit - largest logit) / temperature). At least one candidate;
 * temperature > 0. */
void rf_candidates_weigh(rf_candidates *candidates, double temperature);

/* Top-p (Holtzman et al. 2020): the shortest beginning that has the share p, in (0, 1), of all
 * weight. */
void rf_candidates_keep_share(rf_candidates *candidates, double p);

/* Min-p (Nguyen et al. 2024): those whose weight is at least p times the largest; p in [0, 1). */
void rf_candidates_keep_ratio(rf_candidates *candidates, double p);

/* The candidate in whose part of the whole weight the point u, in [0, 1), lies. */
int32_t rf_candidates_pick(const rf_candidates *candidates, double u);

#endif
