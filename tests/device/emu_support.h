/* emu_support.h: an emulated device for a test, and operations of devices that have to succeed. */
#ifndef RF_TESTS_DEVICE_EMU_SUPPORT_H
#define RF_TESTS_DEVICE_EMU_SUPPORT_H

#include "support/cmocka.h"

#include <string.h>

#include "device/emu/emu.h"

static inline void expect_ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

/* Calls an operation of a device, with the device before its arguments and an error behind them. */
#define EMU_OK(device, operation, ...)                                                             \
    do {                                                                                           \
        rf_error emu_error_ = {0};                                                                 \
        expect_ok((device)->ops->operation((device), ##__VA_ARGS__, &emu_error_), &emu_error_);    \
    } while (0)

/* Calls one that has to fail: with this status, and this text in its message. */
#define EMU_FAILS(device, status, text, operation, ...)                                            \
    do {                                                                                           \
        rf_error emu_error_ = {0};                                                                 \
        assert_int_equal((device)->ops->operation((device), ##__VA_ARGS__, &emu_error_), status);  \
        if (!strstr(emu_error_.message, text))                                                     \
            fail_msg("'%s' is not in '%s'", text, emu_error_.message);                             \
    } while (0)

/* Setup and teardown: *state is a device of the test's own, from which all has to come back. */
static inline int emu_setup(void **state)
{
    rf_device *device = NULL;
    rf_error error = {0};
    expect_ok(rf_emu_open(32, &device, &error), &error);
    *state = device;
    return 0;
}

static inline void emu_expect_nothing_live(rf_device *device)
{
    rf_emu_live live = rf_emu_count_live(device);
    rf_emu_live none = {0};
    assert_memory_equal(&live, &none, sizeof(live));
}

static inline int emu_teardown(void **state)
{
    rf_device *device = *state;
    emu_expect_nothing_live(device);
    assert_int_equal(device->ops->close(device, NULL), RF_OK);
    return 0;
}

#define EMU_TEST(name) cmocka_unit_test_setup_teardown(name, emu_setup, emu_teardown)

static inline rf_address emu_alloc(rf_device *device, uint64_t bytes)
{
    rf_address address = 0;
    EMU_OK(device, alloc, bytes, 256, &address);
    return address;
}

static inline uint8_t *emu_pinned(rf_device *device, uint64_t bytes)
{
    void *memory = NULL;
    EMU_OK(device, pinned_alloc, bytes, &memory);
    return memory;
}

static inline void emu_write(rf_device *device, rf_stream *stream, rf_address to, const void *from,
                             uint64_t bytes)
{
    EMU_OK(device, copy, stream, RF_COPY_TO_DEVICE, to, (uintptr_t)from, bytes);
}

static inline void emu_read(rf_device *device, rf_stream *stream, void *to, rf_address from,
                            uint64_t bytes)
{
    EMU_OK(device, copy, stream, RF_COPY_FROM_DEVICE, (uintptr_t)to, from, bytes);
}

static inline rf_stream *emu_stream(rf_device *device)
{
    rf_stream *stream = NULL;
    EMU_OK(device, stream_create, &stream);
    return stream;
}

static inline rf_event *emu_event(rf_device *device)
{
    rf_event *event = NULL;
    EMU_OK(device, event_create, &event);
    return event;
}

static inline void emu_expect_all(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], value);
}

#endif
