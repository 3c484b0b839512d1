/* test_emu.c: the memory of the emulated device: addresses, patterns, guards, limits, leaks; and
 * its opening by any number of threads. */
#include "device/emu_support.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "device/backend.h"

/* ---- what it is ----------------------------------------------------------------------------- */

static void facts_are_an_emulated_gpus(void **state)
{
    rf_device *emu = *state;
    rf_device_facts facts;
    rf_device *other = NULL;
    rf_error error;
    EMU_OK(emu, facts, &facts);
    assert_string_equal(emu->ops->backend, "emu");
    assert_string_equal(facts.info.id, "emu32");
    assert_string_equal(facts.info.architecture, "emu32");
    assert_string_equal(facts.info.memory_source, "emulated");
    assert_int_equal(facts.info.warp_size, 32);
    assert_int_equal(facts.info.memory_total, RF_EMU_DEFAULT_MEMORY);
    assert_int_equal(facts.info.memory_free, RF_EMU_DEFAULT_MEMORY);
    assert_false(facts.unified);
    assert_int_equal(facts.allocation_granularity, 4096);
    assert_int_equal(rf_emu_open(48, &other, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "not 48"));
    assert_int_equal(rf_emu_open(64, &other, &error), RF_OK);
    EMU_OK(other, facts, &facts);
    assert_string_equal(facts.info.id, "emu64");
    assert_int_equal(facts.info.warp_size, 64);
    assert_int_equal(other->ops->close(other, NULL), RF_OK);
}

static void its_variants_are_devices(void **state)
{
    static const struct {
        const char *id;
        uint32_t warp_size;
        const char *unit;
    } variants[] = {
        {"emu32", 32, "like NVIDIA's"},         {"emu64", 64, "like CDNA's"},
        {"emu32-rdna3", 32, "like RDNA3's"},    {"emu32-rdna4", 32, "like RDNA4's"},
        {"emu32-plain", 32, "no matrix units"}, {"emu64-plain", 64, "no matrix units"},
    };
    (void)state;
    rf_device *emu = NULL;
    rf_device_facts facts;
    rf_error error;
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        assert_int_equal(rf_device_open(variants[i].id, &emu, NULL), RF_OK);
        EMU_OK(emu, facts, &facts);
        assert_string_equal(facts.info.id, variants[i].id);
        assert_string_equal(facts.info.architecture, variants[i].id);
        assert_int_equal(facts.info.warp_size, variants[i].warp_size);
        assert_non_null(strstr(facts.info.name, variants[i].unit));
        rf_address address = emu_alloc(emu, 1);
        assert_int_not_equal(address, last); /* no two devices have the same addresses */
        last = address;
        EMU_OK(emu, free, address);
        assert_int_equal(rf_device_close(emu, NULL), RF_OK);
    }
    assert_int_equal(rf_emu_open_id("emu16", &emu, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "'emu16'"));
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* Whether the kernel, asked to read a byte there for us, finds none. */
static bool host_cannot_read(uint64_t address)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    long written = syscall(SYS_write, ends[1], address, 1L);
    bool faulted = written == -1 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return faulted;
}

static void addresses_are_no_host_pointers(void **state)
{
    rf_device *emu = *state;
    char byte = 7;
    rf_address address = emu_alloc(emu, 100);
    assert_false(host_cannot_read((uintptr_t)&byte));
    assert_true(host_cannot_read(address));
    emu_write(emu, NULL, address, &byte, 1);
    assert_true(host_cannot_read(address));
    EMU_OK(emu, sync);
    assert_int_equal(*(char *)rf_emu_host_pointer(emu, address), 7);
    assert_null(rf_emu_host_pointer(emu, address + 100));
    /* Nor are host pointers addresses, on either side of a copy. */
    EMU_FAILS(emu, RF_ERROR_RANGE, "are in no allocation", copy, NULL, RF_COPY_TO_DEVICE,
              (uintptr_t)&byte, (uintptr_t)&byte, 1);
    EMU_FAILS(emu, RF_ERROR_RANGE, "not in the memory of the host", copy, NULL, RF_COPY_FROM_DEVICE,
              address, address, 1);
    EMU_FAILS(emu, RF_ERROR_RANGE, "not in the memory of the host", copy, NULL, RF_COPY_FROM_DEVICE,
              0, address, 1);
    EMU_OK(emu, free, address);
}

