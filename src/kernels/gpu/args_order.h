/* args_order.h: which products of one input run side by side; see order.h. */
#ifndef RF_KERNELS_GPU_ARGS_ORDER_H
#define RF_KERNELS_GPU_ARGS_ORDER_H

typedef enum rf_gpu_order {
    RF_GPU_ALONE, /* after all kernels before it */
    RF_GPU_FIRST, /* so as well, and the later ones beside it */
    RF_GPU_LATER,
} rf_gpu_order;

#endif
