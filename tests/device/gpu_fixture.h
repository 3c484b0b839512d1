/* gpu_fixture.h: GPU devices over the fake driver, and over made-up /sys folders. */
#ifndef RF_TESTS_DEVICE_GPU_FIXTURE_H
#define RF_TESTS_DEVICE_GPU_FIXTURE_H

#include "device/fake/fake_driver.h"
#include "device/gpu/library.h"

/* A variant of the fake driver: "fake-driver" is whole, "fake-driver-5" is HIP of ROCm 5, without
 * the calls that came later, and "fake-driver-partial" lacks some that are needed. */
void use_fake(rf_gpu_library *library, const char *variant);

/* Both libraries without any driver to be found. */
void use_no_driver(void);

/* cmocka's setup and teardown: HIP and CUDA are the fake driver, whole, fresh, with a /sys that is
 * not there; and afterwards nothing of it is alive or was misused. */
int set_up_fake(void **state);
int tear_down_fake(void **state);

/* A temporary folder that stands for "/", removed again with all files in it. */
typedef struct fake_root {
    char path[64];
} fake_root;

fake_root make_root(void);
void add_file(const fake_root *root, const char *path, const char *text);
void remove_root(const fake_root *root);

#endif
