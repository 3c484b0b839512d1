/* model.h: a loaded model. The public rf_model. Constant after load, but for the count of its
 * engines. Who shares it is in registry.h. */
#ifndef RF_MODEL_MODEL_H
#define RF_MODEL_MODEL_H

#include "kernels/target.h"
#include "model/tokenizer_task.h"
#include "model/weights.h"

typedef struct rf_model_entry rf_model_entry;

struct rf_model {
    rf_runtime *runtime;
    rf_model_entry *entry; /* in the registry of shared models */
    rf_gguf *gguf; /* kept open: weights in place, and the tokenizer's texts, lie in its files */
    rf_model_config config;
    rf_tokenizer *tokenizer;    /* NULL where the file has none */
    rf_plan *plan;              /* of its weights */
    rf_plan_config plan_config; /* how it was made; engines plan the same way */
    rf_model_weights *weights;
    uint64_t n_parameters;
    uint64_t weight_bytes;
    rf_load_stats load_stats;
    pthread_mutex_t lock; /* guards n_engines */
    uint32_t n_engines;
};

/* What a load knows before any device memory is taken: all that a plan needs. */
typedef struct rf_model_draft {
    rf_model_config config;
    rf_tokenizer_task *making; /* of the tokenizer; NULL once the draft is settled */
    rf_tokenizer *tokenizer;   /* once settled; NULL where the file has none */
    rf_weight_list weights;
    rf_plan *plan;              /* solved */
    rf_plan_config plan_config; /* how it was made */
    bool in_place;
    rf_staging_config staging; /* how to load where it is not in place; without progress */
} rf_model_draft;

/* Reads, checks and plans a model, all but its tokenizer, which is being made when this returns.
 * The gguf must outlive the draft. Free: rf_model_draft_free. */
rf_status rf_model_draft_make(const rf_target *target, const rf_gguf *gguf,
                              const rf_model_options *options, rf_model_draft *out,
                              rf_error *error);
/* Waits for the tokenizer, whose failure is the status; then says in the log what of the file is
 * not used: a file that is refused gives one line alone. Called once. */
rf_status rf_model_draft_settle(rf_model_draft *draft, const rf_gguf *gguf, rf_error *error);
void rf_model_draft_free(rf_model_draft *draft);

/* Loads a model from an open file, of which it becomes an owner. *out is no one else's yet. Errors:
 * as rf_model_load, but those of opening. start_ns: when the load began, for its statistics. */
rf_status rf_model_make(rf_runtime *runtime, const rf_gguf *gguf, const rf_model_options *options,
                        uint64_t start_ns, rf_model **out, rf_error *error);
/* Frees a model that nobody uses; also a half-made one. The status is what giving back reported. */
rf_status rf_model_destroy(rf_model *model, rf_error *error);

/* Counts engines, so that a model is not freed under one. */
void rf_model_retain(rf_model *model);
void rf_model_release(rf_model *model);
uint32_t rf_model_engines(rf_model *model);

#endif
