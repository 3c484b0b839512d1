/*
 * kernels.h: the table of operations that a forward pass is made of, one table per kind of device.
 *
 * Preconditions, for every operation:
 *   - Activations are f32, row-major, contiguous; addresses are on the compute's device.
 *   - n_tokens, rows of the batch, is at least 1 and at most what the workspace was sized for.
 *   - Weights are tensors of a computable type, [k, m]: m rows of k elements, a dot product each.
 *   - Outputs do not overlap inputs unless the comment says so.
 *   - Kernels never allocate. What they need beside inputs and outputs is the compute's workspace.
 *   - An operation may return before its work is done; work on one compute happens in order.
 * The model layer has checked every shape against the configuration; kernels trust them.
 */
#ifndef RF_KERNELS_KERNELS_H
#define RF_KERNELS_KERNELS_H

#include "base/threads.h"
#include "tensor/tensor.h"

typedef struct rf_kernels rf_kernels;

typedef struct rf_gpu_programs rf_gpu_programs; /* compiled kernels of a GPU; kernels/gpu */

/* Where operations run: a device, its kernels, and a workspace of their own. One thread at a time.
 */
typedef struct rf_compute {
    const rf_kernels *kernels;
    rf_device *device;
    rf_threads *threads;       /* CPU only */
    rf_gpu_programs *programs; /* GPUs only */
    rf_stream *stream;
    rf_address workspace; /* aligned to 256 bytes */
    uint64_t workspace_bytes;
} rf_compute;

/* The largest shapes that will be asked for: what sizes a workspace. */
typedef struct rf_kernel_limits {
    uint32_t n_tokens;       /* rows of a batch */
    uint32_t n_row_elements; /* the widest k of any linear */
    uint32_t n_heads;        /* of queries */
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t n_embd;
    uint32_t n_ff;      /* of one expert, where there are experts */
    uint32_t n_experts; /* 0: none */
    uint32_t n_experts_used;
    uint32_t n_threads;
} rf_kernel_limits;

/* out[i] = row tokens[i] of table, widened to f32. */
typedef struct rf_embed_args {
    const rf_tensor *table; /* [n_embd, n_vocab] */
    rf_address tokens;      /* i32 [n_tokens], each a row of table */
    rf_address out;         /* f32 [n_tokens][n_embd] */
    uint32_t n_tokens;
} rf_embed_args;

#define RF_LINEAR_MAX 3

/* The widest head: what attention keeps in registers, shared memory or on the stack. */
#define RF_MAX_HEAD_SIZE 512

/* What a matrix product reads: rows of the residual stream or of an activation, some of them or
 * all, as they are or normed. */
typedef struct rf_linear_input {
    rf_address x;    /* f32 [][k] */
    rf_address rows; /* i32 [n_tokens]: which rows of x; 0: the first n_tokens */
    /* RMS norm (Zhang and Sennrich 2019): x / sqrt(mean(x^2) + epsilon) * norm. f32 [k], or NULL.
     */
    const rf_tensor *norm;
    float epsilon;
    rf_address scratch; /* f32 [n_tokens][k], may be written; where rows or norm are given */
} rf_linear_input;

/* What becomes of the products. */
typedef enum rf_linear_end {
    RF_LINEAR_STORE,  /* out = product (+ bias) */
    RF_LINEAR_ADD,    /* out += product (+ bias) */
    RF_LINEAR_SWIGLU, /* of two: first out = silu(first) * second (Shazeer 2020); the second out is
                         scratch */
} rf_linear_end;

/* Weights that the next product reads, of which a kernel may bring some closer when it has read its
 * own. */
typedef struct rf_ahead {
    uint32_t n_weights;
    bool side_by_side; /* row by row of each, as gate and up */
    const rf_tensor *weights[RF_LINEAR_MAX];
} rf_ahead;

/* Up to three matrix products of the same input: product = input · weight^T. */
typedef struct rf_linear_args {
    rf_linear_input input;
    uint32_t n_tokens;
    uint32_t n_weights;
    struct {
        const rf_tensor *weight; /* [k, m] */
        const rf_tensor *bias;   /* f32 [m], or NULL */
        rf_address out;          /* f32 [n_tokens][m] */
    } parts[RF_LINEAR_MAX];
    rf_linear_end end;
    rf_ahead ahead; /* may be empty */
} rf_linear_args;

/* One layer's keys and values in pages; see kvcache/kvcache.h. */
typedef struct rf_kv_layer {
    rf_type type;      /* F32, F16 or Q8_0 */
    rf_address keys;   /* [n_pages][n_kv_heads][page_tokens][head_size] */
    rf_address values; /* the same */
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t page_tokens; /* a power of two */
} rf_kv_layer;