static void alignment_is_what_was_asked_and_no_more(void **state)
{
    rf_device *emu = *state;
    rf_address address = 0;
    for (uint64_t alignment = 256; alignment <= 1ULL << 40; alignment <<= 4) {
        EMU_OK(emu, alloc, 1000, alignment, &address);
        assert_int_equal(address % (2 * alignment), alignment);
        EMU_OK(emu, free, address);
    }
    EMU_OK(emu, alloc, 1000, 1, &address);
    assert_int_equal(address % 256, 0);
    EMU_OK(emu, free, address);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "alignment 3000", alloc, 1000, 3000, &address);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "0 bytes", alloc, 0, 256, &address);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "0 bytes", pinned_alloc, 0, NULL);
    EMU_FAILS(emu, RF_ERROR_DEVICE_MEMORY, "no addresses", alloc, 1000, 1ULL << 63, &address);
}

/* Defect 1: nothing reaches past its allocation, or past the end of the addresses. */
static void copies_stay_in_their_allocation(void **state)
{
    rf_device *emu = *state;
    uint8_t bytes[1001] = {0};
    rf_address first = emu_alloc(emu, 1000);
    rf_address second = emu_alloc(emu, 1000);
    uint8_t *pinned = emu_pinned(emu, 1000);
    const char *inside = "allocation 1 (1000 bytes at 0x";
    emu_write(emu, NULL, first, bytes, 1000);
    EMU_FAILS(emu, RF_ERROR_RANGE, inside, copy, NULL, RF_COPY_TO_DEVICE, first, (uintptr_t)bytes,
              1001);
    EMU_FAILS(emu, RF_ERROR_RANGE, inside, copy, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)bytes,
              first + 999, 2);
    EMU_FAILS(emu, RF_ERROR_RANGE, inside, copy, NULL, RF_COPY_ON_DEVICE, second, first - 1, 2);
    EMU_FAILS(emu, RF_ERROR_RANGE, inside, fill, NULL, first + 1, 7, 1000);
    EMU_FAILS(emu, RF_ERROR_RANGE, "are in no allocation", fill, NULL, first + 1000, 7, 1);
    EMU_FAILS(emu, RF_ERROR_RANGE, "are in no allocation", fill, NULL, UINT64_MAX, 7, 2);
    EMU_FAILS(emu, RF_ERROR_RANGE, "pinned allocation 3", copy, NULL, RF_COPY_TO_DEVICE, first,
              (uintptr_t)pinned + 1, 1000);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "no copy of kind", copy, NULL, (rf_copy_kind)9, first, second,
              1);
    EMU_OK(emu, copy, NULL, RF_COPY_ON_DEVICE, 0, 0, 0);
    EMU_OK(emu, fill, NULL, 0, 0, 0);
    EMU_OK(emu, sync);
    EMU_OK(emu, pinned_free, pinned);
    EMU_OK(emu, free, second);
    EMU_OK(emu, free, first);
}

static void what_was_freed_is_unknown_for_ever(void **state)
{
    rf_device *emu = *state;
    uint8_t byte = 0;
    rf_address address = emu_alloc(emu, 1000);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "is not allocated", free, address + 256);
    EMU_OK(emu, free, address);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "is not allocated", free, address);
    EMU_FAILS(emu, RF_ERROR_RANGE, "it was freed", copy, NULL, RF_COPY_FROM_DEVICE,
              (uintptr_t)&byte, address, 1);
    for (int i = 0; i < 100; i++) {
        rf_address next = emu_alloc(emu, 1000);
        assert_true(next > address);
        EMU_OK(emu, free, next);
    }
    uint8_t *pinned = emu_pinned(emu, 10);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "device memory at", free, (uintptr_t)pinned);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "pinned memory at", pinned_free, pinned + 1);
    EMU_OK(emu, pinned_free, pinned);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "pinned memory at", pinned_free, pinned);
}

/* ---- patterns and guards -------------------------------------------------------------------- */

static void fresh_memory_shows_its_pattern(void **state)
{
    rf_device *emu = *state;
    static uint8_t bytes[9 << 20]; /* more than two repetitions of the pattern */
    rf_address address = emu_alloc(emu, sizeof(bytes));
    emu_read(emu, NULL, bytes, address, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i += 511)
        assert_int_equal(bytes[i], RF_EMU_FRESH);
    assert_int_equal(bytes[sizeof(bytes) - 1], RF_EMU_FRESH);
    EMU_OK(emu, fill, NULL, address + 5, 1, 10);
    emu_read(emu, NULL, bytes, address, 20);
    emu_expect_all(bytes, 5, RF_EMU_FRESH);
    emu_expect_all(bytes + 5, 10, 1);
    emu_expect_all(bytes + 15, 5, RF_EMU_FRESH);
    uint8_t *pinned = emu_pinned(emu, 100);
    emu_expect_all(pinned, 100, RF_EMU_FRESH);
    EMU_OK(emu, pinned_free, pinned);
    EMU_OK(emu, free, address);
}

