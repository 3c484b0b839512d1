/*
 * experts.h: the parts of the mixture of experts: its workspace, and the routing of tokens to
 * experts.
 *
 * A pair is a token and one of the experts chosen for it. Pairs are ordered by expert, then by
 * token, so that an expert's columns lie side by side and its weights are read once a batch.
 */
#ifndef RF_KERNELS_CPU_EXPERTS_H
#define RF_KERNELS_CPU_EXPERTS_H

#include "kernels/cpu/operations.h"

typedef struct rf_experts_shape {
    uint64_t n_tokens;
    uint64_t n_embd;
    uint64_t n_ff;
    uint64_t n_experts;
    uint64_t n_used; /* at most n_experts */
} rf_experts_shape;

/* Where each array starts in the workspace; n_pairs is n_tokens * n_used. */
typedef struct rf_experts_layout {
    uint64_t logits;       /* f32 [n_tokens][n_experts] */
    uint64_t chosen;       /* u32 [n_pairs]: experts of each token */
    uint64_t shares;       /* f32 [n_pairs]: their weights, which sum to one for each token */
    uint64_t ends;         /* u32 [n_experts + 1]: expert e has pairs ends[e] to ends[e + 1] */
    uint64_t active;       /* u32 [n_experts]: those with any pair, ascending */
    uint64_t pair_tokens;  /* u32 [n_pairs] */
    uint64_t pair_weights; /* f32 [n_pairs] */
    uint64_t hidden;       /* f32 [n_pairs][n_ff] */
    uint64_t packed;       /* [n_pairs] columns of n_embd or of n_ff elements, in turn */
    uint64_t packed_bytes;
    uint64_t bytes; /* in all */
} rf_experts_layout;

/* Grows with every member of the shape. RF_ERROR_OVERFLOW. */
rf_status rf_experts_plan(const rf_experts_shape *shape, rf_experts_layout *out, rf_error *error);

/* Which pairs there are: views of the workspace. */
typedef struct rf_experts_routes {
    uint32_t *chosen;
    float *shares;
    uint32_t *ends;
    uint32_t *active;
    uint32_t *pair_tokens;
    float *pair_weights;
    uint32_t n_active;
} rf_experts_routes;

/*
 * From logits f32 [n_tokens][n_experts] to pairs: for each token the n_used experts of the highest
 * probability (of equal ones the lower index), with weights that sum to one.
 */
void rf_experts_route(const rf_compute *compute, const rf_experts_shape *shape, const float *logits,
                      rf_experts_routes *routes);

#endif
