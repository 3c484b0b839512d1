/* test_malformed.c: files with one thing wrong, each refused with a message that says what. */
#include "support.h"

static void value_of(rf_buffer *f, const char *key, uint32_t type, uint8_t byte)
{
    put_header(f, 3, 0, 1);
    put_key(f, key, type);
    put_u8(f, byte);
    put_zeros(f, 16); /* so that there is room for what the header claims */
}

static void key_empty(rf_buffer *f)
{
    value_of(f, "", RF_GGUF_UINT8, 1);
}

static void key_with_nul(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_u64(f, 3);
    put_zeros(f, 3);
    put_u32(f, RF_GGUF_UINT8);
    put_u8(f, 1);
}

static void key_too_long(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_u64(f, 65536);
    for (int i = 0; i < 65536; i++)
        put_u8(f, 'k');
    put_u32(f, RF_GGUF_UINT8);
    put_u8(f, 1);
}

static void key_length_wraps(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_u64(f, UINT64_MAX - 7);
    put_zeros(f, 100);
}

static void key_duplicate(rf_buffer *f)
{
    put_header(f, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        put_key(f, "same", RF_GGUF_UINT8);
        put_u8(f, 1);
    }
}

static void bool_of_2(rf_buffer *f)
{
    value_of(f, "b", RF_GGUF_BOOL, 2);
}

static void bool_of_255_in_array(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "bs", RF_GGUF_BOOL, 3);
    put_u8(f, 0);
    put_u8(f, 1);
    put_u8(f, 255);
}

static void value_type_huge(rf_buffer *f)
{
    value_of(f, "v", UINT32_MAX, 1);
}

static void value_type_13(rf_buffer *f)
{
    value_of(f, "v", 13, 1);
}

static void value_cut(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_key(f, "v", RF_GGUF_UINT64);
    put_u32(f, 1);
}

static void item_type_unknown(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "a", 13, 0);
}

static void item_type_array(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "a", RF_GGUF_ARRAY, 0);
}

static void array_bytes_wrap(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "a", RF_GGUF_UINT64, (UINT64_MAX >> 3) + 2); /* 8 bytes each: 8 in all */
    put_zeros(f, 64);
}

static void array_count_max(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "a", RF_GGUF_INT8, UINT64_MAX);
    put_zeros(f, 64);
}

static void array_one_item_too_long(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "a", RF_GGUF_UINT16, 5);
    put_zeros(f, 9);
}

static void strings_count_huge(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "tokens", RF_GGUF_STRING, UINT64_C(1) << 61);
    put_zeros(f, 64);
}

static void strings_second_wraps(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "tokens", RF_GGUF_STRING, 2);
    put_string(f, "good");
    put_u64(f, UINT64_MAX);
    put_zeros(f, 64);
}

static void strings_cut_in_length(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "tokens", RF_GGUF_STRING, 2);
    put_string(f, "eight by");
    put_u32(f, 0);
}

static void values_fewer_than_claimed(rf_buffer *f)
{
    put_header(f, 3, 0, 2);
    put_key(f, "v", RF_GGUF_UINT8);
    put_u8(f, 1);
    put_zeros(f, 100);
}

static void values_more_than_claimed(rf_buffer *f)
{
    put_header(f, 3, 1, 0);
    put_key(f, "general.name", RF_GGUF_STRING); /* read as a tensor of 8 dimensions */
    put_string(f, "a model");
    put_tensor(f, "t", RF_TYPE_F32, 8, 0);
    put_zeros(f, 100);
}

static void values_limit(rf_buffer *f)
{
    put_header(f, 3, 0, 65537);
    put_zeros(f, (size_t)65537 * 14);
}

static void version_1(rf_buffer *f)
{
    put_header(f, 1, 0, 0);
}

static void version_2_swapped(rf_buffer *f)
{
    put_header(f, 0x02000000, 0, 0);
}

static void header_cut(rf_buffer *f)
{
    put_header(f, 3, 0, 0);
    f->length -= 1;
}

static void tensor_table_missing(rf_buffer *f)
{
    put_header(f, 3, 3, 0);
}

static void alignment_value(rf_buffer *f, uint32_t type, uint64_t value)
{
    put_header(f, 3, 0, 1);
    put_key(f, "general.alignment", type);
    put_u64(f, value);
}

static void alignment_4(rf_buffer *f)
{
    alignment_value(f, RF_GGUF_UINT32, 4);
}

static void alignment_2_to_31(rf_buffer *f)
{
    alignment_value(f, RF_GGUF_UINT32, UINT64_C(1) << 31);
}

static void alignment_uint64(rf_buffer *f)
{
    alignment_value(f, RF_GGUF_UINT64, 32);
}

static void alignment_int32(rf_buffer *f)
{
    alignment_value(f, RF_GGUF_INT32, 32);
}

