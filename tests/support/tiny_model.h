/*
 * tiny_model.h: small models with random weights, written as GGUF files, and what they should
 * compute: a forward pass in double precision, written plainly from the papers and sharing nothing
 * with src/model.
 */
#ifndef RF_TESTS_SUPPORT_TINY_MODEL_H
#define RF_TESTS_SUPPORT_TINY_MODEL_H

#include "rocmforge.h"

typedef struct tiny_model {
    const char *architecture; /* "llama", "qwen2", "qwen3", "qwen3moe" */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_size, n_rotary, n_ff, n_vocab, n_context;
    uint32_t n_experts, n_experts_used; /* 0: dense */
    rf_type type;                       /* of the matrices */
    bool tied;                          /* no output.weight */
    bool biases;                        /* on q, k, v and the attention's output */
    bool rope_factors;                  /* a rope_freqs.weight */
    const char *scaling;                /* NULL, "linear" or "yarn" */
    float factor;
    uint32_t original_context;
    uint64_t seed;
} tiny_model;

/* A model of small odd sizes that works for an architecture; change what a test is about. */
tiny_model tiny_model_default(const char *architecture);

/* Writes it to a new file under /tmp; path has room for 64 bytes. Fails the running test on error.
 */
void tiny_model_write(const tiny_model *model, char *path);

/* The logits after every token, [n_tokens][n_vocab], from the weights in the file at path. */
void tiny_model_reference(const tiny_model *model, const char *path, const int32_t *tokens,
                          uint32_t n_tokens, double *logits);

/* ||a - b|| / ||b||; NaN counts as infinite. */
double relative_error(const float *a, const double *b, size_t n);

#endif
