/* support.h: what the GGUF tests share: files in a folder of their own, and files built byte by
 * byte. */
#ifndef RF_TESTS_GGUF_SUPPORT_H
#define RF_TESTS_GGUF_SUPPORT_H

#include "base/buffer.h"
#include "gguf/gguf.h"
#include "support/cmocka.h"

#define TEST_PATH_BYTES 512

/* Makes and removes the folder; for cmocka's group set-up and tear-down. */
int make_folder(void **state);
int remove_folder(void **state);

/* A path in the folder; the same name always gives the same string. */
const char *in_folder(const char *name);

/* Number of files in the folder. */
int files_in_folder(void);

void write_file(const char *path, const void *data, size_t bytes);
/* A file's bytes; freed with rf_buffer_free. */
rf_buffer read_file(const char *path);

/* The path of a file in memory with these bytes; valid until the next call. */
const char *in_memory(const void *data, size_t bytes);

/* Opens a file that has to be refused with this status and a message that contains its path and the
 * fragment; `what` names the case where that is not so. */
void assert_refused(const char *what, const char *path, rf_status status, const char *fragment);

/* The next of a series of pseudo-random numbers (splitmix64). */
uint64_t next_random(uint64_t *state);

/* Fields appended to a file in the making. */
void put_u8(rf_buffer *file, uint8_t value);
void put_u32(rf_buffer *file, uint32_t value);
void put_u64(rf_buffer *file, uint64_t value);
void put_string(rf_buffer *file, const char *text);
void put_zeros(rf_buffer *file, size_t bytes);
void put_header(rf_buffer *file, uint32_t version, uint64_t n_tensors, uint64_t n_values);
/* A key and the type of its value, which has to follow. */
void put_key(rf_buffer *file, const char *key, uint32_t type);
/* The head of an array value, whose items have to follow. */
void put_array(rf_buffer *file, const char *key, uint32_t item_type, uint64_t count);
/* A table entry of one dimension. */
void put_tensor(rf_buffer *file, const char *name, uint32_t type, uint64_t elements,
                uint64_t offset);
void pad_to(rf_buffer *file, size_t alignment);

#endif
