/* support.c: files for the GGUF tests. */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

static char folder[TEST_PATH_BYTES];

int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/rocmforge-gguf-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

const char *in_folder(const char *name)
{
    static char paths[32][TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_in_range(length, 1, TEST_PATH_BYTES - 1);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i][0] == '\0')
            memcpy(paths[i], path, (size_t)length + 1);
        if (strcmp(paths[i], path) == 0)
            return paths[i];
    }
    fail_msg("too many names in one test program");
    return NULL;
}

int files_in_folder(void)
{
    int count = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (struct dirent *entry = readdir(open); entry; entry = readdir(open))
        count += entry->d_name[0] != '.';
    closedir(open);
    return count;
}

int remove_folder(void **state)
{
    (void)state;
    DIR *open = opendir(folder);
    if (!open)
        return -1;
    for (struct dirent *entry = readdir(open); entry; entry = readdir(open)) {
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(open), entry->d_name, 0);
    }
    closedir(open);
    return rmdir(folder);
}

void write_file(const char *path, const void *data, size_t bytes)
{
    unlink(path); /* some file systems flush to the disk where a file is cut and written again */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (bytes)
        assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

rf_buffer read_file(const char *path)
{
    rf_buffer bytes = {0};
    char piece[4096];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t got = fread(piece, 1, sizeof(piece), file); got;
         got = fread(piece, 1, sizeof(piece), file))
        assert_int_equal(rf_buffer_append(&bytes, piece, got, NULL), RF_OK);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

const char *in_memory(const void *data, size_t bytes)
{
    static int descriptor = -1;
    static char path[64];
    if (descriptor < 0) {
        descriptor = memfd_create("gguf", MFD_CLOEXEC);
        assert_true(descriptor >= 0);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    }
    assert_int_equal(ftruncate(descriptor, 0), 0);
    if (bytes)
        assert_int_equal(pwrite(descriptor, data, bytes, 0), bytes);
    return path;
}

void assert_refused(const char *what, const char *path, rf_status status, const char *fragment)
{
    rf_gguf *gguf = NULL;
    rf_error error = {0};
    uint64_t before = rf_host_live_count();
    rf_status got = rf_gguf_open(path, &gguf, &error);
    if (got != status || error.status != status || !strstr(error.message, fragment) ||
        !strstr(error.message, path))
        fail_msg("%s: status %d, '%s'; expected %d, '%s'", what, got, error.message, status,
                 fragment);
    assert_null(gguf);
    assert_int_equal(rf_host_live_count(), before);
}

uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static void put(rf_buffer *file, const void *data, size_t bytes)
{
    assert_int_equal(rf_buffer_append(file, data, bytes, NULL), RF_OK);
}

void put_u8(rf_buffer *file, uint8_t value)
{
    put(file, &value, sizeof(value));
}

void put_u32(rf_buffer *file, uint32_t value)
{
    put(file, &value, sizeof(value));
}

void put_u64(rf_buffer *file, uint64_t value)
{
    put(file, &value, sizeof(value));
}

void put_string(rf_buffer *file, const char *text)
{
    put_u64(file, strlen(text));
    put(file, text, strlen(text));
}

void put_zeros(rf_buffer *file, size_t bytes)
{
    while (bytes--)
        put_u8(file, 0);
}

void put_header(rf_buffer *file, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
    put(file, "GGUF", 4);
    put_u32(file, version);
    put_u64(file, n_tensors);
    put_u64(file, n_values);
}

void put_key(rf_buffer *file, const char *key, uint32_t type)
{
    put_string(file, key);
    put_u32(file, type);
}

void put_array(rf_buffer *file, const char *key, uint32_t item_type, uint64_t count)
{
    put_key(file, key, RF_GGUF_ARRAY);
    put_u32(file, item_type);
    put_u64(file, count);
}

void put_tensor(rf_buffer *file, const char *name, uint32_t type, uint64_t elements,
                uint64_t offset)
{
    put_string(file, name);
    put_u32(file, 1);
    put_u64(file, elements);
    put_u32(file, type);
    put_u64(file, offset);
}

void pad_to(rf_buffer *file, size_t alignment)
{
    while (file->length % alignment)
        put_u8(file, 0);
}
