/* test_roundtrip.c: random files through the writer and the reader, and what the writer refuses. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gguf/writer.h"
#include "walk.h"

enum { ITEMS_MAX = 9, TENSORS_MAX = 5, VALUES_MAX = 20, FILES = 150 };

/* One random value; made again from the same seed to check what was read. */
typedef struct made_value {
    rf_gguf_type type;
    uint64_t number; /* the bytes of a scalar */
    rf_gguf_type item_type;
    uint64_t count;
    uint8_t items[ITEMS_MAX * 8];
    rf_string strings[ITEMS_MAX]; /* strings[0] also is the value of a plain string */
} made_value;

static const rf_gguf_type scalar_types[] = {
    RF_GGUF_UINT8, RF_GGUF_INT8,    RF_GGUF_UINT16, RF_GGUF_INT16, RF_GGUF_UINT32, RF_GGUF_INT32,
    RF_GGUF_BOOL,  RF_GGUF_FLOAT32, RF_GGUF_UINT64, RF_GGUF_INT64, RF_GGUF_FLOAT64};

static made_value make_value(uint64_t seed)
{
    static const char text[] = "the quick brown fox\0jumps \xff over";
    uint64_t r = seed;
    made_value value = {.number = next_random(&r), .count = next_random(&r) % (ITEMS_MAX + 1)};
    uint64_t kind = next_random(&r) % 13;
    rf_gguf_type scalar = scalar_types[next_random(&r) % 11];
    value.type = kind < 8 ? scalar : kind < 10 ? RF_GGUF_STRING : RF_GGUF_ARRAY;
    value.item_type = kind == 10 ? RF_GGUF_STRING : scalar;
    for (int i = 0; i < ITEMS_MAX; i++) {
        size_t from = next_random(&r) % 20;
        value.strings[i] = (rf_string){text + from, next_random(&r) % 14};
    }
    for (size_t i = 0; i < sizeof(value.items); i++)
        value.items[i] = (uint8_t)(next_random(&r) % (scalar == RF_GGUF_BOOL ? 2 : 128));
    /* Small enough not to be a NaN with a payload in either float type. */
    value.number &= scalar == RF_GGUF_BOOL ? 1 : 0x3f3f3f3f3f3f3f3fU;
    return value;
}

static rf_status write_scalar(rf_gguf_writer *writer, const char *key, const made_value *value)
{
    float f32;
    double f64;
    memcpy(&f32, &value->number, sizeof(f32));
    memcpy(&f64, &value->number, sizeof(f64));
    switch (value->type) {
    case RF_GGUF_UINT8:
        return rf_gguf_write_u8(writer, key, (uint8_t)value->number, NULL);
    case RF_GGUF_INT8:
        return rf_gguf_write_i8(writer, key, (int8_t)value->number, NULL);
    case RF_GGUF_UINT16:
        return rf_gguf_write_u16(writer, key, (uint16_t)value->number, NULL);
    case RF_GGUF_INT16:
        return rf_gguf_write_i16(writer, key, (int16_t)value->number, NULL);
    case RF_GGUF_UINT32:
        return rf_gguf_write_u32(writer, key, (uint32_t)value->number, NULL);
    case RF_GGUF_INT32:
        return rf_gguf_write_i32(writer, key, (int32_t)value->number, NULL);
    case RF_GGUF_UINT64:
        return rf_gguf_write_u64(writer, key, value->number, NULL);
    case RF_GGUF_INT64:
        return rf_gguf_write_i64(writer, key, (int64_t)value->number, NULL);
    case RF_GGUF_FLOAT32:
        return rf_gguf_write_f32(writer, key, f32, NULL);
    case RF_GGUF_FLOAT64:
        return rf_gguf_write_f64(writer, key, f64, NULL);
    default:
        return rf_gguf_write_bool(writer, key, value->number != 0, NULL);
    }
}

