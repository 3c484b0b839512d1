/*
 * special.h: finding special tokens in text before the rest of it is tokenized. User-defined tokens
 * are always found, control and unknown tokens only where the caller asks for them.
 *
 * Longer tokens go first: the longest is cut out wherever it stands, then the next in what is left.
 * So a token that begins earlier loses to a longer one that overlaps it.
 */
#ifndef RF_TOKENIZER_SPECIAL_H
#define RF_TOKENIZER_SPECIAL_H

#include "tokenizer/vocabulary.h"

typedef struct rf_specials {
    const rf_vocabulary *vocabulary;
    int32_t *ids;      /* longest text first, equal ones by id */
    uint32_t *by_text; /* the indices of ids, ordered by the bytes of the texts */
    uint32_t count;
} rf_specials;

/* A part of a text: a special token, or text to be tokenized. */
typedef struct rf_fragment {
    int32_t token; /* RF_TOKEN_NONE: text */
    size_t start;  /* in the text, in bytes */
    size_t length;
} rf_fragment;

typedef struct rf_fragments {
    rf_fragment *items;
    size_t count;
    size_t capacity;
} rf_fragments;

/* The vocabulary must outlive the special tokens. */
rf_status rf_specials_create(const rf_vocabulary *vocabulary, rf_specials *out, rf_error *error);
void rf_specials_free(rf_specials *specials);

/*
 * Cuts a text into fragments, none of them empty. Time grows with the text's length and, for each
 * special token that occurs in it, with the text's length once more. *out is the caller's, to be
 * freed with rf_fragments_free; untouched on failure.
 */
rf_status rf_specials_cut(const rf_specials *specials, rf_string text, bool parse_control,
                          rf_fragments *out, rf_error *error);
void rf_fragments_free(rf_fragments *fragments);

#endif
