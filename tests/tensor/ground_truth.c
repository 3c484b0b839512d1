/* ground_truth.c: reading the oracle's file of blocks. */
#include "tensor/ground_truth.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/cmocka.h"
#include "support/oracle.h"
#include "tensor/half.h"

rf_gguf *open_ground_truth(void)
{
    char path[ORACLE_PATH_BYTES];
    rf_error error;
    rf_gguf *gguf;
    oracle_path("quant/blocks.gguf", path);
    if (rf_gguf_open(path, &gguf, &error) != RF_OK)
        fail_msg("%s", error.message);
    return gguf;
}

void *read_ground_truth(const rf_gguf *gguf, rf_type type, const char *part, rf_gguf_tensor *tensor)
{
    char name[64];
    int length =
        snprintf(name, sizeof(name), "%s.%s", rf_type_describe((uint32_t)type)->name, part);
    assert_in_range(length, 1, sizeof(name) - 1);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const rf_gguf_tensor *found = rf_gguf_find_tensor(gguf, name);
    if (!found)
        return NULL;
    rf_file *file;
    rf_error error;
    void *data = rf_calloc(1, found->bytes);
    assert_non_null(data);
    if (rf_file_open(rf_gguf_file_path(gguf, found->file), &file, &error) != RF_OK)
        fail_msg("%s", error.message);
    if (rf_file_read(file, found->offset, data, found->bytes, &error) != RF_OK)
        fail_msg("%s", error.message);
    rf_file_close(file);
    *tensor = *found;
    return data;
}

bool same_float(float a, float b)
{
    return rf_f32_bits(a) == rf_f32_bits(b) || (isnan(a) && isnan(b));
}
