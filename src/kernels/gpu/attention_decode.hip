/*
 * attention_decode.hip: attention of single tokens; see attention_decode.h. Compiled for a type of
 * the cache, RF_KV (F16), the elements of a head at most, RF_HEAD, and the query heads of a slice,
 * RF_HEADS; or with RF_HEAD 512 for what the others do not take: rows that are not aligned to 16
 * bytes, pages of fewer than 4 tokens, heads wider than 256. RF_NAME: of the kernel. RF_BY_MATRIX:
 * matrix units may be used where attention_matrix.h is for them.
 */
#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/prelude.h"

#define TYPE_(name) RF_GPU_KV_##name
#define TYPE(name)  TYPE_(name)

#if defined(RF_BY_MATRIX)
#include "kernels/gpu/matrix.h"
#if RF_MATRIX == RF_MATRIX_MMA
#define BY_MMA
#endif
#endif

#if defined(BY_MMA)
#include "kernels/gpu/attention_matrix.h"
typedef matrix_shape<RF_HEADS, RF_HEAD> shape;
#define THREADS  (RF_GPU_DECODE_MATRIX_WARPS(RF_HEAD) * RF_WARP)
#define RESIDENT 2
#else
#include "kernels/gpu/attention_vector.h"
#if RF_HEAD == 512
typedef decode_shape<KV_ANY + TYPE(RF_KV), 32, 16, RF_HEADS, 1> shape;
#else
/* Four rows of eight elements a lane. */
typedef decode_shape<TYPE(RF_KV), RF_HEAD / 8, 8, RF_HEADS, 4> shape;
#endif
/* With four query heads, two blocks have the registers that they need at a time; with others, one. */
#define THREADS  RF_GPU_DECODE_THREADS(RF_HEADS, RF_HEAD)
#define RESIDENT (RF_HEADS == 4 ? 2 : 1)
#endif
#include "kernels/gpu/attention_decode.h"

KERNEL_RESIDENT(RF_NAME, rf_gpu_attention_args, THREADS, RESIDENT)
{
    attend_tokens<shape>(&a);
}
