/*
 * test_staging.c: bytes of files on their way to a device: they arrive whatever the device's
 * timing, the number of readers and buffers and the way of reading; checksums do not depend on any
 * of these; and a load that fails or is cancelled, wherever it is, leaves nothing behind.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "memory/random.h"
#include "memory/staging_fixture.h"
#include "support/emu_runtime.h"
#include "support/faults.h"

static rf_status load(emu_runtime *r, const cargo *c, const rf_staging_config *config,
                      rf_load_stats *stats, rf_error *error)
{
    *stats = (rf_load_stats){0};
    return rf_staging_load(r->runtime.memory, config, c->items, c->n_items, stats, error);
}

static void load_ok(emu_runtime *r, const cargo *c, const rf_staging_config *config,
                    rf_load_stats *stats)
{
    rf_error error;
    if (load(r, c, config, stats, &error) != RF_OK)
        fail_msg("%s", error.message);
}

/* ---- bytes arrive --------------------------------------------------------------------------- */

static void bytes_arrive_whatever_the_timing(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    static const rf_emu_schedule schedules[] = {RF_EMU_EAGER, RF_EMU_RANDOM, RF_EMU_LAZY};
    uint64_t random = 1;
    for (uint64_t round = 0; round < 24; round++) {
        cargo *c = cargo_pack_random("/tmp", 1 << 21, round);
        rf_staging_config config = {.n_readers = 1 + (uint32_t)random_below(&random, 6),
                                    .n_buffers = 1 + (uint32_t)random_below(&random, 6),
                                    .buffer_bytes = 4096 * (32 + random_below(&random, 64)),
                                    .read_mode = (rf_read_mode)(round % 3),
                                    .verify = round % 4 == 3};
        rf_load_stats stats;
        rf_emu_set_schedule(r.emu, schedules[round / 3 % 3], round);
        cargo_place(c, r.runtime.memory, &config);
        load_ok(&r, c, &config, &stats);
        rf_emu_set_schedule(r.emu, RF_EMU_EAGER, 0);
        cargo_expect_arrived(c);
        assert_int_equal(stats.verified, config.verify);
        assert_true(stats.n_readers <= config.n_readers && stats.n_readers <= config.n_buffers);
        cargo_unplace(c);
        cargo_free(c);
    }
    emu_runtime_close(&r);
}

static void checksums_do_not_depend_on_how_bytes_are_read(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 3 << 20, 77);
    uint64_t expected = 0;
    for (uint32_t i = 0; i < 24; i++) {
        rf_staging_config config = {.n_readers = 1 + i % 8,
                                    .n_buffers = 1 + i % 5,
                                    .buffer_bytes = (128 << 10) << i % 6,
                                    .read_mode = i % 2 ? RF_READ_DIRECT : RF_READ_BUFFERED};
        rf_load_stats stats;
        cargo_place(c, r.runtime.memory, &config);
        load_ok(&r, c, &config, &stats);
        cargo_unplace(c);
        expected = i == 0 ? stats.checksum : expected;
        assert_int_equal(stats.checksum, expected);
    }
    cargo_free(c);
    emu_runtime_close(&r);
}

