/*
 * synth_stock.h: blocks of random weights, quantised once and dealt out many times: quantising
 * every weight of a large model would take minutes, copying blocks takes as long as writing the
 * file.
 *
 * A tensor is a stream of units of RF_SYNTH_UNIT elements. A matrix's unit is one of its stock,
 * drawn by the unit's number, so that two rows have nothing in common but a pair of units here and
 * there. The units of vectors are made where they are needed.
 */
#ifndef RF_MODEL_SYNTH_STOCK_H
#define RF_MODEL_SYNTH_STOCK_H

#include "model/synth.h"

#define RF_SYNTH_UNIT 256 /* a multiple of every type's block */

/* What matrices of one type and row length, and so of one deviation, are dealt from. */
typedef struct rf_synth_stock {
    rf_type type;
    uint64_t row;
    uint64_t n_units;
    uint8_t *blocks; /* [n_units][bytes of a unit] */
} rf_synth_stock;

typedef struct rf_synth_stocks {
    rf_synth_stock *stocks;
    uint32_t count;
    uint32_t *of_tensor; /* [n_tensors] index into stocks; 0 for vectors */
} rf_synth_stocks;

uint64_t rf_synth_unit_bytes(rf_type type);
/* Units of a tensor; the last one may be cut. */
uint64_t rf_synth_unit_count(const rf_synth_tensor *tensor);

/* Makes the stocks of a list of tensors. Free with rf_synth_stocks_free. Errors: HOST_MEMORY. */
rf_status rf_synth_stocks_make(const rf_synth_list *list, uint64_t seed, rf_threads *threads,
                               rf_synth_stocks *out, rf_error *error);
void rf_synth_stocks_free(rf_synth_stocks *stocks);

/* What the data of one tensor comes from. */
typedef struct rf_synth_source {
    const rf_synth_model *model;
    const rf_synth_tensor *tensor;
    const rf_synth_stock *stock;
    uint64_t stream; /* of random numbers: the tensor's own */
} rf_synth_source;

/* Writes units [first, first + count) of a tensor, less what the last one has beyond its end. */
void rf_synth_deal(const rf_synth_source *source, uint64_t first, uint64_t count, uint8_t *out);

#endif
