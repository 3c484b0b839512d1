/*
 * prelude.h: the dialect that GPU kernels are written in. One source for AMD, NVIDIA and the
 * emulated GPU; no vendor's header. The files around it: math.h (functions), matrix.h (matrix
 * units), quants.h (blocks of weights), args_NAME.h (what kernels are given).
 *
 * The dialect is C with three things of C++: templates over element types and sizes, references
 * to them, and function overloads here in the prelude. Its rules:
 *   - A kernel is written KERNEL(name, args_struct, threads) { … a … }, where `a` is its args and
 *     threads the most that a block has. Blocks are one-dimensional in threads: block_x() to
 *     block_z() and thread() say where a thread is.
 *   - Addresses in args are numbers; GLOBAL(T, address) makes a pointer of one.
 *   - Shared memory is all dynamic: SHARED(T) is a pointer to its start, as much as the launch
 * asked for. It starts with garbage.
 *   - barrier() is reached by all threads of a block, warp operations by all threads of a warp:
 *     never under a condition that differs between them. The emulated GPU reports it otherwise.
 *   - A kernel that is launched to overlap the one before it (rf_launch.overlap) calls
 *     wait_for_previous() before it touches anything that other kernels write or read, or follows
 *     order.h. What it may do before: load weights.
 *
 * Which one is being compiled: RF_GPU_AMD (__AMDGCN__), RF_GPU_NVIDIA (__NVPTX__), or RF_GPU_EMU
 * (with RF_EMU_WARP and RF_EMU_MATRIX given on the command line).
 */
#ifndef RF_KERNELS_GPU_PRELUDE_H
#define RF_KERNELS_GPU_PRELUDE_H

#include <stdint.h>

#if defined(__AMDGCN__)
#define RF_GPU_AMD 1
#elif defined(__NVPTX__)
#define RF_GPU_NVIDIA 1
#elif defined(RF_EMU_WARP)
#define RF_GPU_EMU 1
#else
#error "prelude.h is for GPU kernels: an AMD or NVIDIA target, or RF_EMU_WARP for the emulated GPU"
#endif

typedef int8_t i8;
typedef uint8_t u8;
typedef int16_t i16;
typedef uint16_t u16;
typedef int32_t i32;
typedef uint32_t u32;
typedef int64_t i64;
typedef uint64_t u64;
typedef _Float16 f16;
typedef float f32;

/* Before a loop that is to be unrolled, because its turns index registers. The emulated GPU has
 * none, and compiles in a tenth of the time without. */
#if defined(RF_GPU_EMU)
#define UNROLL _Pragma("clang loop unroll(disable) vectorize(disable)")
#else
#define UNROLL _Pragma("unroll")
#endif

#define VECTOR(type, n) type __attribute__((ext_vector_type(n)))
typedef VECTOR(f16, 2) f16x2;
typedef VECTOR(f16, 4) f16x4;
typedef VECTOR(f16, 8) f16x8;
typedef VECTOR(f16, 16) f16x16;
typedef VECTOR(f32, 2) f32x2;
typedef VECTOR(f32, 4) f32x4;
typedef VECTOR(f32, 8) f32x8;
typedef VECTOR(u32, 2) u32x2;
typedef VECTOR(u32, 4) u32x4;
typedef VECTOR(u32, 8) u32x8;

/* ---- functions, kernels, where a thread is --------------------------------------------------- */

/* Registers of an NVIDIA kernel are limited so that this many of its largest blocks are resident.
 */
#define KERNEL_RESIDENT(name, args_struct, threads, blocks)                                        \
    KERNEL_OF(name, args_struct, threads, blocks)
#define KERNEL(name, args_struct, threads) KERNEL_OF(name, args_struct, threads, 1)

/* Functions become part of the kernels that call them, but not on the emulated GPU, and not where a
 * build only asks whether kernels compile (RF_GPU_CHECK): that takes several times as long. SMALL:
 * part of its caller on the emulated GPU too. */
#if defined(RF_GPU_EMU)
#include "device/emu/thread.h"
#define DEVICE static inline __attribute__((unused))
#define SMALL  static inline __attribute__((always_inline, unused))
#define KERNEL_OF(name, args_struct, threads, blocks)                                              \
    SMALL void kernel_##name(const struct args_struct a);                                          \
    static void entry_##name(const void *args)                                                     \
    {                                                                                              \
        kernel_##name(*(const struct args_struct *)args);                                          \
    }                                                                                              \
    RF_EMU_KERNEL(name, args_struct, threads)                                                      \
    SMALL void kernel_##name(const struct args_struct a)