/* On the CPU, where readers fill the blocks themselves, and the same checksum comes out. */
static void unified_memory_is_filled_in_place(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    rf_device *cpu = NULL;
    rf_memory *memory = NULL;
    assert_int_equal(rf_device_open("cpu", &cpu, NULL), RF_OK);
    assert_int_equal(rf_memory_open(cpu, &memory, NULL), RF_OK);
    cargo *c = cargo_pack_random("/tmp", 2 << 20, 5);
    rf_staging_config config = {.n_readers = 4, .buffer_bytes = 256 << 10, .verify = true};
    rf_load_stats through_buffers;
    rf_load_stats in_place = {0};
    rf_load_stats direct = {0};
    cargo_place(c, r.runtime.memory, &config);
    load_ok(&r, c, &config, &through_buffers);
    cargo_unplace(c);
    config.unified = true;
    cargo_place(c, memory, &config);
    assert_int_equal(rf_plan_summarise(c->plan).external[RF_MEMORY_STAGING], 0);
    assert_int_equal(rf_staging_load(memory, &config, c->items, c->n_items, &in_place, NULL),
                     RF_OK);
    cargo_expect_arrived(c);
    cargo_unplace(c);
    config.read_mode = RF_READ_DIRECT; /* which needs aligned memory, and so buffers */
    cargo_place(c, memory, &config);
    assert_int_equal(rf_staging_load(memory, &config, c->items, c->n_items, &direct, NULL), RF_OK);
    cargo_expect_arrived(c);
    cargo_unplace(c);
    assert_int_equal(in_place.checksum, through_buffers.checksum);
    assert_int_equal(direct.checksum, through_buffers.checksum);
    assert_int_equal(in_place.staging_buffers, 0);
    assert_true(direct.staging_buffers > 0);
    assert_int_equal(rf_memory_close(memory, NULL), RF_OK);
    rf_device_close(cpu, NULL);
    cargo_free(c);
    emu_runtime_close(&r);
}

/* ---- ways of reading ------------------------------------------------------------------------ */

static void reads_go_through_the_page_cache_unless_asked(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 4 << 20, 8);
    rf_staging_config config = {0};
    rf_load_stats stats;
    cargo_place(c, r.runtime.memory, &config);
    load_ok(&r, c, &config, &stats);
    assert_int_equal(stats.read_mode, RF_READ_BUFFERED);
    cargo_chill(c);
    load_ok(&r, c, &config, &stats);
    assert_int_equal(stats.read_mode, RF_READ_BUFFERED);
    cargo_expect_arrived(c);
    cargo_unplace(c);
    cargo_free(c);
    emu_runtime_close(&r);
}

/* A file system in memory may have no direct reads: asking for them is not an error. */
static void direct_reads_that_are_not_there_become_buffered(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/dev/shm", 1 << 20, 8);
    rf_staging_config config = {.read_mode = RF_READ_DIRECT, .verify = true};
    rf_load_stats stats;
    bool able = false;
    cargo_place(c, r.runtime.memory, &config);
    assert_int_equal(rf_file_enable_direct(c->file, &able, NULL), RF_OK);
    load_ok(&r, c, &config, &stats);
    assert_int_equal(stats.read_mode, able ? RF_READ_DIRECT : RF_READ_BUFFERED);
    cargo_expect_arrived(c);
    cargo_unplace(c);
    cargo_free(c);
    emu_runtime_close(&r);
}

static void limits_are_named(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 1000, 8);
    static const struct {
        rf_staging_config config;
        const char *name;
    } bad[] = {
        {{.n_readers = 65}, "n_readers"},
        {{.n_buffers = 257}, "staging_buffers"},
        {{.buffer_bytes = 64 << 10}, "staging_bytes"},
        {{.buffer_bytes = 512 << 20}, "staging_bytes"},
        {{.buffer_bytes = (128 << 10) + 1}, "staging_bytes"},
        {{.n_buffers = 256, .buffer_bytes = 16 << 20}, "together"},
        {{.read_mode = RF_READ_MAPPED}, "read_mode"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rf_load_stats stats;
        rf_error error;
        assert_int_equal(load(&r, c, &bad[i].config, &stats, &error), RF_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, bad[i].name));
    }
    cargo_free(c);
    emu_runtime_close(&r);
}

/* ---- failures ------------------------------------------------------------------------------- */

/* One load in which the nth call of something fails; whether that fired. After it the device has no
 * more than before, and the host neither. */
