/* sampler.c: checks sampling options, and draws tokens by them. */
#include "engine/sampler.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "engine/candidates.h"
#include "engine/random.h"
#include "engine/recent.h"

struct rf_sampler {
    rf_sampling options; /* biases point to the copy below */
    uint32_t n_vocabulary;
    rf_logit_bias *biases;
    rf_random random;
    rf_recent recent;
    rf_candidates candidates; /* none where drawing is greedy */
};

static rf_status refuse(rf_error *error, const char *field, double value, const char *expected)
{
    return rf_error_set(error, RF_ERROR_ARGUMENT, "sampling: %s %g, expected %s", field, value,
                        expected);
}

static rf_status check_biases(const rf_sampling *sampling, uint32_t n_vocabulary, rf_error *error)
{
    if (sampling->n_biases > RF_SAMPLER_MAX_BIASES)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "sampling: %zu biases, at most %u",
                            sampling->n_biases, RF_SAMPLER_MAX_BIASES);
    if (sampling->n_biases > 0 && !sampling->biases)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "sampling: %zu biases at no address",
                            sampling->n_biases);
    for (size_t i = 0; i < sampling->n_biases; i++) {
        rf_logit_bias bias = sampling->biases[i];
        if (bias.token < 0 || (uint32_t)bias.token >= n_vocabulary)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "sampling: bias %zu is of token %d, the vocabulary has %u", i,
                                bias.token, n_vocabulary);
        if (isnan(bias.bias) || bias.bias == INFINITY)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "sampling: bias of token %d is %g, expected a number or -inf",
                                bias.token, (double)bias.bias);
    }
    return RF_OK;
}

/* Comparisons are written so that NaN fails them. */
static rf_status check_options(const rf_sampling *s, uint32_t n_vocabulary, rf_error *error)
{
    if (n_vocabulary < 1 || n_vocabulary > INT32_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "sampling from %u logits, expected 1 to %d",
                            n_vocabulary, INT32_MAX);
    if (!(s->temperature >= 0 && s->temperature <= FLT_MAX))
        return refuse(error, "temperature", s->temperature, "0 or more");
    if (!(s->top_p > 0 && s->top_p <= 1))
        return refuse(error, "top_p", s->top_p, "above 0, at most 1");
    if (!(s->min_p >= 0 && s->min_p < 1))
        return refuse(error, "min_p", s->min_p, "0 or more, below 1");
    if (!(s->repeat_penalty > 0 && s->repeat_penalty <= FLT_MAX))
        return refuse(error, "repeat_penalty", s->repeat_penalty, "above 0");
    if (!isfinite(s->frequency_penalty))
        return refuse(error, "frequency_penalty", s->frequency_penalty, "a finite number");
    if (!isfinite(s->presence_penalty))
        return refuse(error, "presence_penalty", s->presence_penalty, "a finite number");
    if (s->penalty_last_n > RF_SAMPLER_MAX_LAST_N)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "sampling: penalty_last_n %u, at most %u",
                            s->penalty_last_n, RF_SAMPLER_MAX_LAST_N);
    return check_biases(s, n_vocabulary, error);
}

static rf_status copy_biases(rf_sampler *sampler, rf_error *error)
{
    rf_sampling *options = &sampler->options;
    if (options->n_biases > 0) {
        sampler->biases = rf_calloc(options->n_biases, sizeof(*sampler->biases));
        if (!sampler->biases)
            return rf_error_host_memory(error, "logit biases",
                                        options->n_biases * sizeof(*sampler->biases));
        memcpy(sampler->biases, options->biases, options->n_biases * sizeof(*sampler->biases));
    }
    options->biases = sampler->biases;
    return RF_OK;
}

static bool is_penalised(const rf_sampling *options)
{
    return options->repeat_penalty != 1 || options->frequency_penalty != 0 ||
           options->presence_penalty != 0;
}

/* Allocates the parts of a sampler that its options call for. */
static rf_status fill(rf_sampler *sampler, rf_error *error)
{
    const rf_sampling *options = &sampler->options;
    RF_TRY(copy_biases(sampler, error));
    RF_TRY(rf_recent_create(sampler->n_vocabulary,
                            is_penalised(options) ? options->penalty_last_n : 0, &sampler->recent,
                            error));
    if (options->temperature > 0)
        RF_TRY(rf_candidates_create(sampler->n_vocabulary, options->top_k, &sampler->candidates,
                                    error));
    rf_random_seed(&sampler->random, options->seed);
    return RF_OK;
}

