/*
 * architecture.h: what one kind of model is made of. A new one is a file in src/model/architectures
 * and a row in architecture.c.
 */
#ifndef RF_MODEL_ARCHITECTURE_H
#define RF_MODEL_ARCHITECTURE_H

#include "model/config.h"
#include "model/forward.h"

/* Parts that not every architecture has. What a part consists of: weights.c. */
typedef enum rf_model_parts {
    RF_PART_QKV_BIAS = 1 << 0, /* biases of q, k and v are required; otherwise used where present */
    RF_PART_QK_NORM = 1 << 1,  /* RMS norms of each head's q and k */
    RF_PART_DENSE = 1 << 2,    /* SwiGLU feed-forward in layers without experts */
    RF_PART_EXPERTS = 1 << 3,  /* mixture of experts where the metadata says so */
    RF_PART_WHOLE_ROTARY =
        1 << 4, /* every element of a head rotates; a file that says less is wrong */
} rf_model_parts;

struct rf_architecture {
    const char *name; /* general.architecture, and the prefix of its keys */
    rf_rope_style rope_style;
    uint32_t parts; /* rf_model_parts */
    rf_status (*layer)(const rf_pass *pass, uint32_t layer, rf_error *error);
};

/* The one list of architectures: table, declarations and the names in errors are made from it. */
#define RF_ARCHITECTURE_LIST(X) X(llama) X(qwen2) X(qwen3) X(qwen3moe)

#define RF_ARCHITECTURE_DECLARE(name) extern const rf_architecture rf_architecture_##name;
RF_ARCHITECTURE_LIST(RF_ARCHITECTURE_DECLARE)
#undef RF_ARCHITECTURE_DECLARE

/* By its name in the metadata; NULL where there is none. */
const rf_architecture *rf_architecture_find(rf_string name);
/* All names with a space between, for errors. */
const char *rf_architecture_names(void);

#endif
