/*
 * vocabulary.h: the tokens of a file: texts, types, scores and the ids that its metadata names, all
 * checked. Texts are views into the GGUF file, which must outlive the vocabulary.
 */
#ifndef RF_TOKENIZER_VOCABULARY_H
#define RF_TOKENIZER_VOCABULARY_H

#include "base/map.h"
#include "gguf/gguf.h"

/* The values of tokenizer.ggml.token_type. */
typedef enum rf_token_type {
    RF_TOKEN_UNDEFINED = 0,
    RF_TOKEN_NORMAL = 1,
    RF_TOKEN_UNKNOWN = 2,
    RF_TOKEN_CONTROL = 3,
    RF_TOKEN_USER_DEFINED = 4,
    RF_TOKEN_UNUSED = 5,
    RF_TOKEN_BYTE = 6,
} rf_token_type;

typedef struct rf_token {
    rf_string text;
    float score;       /* SentencePiece: higher merges sooner */
    uint8_t type;      /* rf_token_type */
    bool ends;         /* ends generation */
    bool strips_right; /* as a special token it swallows the white space behind it */
} rf_token;

typedef struct rf_vocabulary {
    rf_token *tokens;
    uint32_t count; /* 1 to RF_VOCABULARY_MAX */
    rf_map ids;     /* from text to id; empty texts are not in it */
    size_t longest; /* bytes of the longest text */
    int32_t bos;    /* RF_TOKEN_NONE where there is none; the same for the others */
    int32_t eos;
    int32_t unknown;
    bool add_bos;
    bool add_eos;
} rf_vocabulary;

/* More than any model has, and few enough for an id to have room to spare in 32 bits. */
#define RF_VOCABULARY_MAX (1U << 24)

/* What holds where the file is silent; ids that the vocabulary is too small for become none. */
typedef struct rf_vocabulary_defaults {
    int32_t bos;
    int32_t eos;
    int32_t unknown;
    bool add_bos;
} rf_vocabulary_defaults;

/*
 * Reads the vocabulary; free with rf_vocabulary_free also where this fails. Scores are all
 * zero where the file has none. RF_ERROR_FORMAT names the key: missing, of another type, of another
 * length than the tokens, an id outside the vocabulary, a text that is there twice.
 */
rf_status rf_vocabulary_read(const rf_gguf *gguf, const rf_vocabulary_defaults *defaults,
                             rf_vocabulary *out, rf_error *error);
void rf_vocabulary_free(rf_vocabulary *vocabulary);

/* The id of a text, or RF_TOKEN_NONE. */
int32_t rf_vocabulary_find(const rf_vocabulary *vocabulary, rf_string text);

static inline bool rf_vocabulary_has(const rf_vocabulary *vocabulary, int32_t id)
{
    return id >= 0 && (uint32_t)id < vocabulary->count;
}

#endif
