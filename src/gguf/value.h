/*
 * value.h: one metadata value: parsing it from a file, and the sizes and names of its types. A
 * parsed value is a view of the file's bytes; only string arrays need memory of their own, a table
 * with the place of each string (8 bytes for each, no more than the string's own length field takes
 * in the file).
 */
#ifndef RF_GGUF_VALUE_H
#define RF_GGUF_VALUE_H

#include "gguf/cursor.h"

/* The tables of all string arrays of one file, as a list: their addresses must not change. */
typedef struct rf_string_table {
    struct rf_string_table *next;
    uint64_t offsets[];
} rf_string_table;

void rf_string_tables_free(rf_string_table *tables);

/* Bytes of a value of fixed size; 0 for strings, arrays and numbers that are no type. */
uint32_t rf_gguf_type_bytes(rf_gguf_type type);

/*
 * Parses a value's type and the value. *out gets everything but its key. A new table of strings is
 * put in front of *tables; on failure there is none.
 */
rf_status rf_gguf_value_parse(rf_cursor *cursor, rf_string_table **tables, rf_gguf_value *out,
                              rf_error *error);

/* Checks the bytes of `count` bools: other values than 0 and 1 are none. `offset` is for the
 * message. */
rf_status rf_gguf_check_bools(const unsigned char *items, uint64_t count, uint64_t offset,
                              rf_error *error);

#endif