/* Writes where only what the address sanitizer has not compiled can. */
__attribute__((no_sanitize("address"), noinline)) static void overrun(uint8_t *bytes, ptrdiff_t at)
{
    ((volatile uint8_t *)bytes)[at] = 1;
}

static void overruns_are_found_at_synchronisation(void **state)
{
    rf_device *emu = *state;
    rf_address first = emu_alloc(emu, 1000);
    rf_address second = emu_alloc(emu, 4096);
    uint8_t *bytes = rf_emu_host_pointer(emu, first);
    bytes[999] = 1;
    EMU_OK(emu, sync);
    overrun(bytes, 1002);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "allocation 1 (1000 bytes at 0x", sync);
    EMU_OK(emu, sync); /* reported once */
    overrun(bytes, 1002);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "byte 3 behind its end was overwritten", stream_sync, NULL);
    overrun(bytes, -1);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "byte 1 before its start was overwritten", sync);
    bytes = rf_emu_host_pointer(emu, second);
    overrun(bytes, 4096 + 4095);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "byte 4096 behind its end", sync);
    overrun(bytes, -4096);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "byte 4096 before its start", sync);
    EMU_OK(emu, sync);
    EMU_OK(emu, free, second);
    EMU_OK(emu, free, first);
}

/* The memory is freed all the same. */
static void overruns_are_found_when_memory_is_freed(void **state)
{
    rf_device *emu = *state;
    rf_address address = emu_alloc(emu, 100);
    overrun(rf_emu_host_pointer(emu, address), 100);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "byte 1 behind its end", free, address);
    uint8_t *pinned = emu_pinned(emu, 100);
    overrun(pinned, -2);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "pinned allocation 2 (100 bytes", pinned_free, pinned);
    emu_expect_nothing_live(emu);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void memory_is_what_it_says(void **state)
{
    rf_device *emu = *state;
    rf_device_memory memory;
    rf_address first = 0;
    rf_address second = 0;
    rf_emu_set_memory(emu, 1 << 20);
    EMU_OK(emu, alloc, 700000, 256, &first);
    EMU_OK(emu, memory, &memory);
    assert_int_equal(memory.total, 1 << 20);
    assert_int_equal(memory.free, (1 << 20) - 171 * 4096);
    EMU_FAILS(emu, RF_ERROR_DEVICE_MEMORY, "asked 400000 bytes, free 348160", alloc, 400000, 256,
              &second);
    EMU_OK(emu, alloc, memory.free, 256, &second);
    EMU_OK(emu, memory, &memory);
    assert_int_equal(memory.free, 0);
    EMU_FAILS(emu, RF_ERROR_DEVICE_MEMORY, "asked 1 bytes, free 0", alloc, 1, 256, &second);
    rf_emu_set_memory(emu, 1000); /* less than is taken */
    EMU_OK(emu, memory, &memory);
    assert_int_equal(memory.free, 0);
    rf_emu_set_memory(emu, 1 << 20);
    EMU_OK(emu, free, second);
    EMU_OK(emu, free, first);
    EMU_OK(emu, memory, &memory);
    assert_int_equal(memory.free, 1 << 20);
    EMU_FAILS(emu, RF_ERROR_OVERFLOW, "overflows", alloc, UINT64_MAX, 256, &first);
    rf_emu_set_memory(emu, UINT64_MAX);
    EMU_FAILS(emu, RF_ERROR_DEVICE_MEMORY, "the host cannot map", alloc, 1ULL << 58, 256, &first);
    emu_expect_nothing_live(emu);
}

static uint64_t resident_pages(void)
{
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident;
}

static void memory_that_nobody_writes_costs_nothing(void **state)
{
    rf_device *emu = *state;
    uint8_t bytes[100];
    uint64_t size = 7ULL << 30;
    uint64_t before = resident_pages();
    rf_address address = emu_alloc(emu, size);
    EMU_OK(emu, fill, NULL, address + size - 50, 3, 50);
    emu_read(emu, NULL, bytes, address + size - 100, 100);
    emu_expect_all(bytes, 50, RF_EMU_FRESH);
    emu_expect_all(bytes + 50, 50, 3);
    assert_true(resident_pages() < before + (256 << 20) / 4096);
    EMU_OK(emu, free, address);
}