static bool survive(emu_runtime *r, const cargo *c, const rf_staging_config *config)
{
    rf_load_stats stats;
    rf_error error = {0};
    uint64_t host = rf_host_live_count();
    rf_emu_live before = rf_emu_count_live(r->emu);
    rf_status status = load(r, c, config, &stats, &error);
    bool fired = rf_fault_device_fired(r->device);
    if (fired) /* no call of the device is one that a load can do without */
        assert_int_equal(status, RF_ERROR_DEVICE);
    for (int site = 0; site < RF_FAULT_SITE_COUNT; site++) {
        fired = fired || rf_fault_fired((rf_fault_site)site);
        rf_fault_arm((rf_fault_site)site, 0);
    }
    rf_fault_device_arm(r->device, RF_FAULT_ANY, 0);
    rf_emu_live after = rf_emu_count_live(r->emu);
    assert_memory_equal(&after, &before, sizeof(after));
    assert_int_equal(rf_host_live_count(), host);
    rf_memory_stats memory = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_statistics(r->runtime.memory, &memory, NULL), RF_OK);
    assert_int_equal(memory.classes[RF_MEMORY_STAGING].current, 0);
    if (!fired)
        assert_int_equal(status, RF_OK);
    if (status != RF_OK) {
        assert_int_equal(error.status, status);
        assert_true(strlen(error.message) > 10);
    }
    return fired;
}

/* Copies may go on where waiting for a stream failed: the whole device is waited for before their
 * memory is given back. */
static void a_failed_wait_is_made_up_for(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 1 << 20, 4);
    rf_staging_config config = {.n_buffers = 4, .buffer_bytes = 128 << 10};
    cargo_place(c, r.runtime.memory, &config);
    uint64_t before = rf_fault_device_calls(r.device, RF_FAULT_SYNC);
    rf_fault_device_arm(r.device, RF_FAULT_STREAM_SYNC, 1);
    assert_true(survive(&r, c, &config));
    assert_int_equal(rf_fault_device_calls(r.device, RF_FAULT_SYNC), before + 1);
    cargo_unplace(c);
    cargo_free(c);
    emu_runtime_close(&r);
}

static void every_failing_call_is_survived(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 1 << 20, 4);
    rf_staging_config config = {.n_readers = 3,
                                .n_buffers = 4,
                                .buffer_bytes = 128 << 10,
                                .verify = true,
                                .read_mode = RF_READ_DIRECT};
    unsigned faults = 0;
    cargo_place(c, r.runtime.memory, &config);
    for (int schedule = RF_EMU_EAGER; schedule <= RF_EMU_LAZY; schedule++) {
        rf_emu_set_schedule(r.emu, (rf_emu_schedule)schedule, 1);
        for (int call = 0; call < RF_FAULT_ANY; call++) {
            for (uint64_t n = 1;; n++) {
                rf_fault_device_arm(r.device, (rf_fault_call)call, n);
                if (!survive(&r, c, &config))
                    break;
                faults++;
            }
        }
    }
    rf_emu_set_schedule(r.emu, RF_EMU_EAGER, 0);
    for (int site = 0; site < RF_FAULT_SITE_COUNT; site++) {
        for (uint64_t n = 1;; n++) {
            rf_fault_arm((rf_fault_site)site, n);
            if (!survive(&r, c, &config))
                break;
            faults++;
        }
    }
    rf_load_stats stats;
    load_ok(&r, c, &config, &stats);
    cargo_expect_arrived(c);
    faults_tried(faults, "calls of a load");
    assert_true(faults > 100);
    cargo_unplace(c);
    cargo_free(c);
    emu_runtime_close(&r);
}

typedef struct listener {
    uint64_t stop_at; /* bytes */
    uint64_t last;
    uint64_t total;
    unsigned calls;
} listener;

static bool listen_and_stop(void *user, uint64_t done, uint64_t total)
{
    listener *l = user;
    assert_true(done <= total);
    assert_true(done >= l->last);
    l->last = done;
    l->total = total;
    l->calls++;
    return done < l->stop_at;
}

