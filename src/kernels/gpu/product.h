/*
 * product.h: matrix products on a GPU, below the operations: the input is prepared
 * (args_prepare.h), all weights of a product have one element type. linear.c and experts.c are made
 * of these.
 */
#ifndef RF_KERNELS_GPU_PRODUCT_H
#define RF_KERNELS_GPU_PRODUCT_H

#include "kernels/gpu/args_order.h"
#include "kernels/gpu/gpu.h"

/* INPUT: f32 rows as they are, which the product gathers, norms and rounds to q8 by itself. PACKED:
 * for gemm_hopper.h, by how lanes take weights. */
typedef enum rf_gpu_form {
    RF_GPU_INPUT,
    RF_GPU_F16,
    RF_GPU_F32,
    RF_GPU_PACKED,
    RF_GPU_PACKED_SPLIT,
    RF_GPU_FORMS
} rf_gpu_form;

/* Prepared rows. */
typedef struct rf_gpu_rows {
    rf_gpu_form form;
    rf_address values;
    uint32_t stride;  /* of values, elements; for F16 a multiple of 8 */
    rf_address order; /* INPUT: i32 [n_rows], or 0: row r is row r of values */
    rf_address norm;  /* INPUT: f32 [k], or 0 */
    float epsilon;
} rf_gpu_rows;

/* Out = rows · weights^T, ended as `end` says (RF_LINEAR_SWIGLU: two parts of the same m, the
 * result in the first out). */
typedef struct rf_gpu_product {
    rf_type type;
    rf_gpu_rows rows;
    uint32_t n_rows; /* of the output */
    uint32_t k;
    uint32_t n_parts;
    struct {
        rf_address weights; /* [m] rows of row_bytes */
        uint64_t row_bytes;
        uint32_t m;
        rf_address bias; /* f32 [m], or 0 */
        rf_address out;  /* f32 [n_rows][m] */
    } parts[RF_LINEAR_MAX];
    rf_linear_end end;
    rf_ahead ahead;
    /* Among products of one input: which of them it is, and what part of all their bytes the others
     * have. */
    rf_gpu_order among;
    float others;
    /* Experts: output row r is a product with the weights of expert ids[r], which are expert_bytes
     * apart in every part, and with prepared row r / row_divisor. Without experts (n_experts 0)
     * row_divisor is 1. */
    uint32_t n_experts;
    uint32_t row_divisor;
    uint64_t expert_bytes;
    rf_address ids; /* i32 [n_rows] */
    /* The same sorted, for products of many rows: those of expert e are order[offsets[e]] to
     * order[offsets[e + 1] - 1]. */
    rf_address offsets; /* i32 [n_experts + 1] */
    rf_address order;   /* i32 [n_rows] */
} rf_gpu_product;

/* Rows up to which a product reads weights straight from their blocks, row by row (matvec.c); more
 * are for matrix units (gemm.c). */
#define RF_GPU_MATVEC_ROWS 8

/* Rows from which a product is for matrix units all the same, where there are some: gemm_few.c. */
#define RF_GPU_FEW_MIN_ROWS 2

/* The form that a product's rows must have, without regard to matrix units. */
rf_gpu_form rf_gpu_form_for(rf_type type, uint32_t n_rows);

/* At most RF_GPU_MATVEC_ROWS rows, or any number with experts (few for each). */
rf_status rf_gpu_matvec(const rf_compute *compute, const rf_gpu_product *product, rf_error *error);
rf_status rf_gpu_gemm(const rf_compute *compute, const rf_gpu_product *product, rf_error *error);
/* What the second needs of the workspace beside its rows. */
rf_status rf_gpu_gemm_workspace(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error);

#endif