static rf_status write_value(rf_gguf_writer *writer, const char *key, const made_value *value)
{
    if (value->type == RF_GGUF_STRING)
        return rf_gguf_write_string(writer, key, value->strings[0], NULL);
    if (value->type != RF_GGUF_ARRAY)
        return write_scalar(writer, key, value);
    if (value->item_type == RF_GGUF_STRING)
        return rf_gguf_write_strings(writer, key, value->strings, value->count, NULL);
    return rf_gguf_write_array(writer, key, value->item_type, value->items, value->count, NULL);
}

/* A scalar that was read against the bytes that it was written from. */
static void check_scalar(const rf_gguf_value *read, const void *bytes)
{
    float f32;
    double f64;
    memcpy(&f32, bytes, sizeof(f32));
    switch (read->type) {
    case RF_GGUF_UINT8:
        assert_int_equal(read->u, *(const uint8_t *)bytes);
        break;
    case RF_GGUF_INT8:
        assert_int_equal(read->i, *(const int8_t *)bytes);
        break;
    case RF_GGUF_UINT16:
    case RF_GGUF_INT16:
        assert_memory_equal(&read->u, bytes, 2);
        break;
    case RF_GGUF_UINT32:
    case RF_GGUF_INT32:
        assert_memory_equal(&read->u, bytes, 4);
        break;
    case RF_GGUF_FLOAT32:
        assert_true(read->f == (double)f32);
        break;
    case RF_GGUF_FLOAT64:
        memcpy(&f64, bytes, sizeof(f64));
        assert_true(read->f == f64);
        break;
    case RF_GGUF_BOOL:
        assert_int_equal(read->b, *(const uint8_t *)bytes & 1);
        break;
    default:
        assert_memory_equal(&read->u, bytes, 8);
    }
}

static size_t scalar_bytes(rf_gguf_type type)
{
    switch (type) {
    case RF_GGUF_UINT8:
    case RF_GGUF_INT8:
    case RF_GGUF_BOOL:
        return 1;
    case RF_GGUF_UINT16:
    case RF_GGUF_INT16:
        return 2;
    case RF_GGUF_UINT32:
    case RF_GGUF_INT32:
    case RF_GGUF_FLOAT32:
        return 4;
    default:
        return 8;
    }
}

static void check_string(rf_string read, rf_string written)
{
    assert_int_equal(read.length, written.length);
    assert_memory_equal(read.data, written.data, written.length);
}

static void check_value(const rf_gguf_value *read, const made_value *value)
{
    assert_int_equal(read->type, value->type);
    if (read->type == RF_GGUF_STRING) {
        check_string(read->s, value->strings[0]);
        return;
    }
    if (read->type != RF_GGUF_ARRAY) {
        check_scalar(read, &value->number);
        return;
    }
    assert_int_equal(read->array.item_type, value->item_type);
    assert_int_equal(read->array.count, value->count);
    for (uint64_t i = 0; i < value->count; i++) {
        rf_gguf_value item;
        assert_int_equal(rf_gguf_item(read, i, &item, NULL), RF_OK);
        assert_int_equal(item.key.length, 0);
        if (item.type == RF_GGUF_STRING)
            check_string(item.s, value->strings[i]);
        else
            check_scalar(&item, value->items + i * scalar_bytes(item.type));
    }
}

typedef struct made_tensor {
    char name[24];
    const rf_type_info *type;
    uint32_t n_dimensions;
    uint64_t shape[RF_MAX_DIMENSIONS];
} made_tensor;

static made_tensor make_tensor(uint64_t seed, size_t i)
{
    uint64_t r = seed ^ (i << 32) ^ 77;
    made_tensor tensor = {.n_dimensions = 1 + (uint32_t)(next_random(&r) % RF_MAX_DIMENSIONS)};
    do
        tensor.type = rf_type_describe((uint32_t)(next_random(&r) % 40));
    while (!tensor.type);
    for (uint32_t d = 0; d < RF_MAX_DIMENSIONS; d++)
        tensor.shape[d] = d < tensor.n_dimensions ? 1 + next_random(&r) % 3 : 1;
    tensor.shape[0] *= tensor.type->block_elements;
    (void)snprintf(tensor.name, sizeof(tensor.name), "blk.%zu.weight", i);
    return tensor;
}

