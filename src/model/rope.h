/* rope.h: the frequencies of a rotary embedding, with every kind of scaling worked into them. */
#ifndef RF_MODEL_ROPE_H
#define RF_MODEL_ROPE_H

#include "model/config.h"

/*
 * Fills frequencies, [n_rotary / 2] radians a position, and the magnitude that sine and cosine are
 * multiplied by. factors: f32 [n_rotary / 2] from the file's rope_freqs.weight (each frequency is
 * divided by its own), or NULL. RF_ERROR_FORMAT where a factor is none that can be divided by.
 *
 * Sources: RoFormer (Su et al. 2021); linear interpolation (Chen et al. 2023); YaRN (Peng et al.
 * 2023).
 */
rf_status rf_rope_frequencies(const rf_model_config *config, const float *factors,
                              float *frequencies, float *magnitude, rf_error *error);

#endif
