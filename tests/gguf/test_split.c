/* test_split.c: models in several files. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "gguf/writer.h"
#include "walk.h"

/* What the keys of one part say. */
typedef struct keys {
    uint32_t number; /* from 0 */
    uint32_t count;
    int32_t n_tensors;
} keys;

static const char *part_path(uint32_t number, uint32_t count)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "m-%05u-of-%05u.gguf", number + 1, count);
    return in_folder(name);
}

/* Writes a part with one tensor "t<tensor>", whose bytes are all `tensor`. */
static void write_part(const char *path, keys k, int tensor, uint32_t alignment)
{
    rf_gguf_writer *w = NULL;
    char name[16];
    uint8_t data[40];
    const uint64_t shape[] = {sizeof(data)};
    (void)snprintf(name, sizeof(name), "t%d", tensor);
    memset(data, tensor, sizeof(data));
    assert_int_equal(rf_gguf_writer_create(path, alignment, &w, NULL), RF_OK);
    if (k.number == 0)
        assert_int_equal(rf_gguf_write_text(w, "general.name", "split", NULL), RF_OK);
    assert_int_equal(rf_gguf_write_u16(w, "split.no", (uint16_t)k.number, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_u16(w, "split.count", (uint16_t)k.count, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_i32(w, "split.tensors.count", k.n_tensors, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_tensor(w, name, RF_TYPE_I8, 1, shape, NULL, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_data(w, data, sizeof(data), NULL), RF_OK);
    assert_int_equal(rf_gguf_writer_finish(w, NULL), RF_OK);
    rf_gguf_writer_free(w);
}

static void write_three(void)
{
    for (uint32_t i = 0; i < 3; i++)
        write_part(part_path(i, 3), (keys){i, 3, 3}, (int)i, i == 0 ? 64 : 0);
}

static void three_parts_are_one_model(void **state)
{
    (void)state;
    rf_gguf *gguf = NULL;
    rf_error error;
    write_three();
    if (rf_gguf_open(part_path(0, 3), &gguf, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(rf_gguf_file_count(gguf), 3);
    assert_int_equal(rf_gguf_tensor_count(gguf), 3);
    assert_int_equal(rf_gguf_alignment(gguf), 64);
    assert_non_null(rf_gguf_find(gguf, "general.name"));
    for (uint32_t i = 0; i < 3; i++) {
        char name[8];
        char bytes[40];
        (void)snprintf(name, sizeof(name), "t%u", i);
        const rf_gguf_tensor *tensor = rf_gguf_find_tensor(gguf, name);
        assert_int_equal(tensor->file, i);
        assert_string_equal(rf_gguf_file_path(gguf, i), part_path(i, 3));
        assert_int_equal(
            rf_file_read(rf_gguf_file(gguf, i), tensor->offset, bytes, sizeof(bytes), NULL), RF_OK);
        assert_true(bytes[0] == (char)i && bytes[39] == (char)i);
    }
    walk(gguf);
    rf_gguf_close(gguf);
}

static void parts_that_do_not_belong_are_refused(void **state)
{
    (void)state;
    const char *first = part_path(0, 3);
    write_three();
    assert_refused("later part", part_path(1, 3), RF_ERROR_ARGUMENT, first);

    unlink(part_path(2, 3));
    rf_gguf *gguf = NULL;
    rf_error error;
    assert_int_equal(rf_gguf_open(first, &gguf, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "part 3 of 3"));
    assert_non_null(strstr(error.message, part_path(2, 3)));

    const char *last = part_path(2, 3);
    write_part(last, (keys){1, 3, 3}, 2, 0);
    assert_refused("number", last, RF_ERROR_FORMAT, "-00002-of-00003.gguf");
    assert_int_equal(rf_gguf_open(first, &gguf, &error), RF_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "its keys say part 2 of 3"));
    write_part(last, (keys){2, 4, 3}, 2, 0);
    assert_int_equal(rf_gguf_open(first, &gguf, &error), RF_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "part 3 of 4"));
    write_part(last, (keys){2, 3, 4}, 2, 0);
    assert_int_equal(rf_gguf_open(first, &gguf, &error), RF_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "4 tensors"));
    write_part(last, (keys){2, 3, 3}, 1, 0);
    assert_int_equal(rf_gguf_open(first, &gguf, &error), RF_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "tensor t1 at byte"));
    assert_non_null(strstr(error.message, last));
    write_file(last, "GGUF", 4);
    assert_int_equal(rf_gguf_open(first, &gguf, &error), RF_ERROR_FORMAT);
    assert_null(gguf);
}

static void the_number_of_tensors_has_to_be_right(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++)
        write_part(part_path(i, 2), (keys){i, 2, 5}, (int)i, 0);
    assert_refused("tensor count", part_path(0, 2), RF_ERROR_FORMAT, "2 tensors in 2 parts");
    write_part(part_path(0, 2), (keys){0, 2, -1}, 0, 0);
    assert_refused("negative", part_path(0, 2), RF_ERROR_FORMAT, "-1 is negative");
    write_part(part_path(0, 2), (keys){2, 2, 2}, 0, 0);
    assert_refused("number", part_path(0, 2), RF_ERROR_FORMAT, "part 2 (from 0) of 2");
}

static void parts_merged_into_one_file_are_one_file(void **state)
{
    (void)state;
    for (uint16_t count = 0; count < 2; count++) {
        rf_gguf *gguf = NULL;
        write_part(in_folder("merged.gguf"), (keys){0, count, 1}, 0, 0);
        assert_int_equal(rf_gguf_open(in_folder("merged.gguf"), &gguf, NULL), RF_OK);
        assert_int_equal(rf_gguf_file_count(gguf), 1);
        rf_gguf_close(gguf);
    }
}

/* Fails the nth call at a site, for every n until none fires. */
static void fail_every(rf_fault_site site, const char *path)
{
    uint64_t before = rf_host_live_count();
    for (uint64_t n = 1;; n++) {
        rf_gguf *gguf = NULL;
        rf_error error = {0};
        rf_fault_arm(site, n);
        rf_status status = rf_gguf_open(path, &gguf, &error);
        bool fired = rf_fault_fired(site);
        rf_fault_arm(site, 0);
        if (!fired) {
            assert_int_equal(status, RF_OK);
            assert_true(n > 3); /* a call a part at least */
            walk(gguf);
            rf_gguf_close(gguf);
            break;
        }
        assert_int_equal(status, site == RF_FAULT_HOST_ALLOC ? RF_ERROR_HOST_MEMORY : RF_ERROR_IO);
        assert_int_equal(error.status, status);
        assert_null(gguf);
        assert_int_equal(rf_host_live_count(), before);
    }
    assert_int_equal(rf_host_live_count(), before);
}

static void every_failure_gives_everything_back(void **state)
{
    (void)state;
    write_three();
    fail_every(RF_FAULT_HOST_ALLOC, part_path(0, 3));
    fail_every(RF_FAULT_FILE_OPEN, part_path(0, 3));
    fail_every(RF_FAULT_FILE_MAP, part_path(0, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_parts_are_one_model),
        cmocka_unit_test(parts_that_do_not_belong_are_refused),
        cmocka_unit_test(the_number_of_tensors_has_to_be_right),
        cmocka_unit_test(parts_merged_into_one_file_are_one_file),
        cmocka_unit_test(every_failure_gives_everything_back),
    };
    return cmocka_run_group_tests_name("split", tests, make_folder, remove_folder);
}
