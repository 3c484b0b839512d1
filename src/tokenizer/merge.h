/*
 * merge.h: the merging that BPE and SentencePiece's BPE model have in common: text as a chain of
 * symbols, in which the neighbours of the best rank are replaced by one symbol, the leftmost first
 * where ranks are equal, until no neighbours merge.
 *
 * n symbols take O(n log n) time and about 16 to 32 bytes each: a heap holds the candidates, and
 * those that a merge made obsolete are recognised when they come up.
 */
#ifndef RF_TOKENIZER_MERGE_H
#define RF_TOKENIZER_MERGE_H

#include <stdbool.h>

#include "base/error.h"

/* The most text one run may hold, so that positions are 32-bit numbers. */
#define RF_MERGE_TEXT_MAX UINT32_MAX

#define RF_SYMBOL_NONE (-1) /* characters that the vocabulary does not have */

/* The place before the first symbol and behind the last. */
#define RF_MERGE_END UINT32_MAX

typedef struct rf_merge_node {
    uint32_t previous; /* index, or RF_MERGE_END */
    uint32_t next;
    uint32_t start; /* of the symbol in the text, in bytes */
    int32_t symbol; /* RF_SYMBOL_NONE, or what the rule gave out */
} rf_merge_node;

/* Reused from one text to the next. Zero-initialise it to start; free with rf_merger_free. */
typedef struct rf_merger {
    rf_merge_node *nodes;
    size_t n_nodes;
    size_t node_capacity;
    uint64_t *heap; /* candidates: the rank in the upper half, the left node in the lower */
    size_t heap_count;
    size_t heap_capacity;
} rf_merger;

/*
 * Whether two neighbours merge: the rank (lower is sooner) and the symbol that replaces them. text
 * is that of both. The answer must depend on nothing but the arguments.
 */
typedef bool (*rf_merge_rule)(const void *context, int32_t left, int32_t right, rf_string text,
                              uint32_t *rank, int32_t *symbol);

void rf_merger_free(rf_merger *merger);

/* Empties the chain, for a new text. */
void rf_merger_clear(rf_merger *merger);

/* Adds a symbol, which starts in the text where the last one ends. */
rf_status rf_merger_add(rf_merger *merger, size_t start, int32_t symbol, rf_error *error);

/* Merges. Afterwards the symbols are nodes[0] and, from each, nodes[next]. The text has at most
 * RF_MERGE_TEXT_MAX bytes, and is where the symbols were taken from. */
rf_status rf_merger_run(rf_merger *merger, rf_string text, rf_merge_rule rule, const void *context,
                        rf_error *error);

/* The text of a node of the chain. */
rf_string rf_merger_text(const rf_merger *merger, rf_string text, uint32_t node);

#endif
