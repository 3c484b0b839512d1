/* test_oracle.c: ids must equal those of the reference implementation, for every vocabulary of the
 * oracle: NAME.gguf, the texts of texts.pub, NAME.ids (plain) and NAME.special.ids (with BOS, and
 * special tokens parsed). */
#include "support/cmocka.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/oracle.h"
#include "tokenizer/support.h"

#define SEPARATOR "\n__ggml_vocab_test__\n"

/* Reads a line of ids; returns how many, or -1 at the end of the file. */
static int read_ids(FILE *file, int32_t *ids, int capacity)
{
    static char line[1 << 16];
    if (!fgets(line, sizeof(line), file))
        return -1;
    int count = 0;
    for (char *word = strtok(line, " \n"); word && count < capacity; word = strtok(NULL, " \n"))
        ids[count++] = (int32_t)strtol(word, NULL, 10);
    return count;
}

static void compare_text(const rf_tokenizer *tokenizer, rf_string text, bool special, FILE *ids,
                         const char *name, int index)
{
    static int32_t expected[1 << 14];
    int n_expected = read_ids(ids, expected, 1 << 14);
    int32_t *got = NULL;
    size_t count = 0;
    rf_tokenize_options options = {.add_bos_eos = special, .parse_special = special};
    assert_int_equal(rf_tokenize(tokenizer, text, options, &got, &count, NULL), RF_OK);
    if ((int)count != n_expected || memcmp(got, expected, count * sizeof(*got)) != 0)
        fail_msg("%s: text %d (%zu bytes): %zu ids, expected %d", name, index, text.length, count,
                 n_expected);
    if (!special)
        check_round_trip(tokenizer, text, got, count);
    rf_free(got);
}

static void compare_file(const rf_tokenizer *tokenizer, const char *name, const char *suffix,
                         bool special)
{
    char path[ORACLE_PATH_BYTES];
    char file_name[256];
    snprintf(file_name, sizeof(file_name), "tokenizer/%s%s", name, suffix);
    oracle_path(file_name, path);
    FILE *ids = fopen(path, "r");
    if (!ids)
        return;
    oracle_path("tokenizer/texts.pub", path);
    size_t length = 0;
    char *texts = read_whole_file(path, &length);
    size_t start = 0;
    for (int index = 0; start <= length; index++) {
        char *end = memmem(texts + start, length - start, SEPARATOR, strlen(SEPARATOR));
        size_t stop = end ? (size_t)(end - texts) : length;
        compare_text(tokenizer, (rf_string){texts + start, stop - start}, special, ids, name,
                     index);
        start = end ? stop + strlen(SEPARATOR) : length + 1;
    }
    int32_t more;
    assert_int_equal(read_ids(ids, &more, 1), -1);
    fclose(ids);
    free(texts);
}

static void ids_equal_the_reference(void **state)
{
    (void)state;
    char folder[ORACLE_PATH_BYTES];
    oracle_path("tokenizer", folder);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    int vocabularies = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        const char *dot = strstr(entry->d_name, ".gguf");
        if (!dot || dot[5])
            continue;
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)(dot - entry->d_name), entry->d_name);
        char path[ORACLE_PATH_BYTES + 256];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        rf_tokenizer *tokenizer = open_tokenizer(path);
        compare_file(tokenizer, name, ".ids", false);
        compare_file(tokenizer, name, ".special.ids", true);
        rf_tokenizer_free(tokenizer);
        vocabularies++;
    }
    closedir(entries);
    assert_true(vocabularies > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ids_equal_the_reference)};
    return cmocka_run_group_tests_name("tokenizer oracle", tests, NULL, NULL);
}
