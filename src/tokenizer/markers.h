/*
 * markers.h: tokens that are known by their text. Files often fail to say which tokens end
 * generation or are control tokens, so the texts that models use for that count as well.
 */
#ifndef RF_TOKENIZER_MARKERS_H
#define RF_TOKENIZER_MARKERS_H

#include "tokenizer/vocabulary.h"

/* Corrects the types of known tokens, and marks those that end generation. model_name is
 * general.name. */
void rf_markers_apply(rf_vocabulary *vocabulary, rf_string model_name);

#endif
