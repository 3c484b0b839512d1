/*
 * thread.h: what kernels compiled for the emulated GPU are given: who a thread is, memory, and what
 * threads do together. Included by kernels/gpu/prelude.h, in C++, and by the emulator, in C.
 *
 * Each thread of a block is a fiber. It runs until it waits for others: at a barrier, or in an
 * operation of its warp. A block whose threads wait for different things, or some of whose threads
 * have ended while others wait for them, fails its launch: the error says which threads are where.
 */
#ifndef RF_DEVICE_EMU_THREAD_H
#define RF_DEVICE_EMU_THREAD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The thread that is running. */
typedef struct rf_emu_thread {
    uint32_t thread;    /* in its block */
    uint32_t n_threads; /* of the block */
    uint32_t block[3];
    uint32_t n_blocks[3];
    void *shared; /* the block's shared memory: as many bytes as were asked for, garbage at first */
} rf_emu_thread;

/* What threads do together must not be moved into, or copied to, both sides of a condition. */
#if defined(__clang__)
#define RF_EMU_TOGETHER __attribute__((convergent))
#else
#define RF_EMU_TOGETHER
#endif

/* The same for as long as a kernel's function runs, so that it is asked for once in it. */
__attribute__((const)) const rf_emu_thread *rf_emu_self(void);

/* The host's pointer to a byte of device memory. An address that is in no live allocation fails the
 * launch, and this does not return; what is computed from the pointer is for guard zones and the
 * address sanitizer to see. 0 gives NULL. */
void *rf_emu_translate(uint64_t address);

RF_EMU_TOGETHER void rf_emu_barrier(void);
RF_EMU_TOGETHER void rf_emu_warp_barrier(void);
/* value of lane `from` of the warp, modulo its size; all bits set where a last, partial warp has no
 * such lane. */
RF_EMU_TOGETHER uint32_t rf_emu_shuffle(uint32_t value, uint32_t from);
/* Every lane gives `bytes` (at most RF_EMU_GATHER_BYTES) and gets those of all, [warp size][bytes],
 * which stay as they are until the thread's next operation of any kind here. */
RF_EMU_TOGETHER const void *rf_emu_gather(const void *mine, uint32_t bytes);

#define RF_EMU_GATHER_BYTES 128U

/* ---- the list of kernels --------------------------------------------------------------------- */

/* One kernel of an image. */
typedef struct rf_emu_kernel {
    const char *name;
    void (*entry)(const void *args);
    uint32_t args_bytes;
    uint32_t max_threads; /* of a block */
} rf_emu_kernel;

/*
 * What the emulated device takes as code (module_load): kernels linked into the program, by
 * pointers. Kernels put themselves on the list of their warp size and kind of matrix unit, a
 * section of the program.
 */
#define RF_EMU_IMAGE_MAGIC 0x55454D4652ULL /* "RFMEU" */
typedef struct rf_emu_image {
    uint64_t magic;
    uint32_t warp_size;
    const rf_emu_kernel *const *begin;
    const rf_emu_kernel *const *end;
} rf_emu_image;

#ifdef RF_EMU_WARP /* where kernels are compiled */
#define RF_EMU_LIST(name, list)                                                                    \
    __attribute__((used, section(#list))) static const rf_emu_kernel *const name##_in_##list =     \
        &listed_##name;
/* A unit of kernels is compiled for one section of the program (RF_EMU_SECTION, such as rf_emu32),
 * or, if it uses no matrix unit, once for all of its warp size. */
#if defined(RF_EMU_SECTION)
#define RF_EMU_LIST_(name, list) RF_EMU_LIST(name, list)
#define RF_EMU_LISTS(name)       RF_EMU_LIST_(name, RF_EMU_SECTION)
#elif RF_EMU_WARP == 32
#define RF_EMU_LISTS(name)                                                                         \
    RF_EMU_LIST(name, rf_emu32)                                                                    \
    RF_EMU_LIST(name, rf_emu32_rdna3)                                                              \
    RF_EMU_LIST(name, rf_emu32_rdna4)                                                              \
    RF_EMU_LIST(name, rf_emu32_plain)
#else
#define RF_EMU_LISTS(name)                                                                         \
    RF_EMU_LIST(name, rf_emu64)                                                                    \
    RF_EMU_LIST(name, rf_emu64_plain)
#endif
#define RF_EMU_KERNEL(name, args_struct, threads)                                                  \
    static const rf_emu_kernel listed_##name = {#name, entry_##name, sizeof(struct args_struct),   \
                                                threads};                                          \
    RF_EMU_LISTS(name)
#endif

#ifdef __cplusplus
}
#endif

#endif