#else
#if defined(RF_GPU_CHECK)
#define DEVICE static __attribute__((device, unused)) inline
#else
#define DEVICE static __attribute__((device, always_inline, unused)) inline
#endif
#define SMALL DEVICE
#if defined(RF_GPU_AMD)
#define BOUNDS(threads, blocks) __attribute__((amdgpu_flat_work_group_size(1, threads)))
#else
#define BOUNDS(threads, blocks) __attribute__((launch_bounds(threads, blocks)))
#endif
#define KERNEL_OF(name, args_struct, threads, blocks)                                              \
    extern "C" __attribute__((global)) BOUNDS(threads, blocks) void name(                          \
        const struct args_struct a);                                                               \
    extern "C" __attribute__((global)) BOUNDS(threads, blocks) void name(const struct args_struct a)
#endif

/* Threads that run in step, also for the preprocessor. */
#if defined(RF_GPU_AMD)
#define RF_WARP __AMDGCN_WAVEFRONT_SIZE
#elif defined(RF_GPU_NVIDIA)
#define RF_WARP 32
#else
#define RF_WARP RF_EMU_WARP
#endif
#define WARP ((u32)RF_WARP)

#if defined(RF_GPU_AMD)
/* Sizes come from the dispatch packet (hsa_kernel_dispatch_packet_t: threads of a block are three
 * 16-bit numbers from byte 4 on, threads of the grid three 32-bit ones from byte 12 on). */
DEVICE u32 thread(void)
{
    return __builtin_amdgcn_workitem_id_x();
}
DEVICE u32 n_threads(void)
{
    return ((const __attribute__((address_space(4))) u16 *)__builtin_amdgcn_dispatch_ptr())[2];
}
DEVICE u32 block_x(void)
{
    return __builtin_amdgcn_workgroup_id_x();
}
DEVICE u32 block_y(void)
{
    return __builtin_amdgcn_workgroup_id_y();
}
DEVICE u32 block_z(void)
{
    return __builtin_amdgcn_workgroup_id_z();
}
DEVICE u32 n_blocks_x(void)
{
    return ((const __attribute__((address_space(4))) u32 *)__builtin_amdgcn_dispatch_ptr())[3] /
           n_threads();
}
#elif defined(RF_GPU_NVIDIA)
DEVICE u32 thread(void)
{
    return (u32)__nvvm_read_ptx_sreg_tid_x();
}
DEVICE u32 n_threads(void)
{
    return (u32)__nvvm_read_ptx_sreg_ntid_x();
}
DEVICE u32 block_x(void)
{
    return (u32)__nvvm_read_ptx_sreg_ctaid_x();
}
DEVICE u32 block_y(void)
{
    return (u32)__nvvm_read_ptx_sreg_ctaid_y();
}
DEVICE u32 block_z(void)
{
    return (u32)__nvvm_read_ptx_sreg_ctaid_z();
}
DEVICE u32 n_blocks_x(void)
{
    return (u32)__nvvm_read_ptx_sreg_nctaid_x();
}
#else
DEVICE u32 thread(void)
{
    return rf_emu_self()->thread;
}
DEVICE u32 n_threads(void)
{
    return rf_emu_self()->n_threads;
}
DEVICE u32 block_x(void)
{
    return rf_emu_self()->block[0];
}
DEVICE u32 block_y(void)
{
    return rf_emu_self()->block[1];
}
DEVICE u32 block_z(void)
{
    return rf_emu_self()->block[2];
}
DEVICE u32 n_blocks_x(void)
{
    return rf_emu_self()->n_blocks[0];
}
#endif

DEVICE u32 lane(void)
{
    return thread() % WARP;
}
DEVICE u32 warp(void)
{
    return thread() / WARP;
}
DEVICE u32 n_warps(void)
{
    return n_threads() / WARP;
}

/* ---- memory ---------------------------------------------------------------------------------- */

#if defined(RF_GPU_EMU)
#define GLOBAL(T, address) ((T *)rf_emu_translate(address))
#define SHARED(T)          ((T *)rf_emu_self()->shared)
#else
/* By way of the address space, so that the compiler knows it for global memory. */
#define GLOBAL(T, address) ((T *)(__attribute__((address_space(1))) T *)(address))
extern __attribute__((shared)) __attribute__((aligned(128))) unsigned char rf_shared_memory[];
#define SHARED(T)          ((T *)rf_shared_memory)
#endif

/* Loads what is read once, past the first-level cache; p is aligned to 16 bytes. */
DEVICE u32x4 load_once(const u32x4 *p)
{
#if defined(RF_GPU_NVIDIA)
    u32x4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p));
    return v;
#else
    return __builtin_nontemporal_load(p);
#endif
}