static void alignment_array(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_array(f, "general.alignment", RF_GGUF_UINT32, 1);
    put_u32(f, 32);
}

/* A file of two tensors of 8 floats; the data is there, from byte 160 on. */
static void two_tensors(rf_buffer *f, const char *second, uint32_t type, uint64_t elements,
                        uint64_t offset)
{
    put_header(f, 3, 2, 0);
    put_tensor(f, "first", RF_TYPE_F32, 8, 0);
    put_tensor(f, second, type, elements, offset);
    pad_to(f, 32);
    put_zeros(f, 64);
}

static void tensors_at_one_place(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_F32, 8, 0);
}

static void tensors_overlap_in_reverse(rf_buffer *f)
{
    put_header(f, 3, 3, 0);
    put_tensor(f, "last", RF_TYPE_F32, 8, 64);
    put_tensor(f, "middle", RF_TYPE_F32, 9, 32);
    put_tensor(f, "first", RF_TYPE_F32, 8, 0);
    pad_to(f, 32);
    put_zeros(f, 96);
}

static void tensor_one_byte_past_end(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_I8, 33, 32);
}

static void tensor_offset_wraps(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_F32, 8, UINT64_MAX - 31);
}

static void tensor_offset_negative(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_F32, 8, (uint64_t)-64);
}

static void tensor_in_the_last_page_of_numbers(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_I8, INT64_MAX, UINT64_C(1) << 63);
}

static void tensor_bytes_wrap(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_F64, INT64_MAX, 32);
}

static void tensor_offset_odd(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_F32, 8, 33);
}

static void tensor_twice(rf_buffer *f)
{
    two_tensors(f, "first", RF_TYPE_F32, 8, 32);
}

static void tensor_type_q4_3(rf_buffer *f)
{
    two_tensors(f, "second", 5, 32, 32);
}

static void tensor_type_repacked(rf_buffer *f)
{
    two_tensors(f, "second", 31, 32, 32);
}

static void tensor_type_negative(rf_buffer *f)
{
    two_tensors(f, "second", UINT32_MAX, 32, 32);
}

static void tensor_half_a_block(rf_buffer *f)
{
    two_tensors(f, "second", RF_TYPE_Q8_0, 16, 32);
}

static void tensor_name_of_65_bytes(rf_buffer *f)
{
    two_tensors(f, "a234567890b234567890c234567890d234567890e234567890f23456789012345", RF_TYPE_F32,
                8, 32);
}

static void tensor_name_with_nul(rf_buffer *f)
{
    put_header(f, 3, 1, 0);
    put_u64(f, 4);
    put_zeros(f, 4);
    put_zeros(f, 100);
}

static void tensor_without_dimensions(rf_buffer *f)
{
    put_header(f, 3, 1, 0);
    put_string(f, "scalar");
    put_u32(f, 0);
    put_u32(f, RF_TYPE_F32);
    put_u64(f, 0);
    put_zeros(f, 100);
}

static void tensor_with_a_zero_behind_big_ones(rf_buffer *f)
{
    put_header(f, 3, 1, 0);
    put_string(f, "t");
    put_u32(f, 3);
    put_u64(f, UINT64_C(1) << 40);
    put_u64(f, UINT64_C(1) << 20);
    put_u64(f, 0);
    put_u32(f, RF_TYPE_F32);
    put_u64(f, 0);
    put_zeros(f, 100);
}

static void tensor_whose_elements_wrap_to_few(rf_buffer *f)
{
    put_header(f, 3, 1, 0);
    put_string(f, "t");
    put_u32(f, 2);
    put_u64(f, UINT64_C(1) << 32);
    put_u64(f, (UINT64_C(1) << 32) + 1);
    put_u32(f, RF_TYPE_I8);
    put_u64(f, 0);
    put_zeros(f, 100);
}

static void tensor_without_data_section(rf_buffer *f)
{
    put_header(f, 3, 1, 0);
    put_tensor(f, "t", RF_TYPE_F32, 8, 0); /* the file ends before the data could start */
}

static void split_without_number(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_key(f, "split.count", RF_GGUF_UINT32);
    put_u32(f, 2);
}

static void split_count_huge(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_key(f, "split.count", RF_GGUF_UINT64);
    put_u64(f, UINT64_MAX);
}

static void split_count_negative(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_key(f, "split.count", RF_GGUF_INT32);
    put_u32(f, UINT32_MAX);
}

static void split_count_text(rf_buffer *f)
{
    put_header(f, 3, 0, 1);
    put_key(f, "split.count", RF_GGUF_STRING);
    put_string(f, "2");
}

static void split_with_another_name(rf_buffer *f)
{
    put_header(f, 3, 0, 3);
    put_key(f, "split.count", RF_GGUF_UINT32);
    put_u32(f, 2);
    put_key(f, "split.no", RF_GGUF_UINT32);
    put_u32(f, 0);
    put_key(f, "split.tensors.count", RF_GGUF_UINT32);
    put_u32(f, 0);
}