rf_status rf_sampler_create(const rf_sampling *sampling, uint32_t n_vocabulary, rf_sampler **out,
                            rf_error *error)
{
    RF_TRY(check_options(sampling, n_vocabulary, error));
    rf_sampler *sampler = rf_calloc(1, sizeof(*sampler));
    if (!sampler)
        return rf_error_host_memory(error, "a sampler", sizeof(*sampler));
    sampler->options = *sampling;
    sampler->n_vocabulary = n_vocabulary;
    rf_status status = fill(sampler, error);
    if (status != RF_OK) {
        rf_sampler_free(sampler);
        return status;
    }
    *out = sampler;
    return RF_OK;
}

void rf_sampler_free(rf_sampler *sampler)
{
    if (!sampler)
        return;
    rf_candidates_free(&sampler->candidates);
    rf_recent_free(&sampler->recent);
    rf_free(sampler->biases);
    rf_free(sampler);
}

void rf_sampler_accept(rf_sampler *sampler, int32_t token)
{
    rf_recent_add(&sampler->recent, token);
}

/* To float again: what left its range comes back to the edge, so that only -infinity forbids a
 * token. */
static float to_logit(double x)
{
    if (x > (double)FLT_MAX)
        return FLT_MAX;
    if (x < -(double)FLT_MAX && x != -INFINITY)
        return -FLT_MAX;
    return (float)x;
}

static void apply_biases(const rf_sampler *sampler, float *logits)
{
    for (size_t i = 0; i < sampler->options.n_biases; i++) {
        rf_logit_bias bias = sampler->biases[i];
        logits[bias.token] = to_logit((double)logits[bias.token] + bias.bias);
    }
}

/* The repeat penalty is that of Keskar et al. 2019 (CTRL), made to lower negative logits too. */
static void apply_penalties(const rf_sampler *sampler, float *logits)
{
    const rf_sampling *options = &sampler->options;
    const rf_recent *recent = &sampler->recent;
    for (uint32_t i = 0; i < recent->n_distinct; i++) {
        int32_t token = recent->distinct[i];
        double logit = logits[token];
        logit = logit > 0 ? logit / options->repeat_penalty : logit * options->repeat_penalty;
        logit -= (double)recent->counts[token] * options->frequency_penalty;
        logit -= options->presence_penalty;
        logits[token] = to_logit(logit);
    }
}

/* The largest logit's token, the lowest id of several; -1 where every logit is NaN or -infinity. */
static int32_t most_likely(const float *logits, uint32_t n_vocabulary)
{
    int32_t best = -1;
    float largest = -INFINITY;
    for (uint32_t token = 0; token < n_vocabulary; token++) {
        if (logits[token] > largest) {
            largest = logits[token];
            best = (int32_t)token;
        }
    }
    return best;
}

/* A token by chance, of the candidates collected; -1 where there are none. */
static int32_t pick_by_weight(rf_sampler *sampler)
{
    const rf_sampling *options = &sampler->options;
    rf_candidates *candidates = &sampler->candidates;
    if (candidates->count == 0)
        return -1;
    if (options->top_p < 1 || options->min_p > 0)
        rf_candidates_weigh(candidates, 1);
    if (options->top_p < 1)
        rf_candidates_keep_share(candidates, options->top_p);
    if (options->min_p > 0)
        rf_candidates_keep_ratio(candidates, options->min_p);
    rf_candidates_weigh(candidates, options->temperature);
    return rf_candidates_pick(candidates, rf_random_uniform(&sampler->random));
}

static rf_status give_token(const rf_sampler *sampler, int32_t drawn, int32_t *token,
                            rf_error *error)
{
    if (drawn < 0)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "no token to draw: all %u logits are -infinity or not a number",
                            sampler->n_vocabulary);
    *token = drawn;
    return RF_OK;
}

rf_status rf_sampler_draw(rf_sampler *sampler, float *logits, int32_t *token, rf_error *error)
{
    apply_biases(sampler, logits);
    apply_penalties(sampler, logits);
    if (!(sampler->options.temperature > 0))
        return give_token(sampler, most_likely(logits, sampler->n_vocabulary), token, error);
    rf_candidates_collect(&sampler->candidates, logits, sampler->n_vocabulary);
    return give_token(sampler, pick_by_weight(sampler), token, error);
}

uint32_t rf_sampler_top(const rf_sampler *sampler)
{
    const rf_sampling *options = &sampler->options;
    if (options->n_biases > 0 || (is_penalised(options) && options->penalty_last_n > 0))
        return 0;
    if (!(options->temperature > 0))
        return 1;
    return options->top_k < sampler->n_vocabulary ? options->top_k : 0;
}

rf_status rf_sampler_draw_top(rf_sampler *sampler, const int32_t *indices, const float *values,
                              uint32_t n, int32_t *token, rf_error *error)
{
    if (!(sampler->options.temperature > 0))
        return give_token(sampler, n && values[0] > -INFINITY ? indices[0] : -1, token, error);
    rf_candidates_take(&sampler->candidates, indices, values, n);
    return give_token(sampler, pick_by_weight(sampler), token, error);
}
