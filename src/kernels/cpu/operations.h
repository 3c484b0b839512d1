/*
 * operations.h: what the CPU's operations share: the table behind rf_kernels, host pointers, the
 * size of a part of work, and the check of the workspace.
 *
 * An operation is written once. What differs between tables is which dot products and which loops
 * it finds in its table.
 */
#ifndef RF_KERNELS_CPU_OPERATIONS_H
#define RF_KERNELS_CPU_OPERATIONS_H

#include "kernels/cpu/dot.h"
#include "kernels/cpu/loops.h"
#include "kernels/kernels.h"

typedef struct rf_cpu_kernels {
    rf_kernels operations; /* first, so that a pointer to it is one to the whole */
    bool reference;        /* of rf_dot_for */
    const rf_cpu_loops *loops;
} rf_cpu_kernels;

/* ---- what operations are made of: norm.c, gather.c, swiglu.c ----------------------------------
 */

/* out = x / sqrt(mean(x^2) + epsilon) * weight. out may be x. */
typedef struct rf_norm_args {
    rf_address x;            /* f32 [n_rows][n] */
    const rf_tensor *weight; /* f32 [n] */
    rf_address out;          /* f32 [n_rows][n] */
    uint32_t n_rows;
    uint32_t n;
    float epsilon;
} rf_norm_args;

/* out[i] = x[rows[i]] */
typedef struct rf_gather_args {
    rf_address x;    /* f32 [][n] */
    rf_address rows; /* i32 [n_rows] */
    rf_address out;  /* f32 [n_rows][n] */
    uint32_t n_rows;
    uint32_t n;
} rf_gather_args;

/* out = silu(gate) * up. out may be gate. */
typedef struct rf_swiglu_args {
    rf_address gate; /* f32 [n] */
    rf_address up;   /* f32 [n] */
    rf_address out;  /* f32 [n] */
    uint64_t n;
} rf_swiglu_args;

void rf_cpu_norm(const rf_compute *compute, const rf_norm_args *args);
void rf_cpu_gather(const rf_compute *compute, const rf_gather_args *args);
void rf_cpu_swiglu(const rf_compute *compute, const rf_swiglu_args *args);

/* Gathers and norms where the input asks for it. *x is where its rows then are: f32 [n_rows][n]. */
void rf_cpu_prepare_input(const rf_compute *compute, const rf_linear_input *input, uint32_t n_rows,
                          uint32_t n, rf_address *x);

/* ---- operations of the table ------------------------------------------------------------------
 */

rf_status rf_cpu_workspace_bytes(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error);
rf_status rf_cpu_embed(const rf_compute *compute, const rf_embed_args *args, rf_error *error);
rf_status rf_cpu_linear(const rf_compute *compute, const rf_linear_args *args, rf_error *error);
rf_status rf_cpu_rope_append(const rf_compute *compute, const rf_rope_append_args *args,
                             rf_error *error);
rf_status rf_cpu_attention(const rf_compute *compute, const rf_attention_args *args,
                           rf_error *error);
rf_status rf_cpu_experts(const rf_compute *compute, const rf_experts_args *args, rf_error *error);

/* Only for computes whose kernels are one of the CPU's tables. */
static inline const rf_cpu_kernels *rf_cpu_kernels_of(const rf_compute *compute)
{
    return (const rf_cpu_kernels *)(const void *)compute->kernels;
}

static inline void *rf_cpu_pointer(rf_address address)
{
    return (void *)(uintptr_t)address;
}

static inline rf_address rf_cpu_address(const void *pointer)
{
    return (rf_address)(uintptr_t)pointer;
}

/* RF_ERROR_INTERNAL, with both sizes, where an operation needs more workspace than there is. */
rf_status rf_cpu_need_workspace(const rf_compute *compute, const char *operation, uint64_t bytes,
                                rf_error *error);

/*
 * Runs a loop of `tasks` whose work is `total_ns` together, roughly, on one core. Waking a worker
 * takes 10 to 20 microseconds, so that no part is smaller than that: a small operation stays on the
 * caller.
 */
void rf_cpu_run(const rf_compute *compute, uint64_t tasks, double total_ns, rf_threads_body body,
                void *context);

#endif
