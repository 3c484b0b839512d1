/* support.c: see support.h. */
#include "tokenizer/support.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "tokenizer/alphabet.h"

char *read_whole_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *data = malloc((size_t)size + 1);
    assert_non_null(data);
    *length = fread(data, 1, (size_t)size, file);
    assert_int_equal(*length, size);
    data[size] = '\0';
    fclose(file);
    return data;
}

rf_tokenizer *open_tokenizer(const char *path)
{
    rf_error error = {0};
    rf_gguf *gguf = NULL;
    if (rf_gguf_open(path, &gguf, &error) != RF_OK)
        fail_msg("%s: %s", path, error.message);
    rf_tokenizer *tokenizer = NULL;
    if (rf_tokenizer_open(gguf, &tokenizer, &error) != RF_OK)
        fail_msg("%s: %s", path, error.message);
    rf_gguf_close(gguf); /* a tokenizer keeps the file by itself */
    return tokenizer;
}

static uint64_t count_of(const char *const *list)
{
    uint64_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

#define LETTERS 256

/* Writes a list of texts, after the byte alphabet if asked. */
static void write_texts(rf_gguf_writer *writer, const char *key, const char *const *list,
                        bool with_bytes)
{
    char letters[LETTERS][RF_ALPHABET_BYTES_MAX];
    uint64_t letter_count = with_bytes ? LETTERS : 0;
    uint64_t count = letter_count + count_of(list);
    rf_string *texts = calloc(count + 1, sizeof(*texts));
    assert_non_null(texts);
    for (unsigned i = 0; i < letter_count; i++)
        texts[i] = (rf_string){letters[i], rf_alphabet_letter((unsigned char)i, letters[i])};
    for (uint64_t i = letter_count; i < count; i++)
        texts[i] = (rf_string){list[i - letter_count], strlen(list[i - letter_count])};
    assert_int_equal(rf_gguf_write_strings(writer, key, texts, count, NULL), RF_OK);
    free(texts);
}

/* Writes numbers of 4 bytes that go with the tokens; letters get `fill`. */
static void write_numbers(rf_gguf_writer *writer, const char *key, rf_gguf_type type,
                          const void *items, const void *fill, const small_vocabulary *vocabulary)
{
    uint64_t letter_count = vocabulary->with_bytes ? LETTERS : 0;
    uint64_t count = count_of(vocabulary->tokens);
    uint32_t *all = calloc(letter_count + count + 1, sizeof(*all));
    assert_non_null(all);
    for (uint64_t i = 0; i < letter_count; i++)
        memcpy(&all[i], fill, sizeof(*all));
    memcpy(all + letter_count, items, count * sizeof(*all));
    assert_int_equal(rf_gguf_write_array(writer, key, type, all, letter_count + count, NULL),
                     RF_OK);
    free(all);
}

static void write_keys(rf_gguf_writer *writer, const small_vocabulary *v)
{
    static const int32_t normal = RF_TOKEN_NORMAL;
    static const float zero = 0;
    int32_t first = v->with_bytes ? LETTERS : 0;
    if (v->model)
        rf_gguf_write_text(writer, "tokenizer.ggml.model", v->model, NULL);
    if (v->pre)
        rf_gguf_write_text(writer, "tokenizer.ggml.pre", v->pre, NULL);
    if (v->tokens)
        write_texts(writer, "tokenizer.ggml.tokens", v->tokens, v->with_bytes);
    if (v->types)
        write_numbers(writer, "tokenizer.ggml.token_type", RF_GGUF_INT32, v->types, &normal, v);
    if (v->scores)
        write_numbers(writer, "tokenizer.ggml.scores", RF_GGUF_FLOAT32, v->scores, &zero, v);
    if (v->merges)
        write_texts(writer, "tokenizer.ggml.merges", v->merges, false);
    if (v->chat_template)
        rf_gguf_write_text(writer, "tokenizer.chat_template", v->chat_template, NULL);
    if (v->bos)
        rf_gguf_write_i32(writer, "tokenizer.ggml.bos_token_id", first + v->bos - 1, NULL);
    if (v->eos)
        rf_gguf_write_i32(writer, "tokenizer.ggml.eos_token_id", first + v->eos - 1, NULL);
    if (v->name)
        rf_gguf_write_text(writer, "general.name", v->name, NULL);
}

rf_gguf *write_vocabulary(const small_vocabulary *vocabulary, add_keys more)
{
    char path[] = "/tmp/rocmforge-vocabulary-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    rf_gguf_writer *writer = NULL;
    assert_int_equal(rf_gguf_writer_create(path, 0, &writer, NULL), RF_OK);
    write_keys(writer, vocabulary);
    if (more)
        more(writer);
    rf_error error = {0};
    if (rf_gguf_writer_finish(writer, &error) != RF_OK)
        fail_msg("%s", error.message);
    rf_gguf_writer_free(writer);
    rf_gguf *gguf = NULL;
    if (rf_gguf_open(path, &gguf, &error) != RF_OK)
        fail_msg("%s", error.message);
    unlink(path); /* it stays mapped */
    return gguf;
}

rf_tokenizer *small_tokenizer(const small_vocabulary *vocabulary, add_keys more)
{
    rf_gguf *gguf = write_vocabulary(vocabulary, more);
    rf_tokenizer *tokenizer = NULL;
    rf_error error = {0};
    if (rf_tokenizer_open(gguf, &tokenizer, &error) != RF_OK)
        fail_msg("%s", error.message);
    rf_gguf_close(gguf);
    return tokenizer;
}

int32_t id_of(const rf_tokenizer *tokenizer, const char *text)
{
    int32_t id = rf_vocabulary_find(&tokenizer->vocabulary, (rf_string){text, strlen(text)});
    assert_true(id >= 0);
    return id;
}

void assert_tokens(const rf_tokenizer *tokenizer, const char *text, rf_tokenize_options options,
                   const char *expected)
{
    int32_t *ids = NULL;
    size_t count = 0;
    assert_int_equal(
        rf_tokenize(tokenizer, (rf_string){text, strlen(text)}, options, &ids, &count, NULL),
        RF_OK);
    rf_buffer joined = {0};
    for (size_t i = 0; i < count; i++) {
        rf_string token;
        assert_int_equal(rf_tokenizer_text(tokenizer, ids[i], &token, NULL), RF_OK);
        if (i)
            assert_int_equal(rf_buffer_append(&joined, "|", 1, NULL), RF_OK);
        assert_int_equal(rf_buffer_append(&joined, token.data, token.length, NULL), RF_OK);
    }
    char *got = NULL;
    assert_int_equal(rf_buffer_take(&joined, &got, NULL, NULL), RF_OK);
    assert_string_equal(got, expected);
    rf_free(got);
    rf_free(ids);
}

/* The text with every broken part of it replaced, as a stream gives it. */
static void append_repaired(rf_buffer *out, rf_string text)
{
    for (size_t i = 0; i < text.length;) {
        rf_utf8_kind kind;
        size_t length = rf_utf8_next((const unsigned char *)text.data + i, text.length - i, &kind);
        if (kind == RF_UTF8_WHOLE)
            assert_int_equal(rf_buffer_append(out, text.data + i, length, NULL), RF_OK);
        else
            assert_int_equal(rf_buffer_append_text(out, "\xEF\xBF\xBD", NULL), RF_OK);
        i += length;
    }
}

static void append_streamed(rf_buffer *out, const rf_tokenizer *tokenizer, const int32_t *ids,
                            size_t count)
{
    rf_text_stream *stream = NULL;
    assert_int_equal(rf_text_stream_create(tokenizer, false, &stream, NULL), RF_OK);
    rf_string part;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rf_text_stream_add(stream, ids[i], &part, NULL), RF_OK);
        assert_int_equal(rf_buffer_append(out, part.data, part.length, NULL), RF_OK);
    }
    assert_int_equal(rf_text_stream_end(stream, &part, NULL), RF_OK);
    assert_int_equal(rf_buffer_append(out, part.data, part.length, NULL), RF_OK);
    rf_text_stream_free(stream);
}

void check_round_trip(const rf_tokenizer *tokenizer, rf_string text, const int32_t *ids,
                      size_t count)
{
    char *whole = NULL;
    size_t length = 0;
    assert_int_equal(rf_detokenize(tokenizer, ids, count, false, &whole, &length, NULL), RF_OK);
    assert_int_equal(length, text.length);
    assert_memory_equal(whole, text.data, length);
    rf_free(whole);
    rf_buffer repaired = {0};
    rf_buffer streamed = {0};
    append_repaired(&repaired, text);
    append_streamed(&streamed, tokenizer, ids, count);
    assert_int_equal(streamed.length, repaired.length);
    if (repaired.length)
        assert_memory_equal(streamed.data, repaired.data, repaired.length);
    rf_buffer_free(&repaired);
    rf_buffer_free(&streamed);
}