/* ---- failures, leaks ------------------------------------------------------------------------ */

static void failing_allocations_leave_nothing(void **state)
{
    rf_device *emu = *state;
    uint64_t before = rf_host_live_count();
    rf_device_memory memory;
    const rf_status expected[] = {RF_ERROR_HOST_MEMORY, RF_ERROR_DEVICE_MEMORY};
    for (uint64_t n = 1; n <= 2; n++) {
        rf_address address = 0;
        void *pinned = NULL;
        rf_error error;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        assert_int_equal(emu->ops->alloc(emu, 5000, 256, &address, &error), expected[n - 1]);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        assert_int_equal(emu->ops->pinned_alloc(emu, 5000, &pinned, &error), expected[n - 1]);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        EMU_OK(emu, memory, &memory);
        assert_int_equal(memory.free, memory.total);
        assert_int_equal(rf_host_live_count(), before);
        assert_true(address == 0 && pinned == NULL);
    }
}

/* An opening is two host allocations and a thread. */
static void an_opening_that_fails_leaves_nothing(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_device *device = NULL;
    rf_error error;
    for (uint64_t n = 1; n <= 2; n++) {
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        assert_int_equal(rf_device_open("emu64", &device, &error), RF_ERROR_HOST_MEMORY);
        assert_int_equal(rf_host_live_count(), before);
    }
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    rf_fault_arm(RF_FAULT_THREAD_CREATE, 1);
    assert_int_equal(rf_device_open("emu64", &device, &error), RF_ERROR_HOST_MEMORY);
    assert_non_null(strstr(error.message, "open device emu64: device emu64: cannot start"));
    rf_fault_arm(RF_FAULT_THREAD_CREATE, 0);
    assert_int_equal(rf_host_live_count(), before);
    assert_int_equal(rf_device_open("emu64", &device, &error), RF_OK);
    assert_string_equal(device->id, "emu64");
    rf_device_close(device, NULL);
    assert_int_equal(rf_host_live_count(), before);
}

typedef struct listener {
    int lines;
    char text[4096];
} listener;

static void listen(void *user, rf_log_level level, const char *line)
{
    listener *l = user;
    size_t length = strlen(l->text);
    l->lines += level == RF_LOG_WARNING;
    snprintf(l->text + length, sizeof(l->text) - length, "%s\n", line);
}

static void what_is_not_given_back_is_told(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_device *emu = NULL;
    rf_error error = {0};
    listener l = {0};
    assert_int_equal(rf_emu_open(64, &emu, NULL), RF_OK);
    emu_alloc(emu, 1000);
    rf_address lost = emu_alloc(emu, 2000);
    uint8_t *pinned = emu_pinned(emu, 3000);
    emu_stream(emu);
    emu_event(emu);
    emu_event(emu);
    rf_emu_live live = rf_emu_count_live(emu);
    assert_int_equal(live.allocations, 2);
    assert_int_equal(live.bytes, 3000);
    assert_int_equal(live.pinned, 1);
    assert_int_equal(live.pinned_bytes, 3000);
    assert_int_equal(live.streams, 1);
    assert_int_equal(live.events, 2);
    /* A failure that nobody synchronised for is told as well. */
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_write(emu, NULL, lost, pinned, 2000);
    EMU_OK(emu, free, lost);
    rf_log_set(listen, &l, RF_LOG_WARNING);
    assert_int_equal(emu->ops->close(emu, &error), RF_ERROR_INTERNAL);
    rf_log_set(NULL, NULL, RF_LOG_DEBUG);
    assert_non_null(strstr(error.message, "4 things not given back: stream 0x"));
    assert_non_null(strstr(error.message, ", 2 events, pinned allocation 3 (3000 bytes at 0x"));
    assert_int_equal(l.lines, 5);
    assert_non_null(strstr(l.text, "allocation 1 (1000 bytes at 0x"));
    assert_non_null(strstr(l.text, "pinned allocation 3 (3000 bytes at 0x"));
    assert_non_null(strstr(l.text, "stream 0x"));
    assert_non_null(strstr(l.text, "2 events"));
    assert_non_null(strstr(l.text, "saw: device emu64: allocation 2 (2000 bytes"));
    assert_int_equal(rf_host_live_count(), before);
}

/* ---- opening -------------------------------------------------------------------------------- */

typedef struct opener {
    pthread_t thread;
    const char *id; /* either of its names */
    pthread_barrier_t *barrier;
    rf_device *device;
    rf_status status;
} opener;

