/* test_containers.c: errors, buffers, maps and files, with every host allocation failing in turn.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buffer.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/map.h"
#include "base/memory.h"

static void context_goes_in_front_and_is_cut_not_overrun(void **state)
{
    (void)state;
    rf_error error;
    assert_int_equal(rf_error_set(&error, RF_ERROR_FORMAT, "bad\nthing %d", 7), RF_ERROR_FORMAT);
    assert_int_equal(rf_error_context(&error, RF_ERROR_FORMAT, "file %s", "x"), RF_ERROR_FORMAT);
    assert_string_equal(error.message, "file x: bad?thing 7");
    rf_error_set(&error, RF_ERROR_FORMAT,
                 "\x1b[2J \xC2\x9B"
                 "31m \xC3\xA9 \xFF\xE4\xBD");
    assert_string_equal(error.message, "?[2J ?31m \xC3\xA9 ??");
    for (int i = 0; i < 500; i++)
        rf_error_context(&error, RF_ERROR_FORMAT, "level %d of many", i);
    assert_true(strlen(error.message) < sizeof(error.message));
    assert_int_equal(rf_error_set(NULL, RF_ERROR_IO, "nobody listens"), RF_ERROR_IO);
    assert_int_equal(rf_error_context(NULL, RF_ERROR_IO, "nobody listens"), RF_ERROR_IO);
    assert_string_equal(rf_status_text(RF_ERROR_STALE), "stale handle");
    assert_string_equal(rf_status_text((rf_status)999), "unknown status");
}

static rf_status build_text(char **out, rf_error *error)
{
    rf_buffer buffer = {0};
    rf_status status = RF_OK;
    for (int i = 0; i < 1000 && status == RF_OK; i++)
        status = rf_buffer_format(&buffer, error, "%d,", i);
    if (status == RF_OK)
        status = rf_buffer_take(&buffer, out, NULL, error);
    rf_buffer_free(&buffer);
    return status;
}

static void buffer_survives_every_failed_allocation(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    for (uint64_t n = 1;; n++) {
        rf_error error;
        char *text = NULL;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = build_text(&text, &error);
        bool fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        if (!fired) {
            assert_string_equal(text + strlen(text) - 4, "999,");
            rf_free(text);
            break;
        }
        assert_int_equal(rf_host_live_count(), before);
    }
    assert_int_equal(rf_host_live_count(), before);
}

static void map_agrees_with_a_plain_array(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    static char keys[KEYS][12];
    rf_map map = {0};
    uint32_t value;
    assert_false(rf_map_get(&map, (rf_string){"x", 1}, &value));
    for (uint32_t i = 0; i < KEYS; i++) {
        int length = snprintf(keys[i], sizeof(keys[i]), "k%u", i * 7919U % KEYS);
        bool added;
        assert_int_equal(rf_map_insert(&map, (rf_string){keys[i], (size_t)length}, i, &added, NULL),
                         RF_OK);
        assert_true(added);
        assert_int_equal(rf_map_insert(&map, (rf_string){keys[i], (size_t)length}, 1, &added, NULL),
                         RF_OK);
        assert_false(added);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_true(rf_map_get(&map, (rf_string){keys[i], strlen(keys[i])}, &value));
        assert_int_equal(value, i);
    }
    assert_false(rf_map_get(&map, (rf_string){"k", 1}, &value));
    bool added;
    assert_int_equal(rf_map_insert(&map, (rf_string){NULL, 0}, 77, &added, NULL), RF_OK);
    assert_true(rf_map_get(&map, (rf_string){"", 0}, &value) && value == 77);
    rf_map_free(&map);
}

/* The number that times an odd one is 1 (modulo 2^64), by Newton's iteration. */
static uint64_t inverse_of(uint64_t odd)
{
    uint64_t x = odd; /* right in the lowest three bits; each step doubles them */
    for (int i = 0; i < 5; i++)
        x *= 2 - odd * x;
    return x;
}

/* What XXH3 mixed into the hash of an 8-byte key (xxhash.h, XXH3_rrmxmx), undone step by step. */
static uint64_t unmix(uint64_t h)
{
    const uint64_t inverse = inverse_of(0x9FB21C651E98DF25ULL);
    h ^= h >> 28 ^ h >> 56;
    h *= inverse;
    h ^= (h >> 35) + 8; /* changes the low half, which it does not depend on */
    h *= inverse;
    /* h ^ rotl(h, 49) ^ rotl(h, 24) is linear, and done 64 times is nothing at all. */
    for (int i = 0; i < 63; i++)
        h ^= (h << 49 | h >> 15) ^ (h << 24 | h >> 40);
    return h;
}

/* A file may be made so that its keys collide: with hashes from 0 on, these 100 000 all meet in one
 * place, and take ten seconds. */
static void keys_cannot_be_made_to_collide(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    static uint64_t keys[KEYS];
    const uint64_t zero = 0;
    const uint64_t flip = unmix(XXH3_64bits(&zero, sizeof(zero)));
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t swapped = unmix(i << 32) ^ flip; /* the upper half is the key's first four bytes */
        keys[i] = swapped << 32 | swapped >> 32;
        if (i < 100)
            assert_true(XXH3_64bits(&keys[i], sizeof(keys[i])) == i << 32);
    }
    rf_map map = {0};
    clock_t begin = clock();
    for (uint32_t i = 0; i < KEYS; i++) {
        bool added = false;
        rf_string key = {(const char *)&keys[i], sizeof(keys[i])};
        assert_int_equal(rf_map_insert(&map, key, i, &added, NULL), RF_OK);
        assert_true(added);
    }
    assert_true(clock() - begin < CLOCKS_PER_SEC);
    rf_map_free(&map);
}

static void files_report_what_is_wrong(void **state)
{
    (void)state;
    rf_file *file = NULL;
    rf_error error;
    assert_int_equal(rf_file_open("/nonexistent/x", &file, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/x"));
    assert_int_equal(rf_file_open("/", &file, &error), RF_ERROR_IO);
    assert_null(file);

    char path[] = "/tmp/rocmforge-test-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "0123456789", 10), 10);
    assert_int_equal(rf_file_open(path, &file, &error), RF_OK);
    char bytes[10];
    assert_int_equal(rf_file_read(file, 2, bytes, 3, &error), RF_OK);
    assert_memory_equal(bytes, "234", 3);
    assert_int_equal(rf_file_read(file, UINT64_MAX, bytes, 3, &error), RF_ERROR_IO);
    const void *mapped = NULL;
    assert_int_equal(rf_file_map(file, &mapped, &error), RF_OK);
    assert_memory_equal(mapped, "0123456789", 10);
    assert_int_equal(ftruncate(descriptor, 4), 0);
    assert_int_equal(rf_file_read(file, 2, bytes, 6, &error), RF_ERROR_IO);
    assert_non_null(strstr(error.message, "cut short"));
    rf_file_close(file);
    close(descriptor);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_goes_in_front_and_is_cut_not_overrun),
        cmocka_unit_test(buffer_survives_every_failed_allocation),
        cmocka_unit_test(map_agrees_with_a_plain_array),
        cmocka_unit_test(keys_cannot_be_made_to_collide),
        cmocka_unit_test(files_report_what_is_wrong),
    };
    return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}
