/*
 * matvec.hip: products of up to 8 rows of activations with weights read straight from their blocks,
 * bounded by how fast these come from memory. One unit a type of weights: RF_WEIGHT is its name
 * (q4_k). Kernels: matvec_TYPE_ROWS for 1, 2, 4 and 8 rows; see args_matvec.h.
 */
#include "kernels/gpu/prelude.h"

#ifndef RF_WEIGHT
#error "matvec.hip is compiled once for each type of weights: RF_WEIGHT is its name"
#endif

#define FLOAT_f32  1
#define FLOAT_f16  1
#define FLOAT_bf16 1
#define IS_FLOAT_(type) FLOAT_##type
#define IS_FLOAT(type)  IS_FLOAT_(type)

#if IS_FLOAT(RF_WEIGHT)
#include "kernels/gpu/matvec_floats.h"
#else
#include "kernels/gpu/matvec_blocks.h"
#endif

/* Blocks that are resident on a multiprocessor, which limits registers: to 64 a thread with two, so that the
 * next kernel's first block finds room beside this one's, or 128. */
#if !IS_FLOAT(RF_WEIGHT)
#define LARGE   (shape::piece > 32)
#define THREADS RF_GPU_MATVEC_THREADS(shape::block, shape::bytes)
#else
#define LARGE   0
#define THREADS RF_GPU_MATVEC_THREADS(1U, 2U)
#endif

#define NAME_(type, rows) matvec_##type##_##rows
#define NAME(type, rows)  NAME_(type, rows)
#define MATVEC_(name, rows, resident)                                                              \
    KERNEL_RESIDENT(name, rf_gpu_matvec_args, THREADS, resident)                     \
    {                                                                                              \
        matvec<rows>(&a);                                                                          \
    }
#define MATVEC(name, rows, resident) MATVEC_(name, rows, resident)

MATVEC(NAME(RF_WEIGHT, 1), 1, LARGE ? 1 : 2)
MATVEC(NAME(RF_WEIGHT, 2), 2, 1)
MATVEC(NAME(RF_WEIGHT, 4), 4, 1)
MATVEC(NAME(RF_WEIGHT, 8), 8, 1)