static void *open_emu(void *argument)
{
    opener *o = argument;
    pthread_barrier_wait(o->barrier);
    o->status = rf_device_open(o->id, &o->device, NULL);
    return NULL;
}

/* Defect 2. */
static void a_hundred_threads_open_one_emulated_device(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    opener openers[COUNT];
    pthread_barrier_t barrier;
    uint64_t before = rf_host_live_count();
    assert_int_equal(pthread_barrier_init(&barrier, NULL, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        openers[i] = (opener){
            .id = i % 2 ? "emu" : "emu32", .barrier = &barrier, .status = RF_ERROR_INTERNAL};
        assert_int_equal(pthread_create(&openers[i].thread, NULL, open_emu, &openers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_join(openers[i].thread, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(openers[i].status, RF_OK);
        assert_ptr_equal(openers[i].device, openers[0].device);
    }
    /* One device, so all see what one does; and it stays until the last has closed it. */
    rf_address address = emu_alloc(openers[0].device, 100);
    for (int i = 1; i < COUNT; i++)
        rf_device_close(openers[i].device, NULL);
    assert_int_equal(rf_emu_count_live(openers[0].device).allocations, 1);
    EMU_OK(openers[0].device, free, address);
    rf_device_close(openers[0].device, NULL);
    pthread_barrier_destroy(&barrier);
    assert_int_equal(rf_host_live_count(), before);
}

static rf_status nested_status;

static rf_status nesting_count(uint32_t *out, rf_error *error)
{
    (void)error;
    *out = 1;
    return RF_OK;
}

static void nesting_id(uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    (void)index;
    memcpy(out, "nesting", sizeof("nesting"));
}

/* Opens another device first, as one that wraps it might. */
static rf_status nesting_open(uint32_t index, rf_device **out, rf_error *error)
{
    (void)index, (void)out;
    rf_device *inner = NULL;
    nested_status = rf_device_open("emu", &inner, error);
    rf_device_close(inner, NULL);
    return nested_status;
}

/* Defect 8. */
static void opening_inside_opening_is_an_error(void **state)
{
    (void)state;
    rf_device *device = NULL;
    rf_error error;
    const rf_backend nesting = {
        .name = "nesting", .count = nesting_count, .id = nesting_id, .open = nesting_open};
    rf_backend_set_extra(&nesting);
    assert_int_equal(rf_device_open("nesting", &device, &error), RF_ERROR_BUSY);
    assert_int_equal(nested_status, RF_ERROR_BUSY);
    assert_non_null(strstr(error.message, "from inside the opening"));
    rf_backend_set_extra(NULL);
    assert_int_equal(rf_device_open("emu", &device, &error), RF_OK);
    assert_string_equal(device->id, "emu32");
    rf_device_close(device, NULL);
}

/* It is an instrument: nobody gets it who did not ask for it. */
static void it_is_never_chosen_and_not_listed(void **state)
{
    (void)state;
    rf_device_info infos[64];
    size_t count = 0;
    rf_device *device = NULL;
    assert_int_equal(rf_device_list(infos, 64, &count, NULL), RF_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_not_equal(memcmp(infos[i].id, "emu", 3), 0);
    assert_int_equal(rf_device_open(NULL, &device, NULL), RF_OK);
    assert_string_not_equal(device->ops->backend, "emu");
    rf_device_close(device, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMU_TEST(facts_are_an_emulated_gpus),
        EMU_TEST(its_variants_are_devices),
        EMU_TEST(addresses_are_no_host_pointers),
        EMU_TEST(alignment_is_what_was_asked_and_no_more),
        EMU_TEST(copies_stay_in_their_allocation),
        EMU_TEST(what_was_freed_is_unknown_for_ever),
        EMU_TEST(fresh_memory_shows_its_pattern),
        EMU_TEST(overruns_are_found_at_synchronisation),
        EMU_TEST(overruns_are_found_when_memory_is_freed),
        EMU_TEST(memory_is_what_it_says),
        EMU_TEST(memory_that_nobody_writes_costs_nothing),
        EMU_TEST(failing_allocations_leave_nothing),
        cmocka_unit_test(an_opening_that_fails_leaves_nothing),
        cmocka_unit_test(what_is_not_given_back_is_told),
        cmocka_unit_test(a_hundred_threads_open_one_emulated_device),
        cmocka_unit_test(opening_inside_opening_is_an_error),
        cmocka_unit_test(it_is_never_chosen_and_not_listed),
    };
    return cmocka_run_group_tests_name("emu", tests, NULL, NULL);
}
