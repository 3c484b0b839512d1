/*
 * attention_decode.hip: attention of single tokens; see attention_decode.h. Compiled for a type of
 * the cache, RF_KV (F16), the elements of a head at most, RF_HEAD, and the query heads of a slice,
 * RF_HEADS; or with RF_HEAD 512 for what the others do not take: rows that are not aligned to 16
 * bytes, pages of fewer than 4 tokens, heads wider than 256. RF_NAME: of the kernel.
 */
#include "kernels/gpu/attention_vector.h"
/* attend() is seen by */
#include "kernels/gpu/attention_decode.h"

#define TYPE_(name) RF_GPU_KV_##name
#define TYPE(name)  TYPE_(name)

#if RF_HEAD == 512
typedef decode_shape<KV_ANY + TYPE(RF_KV), 32, 16, RF_HEADS, 1> shape;
#else
/* Four rows of eight elements a lane. */
typedef decode_shape<TYPE(RF_KV), RF_HEAD / 8, 8, RF_HEADS, 4> shape;
#endif

/* With four query heads, two blocks have the registers that they need at a time; with others, one. */
KERNEL_RESIDENT(RF_NAME, rf_gpu_attention_args, RF_GPU_DECODE_THREADS(RF_HEADS, RF_HEAD),
                (RF_HEADS == 4 ? 2 : 1))
{
    attend_tokens<shape>(&a);
}
