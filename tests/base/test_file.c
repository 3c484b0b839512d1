/* test_file.c: reading files through the page cache and past it, at every kind of offset; and
 * telling files apart. */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"

enum { BYTES = 5 * 4096 + 123 };

typedef struct fixture {
    char path[64];
    uint8_t bytes[BYTES];
    rf_file *file;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    strcpy(f.path, "/tmp/rocmforge-file-XXXXXX");
    int descriptor = mkstemp(f.path);
    for (int i = 0; i < BYTES; i++)
        f.bytes[i] = (uint8_t)(i * 31 + i / 251);
    if (descriptor < 0 || write(descriptor, f.bytes, BYTES) != BYTES || fsync(descriptor) != 0)
        return -1;
    close(descriptor);
    *state = &f;
    return rf_file_open(f.path, &f.file, NULL) == RF_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    rf_file_close(f->file);
    return unlink(f->path);
}

static void direct_reads_give_the_same_bytes(void **state)
{
    fixture *f = *state;
    static _Alignas(4096) uint8_t to[6 * 4096];
    bool able = false;
    assert_int_equal(rf_file_enable_direct(f->file, &able, NULL), RF_OK);
    if (!able) {
        print_message("skipped: the file system of /tmp has no direct reads\n");
        skip();
    }
    for (uint64_t offset = 0; offset < BYTES; offset += 4096) {
        for (uint64_t end = offset; end <= BYTES; end += end + 4096 <= BYTES ? 4096 : 123) {
            memset(to, 0, sizeof(to));
            assert_int_equal(rf_file_read_direct(f->file, offset, to, end - offset, NULL), RF_OK);
            assert_memory_equal(to, f->bytes + offset, end - offset);
            if (end == BYTES)
                break;
        }
    }
    rf_error error;
    assert_int_equal(rf_file_read_direct(f->file, 1, to, 4096, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_file_read_direct(f->file, 0, to + 1, 4096, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_file_read_direct(f->file, 4096, to, BYTES, &error), RF_ERROR_IO);
    rf_fault_arm(RF_FAULT_FILE_READ, 1);
    assert_int_equal(rf_file_read_direct(f->file, 0, to, 4096, &error), RF_ERROR_IO);
    rf_fault_arm(RF_FAULT_FILE_READ, 0);
}

static void what_cannot_be_sampled_is_said(void **state)
{
    fixture *f = *state;
    uint32_t resident = 7;
    assert_false(rf_file_sample_cache(f->file, 0, BYTES, 0, &resident));
    assert_false(rf_file_sample_cache(f->file, 0, BYTES + 1, 4, &resident));
    assert_false(rf_file_sample_cache(f->file, 0, 3, 4, &resident));
    assert_int_equal(resident, 7);
}

static void what_is_dropped_is_read_again(void **state)
{
    fixture *f = *state;
    uint8_t to[BYTES] = {0};
    uint32_t resident = 0;
    assert_int_equal(rf_file_read(f->file, 0, to, BYTES, NULL), RF_OK);
    assert_int_equal(rf_file_drop_cache(f->file, NULL), RF_OK);
    bool told = rf_file_sample_cache(f->file, 0, BYTES, 1, &resident);
    if (!told || resident) {
        print_message("skipped: /tmp does not tell what is cached, or keeps all of it\n");
        skip();
    }
    memset(to, 0, sizeof(to));
    assert_int_equal(rf_file_read(f->file, 0, to, BYTES, NULL), RF_OK);
    assert_memory_equal(to, f->bytes, BYTES);
    assert_true(rf_file_sample_cache(f->file, 0, BYTES, 1, &resident));
    assert_int_equal(resident, 1);
}

static void a_file_has_one_identity(void **state)
{
    fixture *f = *state;
    rf_file *again = NULL;
    assert_int_equal(rf_file_open(f->path, &again, NULL), RF_OK);
    rf_file_identity a = rf_file_identify(f->file);
    rf_file_identity b = rf_file_identify(again);
    assert_memory_equal(&a, &b, sizeof(a));
    rf_file_close(again);
    assert_int_equal(truncate(f->path, BYTES - 1), 0);
    assert_int_equal(rf_file_open(f->path, &again, NULL), RF_OK);
    b = rf_file_identify(again);
    assert_memory_not_equal(&a, &b, sizeof(a));
    rf_file_close(again);
    assert_int_equal(truncate(f->path, BYTES), 0);
}

/* XXH3-64 of nothing and of "abc", with seed 0, as xxhsum -H3 prints them. */
static void hashes_are_xxh3(void **state)
{
    (void)state;
    assert_int_equal(rf_hash64("", 0), 0x2D06800538D394C2U);
    assert_int_equal(rf_hash64("abc", 3), 0x78AF5F94892F3950U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_reads_give_the_same_bytes),
        cmocka_unit_test(what_cannot_be_sampled_is_said),
        cmocka_unit_test(what_is_dropped_is_read_again),
        cmocka_unit_test(a_file_has_one_identity),
        cmocka_unit_test(hashes_are_xxh3),
    };
    return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
