/*
 * pretokenizer.h: the table of pre-tokenizers, the rules by which byte-level BPE vocabularies cut
 * text into the pieces that are then merged, under the names of the key tokenizer.ggml.pre.
 */
#ifndef RF_TOKENIZER_PRETOKENIZER_H
#define RF_TOKENIZER_PRETOKENIZER_H

#include <stdbool.h>

#include "rocmforge.h"

#define RF_PRETOKENIZER_PATTERNS_MAX 6

typedef struct rf_pretokenizer {
    const char *name;
    /* PCRE2 patterns, ended by NULL if fewer than the most. Each cuts what the one before left into
     * its matches and the gaps between them. */
    const char *const *patterns;
    bool whole_first; /* a piece that is a token as a whole is taken unmerged ("ignore_merges") */
    bool add_bos;     /* unless the file says otherwise */
} rf_pretokenizer;

/* The row of a name, or NULL. */
const rf_pretokenizer *rf_pretokenizer_find(rf_string name);

/* The row at an index, or NULL past the end. */
const rf_pretokenizer *rf_pretokenizer_at(size_t i);

#endif
