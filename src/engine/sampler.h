/*
 * sampler.h: drawing the next token from a row of logits. A sampler holds the state of one
 * sequence: its random numbers and the tokens that its penalties look at.
 *
 * The steps are those of rf_sampling (rocmforge.h), in its order. Top-p and min-p look at the
 * probabilities at temperature 1, before it is applied. The same seed, options, tokens and logits
 * give the same draws on every machine: arithmetic that decides is IEEE addition, multiplication,
 * division and comparison only, in a fixed order.
 */
#ifndef RF_ENGINE_SAMPLER_H
#define RF_ENGINE_SAMPLER_H

#include "base/error.h"

#define RF_SAMPLER_MAX_BIASES 65536U     /* every draw adds each of them */
#define RF_SAMPLER_MAX_LAST_N (1U << 20) /* eight bytes each; longer than contexts are */

typedef struct rf_sampler rf_sampler;

/* Checks every field by name (RF_ERROR_ARGUMENT), copies the biases, and allocates all that drawing
 * will need. n_vocabulary: entries of a row of logits. */
rf_status rf_sampler_create(const rf_sampling *sampling, uint32_t n_vocabulary, rf_sampler **out,
                            rf_error *error);
void rf_sampler_free(rf_sampler *sampler);

/* Tells it of a token of the prompt, or one that was generated. O(1); a token outside the
 * vocabulary is ignored. */
void rf_sampler_accept(rf_sampler *sampler, int32_t token);

/* Draws a token from logits, f32 [n_vocabulary], which it may change. NaN counts as -infinity and
 * +infinity as the largest float; where nothing is left RF_ERROR_INTERNAL. Greedy ties go to the
 * lowest id. Allocates nothing; linear in the vocabulary. */
rf_status rf_sampler_draw(rf_sampler *sampler, float *logits, int32_t *token, rf_error *error);

/* How many of the largest logits decide what is drawn, whatever the others are: 1 where drawing is
 * greedy, top-k; 0 where all may matter. */
uint32_t rf_sampler_top(const rf_sampler *sampler);

/* Draws from the n largest logits of a row, as rf_top_args leaves them; n at least rf_sampler_top,
 * which is not 0. The same token as rf_sampler_draw gives of a greedy draw; otherwise one of the
 * same distribution. */
rf_status rf_sampler_draw_top(rf_sampler *sampler, const int32_t *indices, const float *values,
                              uint32_t n, int32_t *token, rf_error *error);

#endif