/* Has the line that holds p brought closer, where the hardware can. */
DEVICE void prefetch(const void *p)
{
#if defined(RF_GPU_NVIDIA)
    asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
#else
    (void)p;
#endif
}

/* The same of n bytes, where that is one instruction; both are multiples of 16. */
DEVICE void prefetch_bytes(u64 address, u32 n)
{
#if defined(RF_GPU_NVIDIA) && __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(address), "r"(n) : "memory");
#else
    (void)address, (void)n;
#endif
}

/* Unaligned reads of packed blocks. p is aligned as its name says. */
DEVICE u32 load_u32_from_u16(const void *p)
{
    const u16 *half = (const u16 *)p;
    return (u32)half[0] | (u32)half[1] << 16;
}
DEVICE u32 load_u32_from_u8(const void *p)
{
    const u8 *byte = (const u8 *)p;
    return (u32)byte[0] | (u32)byte[1] << 8 | (u32)byte[2] << 16 | (u32)byte[3] << 24;
}
DEVICE f32 f16_from_bits(u16 bits)
{
    return (f32) __builtin_bit_cast(f16, bits);
}
SMALL f32 f32_from_bits(u32 bits)
{
    return __builtin_bit_cast(f32, bits);
}
SMALL u32 bits_of(f32 x)
{
    return __builtin_bit_cast(u32, x);
}
DEVICE f32 bf16_from_bits(u16 bits)
{
    return f32_from_bits((u32)bits << 16);
}

#if defined(RF_GPU_NVIDIA)
/* Where in shared memory p is, as instructions there want it. */
DEVICE u32 shared_address(const void *p)
{
    return (u32)(u64)(__attribute__((address_space(3))) const void *)p;
}
#endif

/* 16 bytes from global to shared memory, both aligned to 16, without waiting: groups of copies are
 * committed and waited for in order. Where the hardware has no such copy it is done at once. */
#if defined(RF_GPU_NVIDIA)
#define ASYNCHRONOUS_COPIES 1
#else
#define ASYNCHRONOUS_COPIES 0
#endif
DEVICE void copy_async(void *shared, const void *global)
{
#if defined(RF_GPU_NVIDIA)
    asm volatile("cp.async.cg.shared.global.L2::256B [%0], [%1], 16;" ::"r"(shared_address(shared)),
                 "l"(global)
                 : "memory");
#else
    *(u32x4 *)shared = *(const u32x4 *)global;
#endif
}
/* The same of n bytes, 0 to 16, where the source ends; the others become zeros. more: whether at a
 * miss what is around it is brought closer as well. */
template <bool more = true> DEVICE void copy_async_some(void *shared, const void *global, u32 n)
{
#if defined(RF_GPU_NVIDIA)
    const u32 to = shared_address(shared);
    if constexpr (more)
        asm volatile("cp.async.cg.shared.global.L2::256B [%0], [%1], 16, %2;" ::"r"(to),
                     "l"(global), "r"(n)
                     : "memory");
    else
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(n)
                     : "memory");
#else
    if (n == 16) {
        copy_async(shared, global);
        return;
    }
    *(u32x4 *)shared = (u32x4){0, 0, 0, 0};
    for (u32 i = 0; i < n; i++)
        ((u8 *)shared)[i] = ((const u8 *)global)[i];
