/* ground_truth.h: tensors of the oracle's file of blocks: for each type T.source (f32), and blocks
 * and their values as T.quantised.blocks, T.quantised.values, T.random.blocks, T.random.values. */
#ifndef RF_TESTS_TENSOR_GROUND_TRUTH_H
#define RF_TESTS_TENSOR_GROUND_TRUTH_H

#include <stdbool.h>

#include "rocmforge.h"

/* Opens it, or skips the running test. */
rf_gguf *open_ground_truth(void);

/* A tensor by type and the rest of its name, freed with rf_free; NULL where there is none. */
void *read_ground_truth(const rf_gguf *gguf, rf_type type, const char *part,
                        rf_gguf_tensor *tensor);

/* The same number: the same bits, or both NaN. */
bool same_float(float a, float b);

#endif
