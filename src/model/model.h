/* model.h: a loaded model. The public rf_model. Constant after load, but for the count of its
 * engines. Who shares it is in registry.h. */
#ifndef RF_MODEL_MODEL_H
#define RF_MODEL_MODEL_H

#include <pthread.h>

#include "model/draft.h"

typedef struct rf_model_entry rf_model_entry;

/* Layers that are on one device. */
typedef struct rf_model_part {
    rf_runtime *runtime;
    rf_layer_span layers;
    rf_plan *plan;              /* of its weights */
    rf_plan_config plan_config; /* how it was made; engines plan the same way */
    rf_model_weights *weights;
} rf_model_part;

struct rf_model {
    rf_runtime *runtime;
    rf_runtime *host;      /* for the layers that are not on the runtime's device; or NULL */
    rf_model_entry *entry; /* in the registry of shared models */
    rf_gguf *gguf; /* kept open: weights in place, and the tokenizer's texts, lie in its files */
    rf_model_config config;
    rf_tokenizer *tokenizer;                 /* NULL where the file has none */
    rf_model_part parts[RF_MODEL_MAX_PARTS]; /* in the order of their layers */
    uint32_t n_parts;
    uint64_t n_parameters;
    uint64_t weight_bytes;
    rf_load_stats load_stats;
    pthread_mutex_t lock; /* guards n_engines */
    uint32_t n_engines;
};

/* How many of its layers, the last ones, are on the runtime's device. */
uint32_t rf_model_device_layers(const rf_model *model);

/* A failure of one part says which layers it was about, where there are two. */
rf_status rf_model_part_context(const rf_model *model, const rf_model_part *part, rf_status status,
                                rf_error *error);

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
