/*
 * synth.h: the parts that synthetic models are made of (rocmforge.h says what those are): a shape
 * and a quantisation from their tables, the list of tensors that follows from the two, metadata and
 * data. synth.c puts them together.
 */
#ifndef RF_MODEL_SYNTH_H
#define RF_MODEL_SYNTH_H

#include "base/threads.h"
#include "gguf/writer.h"

/* The shape of a published model, one row of the table in synth_shapes.c. */
typedef struct rf_synth_model {
    const char *name;
    const char *description;
    const char *architecture; /* one that architecture.h knows */
    uint32_t n_layers;
    uint32_t n_embd;
    uint32_t n_heads;
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t n_ff;      /* of a dense layer */
    uint32_t n_experts; /* 0: dense */
    uint32_t n_experts_used;
    uint32_t n_ff_expert; /* of one expert */
    uint32_t n_vocab;
    uint32_t n_context;
    float rope_base;
    float rope_factor; /* of Llama 3.1's frequency scaling, in rope_freqs.weight; 0: none */
    float norm_epsilon;
    bool tied; /* no output.weight */
} rf_synth_model;

/* A quantisation, one row of the table in synth_quants.c. */
typedef struct rf_synth_quant rf_synth_quant;

/* By name, in upper or lower case. RF_ERROR_ARGUMENT names those that there are. */
rf_status rf_synth_model_find(const char *name, const rf_synth_model **out, rf_error *error);
rf_status rf_synth_quant_find(const char *name, const rf_synth_quant **out, rf_error *error);

/* The error for a name that is in no row of a table, whose names it lists. name may be NULL. */
rf_status rf_synth_unknown(const char *what, const char *name, rf_synth_entry (*at)(size_t),
                           rf_error *error);

const char *rf_synth_quant_name(const rf_synth_quant *quant);
/* The number that general.file_type has for it. */
uint32_t rf_synth_quant_file_type(const rf_synth_quant *quant);

/* What a matrix does, as far as quantisations tell matrices apart. */
typedef enum rf_synth_role {
    RF_SYNTH_EMBEDDING,
    RF_SYNTH_OUTPUT, /* of the model */
    RF_SYNTH_K,
    RF_SYNTH_V,
    RF_SYNTH_ATTENTION_OUTPUT,
    RF_SYNTH_DOWN,
    RF_SYNTH_DOWN_EXPERTS,
    RF_SYNTH_OTHER_EXPERTS,
    RF_SYNTH_OTHER,
} rf_synth_role;

/* The element type of a matrix whose rows have row elements; layer does not matter to those that
 * are in none. pure: the base type, whatever the role. */
rf_type rf_synth_type(const rf_synth_quant *quant, const rf_synth_model *model, bool pure,
                      rf_synth_role role, uint32_t layer, uint64_t row);

/* What a tensor is filled with. */
typedef enum rf_synth_fill {
    RF_SYNTH_MATRIX, /* normal, deviation 1/sqrt(row): a product keeps the magnitude of its input */
    RF_SYNTH_NORM,   /* around 1 */
    RF_SYNTH_BIAS,   /* around 0 */
    RF_SYNTH_ROPE,   /* Llama 3.1's divisors of frequencies */
} rf_synth_fill;

#define RF_SYNTH_NAME_BYTES 64

typedef struct rf_synth_tensor {
    char name[RF_SYNTH_NAME_BYTES];
    rf_synth_fill fill;
    rf_type type;
    uint32_t n_dimensions;
    uint64_t shape[3]; /* innermost first; unused ones are 1 */
    uint64_t n_elements;
    uint64_t bytes;
} rf_synth_tensor;

typedef struct rf_synth_list {
    rf_synth_tensor *tensors;
    uint32_t count;
    rf_synth_summary summary;
} rf_synth_list;

/* Lists a model's tensors in the order of the file. Free with rf_synth_list_free. Errors:
 * HOST_MEMORY, OVERFLOW. */
rf_status rf_synth_list_make(const rf_synth_model *model, const rf_synth_quant *quant, bool pure,
                             rf_synth_list *out, rf_error *error);
void rf_synth_list_free(rf_synth_list *list);

/* Phase 1 of a writer: everything but the tensors, tokenizer included. */
rf_status rf_synth_write_metadata(rf_gguf_writer *writer, const rf_synth_model *model,
                                  const rf_synth_quant *quant, rf_error *error);
rf_status rf_synth_write_tokenizer(rf_gguf_writer *writer, const rf_synth_model *model,
                                   rf_error *error);

/* The most bytes that the two write, and the table of tensors with them. */
uint64_t rf_synth_head_bytes(const rf_synth_model *model, uint32_t n_tensors);

/* Phase 2: the data of every tensor of the list, which the writer's table has in the same order. */
rf_status rf_synth_write_data(rf_gguf_writer *writer, const rf_synth_model *model,
                              const rf_synth_list *list, const rf_synth_options *options,
                              rf_threads *threads, rf_error *error);

#endif