#define FORMAT(make, fragment)                                                                     \
    {                                                                                              \
#make, make, RF_ERROR_FORMAT, fragment                                                     \
    }
#define UNSUPPORTED(make, fragment)                                                                \
    {                                                                                              \
#make, make, RF_ERROR_UNSUPPORTED, fragment                                                \
    }

static const struct {
    const char *name;
    void (*make)(rf_buffer *file);
    rf_status status;
    const char *fragment;
} cases[] = {
    FORMAT(key_empty, "key at byte 24 is empty"),
    FORMAT(key_with_nul, "NUL"),
    FORMAT(key_too_long, "65536 bytes, the most allowed is 65535"),
    FORMAT(key_length_wraps, "18446744073709551608 bytes"),
    FORMAT(key_duplicate, "key same at byte 41 is there a second time"),
    FORMAT(bool_of_2, "the bool at byte 37 is 2"),
    FORMAT(bool_of_255_in_array, "the bool at byte 52 is 255"),
    FORMAT(value_type_huge, "unknown value type 4294967295"),
    FORMAT(value_type_13, "unknown value type 13"),
    FORMAT(value_cut, "key v: value at byte 37 takes 8 bytes"),
    FORMAT(item_type_unknown, "unknown array item type 13"),
    UNSUPPORTED(item_type_array, "array of arrays"),
    FORMAT(array_bytes_wrap, "items of type uint64"),
    FORMAT(array_count_max, "array of 18446744073709551615 items"),
    FORMAT(array_one_item_too_long, "array of 5 items"),
    FORMAT(strings_count_huge, "items of type string"),
    FORMAT(strings_second_wraps, "string 1 of 2 at byte"),
    FORMAT(strings_cut_in_length, "string 1 of 2 at byte"),
    FORMAT(values_fewer_than_claimed, "metadata value 2 of 2"),
    FORMAT(values_more_than_claimed, "general.name"),
    FORMAT(values_limit, "65537 metadata values, the most allowed is 65536"),
    UNSUPPORTED(version_1, "version 1"),
    UNSUPPORTED(version_2_swapped, "big-endian"),
    FORMAT(header_cut, "the number of metadata values"),
    FORMAT(tensor_table_missing, "a table of 3 tensors"),
    FORMAT(alignment_4, "general.alignment: 4"),
    FORMAT(alignment_2_to_31, "general.alignment: 2147483648"),
    FORMAT(alignment_uint64, "general.alignment: type uint64, expected uint32"),
    FORMAT(alignment_int32, "general.alignment: type int32, expected uint32"),
    FORMAT(alignment_array, "general.alignment: type array, expected uint32"),
    FORMAT(tensors_at_one_place, "overlap"),
    FORMAT(tensors_overlap_in_reverse, "tensors middle (36 bytes at byte"),
    FORMAT(tensor_one_byte_past_end, "tensor second: 33 bytes"),
    FORMAT(tensor_offset_wraps, "past the end"),
    FORMAT(tensor_offset_negative, "past the end"),
    FORMAT(tensor_in_the_last_page_of_numbers, "past the end"),
    FORMAT(tensor_bytes_wrap, "more than 2^64 bytes"),
    FORMAT(tensor_offset_odd, "offset 33 is not a multiple of the alignment 32"),
    FORMAT(tensor_twice, "tensor first at byte 61 is there a second time"),
    UNSUPPORTED(tensor_type_q4_3, "element type 5 was removed"),
    UNSUPPORTED(tensor_type_repacked, "element type 31 was removed"),
    FORMAT(tensor_type_negative, "unknown element type 4294967295"),
    FORMAT(tensor_half_a_block, "rows of 16 elements"),
    FORMAT(tensor_name_of_65_bytes, "65 bytes, the most allowed is 64"),
    FORMAT(tensor_name_with_nul, "NUL"),
    FORMAT(tensor_without_dimensions, "0 dimensions"),
    FORMAT(tensor_with_a_zero_behind_big_ones, "dimension 2 is 0"),
    FORMAT(tensor_whose_elements_wrap_to_few, "2^63 - 1 elements"),
    FORMAT(tensor_without_data_section, "tensor t: 32 bytes"),
    FORMAT(split_without_number, "split.no is missing"),
    FORMAT(split_count_huge, "18446744073709551615 parts"),
    FORMAT(split_count_negative, "-1 is negative"),
    FORMAT(split_count_text, "split.count: type string"),
    FORMAT(split_with_another_name, "has to end with -00001-of-00002.gguf"),
};

static void each_defect_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_buffer file = {0};
        cases[i].make(&file);
        assert_refused(cases[i].name, in_memory(file.data, file.length), cases[i].status,
                       cases[i].fragment);
        rf_buffer_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_defect_is_named),
    };
    return cmocka_run_group_tests_name("malformed", tests, NULL, NULL);
}
