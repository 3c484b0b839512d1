/*
 * emu.h: the emulated devices: code for GPUs, of the host and of the device, runs on them as on
 * one, and what is wrong with it is seen, without one. "emu32" (which "emu" is) and "emu64" have
 * warps of that size and the matrix units of NVIDIA's and of CDNA's GPUs; "emu32-rdna3",
 * "emu32-rdna4", "emu32-plain" and "emu64-plain" others, or none.
 *
 * How it is as hard on its callers as any driver may be:
 *   - Addresses are its own. They lie where no x86-64 processor has memory, so a host that uses one
 *     as a pointer faults. They are no more aligned than was asked, and never given out again.
 *   - Every stream, the default one (NULL) included, is a thread that does its work in order, some
 *     time later. Streams wait for each other only where an event says so. Copies from and to
 *     pinned memory are asynchronous; those of other host memory return when they are done.
 *   - What goes wrong while a stream works is reported by the next synchronisation.
 *
 * What it finds: copies and fills that leave their allocation, unknown and freed addresses, work on
 * memory that is freed before it is done (it reads RF_EMU_FREED, and the next synchronisation
 * fails), writes behind or before an allocation (at synchronisation and free), handles of streams
 * and events that were destroyed, and whatever is not given back when it is closed.
 *
 * Kernels are functions of the program (thread.h): their code is an rf_emu_image. Each thread of a
 * block is a fiber, so that barriers and operations of a warp are real ones: execute.h. What is
 * found wrong with kernels, and fails the launch at the next synchronisation: addresses in no live
 * allocation, writes to guard zones of device and of shared memory, threads that wait for each
 * other for good. Under the address sanitizer every read and write out of bounds is reported where
 * it happens. Shared memory starts as bytes of 0xFF, no numbers.
 *
 * Graphs are checked when they are replayed: memory that was freed since is an error. Captures
 * refuse what drivers refuse.
 */
#ifndef RF_DEVICE_EMU_EMU_H
#define RF_DEVICE_EMU_EMU_H

#include "device/device.h"

/* What memory holds that nobody has written; what is read from memory that was freed; and what the
 * guard zones hold, on both sides of every allocation, pinned ones included. */
#define RF_EMU_FRESH 0xCD
#define RF_EMU_FREED 0xDD
#define RF_EMU_GUARD 0xFD

/* Bytes of memory that an emulated device has unless it is told otherwise. Host memory is taken
 * only for pages that are written. */
#define RF_EMU_DEFAULT_MEMORY (8ULL << 30)

/* Shared memory that a block may have: AMD's GPUs have no more. */
#define RF_EMU_SHARED_BYTES (64U << 10)

/* When a stream does what is put on it. All are orders that a driver may choose. */
typedef enum rf_emu_schedule {
    RF_EMU_EAGER,  /* as soon as it can */
    RF_EMU_RANDOM, /* after a pause that the seed, the stream and the place in it determine */
    RF_EMU_LAZY,   /* only when someone waits for it or asks whether it is done */
} rf_emu_schedule;

/* What exists on a device and was not given back. */
typedef struct rf_emu_live {
    uint64_t allocations;
    uint64_t bytes; /* asked for by these */
    uint64_t pinned;
    uint64_t pinned_bytes;
    uint64_t streams; /* without the default one */
    uint64_t events;
    uint64_t modules;
    uint64_t graphs;
} rf_emu_live;

/* The functions below take devices of this kind only. */

/*
 * A device beside those of the registry, its caller's alone: closed with its ops->close, not with
 * rf_device_close. warp_size: 32 or 64. Errors: ARGUMENT, HOST_MEMORY, DEVICE.
 */
rf_status rf_emu_open(uint32_t warp_size, rf_device **out, rf_error *error);
/* The same by id. Errors: NOT_FOUND, HOST_MEMORY, DEVICE. */
rf_status rf_emu_open_id(const char *id, rf_device **out, rf_error *error);

/* Sets the memory that the device has; what is allocated stays so. */
void rf_emu_set_memory(rf_device *device, uint64_t total);
/* For all work not begun yet. seed: for RF_EMU_RANDOM. */
void rf_emu_set_schedule(rf_device *device, rf_emu_schedule schedule, uint64_t seed);

rf_emu_live rf_emu_count_live(rf_device *device);

/* The host's pointer to a byte of a live allocation, for those who play the part of a kernel; NULL
 * where there is none. Whoever uses it orders its work with the streams'. */
void *rf_emu_host_pointer(rf_device *device, rf_address address);

#endif
