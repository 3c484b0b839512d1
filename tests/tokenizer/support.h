/* support.h: tokenizers for tests: from files, and from small vocabularies written on the spot. */
#ifndef RF_TESTS_TOKENIZER_SUPPORT_H
#define RF_TESTS_TOKENIZER_SUPPORT_H

#include "gguf/gguf.h"
#include "gguf/writer.h"
#include "tokenizer/tokenizer.h"

/* A file's bytes, NUL-terminated; free with free(). Fails the test where it cannot be read. */
char *read_whole_file(const char *path, size_t *length);

/* The tokenizer of a file; fails the test where there is none. */
rf_tokenizer *open_tokenizer(const char *path);

/* A small vocabulary. Lists end with NULL. What is NULL or zero is not written. */
typedef struct small_vocabulary {
    const char *model;
    const char *pre;
    const char *const *tokens; /* after the 256 letters of the byte alphabet, if with_bytes */
    const int32_t *types;      /* of tokens alone; NULL: no key */
    const float *scores;       /* of tokens alone; NULL: no key */
    const char *const *merges;
    const char *chat_template;
    bool with_bytes;
    int32_t bos; /* index in tokens plus 1; 0: no key */
    int32_t eos;
    const char *name; /* general.name */
} small_vocabulary;

/* Adds keys that a small_vocabulary does not speak of; may be NULL. */
typedef void (*add_keys)(rf_gguf_writer *writer);

/* Writes a file in the build folder's temporary space and opens it. The caller closes it. */
rf_gguf *write_vocabulary(const small_vocabulary *vocabulary, add_keys more);

/* The tokenizer of a small vocabulary, which must be valid. */
rf_tokenizer *small_tokenizer(const small_vocabulary *vocabulary, add_keys more);

/* The id of a text, which must be a token. */
int32_t id_of(const rf_tokenizer *tokenizer, const char *text);

/* Tokenizes text and compares the tokens' texts, joined by '|', with expected. */
void assert_tokens(const rf_tokenizer *tokenizer, const char *text, rf_tokenize_options options,
                   const char *expected);

/* Ids back to text: the whole at once and as a stream give the text again (broken UTF-8 in a stream
 * aside). */
void check_round_trip(const rf_tokenizer *tokenizer, rf_string text, const int32_t *ids,
                      size_t count);

#endif
