/*
 * split.h: cutting text into pieces by the patterns of one pre-tokenizer. A splitter is constant
 * after it is made: any number of threads may run it.
 */
#ifndef RF_TOKENIZER_SPLIT_H
#define RF_TOKENIZER_SPLIT_H

#include "base/error.h"
#include "tokenizer/pretokenizer.h"

typedef struct rf_splitter rf_splitter;

/* Compiles the patterns, to machine code where the system allows that. */
rf_status rf_splitter_create(const rf_pretokenizer *rules, rf_splitter **out, rf_error *error);
void rf_splitter_free(rf_splitter *splitter);

/* Gets each piece, in order; a status other than RF_OK ends the run and is its result. */
typedef rf_status (*rf_split_emit)(void *context, rf_string piece, rf_error *error);

/*
 * Cuts any bytes into pieces that are not empty and make up the text. Bytes that are no well-formed
 * UTF-8 are pieces of their own, each alone. Time is linear in the text's length for every row of
 * the table of pre-tokenizers, memory constant.
 */
rf_status rf_splitter_run(const rf_splitter *splitter, rf_string text, rf_split_emit emit,
                          void *context, rf_error *error);

#endif