/* Writes `bytes` random bytes as the data of the next tensor, in pieces. */
static void stream_data(rf_gguf_writer *writer, uint64_t *r, uint64_t bytes)
{
    uint8_t piece[97];
    while (bytes) {
        uint64_t length = 1 + next_random(r) % sizeof(piece);
        length = length < bytes ? length : bytes;
        for (uint64_t i = 0; i < length; i++)
            piece[i] = (uint8_t)next_random(r);
        assert_int_equal(rf_gguf_write_data(writer, piece, length, NULL), RF_OK);
        bytes -= length;
    }
}

static void key_of(size_t i, char key[32])
{
    (void)snprintf(key, 32, "key.%zu", i);
}

static void write_random_file(const char *path, uint64_t seed, uint32_t alignment, size_t n_values,
                              size_t n_tensors)
{
    rf_gguf_writer *writer = NULL;
    uint64_t sizes[TENSORS_MAX];
    assert_int_equal(rf_gguf_writer_create(path, alignment, &writer, NULL), RF_OK);
    for (size_t i = 0; i < n_values; i++) {
        char key[32];
        key_of(i, key);
        made_value value = make_value(seed + i);
        assert_int_equal(write_value(writer, key, &value), RF_OK);
    }
    for (size_t i = 0; i < n_tensors; i++) {
        made_tensor t = make_tensor(seed, i);
        assert_int_equal(rf_gguf_write_tensor(writer, t.name, t.type->type, t.n_dimensions, t.shape,
                                              &sizes[i], NULL),
                         RF_OK);
    }
    uint64_t r = seed;
    for (size_t i = 0; i < n_tensors; i++)
        stream_data(writer, &r, sizes[i]);
    assert_int_equal(rf_gguf_writer_finish(writer, NULL), RF_OK);
    rf_gguf_writer_free(writer);
}

static void check_tensor(const rf_gguf_tensor *read, const made_tensor *made, uint64_t alignment)
{
    uint64_t elements = 1;
    for (int d = 0; d < RF_MAX_DIMENSIONS; d++) {
        assert_int_equal(read->shape[d], made->shape[d]);
        elements *= made->shape[d];
    }
    check_string(read->name, (rf_string){made->name, strlen(made->name)});
    assert_int_equal(read->type, made->type->type);
    assert_int_equal(read->n_dimensions, made->n_dimensions);
    assert_int_equal(read->n_elements, elements);
    assert_int_equal(read->bytes, elements / made->type->block_elements * made->type->block_bytes);
    assert_int_equal(read->offset % alignment, 0);
}

