/*
 * test_damage.c: a small file cut at every length and changed in every byte: it may be refused, or
 * read where the change does no harm to the format, but never more than that.
 */
#include "support.h"

#include <string.h>

#include "base/memory.h"
#include "gguf/writer.h"
#include "walk.h"

/* A file with every kind of value and two tensors, as small as it can be. */
static rf_buffer small_file(void)
{
    rf_gguf_writer *w = NULL;
    const char *path = in_folder("small.gguf");
    const rf_string strings[] = {{"a", 1}, {"", 0}, {"ccc", 3}};
    const uint64_t numbers[] = {1, 2, 3};
    const uint64_t shape[] = {32, 2};
    const uint8_t data[68] = {1, 2, 3};
    uint64_t bytes[2] = {0};
    assert_int_equal(rf_gguf_writer_create(path, 16, &w, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_u8(w, "u8", 8, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_i64(w, "i64", -8, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_f32(w, "f32", 0.5F, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_bool(w, "bool", true, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_text(w, "text", "value", NULL), RF_OK);
    assert_int_equal(rf_gguf_write_strings(w, "strings", strings, 3, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_array(w, "u16s", RF_GGUF_UINT16, numbers, 9, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_tensor(w, "a", RF_TYPE_Q8_0, 2, shape, &bytes[0], NULL), RF_OK);
    assert_int_equal(rf_gguf_write_tensor(w, "b", RF_TYPE_F16, 1, shape, &bytes[1], NULL), RF_OK);
    assert_int_equal(rf_gguf_write_data(w, data, bytes[0], NULL), RF_OK);
    assert_int_equal(rf_gguf_write_data(w, data, bytes[1], NULL), RF_OK);
    assert_int_equal(rf_gguf_writer_finish(w, NULL), RF_OK);
    rf_gguf_writer_free(w);
    return read_file(path);
}

/* Opens bytes that may be anything: a failure has to say why, a success has to hold what it says.
 */
static rf_status open_any(const rf_buffer *file, size_t length)
{
    rf_gguf *gguf = NULL;
    rf_error error = {0};
    const char *path = in_memory(file->data, length);
    rf_status status = rf_gguf_open(path, &gguf, &error);
    assert_int_equal(error.status, status);
    if (status == RF_OK)
        walk(gguf);
    else
        assert_true(!gguf && strlen(error.message) > strlen(path) + 2);
    rf_gguf_close(gguf);
    return status;
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    rf_buffer file = small_file();
    uint64_t before = rf_host_live_count();
    assert_int_equal(open_any(&file, file.length), RF_OK);
    for (size_t length = 0; length < file.length; length++)
        assert_int_equal(open_any(&file, length), RF_ERROR_FORMAT);
    assert_int_equal(rf_host_live_count(), before);
    rf_buffer_free(&file);
}

static void any_changed_byte_is_survived(void **state)
{
    (void)state;
    static const unsigned char changes[] = {0x01, 0x08, 0x80, 0xff};
    rf_buffer file = small_file();
    uint64_t before = rf_host_live_count();
    for (size_t i = 0; i < file.length; i++) {
        for (size_t k = 0; k < sizeof(changes); k++) {
            char kept = file.data[i];
            file.data[i] = (char)((unsigned char)kept ^ changes[k]);
            open_any(&file, file.length);
            file.data[i] = kept;
        }
    }
    assert_int_equal(rf_host_live_count(), before);
    rf_buffer_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(any_changed_byte_is_survived),
    };
    return cmocka_run_group_tests_name("damage", tests, make_folder, remove_folder);
}
