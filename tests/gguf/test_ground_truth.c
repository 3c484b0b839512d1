/* test_ground_truth.c: the files made with the reference implementation, sound and malformed. */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "support/oracle.h"
#include "walk.h"

static void opens(const char *path)
{
    rf_gguf *gguf = NULL;
    rf_error error = {0};
    if (rf_gguf_open(path, &gguf, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_true(walk(gguf) != 0);
    rf_gguf_close(gguf);
}

static const struct {
    const char *name;
    rf_status status; /* RF_OK: well-formed as a file, the model in it is for the layers above */
    const char *fragment;
} malformed[] = {
    {"good", RF_OK, NULL},
    {"architecture-unknown", RF_OK, NULL},
    {"blocks-4-billion", RF_OK, NULL},
    {"bos-outside-vocab", RF_OK, NULL},
    {"epsilon-nan", RF_OK, NULL},
    {"heads-0", RF_OK, NULL},
    {"heads-do-not-divide", RF_OK, NULL},
    {"missing-tensor", RF_OK, NULL},
    {"token-types-short", RF_OK, NULL},
    {"tokens-not-strings", RF_OK, NULL},
    {"wrong-shape", RF_OK, NULL},
    {"alignment-0", RF_ERROR_FORMAT, "general.alignment: 0"},
    {"alignment-not-power-of-two", RF_ERROR_FORMAT, "power of two"},
    {"alignment-wrong-type", RF_ERROR_FORMAT, "general.alignment: type string"},
    {"array-count-huge", RF_ERROR_FORMAT, "array of 2305843009213693952 items"},
    {"array-of-arrays-deep", RF_ERROR_UNSUPPORTED, "array of arrays"},
    {"cut-in-data", RF_ERROR_FORMAT, "past the end of the file"},
    {"cut-in-kv", RF_ERROR_FORMAT, "metadata values"},
    {"dim-negative", RF_ERROR_FORMAT, "2^63"},
    {"dim-zero", RF_ERROR_FORMAT, "dimension 1 is 0"},
    {"dims-4-billion", RF_ERROR_FORMAT, "4294967295 dimensions"},
    {"dims-5", RF_ERROR_FORMAT, "5 dimensions"},
    {"dims-product-overflow", RF_ERROR_FORMAT, "2^63"},
    {"duplicate-key", RF_ERROR_FORMAT, "llama.block_count"},
    {"duplicate-tensor", RF_ERROR_FORMAT, "a second time"},
    {"empty", RF_ERROR_FORMAT, "empty"},
    {"four-bytes", RF_ERROR_FORMAT, "the version"},
    {"magic", RF_ERROR_FORMAT, "not a GGUF file"},
    {"n-kv-huge", RF_ERROR_FORMAT, "metadata values"},
    {"n-tensors-huge", RF_ERROR_FORMAT, "1152921504606846976 tensors"},
    {"offset-past-end", RF_ERROR_FORMAT, "output.weight"},
    {"offset-unaligned", RF_ERROR_FORMAT, "multiple of the alignment"},
    {"row-not-multiple-of-block", RF_ERROR_FORMAT, "blocks of 256 (Q4_K)"},
    {"string-length-wraps", RF_ERROR_FORMAT, "general.name"},
    {"string-longer-than-file", RF_ERROR_FORMAT, "general.name"},
    {"tensor-name-empty", RF_ERROR_FORMAT, "name at byte 1704 is empty"},
    {"type-out-of-range", RF_ERROR_FORMAT, "unknown element type 4000"},
    {"type-removed", RF_ERROR_UNSUPPORTED, "type 4 was removed"},
    {"value-type-unknown", RF_ERROR_FORMAT, "unknown value type 77"},
    {"version-0", RF_ERROR_UNSUPPORTED, "version 0"},
    {"version-99", RF_ERROR_UNSUPPORTED, "version 99"},
    {"version-byteswapped", RF_ERROR_UNSUPPORTED, "big-endian"},
};

static void malformed_files_are_refused_and_others_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        char name[128];
        char path[ORACLE_PATH_BYTES];
        (void)snprintf(name, sizeof(name), "malformed/%s.gguf", malformed[i].name);
        oracle_path(name, path);
        if (malformed[i].status == RF_OK)
            opens(path);
        else
            assert_refused(name, path, malformed[i].status, malformed[i].fragment);
    }
}

static void all_files_of(const char *name)
{
    char folder[ORACLE_PATH_BYTES];
    int count = 0;
    oracle_path(name, folder);
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (struct dirent *entry = readdir(open); entry; entry = readdir(open)) {
        char path[ORACLE_PATH_BYTES + 300];
        if (!strstr(entry->d_name, ".gguf"))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        opens(path);
        count++;
    }
    closedir(open);
    assert_true(count > 0);
}

static void sound_files_open(void **state)
{
    (void)state;
    all_files_of("models");
    all_files_of("tokenizer");
    all_files_of("quant");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_files_are_refused_and_others_not),
        cmocka_unit_test(sound_files_open),
    };
    return cmocka_run_group_tests_name("ground_truth", tests, NULL, NULL);
}