/* Checks the file and writes a copy of it by way of the reader's own values. */
static void check_and_copy(const char *path, const char *copy, uint64_t seed, uint32_t alignment,
                           size_t n_values, size_t n_tensors)
{
    rf_gguf *gguf = NULL;
    rf_error error;
    if (rf_gguf_open(path, &gguf, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(rf_gguf_version(gguf), 3);
    assert_int_equal(rf_gguf_alignment(gguf), alignment ? alignment : 32);
    assert_int_equal(rf_gguf_tensor_count(gguf), n_tensors);
    for (size_t i = 0; i < n_values; i++) {
        char key[32];
        key_of(i, key);
        made_value value = make_value(seed + i);
        check_value(rf_gguf_find(gguf, key), &value);
    }
    const void *bytes = NULL;
    rf_gguf_writer *writer = NULL;
    assert_int_equal(rf_file_map(rf_gguf_file(gguf, 0), &bytes, NULL), RF_OK);
    assert_int_equal(rf_gguf_writer_create(copy, alignment, &writer, NULL), RF_OK);
    for (size_t i = 0; i < rf_gguf_value_count(gguf); i++)
        assert_int_equal(rf_gguf_write_value(writer, rf_gguf_value_at(gguf, i), NULL), RF_OK);
    for (size_t i = 0; i < n_tensors; i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        made_tensor made = make_tensor(seed, i);
        check_tensor(t, &made, rf_gguf_alignment(gguf));
        assert_int_equal(
            rf_gguf_write_tensor(writer, made.name, t->type, t->n_dimensions, t->shape, NULL, NULL),
            RF_OK);
    }
    for (size_t i = 0; i < n_tensors; i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        assert_int_equal(
            rf_gguf_write_data(writer, (const char *)bytes + t->offset, t->bytes, NULL), RF_OK);
    }
    assert_int_equal(rf_gguf_writer_finish(writer, NULL), RF_OK);
    rf_gguf_writer_free(writer);
    assert_true(walk(gguf) != 0);
    rf_gguf_close(gguf);
}

static void what_is_written_is_read_and_copies_are_equal(void **state)
{
    (void)state;
    static const uint32_t alignments[] = {0, 8, 16, 32, 64, 4096};
    for (uint64_t seed = 1; seed <= FILES; seed++) {
        uint64_t r = seed;
        uint32_t alignment = alignments[next_random(&r) % 6];
        size_t n_values = next_random(&r) % (VALUES_MAX + 1);
        size_t n_tensors = next_random(&r) % (TENSORS_MAX + 1);
        const char *path = in_folder("random.gguf");
        const char *copy = in_folder("copy.gguf");
        write_random_file(path, seed << 20, alignment, n_values, n_tensors);
        check_and_copy(path, copy, seed << 20, alignment, n_values, n_tensors);
        rf_buffer a = read_file(path);
        rf_buffer b = read_file(copy);
        assert_int_equal(a.length, b.length);
        assert_memory_equal(a.data, b.data, a.length);
        rf_buffer_free(&a);
        rf_buffer_free(&b);
    }
}

static void refused(rf_status status, const rf_error *error, const char *fragment)
{
    assert_int_equal(status, RF_ERROR_ARGUMENT);
    assert_int_equal(error->status, RF_ERROR_ARGUMENT);
    if (!strstr(error->message, fragment))
        fail_msg("'%s' does not say '%s'", error->message, fragment);
}

static void the_writer_refuses_what_the_reader_would(void **state)
{
    (void)state;
    rf_gguf_writer *w = NULL;
    rf_error e;
    const uint64_t shape[] = {32, 2, 1, 1, 1};
    const uint64_t zero[] = {32, 0};
    const uint8_t bools[] = {0, 1, 2};
    char long_name[66];
    memset(long_name, 'n', 65);
    long_name[65] = '\0';
    refused(rf_gguf_writer_create(in_folder("w.gguf"), 24, &w, &e), &e, "power of two");
    refused(rf_gguf_writer_create(in_folder("w.gguf"), 1U << 21, &w, &e), &e, "power of two");
    assert_null(w);
    assert_int_equal(rf_gguf_writer_create(in_folder("w.gguf"), 64, &w, &e), RF_OK);
    assert_int_equal(rf_gguf_write_u32(w, "a", 1, &e), RF_OK);
    refused(rf_gguf_write_text(w, "a", "x", &e), &e, "key a");
    refused(rf_gguf_write_u32(w, "", 1, &e), &e, "0 bytes");
    refused(rf_gguf_write_u32(w, "general.alignment", 1, &e), &e, "general.alignment");
    refused(rf_gguf_write_array(w, "b", RF_GGUF_BOOL, bools, 3, &e), &e, "bool");
    refused(rf_gguf_write_array(w, "b", RF_GGUF_STRING, bools, 3, &e), &e, "string");
    assert_int_equal(rf_gguf_write_array(w, "b", RF_GGUF_INT64, bools, UINT64_MAX / 2, &e),
                     RF_ERROR_OVERFLOW);
    refused(rf_gguf_write_tensor(w, "", RF_TYPE_F32, 1, shape, NULL, &e), &e, "0 bytes");
    refused(rf_gguf_write_tensor(w, long_name, RF_TYPE_F32, 1, shape, NULL, &e), &e, "65 bytes");
    refused(rf_gguf_write_tensor(w, "t", RF_TYPE_F32, 5, shape, NULL, &e), &e, "5 dimensions");
    refused(rf_gguf_write_tensor(w, "t", RF_TYPE_F32, 2, zero, NULL, &e), &e, "dimension 1");
    refused(rf_gguf_write_tensor(w, "t", RF_TYPE_Q4_K, 1, shape, NULL, &e), &e, "blocks of 256");
    refused(rf_gguf_write_tensor(w, "t", (rf_type)4, 1, shape, NULL, &e), &e, "removed");
    assert_int_equal(rf_gguf_write_tensor(w, "t", RF_TYPE_Q8_0, 2, shape, NULL, &e), RF_OK);
    refused(rf_gguf_write_tensor(w, "t", RF_TYPE_F32, 1, shape, NULL, &e), &e, "tensor t");
    refused(rf_gguf_writer_finish(w, &e), &e, "not complete");
    uint8_t data[69] = {0};
    refused(rf_gguf_write_data(w, data, 69, &e), &e, "68");
    assert_int_equal(rf_gguf_write_data(w, data, 67, &e), RF_OK);
    refused(rf_gguf_writer_finish(w, &e), &e, "not complete");
    refused(rf_gguf_write_u32(w, "late", 1, &e), &e, "after tensor data");
    refused(rf_gguf_write_tensor(w, "late", RF_TYPE_F32, 1, shape, NULL, &e), &e, "after");
    assert_int_equal(rf_gguf_write_data(w, data, 1, &e), RF_OK);
    refused(rf_gguf_write_data(w, data, 1, &e), &e, "behind the last tensor");
    assert_int_not_equal(access(in_folder("w.gguf"), F_OK), 0);
    assert_int_equal(rf_gguf_writer_finish(w, &e), RF_OK);
    rf_gguf_writer_free(w);
    rf_gguf *gguf = NULL;
    assert_int_equal(rf_gguf_open(in_folder("w.gguf"), &gguf, &e), RF_OK);
    assert_int_equal(rf_gguf_value_count(gguf), 2);
    assert_int_equal(rf_gguf_tensor_count(gguf), 1);
    assert_int_equal(rf_gguf_alignment(gguf), 64);
    rf_gguf_close(gguf);
}

static void a_writer_that_does_not_finish_changes_nothing(void **state)
{
    (void)state;
    rf_gguf_writer *writer = NULL;
    const char *path = in_folder("kept.gguf");
    write_file(path, "old", 3);
    int before = files_in_folder();
    assert_int_equal(rf_gguf_writer_create(path, 0, &writer, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_u32(writer, "a", 1, NULL), RF_OK);
    rf_gguf_writer_free(writer);
    rf_gguf_writer_free(NULL);
    assert_int_equal(files_in_folder(), before);
    rf_buffer bytes = read_file(path);
    assert_int_equal(bytes.length, 3);
    rf_buffer_free(&bytes);
    assert_int_equal(rf_gguf_writer_create("/nonexistent/x.gguf", 0, &writer, NULL), RF_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_copies_are_equal),
        cmocka_unit_test(the_writer_refuses_what_the_reader_would),
        cmocka_unit_test(a_writer_that_does_not_finish_changes_nothing),
    };
    return cmocka_run_group_tests_name("roundtrip", tests, make_folder, remove_folder);
}
