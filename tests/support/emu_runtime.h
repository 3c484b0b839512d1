/*
 * emu_runtime.h: a runtime on an emulated GPU whose calls can be made to fail. It is for loads: it
 * has no kernels to compute with, but where these are added.
 */
#ifndef RF_TESTS_SUPPORT_EMU_RUNTIME_H
#define RF_TESTS_SUPPORT_EMU_RUNTIME_H

#include "device/emu/emu.h"
#include "device/fault/fault.h"
#include "kernels/runtime.h"

typedef struct emu_runtime {
    rf_device *emu;
    rf_device *device; /* the fault device around it */
    rf_runtime runtime;
} emu_runtime;

/* Fails the running test where something cannot be opened. */
void emu_runtime_open(emu_runtime *r);
/* Adds kernels, where the build has any for the emulated GPU. */
void emu_runtime_add_kernels(emu_runtime *r);
/* Skips the test where there were none. */
void emu_runtime_require_kernels(const emu_runtime *r);
/* Nothing may be loaded, and nothing live on the device. */
void emu_runtime_close(emu_runtime *r);

/* Fails the running test where the account or the device still has something. */
void emu_runtime_expect_empty(emu_runtime *r);

#endif
