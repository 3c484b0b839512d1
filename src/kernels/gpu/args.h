/*
 * args.h: what kernels are given, one struct each, by value. Plain C for both sides: addresses are
 * numbers, made pointers by GLOBAL() in kernels. Sizes are in elements unless a name says bytes.
 */
#ifndef RF_KERNELS_GPU_ARGS_H
#define RF_KERNELS_GPU_ARGS_H

#include <stdint.h>

#include "kernels/gpu/args_prepare.h"

#endif
