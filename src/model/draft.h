/*
 * draft.h: what a load knows before any device memory is taken: all that a plan needs.
 *
 * A model is divided by its layers: the last ones are on the device, and with them the output, so
 * that the largest matrix, and drawing from what it gives, are where they are quickest; the others
 * are on the host, and with them the embedding, which is a look-up there. So a pass goes over the
 * bus once, with a row of the residual stream for each token.
 */
#ifndef RF_MODEL_DRAFT_H
#define RF_MODEL_DRAFT_H

#include "kernels/target.h"
#include "model/tokenizer_task.h"
#include "model/weights.h"

/* The devices that a model may be divided between. */
typedef struct rf_model_targets {
    rf_target device;
    rf_target host; /* a CPU; where there is one */
    bool has_host;
} rf_model_targets;

/* host: NULL where there is none. RF_ERROR_ARGUMENT for one that is no CPU, or beside a CPU. */
rf_status rf_model_targets_make(const rf_target *device, const rf_runtime *host,
                                rf_model_targets *out, rf_error *error);

/* All of a model, or its layers on the host, or those on the device. */
#define RF_MODEL_MAX_PARTS 2

/* Layers that are on one device. */
typedef struct rf_draft_part {
    bool on_host;
    rf_target target; /* which of the two that is */
    rf_layer_span layers;
    rf_weight_list weights;
    rf_plan *plan;              /* of the weights, solved */
    rf_plan_config plan_config; /* how it was made */
    bool in_place;
    rf_staging_config staging; /* how to load where it is not in place; without progress */
} rf_draft_part;

typedef struct rf_model_draft {
    rf_model_options options;
    rf_model_config config;
    rf_weight_list weights;    /* all */
    rf_tokenizer_task *making; /* of the tokenizer, where that was started and is not settled yet */
    rf_tokenizer *tokenizer;   /* once settled; NULL where the file has none */
    rf_draft_part parts[RF_MODEL_MAX_PARTS]; /* in the order of their layers */
    uint32_t n_parts;                        /* 0 until it is divided */
} rf_model_draft;

/* Reads and checks a model. The gguf must outlive the draft. Free: rf_model_draft_free. */
rf_status rf_model_draft_make(const rf_gguf *gguf, const rf_model_options *options,
                              rf_model_draft *out, rf_error *error);
/* Begins to make the tokenizer, beside whatever follows. */
rf_status rf_model_draft_start_tokenizer(rf_model_draft *draft, const rf_gguf *gguf,
                                         rf_error *error);
/* Divides a draft, anew if need be, and plans each part's weights. device_layers: how many of the
 * last layers are on the device; where there are no more, or no host, all are. After a failure it
 * is not divided. */
rf_status rf_model_draft_divide(rf_model_draft *draft, const rf_gguf *gguf,
                                const rf_model_targets *targets, uint32_t device_layers,
                                rf_error *error);
/* Waits for the tokenizer, whose failure is the status; then says in the log what of the file is
 * not used: a file that is refused gives one line alone. Called once. */
rf_status rf_model_draft_settle(rf_model_draft *draft, const rf_gguf *gguf, rf_error *error);
void rf_model_draft_free(rf_model_draft *draft);

#endif
