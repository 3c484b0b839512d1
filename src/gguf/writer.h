/*
 * writer.h: making a GGUF file (version 3), for tests and tools. Three phases, in this order:
 *
 *   1. metadata and the tensor table, in any order: rf_gguf_write_X, rf_gguf_write_tensor;
 *   2. the tensors' bytes, streamed in the order of the table: rf_gguf_write_data;
 *   3. rf_gguf_writer_finish, upon which the file appears under its name.
 *
 * Memory holds metadata and table, never data. What the reader would refuse is refused here already
 * (RF_ERROR_ARGUMENT, with the key or tensor; no other kind of value or shape can be written). A
 * call of phase 1 that fails leaves the writer as it was; after a failed write of data only
 * rf_gguf_writer_free is left. A writer that is freed before it has finished leaves no file.
 */
#ifndef RF_GGUF_WRITER_H
#define RF_GGUF_WRITER_H

#include "base/error.h"

typedef struct rf_gguf_writer rf_gguf_writer;

/* alignment: of tensor data, a power of two from 8 to 1 MiB; 0: the format's default, 32. */
rf_status rf_gguf_writer_create(const char *path, uint32_t alignment, rf_gguf_writer **out,
                                rf_error *error);
void rf_gguf_writer_free(rf_gguf_writer *writer);

/* Phase 1. Keys and names are copied. "general.alignment" is written by the writer alone. */
rf_status rf_gguf_write_u8(rf_gguf_writer *writer, const char *key, uint8_t value, rf_error *error);
rf_status rf_gguf_write_i8(rf_gguf_writer *writer, const char *key, int8_t value, rf_error *error);
rf_status rf_gguf_write_u16(rf_gguf_writer *writer, const char *key, uint16_t value,
                            rf_error *error);
rf_status rf_gguf_write_i16(rf_gguf_writer *writer, const char *key, int16_t value,
                            rf_error *error);
rf_status rf_gguf_write_u32(rf_gguf_writer *writer, const char *key, uint32_t value,
                            rf_error *error);
rf_status rf_gguf_write_i32(rf_gguf_writer *writer, const char *key, int32_t value,
                            rf_error *error);
rf_status rf_gguf_write_u64(rf_gguf_writer *writer, const char *key, uint64_t value,
                            rf_error *error);
rf_status rf_gguf_write_i64(rf_gguf_writer *writer, const char *key, int64_t value,
                            rf_error *error);
rf_status rf_gguf_write_f32(rf_gguf_writer *writer, const char *key, float value, rf_error *error);
rf_status rf_gguf_write_f64(rf_gguf_writer *writer, const char *key, double value, rf_error *error);
rf_status rf_gguf_write_bool(rf_gguf_writer *writer, const char *key, bool value, rf_error *error);
rf_status rf_gguf_write_string(rf_gguf_writer *writer, const char *key, rf_string value,
                               rf_error *error);
rf_status rf_gguf_write_text(rf_gguf_writer *writer, const char *key, const char *value,
                             rf_error *error);

/* items[count] of a type of fixed size, packed; bools are bytes of 0 or 1. */
rf_status rf_gguf_write_array(rf_gguf_writer *writer, const char *key, rf_gguf_type item_type,
                              const void *items, uint64_t count, rf_error *error);
rf_status rf_gguf_write_strings(rf_gguf_writer *writer, const char *key, const rf_string *strings,
                                uint64_t count, rf_error *error);

/* Copies a value of an open file, of any type, under its own key. "general.alignment" is skipped.
 */
rf_status rf_gguf_write_value(rf_gguf_writer *writer, const rf_gguf_value *value, rf_error *error);

/* Adds a tensor: shape[n_dimensions], innermost first. *bytes (may be NULL) is the size of its
 * data. */
rf_status rf_gguf_write_tensor(rf_gguf_writer *writer, const char *name, rf_type type,
                               uint32_t n_dimensions, const uint64_t *shape, uint64_t *bytes,
                               rf_error *error);

/*
 * Phase 2. The next bytes of the current tensor, which is the next one of the table once all of its
 * bytes are there. One call must not reach beyond the end of a tensor. Padding is written in
 * between.
 */
rf_status rf_gguf_write_data(rf_gguf_writer *writer, const void *data, uint64_t bytes,
                             rf_error *error);

/* Phase 3. RF_ERROR_ARGUMENT where data is missing; nothing but rf_gguf_writer_free comes after it.
 */
rf_status rf_gguf_writer_finish(rf_gguf_writer *writer, rf_error *error);

#endif
