/* bpe_merges.h: the list of merges and its lookup, a part of bpe.h that is read once. */
#ifndef RF_TOKENIZER_BPE_MERGES_H
#define RF_TOKENIZER_BPE_MERGES_H

#include "tokenizer/bpe.h"

/* Fills merges, table, virtual symbols and byte symbols. */
rf_status rf_bpe_read_merges(const rf_gguf *gguf, rf_bpe *bpe, rf_error *error);

/* Whether two symbols merge, at what rank, and into what: a rf_merge_rule whose context is the
 * rf_bpe. */
bool rf_bpe_find_merge(const void *bpe, int32_t left, int32_t right, rf_string text, uint32_t *rank,
                       int32_t *symbol);

#endif
