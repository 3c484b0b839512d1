/* test_faults.c: the writer and the reader with each allocation, open, map and write failing in
 * turn. */
#include "support.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "gguf/writer.h"
#include "support/faults.h"
#include "walk.h"

static rf_status fill(rf_gguf_writer *w, rf_error *error)
{
    static const uint8_t data[512 << 10]; /* more than the writer buffers */
    const uint64_t shape[] = {sizeof(data)};
    const rf_string strings[] = {{"a", 1}, {"b", 1}};
    const uint32_t numbers[100] = {0};
    RF_TRY(rf_gguf_write_text(w, "text", "value", error));
    RF_TRY(rf_gguf_write_strings(w, "strings", strings, 2, error));
    RF_TRY(rf_gguf_write_array(w, "numbers", RF_GGUF_UINT32, numbers, 100, error));
    RF_TRY(rf_gguf_write_tensor(w, "t", RF_TYPE_I8, 1, shape, NULL, error));
    RF_TRY(rf_gguf_write_tensor(w, "u", RF_TYPE_F32, 1, (const uint64_t[]){5}, NULL, error));
    RF_TRY(rf_gguf_write_data(w, data, sizeof(data), error));
    RF_TRY(rf_gguf_write_data(w, data, 20, error));
    return rf_gguf_writer_finish(w, error);
}

static rf_status write_all(const char *path, rf_error *error)
{
    rf_gguf_writer *writer = NULL;
    RF_TRY(rf_gguf_writer_create(path, 64, &writer, error));
    rf_status status = fill(writer, error);
    rf_gguf_writer_free(writer);
    return status;
}

static rf_status open_all(const char *path, rf_error *error)
{
    rf_gguf *gguf = NULL;
    RF_TRY(rf_gguf_open(path, &gguf, error));
    walk(gguf);
    rf_gguf_close(gguf);
    return RF_OK;
}

/* Fails the nth call at a site, for every n until none fires. Returns how many did. */
static uint64_t fail_every(rf_fault_site site, rf_status (*body)(const char *, rf_error *),
                           const char *path, bool keeps_old_file)
{
    uint64_t live = rf_host_live_count();
    int files = files_in_folder();
    for (uint64_t n = 1;; n++) {
        rf_error error = {0};
        rf_fault_arm(site, n);
        rf_status status = body(path, &error);
        bool fired = rf_fault_fired(site);
        rf_fault_arm(site, 0);
        assert_int_equal(rf_host_live_count(), live);
        assert_int_equal(files_in_folder(), files);
        if (!fired) {
            assert_int_equal(status, RF_OK);
            faults_tried(n - 1, "calls of a file");
            return n - 1;
        }
        assert_int_equal(status, site == RF_FAULT_HOST_ALLOC ? RF_ERROR_HOST_MEMORY : RF_ERROR_IO);
        assert_int_equal(error.status, status);
        assert_true(strlen(error.message) > 0);
        if (keeps_old_file) {
            rf_buffer bytes = read_file(path);
            assert_int_equal(bytes.length, 3);
            rf_buffer_free(&bytes);
        }
    }
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    static const rf_fault_site sites[] = {RF_FAULT_HOST_ALLOC, RF_FAULT_FILE_OPEN,
                                          RF_FAULT_FILE_WRITE};
    const char *path = in_folder("w.gguf");
    for (size_t i = 0; i < 3; i++) {
        write_file(path, "old", 3);
        assert_true(fail_every(sites[i], write_all, path, true) > 0);
        assert_int_equal(open_all(path, NULL), RF_OK);
    }
}

static void a_failed_open_gives_everything_back(void **state)
{
    (void)state;
    const char *path = in_folder("r.gguf");
    assert_int_equal(write_all(path, NULL), RF_OK);
    assert_true(fail_every(RF_FAULT_HOST_ALLOC, open_all, path, false) > 5);
    assert_int_equal(fail_every(RF_FAULT_FILE_OPEN, open_all, path, false), 1);
    assert_int_equal(fail_every(RF_FAULT_FILE_MAP, open_all, path, false), 1);
}

static void metadata_that_failed_can_be_written_again(void **state)
{
    (void)state;
    const char *path = in_folder("again.gguf");
    for (uint64_t n = 1;; n++) {
        rf_gguf_writer *w = NULL;
        rf_gguf *gguf = NULL;
        assert_int_equal(rf_gguf_writer_create(path, 0, &w, NULL), RF_OK);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status first = rf_gguf_write_text(w, "a", "text", NULL);
        bool fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(first, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        if (fired)
            assert_int_equal(rf_gguf_write_text(w, "a", "text", NULL), RF_OK);
        assert_int_equal(rf_gguf_writer_finish(w, NULL), RF_OK);
        rf_gguf_writer_free(w);
        assert_int_equal(rf_gguf_open(path, &gguf, NULL), RF_OK);
        assert_int_equal(rf_gguf_value_count(gguf), 1);
        rf_gguf_close(gguf);
        if (!fired)
            break;
    }
}

static void nothing_follows_a_failed_write(void **state)
{
    (void)state;
    static const uint8_t data[512 << 10];
    const uint64_t shape[] = {sizeof(data)};
    rf_gguf_writer *w = NULL;
    rf_error error;
    assert_int_equal(rf_gguf_writer_create(in_folder("b.gguf"), 0, &w, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_tensor(w, "t", RF_TYPE_I8, 1, shape, NULL, NULL), RF_OK);
    rf_fault_arm(RF_FAULT_FILE_WRITE, 1);
    assert_int_equal(rf_gguf_write_data(w, data, sizeof(data), &error), RF_ERROR_IO);
    rf_fault_arm(RF_FAULT_FILE_WRITE, 0);
    assert_int_equal(rf_gguf_write_data(w, data, sizeof(data), &error), RF_ERROR_IO);
    assert_non_null(strstr(error.message, "an earlier write failed"));
    rf_gguf_writer_free(w);
    assert_int_not_equal(access(in_folder("b.gguf"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(a_failed_open_gives_everything_back),
        cmocka_unit_test(metadata_that_failed_can_be_written_again),
        cmocka_unit_test(nothing_follows_a_failed_write),
    };
    return cmocka_run_group_tests_name("faults", tests, make_folder, remove_folder);
}