static void a_load_is_cancelled_at_any_byte(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    rf_emu_set_schedule(r.emu, RF_EMU_RANDOM, 3);
    cargo *c = cargo_pack_random("/tmp", 1 << 20, 6);
    listener l = {.stop_at = UINT64_MAX};
    rf_staging_config config = {.n_readers = 3,
                                .n_buffers = 4,
                                .buffer_bytes = 128 << 10,
                                .verify = true,
                                .progress = listen_and_stop,
                                .progress_user = &l};
    rf_load_stats stats;
    cargo_place(c, r.runtime.memory, &config);
    load_ok(&r, c, &config, &stats);
    assert_int_equal(l.last, l.total);
    assert_int_equal(l.total, 2 * stats.bytes);
    uint64_t total = l.total;
    for (uint64_t at = 0; at <= total; at += total / 40) {
        uint64_t host = rf_host_live_count();
        l = (listener){.stop_at = at};
        assert_int_equal(load(&r, c, &config, &stats, NULL), RF_ERROR_CANCELLED);
        assert_int_equal(rf_host_live_count(), host);
        rf_emu_live live = rf_emu_count_live(r.emu);
        assert_int_equal(live.pinned + live.streams + live.events, 0);
    }
    cargo_unplace(c);
    cargo_free(c);
    emu_runtime_close(&r);
}

/* ---- verification --------------------------------------------------------------------------- */

typedef struct vandal {
    rf_device *device;
    rf_block block;
    uint64_t offset;
    uint64_t bytes; /* of all tensors: when these have been read it strikes */
} vandal;

/* Turns one bit on the device when everything has been read and before it is verified. */
static bool flip_a_bit(void *user, uint64_t done, uint64_t total)
{
    const vandal *v = user;
    (void)total;
    if (done != v->bytes)
        return true;
    uint8_t byte = 0;
    assert_int_equal(v->device->ops->sync(v->device, NULL),
                     RF_OK); /* the copies are on their way */
    assert_int_equal(rf_block_read(v->block, v->offset, &byte, 1, NULL), RF_OK);
    byte ^= 0x10;
    assert_int_equal(rf_block_write(v->block, v->offset, &byte, 1, NULL), RF_OK);
    return true;
}

static void verification_finds_one_flipped_bit(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 1 << 20, 12);
    uint64_t random = 2;
    vandal v;
    rf_staging_config config = {.n_readers = 2, .n_buffers = 3, .verify = true};
    config.progress = flip_a_bit;
    config.progress_user = &v;
    cargo_place(c, r.runtime.memory, &config);
    for (int round = 0; round < 20; round++) {
        const rf_staging_item *item = &c->items[random_below(&random, c->n_items)];
        v = (vandal){
            .device = r.device, .block = item->block, .offset = random_below(&random, item->bytes)};
        for (uint32_t i = 0; i < c->n_items; i++)
            v.bytes += c->items[i].bytes;
        rf_load_stats stats;
        rf_error error;
        char pool[64];
        assert_int_equal(load(&r, c, &config, &stats, &error), RF_ERROR_INTERNAL);
        snprintf(pool, sizeof(pool), "in pool %u from offset %u", item->pool,
                 (unsigned)(item->pool_offset +
                            v.offset / RF_STAGING_PIECE_BYTES * RF_STAGING_PIECE_BYTES));
        assert_non_null(strstr(error.message, item->label));
        assert_non_null(strstr(error.message, pool));
    }
    config.verify = false; /* and without it, nothing is seen */
    rf_load_stats stats;
    load_ok(&r, c, &config, &stats);
    cargo_unplace(c);
    cargo_free(c);
    emu_runtime_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_whatever_the_timing),
        cmocka_unit_test(checksums_do_not_depend_on_how_bytes_are_read),
        cmocka_unit_test(unified_memory_is_filled_in_place),
        cmocka_unit_test(reads_go_through_the_page_cache_unless_asked),
        cmocka_unit_test(direct_reads_that_are_not_there_become_buffered),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(a_failed_wait_is_made_up_for),
        cmocka_unit_test(every_failing_call_is_survived),
        cmocka_unit_test(a_load_is_cancelled_at_any_byte),
        cmocka_unit_test(verification_finds_one_flipped_bit),
    };
    return cmocka_run_group_tests_name("staging", tests, NULL, NULL);
}