#endif
}
DEVICE void copy_commit(void)
{
#if defined(RF_GPU_NVIDIA)
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/* Waits until at most `pending` of the thread's latest groups are not done. */
template <int pending> DEVICE void copy_wait(void)
{
#if defined(RF_GPU_NVIDIA)
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

/* ---- threads together ------------------------------------------------------------------------ */

/* SMALL, as the emulated GPU tells what threads wait for by where in their code it is called. */

/* Waits for all threads of the block; what they wrote to shared and global memory is then seen. */
SMALL void barrier(void)
{
#if defined(RF_GPU_AMD)
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
#elif defined(RF_GPU_NVIDIA)
    __syncthreads();
#else
    rf_emu_barrier();
#endif
}

/* Waits for all threads of the warp; what they wrote to shared memory is then seen. */
SMALL void warp_barrier(void)
{
#if defined(RF_GPU_AMD)
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
    __builtin_amdgcn_wave_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
#elif defined(RF_GPU_NVIDIA)
    __nvvm_bar_warp_sync(0xFFFFFFFFU);
#else
    rf_emu_warp_barrier();
#endif
}

/* The value that another lane of the warp has. */
SMALL u32 shuffle(u32 value, u32 from)
{
#if defined(RF_GPU_AMD)
    return (u32)__builtin_amdgcn_ds_bpermute((int)(from << 2), (int)value);
#elif defined(RF_GPU_NVIDIA)
    return (u32)__nvvm_shfl_sync_idx_i32(0xFFFFFFFFU, (int)value, (int)from, 31);
#else
    return rf_emu_shuffle(value, from);
#endif
}
SMALL u32 shuffle_xor(u32 value, u32 mask)
{
#if defined(RF_GPU_NVIDIA)
    return (u32)__nvvm_shfl_sync_bfly_i32(0xFFFFFFFFU, (int)value, (int)mask, 31);
#else
    return shuffle(value, lane() ^ mask);
#endif
}
SMALL i32 shuffle(i32 value, u32 from)
{
    return (i32)shuffle((u32)value, from);
}
SMALL f32 shuffle(f32 value, u32 from)
{
    return f32_from_bits(shuffle(bits_of(value), from));
}
SMALL i32 shuffle_xor(i32 value, u32 mask)
{
    return (i32)shuffle_xor((u32)value, mask);
}
SMALL f32 shuffle_xor(f32 value, u32 mask)
{
    return f32_from_bits(shuffle_xor(bits_of(value), mask));
}

/* The value of lane number `from` among `width` neighbouring lanes, a power of two. */
template <u32 width> SMALL f32 shuffle_in(f32 value, u32 from)
{
#if defined(RF_GPU_NVIDIA)
    return f32_from_bits((u32)__nvvm_shfl_sync_idx_i32(0xFFFFFFFFU, (int)bits_of(value), (int)from,
                                                       (int)((32U - width) << 8 | 31U)));
#else
    return shuffle(value, lane() / width * width + from);
#endif
}

/* Over groups of `width` neighbouring lanes, a power of two; every lane gets the result. */
template <u32 width, typename T> SMALL T group_sum(T value)
{
#pragma unroll
    for (u32 mask = width / 2; mask > 0; mask /= 2)
        value += shuffle_xor(value, mask);
    return value;
}
template <u32 width> SMALL f32 group_max(f32 value)
{
#pragma unroll
    for (u32 mask = width / 2; mask > 0; mask /= 2) {
        f32 other = shuffle_xor(value, mask);
        value = value > other ? value : other;
    }
    return value;
}
template <typename T> SMALL T warp_sum(T value)
{
    return group_sum<WARP, T>(value);
}
SMALL f32 warp_max(f32 value)
{
    return group_max<WARP>(value);
}

/* Whether it is so for all lanes of the warp, or for any. */
SMALL bool for_all_lanes(bool so)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm volatile("{\n.reg .pred p, q;\nsetp.ne.u32 p, %1, 0;\n"
                 "vote.sync.all.pred q, p, 0xFFFFFFFF;\nselp.u32 %0, 1, 0, q;\n}"
                 : "=r"(out)
                 : "r"((u32)so));
    return out;
#else
    return warp_sum(so ? 0U : 1U) == 0;
#endif
}
SMALL bool for_any_lane(bool so)
{
#if defined(RF_GPU_NVIDIA)
    return __nvvm_vote_any_sync(0xFFFFFFFFU, so);
#else
    return warp_max(so ? 1.0F : 0.0F) > 0.0F;
#endif
}

/* Adds to a counter in global memory and returns what it was. What the block wrote to global memory
 * before (a barrier between) is seen by the thread that sees the new count, and by its block after
 * another barrier. */
DEVICE u32 count_up(u32 *counter)
{
#if defined(RF_GPU_AMD)
    return __hip_atomic_fetch_add(counter, 1U, __ATOMIC_ACQ_REL, __HIP_MEMORY_SCOPE_AGENT);
#elif defined(RF_GPU_NVIDIA)
    u32 before;
    asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;"
                 : "=r"(before)
                 : "l"(counter)
                 : "memory");
    return before;
#else
    return __atomic_fetch_add(counter, 1U, __ATOMIC_ACQ_REL);
#endif
}

/* ---- kernels behind each other --------------------------------------------------------------- */

/* What kernels before this one on the stream did is done, and seen. */
DEVICE void wait_for_previous(void)
{
#if defined(RF_GPU_NVIDIA) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/* The next kernel may start once every block has said so, or ended. */
DEVICE void release_next(void)
{
#if defined(RF_GPU_NVIDIA) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* x, the same for all threads of a block, which the compiler has to think new: what is computed
 * from it is computed from here on, not kept in registers from before. */
DEVICE u32 forgotten(u32 x)
{
#if defined(RF_GPU_AMD)
    asm volatile("" : "+s"(x));
#elif defined(RF_GPU_NVIDIA)
    asm volatile("" : "+r"(x));
#endif
    return x;
}

#include "kernels/gpu/arithmetic.h"

#endif