/* Which token of the batch is where: arrays on the device. */
typedef struct rf_batch_view {
    uint32_t n_tokens;
    bool alone;              /* a hint: no sequence has two of them */
    rf_address tokens;       /* i32 [n_tokens] */
    rf_address positions;    /* i32 [n_tokens]: index in its sequence, from 0 */
    rf_address rows;         /* i32 [n_tokens]: which row of block_tables its sequence has */
    rf_address block_tables; /* i32 [n_rows][table_stride]: page of each page_tokens positions */
    uint32_t table_stride;
} rf_batch_view;

typedef enum rf_rope_style {
    RF_ROPE_INTERLEAVED, /* rotates elements 2i and 2i + 1 (llama) */
    RF_ROPE_HALVES,      /* rotates elements i and i + n/2 (qwen; "NeoX") */
} rf_rope_style;

/* Rotary embedding (Su et al. 2021). Linear, YaRN and per-frequency scaling are in the frequencies.
 */
typedef struct rf_rope {
    rf_rope_style style;
    uint32_t n_rotary;            /* leading elements of a head that rotate; even */
    const rf_tensor *frequencies; /* f32 [n_rotary / 2]: radians a position */
    float magnitude;              /* multiplies sine and cosine (YaRN); 1 otherwise */
} rf_rope;

/* Norms and rotates queries and keys, and appends keys and values to the cache. */
typedef struct rf_rope_append_args {
    const rf_batch_view *batch;
    rf_address q; /* f32 [n_tokens][n_heads][head_size], changed in place */
    rf_address k; /* f32 [n_tokens][n_kv_heads][head_size], changed in place */
    rf_address v; /* f32 [n_tokens][n_kv_heads][head_size] */
    uint32_t n_heads;
    const rf_tensor *q_norm; /* f32 [head_size], or NULL: an RMS norm a head, before the rotation */
    const rf_tensor *k_norm; /* f32 [head_size], or NULL */
    float epsilon;
    rf_rope rope;
    const rf_kv_layer *kv;
} rf_rope_append_args;

/* Causal attention with grouped heads over pages: token i sees positions 0 to positions[i]. */
typedef struct rf_attention_args {
    const rf_batch_view *batch;
    rf_address q;     /* f32 [n_tokens][n_heads][head_size] */
    rf_address out;   /* f32 [n_tokens][n_heads][head_size] */
    uint32_t n_heads; /* a multiple of kv->n_kv_heads */
    float scale;      /* of q · k, before the softmax */
    const rf_kv_layer *kv;
} rf_attention_args;

/* Mixture of experts: softmax over all experts, the n_used best, their weights scaled to sum to
 * one, and out += weight * down(silu(gate(x)) * up(x)) for each. out may be input.x. */
typedef struct rf_experts_args {
    rf_linear_input input;   /* of n_embd elements a row */
    const rf_tensor *router; /* [n_embd, n_experts] */
    const rf_tensor *gate;   /* [n_embd, n_ff, n_experts] */
    const rf_tensor *up;     /* [n_embd, n_ff, n_experts] */
    const rf_tensor *down;   /* [n_ff, n_embd, n_experts] */
    rf_address out;          /* f32 [n_tokens][n_embd], added to */
    uint32_t n_tokens;
    uint32_t n_used;
} rf_experts_args;

/* The k largest of each row of logits, in descending order, the lower index first among equals; NaN
 * is below everything. */
typedef struct rf_top_args {
    rf_address logits; /* f32 [n_rows][n] */
    uint32_t n_rows;
    uint32_t n;
    uint32_t k;         /* 1 to RF_TOP_MAX, at most n */
    rf_address indices; /* i32 [n_rows][k] */
    rf_address values;  /* f32 [n_rows][k] */
} rf_top_args;

/* Sampling from more candidates reads whole rows. */
#define RF_TOP_MAX 128

struct rf_kernels {
    const char *name; /* "cpu avx2", "cpu portable" */
    rf_status (*workspace_bytes)(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error);
    rf_status (*embed)(const rf_compute *compute, const rf_embed_args *args, rf_error *error);
    rf_status (*linear)(const rf_compute *compute, const rf_linear_args *args, rf_error *error);
    rf_status (*rope_append)(const rf_compute *compute, const rf_rope_append_args *args,
                             rf_error *error);
    rf_status (*attention)(const rf_compute *compute, const rf_attention_args *args,
                           rf_error *error);
    rf_status (*experts)(const rf_compute *compute, const rf_experts_args *args, rf_error *error);
    /* NULL on the CPU: the host has the logits at hand. */
    rf_status (*top)(const rf_compute *compute, const rf_top_args *args, rf_error *error);
};

#endif
