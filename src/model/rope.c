/*
 * rope.c: rotary frequencies. Angles are linear in the position under every supported scaling, so
 * that one table of frequencies holds for all positions.
 */
#include "model/rope.h"

#include <math.h>

/* Of a file's own factors: those of models are 1 and more, and frequencies must stay finite. */
#define LEAST_FACTOR 1e-6F

/* YaRN: the dimension whose frequency turns n_rotations times over the original context. */
static double correction_dimension(const rf_model_config *c, double n_rotations)
{
    return c->rope.n_rotary * log(c->rope.original_context / (n_rotations * 2.0 * M_PI)) /
           (2.0 * log((double)c->rope.base));
}

/* YaRN: how far pair i lies between the frequencies left alone (0) and those interpolated (1). */
static double interpolation_ramp(const rf_model_config *c, uint32_t i)
{
    double low = fmax(0.0, floor(correction_dimension(c, (double)c->rope.beta_fast)));
    double high =
        fmin(c->rope.n_rotary - 1.0, ceil(correction_dimension(c, (double)c->rope.beta_slow)));
    double place = (i - low) / fmax(0.001, high - low);
    return fmin(1.0, fmax(0.0, place));
}

rf_status rf_rope_frequencies(const rf_model_config *config, const float *factors,
                              float *frequencies, float *magnitude, rf_error *error)
{
    uint32_t n = config->rope.n_rotary / 2;
    double factor = (double)config->rope.factor;
    bool yarn = config->rope.scaling == RF_ROPE_SCALING_YARN;
    for (uint32_t i = 0; i < n; i++) {
        if (factors && !(isfinite(factors[i]) && factors[i] >= LEAST_FACTOR))
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "tensor rope_freqs.weight: factor %u is %g, expected a number of "
                                "at least %g",
                                i, (double)factors[i], (double)LEAST_FACTOR);
    }
    for (uint32_t i = 0; i < n; i++) {
        double extrapolated = pow((double)config->rope.base, -2.0 * i / config->rope.n_rotary) /
                              (factors ? (double)factors[i] : 1.0);
        double interpolated = extrapolated / factor;
        double kept =
            yarn ? (1.0 - interpolation_ramp(config, i)) * (double)config->rope.extrapolation : 0.0;
        frequencies[i] = (float)(interpolated * (1.0 - kept) + extrapolated * kept);
    }
    /* Longer contexts flatten the softmax; YaRN's magnitude (its equation 22) sharpens it again. A
     * factor below 1 shortens them, and there is nothing to make up for. */
    bool longer = factor > 1.0 && config->rope.extrapolation != 0.0F;
    double sharpen = yarn && longer ? 1.0 + 0.1 * log(factor) : 1.0;
    *magnitude = (float)(sharpen * (double)config->rope.attention_factor);
    return RF_OK;
}
