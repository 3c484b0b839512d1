/* merge.c: a chain of symbols and a binary heap of candidates. */
#include "tokenizer/merge.h"

#include "base/memory.h"

/* The symbol of a node that its left neighbour has swallowed. */
#define GONE (-2)

void rf_merger_free(rf_merger *merger)
{
    rf_free(merger->nodes);
    rf_free(merger->heap);
    *merger = (rf_merger){0};
}

void rf_merger_clear(rf_merger *merger)
{
    merger->n_nodes = 0;
    merger->heap_count = 0;
}

rf_status rf_merger_add(rf_merger *merger, size_t start, int32_t symbol, rf_error *error)
{
    if (merger->n_nodes == merger->node_capacity) {
        size_t capacity = merger->node_capacity ? merger->node_capacity * 3 / 2 : 64;
        rf_merge_node *grown = rf_realloc(merger->nodes, capacity, sizeof(*grown));
        if (!grown)
            return rf_error_host_memory(error, "symbols", capacity * sizeof(*grown));
        merger->nodes = grown;
        merger->node_capacity = capacity;
    }
    uint32_t i = (uint32_t)merger->n_nodes;
    uint32_t previous = i ? i - 1 : RF_MERGE_END;
    merger->nodes[i] = (rf_merge_node){previous, RF_MERGE_END, (uint32_t)start, symbol};
    if (i)
        merger->nodes[previous].next = i;
    merger->n_nodes++;
    return RF_OK;
}

static size_t end_of(const rf_merger *merger, rf_string text, uint32_t node)
{
    uint32_t next = merger->nodes[node].next;
    return next == RF_MERGE_END ? text.length : merger->nodes[next].start;
}

rf_string rf_merger_text(const rf_merger *merger, rf_string text, uint32_t node)
{
    uint32_t start = merger->nodes[node].start;
    return (rf_string){text.data + start, end_of(merger, text, node) - start};
}

static rf_status push(rf_merger *merger, uint32_t rank, uint32_t left, rf_error *error)
{
    if (merger->heap_count == merger->heap_capacity) {
        size_t capacity = merger->heap_capacity ? merger->heap_capacity * 3 / 2 : 64;
        uint64_t *grown = rf_realloc(merger->heap, capacity, sizeof(*grown));
        if (!grown)
            return rf_error_host_memory(error, "merge candidates", capacity * sizeof(*grown));
        merger->heap = grown;
        merger->heap_capacity = capacity;
    }
    uint64_t key = (uint64_t)rank << 32 | left;
    size_t hole = merger->heap_count++;
    while (hole > 0 && merger->heap[(hole - 1) / 2] > key) {
        merger->heap[hole] = merger->heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    merger->heap[hole] = key;
    return RF_OK;
}

static uint64_t pop(rf_merger *merger)
{
    uint64_t *heap = merger->heap;
    uint64_t top = heap[0];
    size_t count = --merger->heap_count;
    uint64_t last = heap[count];
    size_t hole = 0;
    for (size_t child = 1; child < count; child = 2 * hole + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= last)
            break;
        heap[hole] = heap[child];
        hole = child;
    }
    if (count)
        heap[hole] = last;
    return top;
}

/* One run: what does not change from merge to merge. */
typedef struct merge_run {
    rf_merger *merger;
    rf_string text;
    rf_merge_rule rule;
    const void *context;
} merge_run;

static bool mergeable(const merge_run *run, uint32_t left, uint32_t *rank, int32_t *symbol)
{
    const rf_merge_node *nodes = run->merger->nodes;
    uint32_t right = nodes[left].next;
    if (right == RF_MERGE_END)
        return false;
    uint32_t start = nodes[left].start;
    rf_string both = {run->text.data + start, end_of(run->merger, run->text, right) - start};
    return run->rule(run->context, nodes[left].symbol, nodes[right].symbol, both, rank, symbol);
}

static rf_status consider(const merge_run *run, uint32_t left, rf_error *error)
{
    uint32_t rank = 0;
    int32_t symbol = RF_SYMBOL_NONE;
    return mergeable(run, left, &rank, &symbol) ? push(run->merger, rank, left, error) : RF_OK;
}

static rf_status replace(const merge_run *run, uint32_t left, int32_t symbol, rf_error *error)
{
    rf_merge_node *nodes = run->merger->nodes;
    uint32_t right = nodes[left].next;
    uint32_t behind = nodes[right].next;
    nodes[right].symbol = GONE;
    nodes[left].symbol = symbol;
    nodes[left].next = behind;
    if (behind != RF_MERGE_END)
        nodes[behind].previous = left;
    if (nodes[left].previous != RF_MERGE_END)
        RF_TRY(consider(run, nodes[left].previous, error));
    return consider(run, left, error);
}

rf_status rf_merger_run(rf_merger *merger, rf_string text, rf_merge_rule rule, const void *context,
                        rf_error *error)
{
    merge_run run = {merger, text, rule, context};
    for (uint32_t i = 0; i < merger->n_nodes; i++)
        RF_TRY(consider(&run, i, error));
    while (merger->heap_count > 0) {
        uint64_t candidate = pop(merger);
        uint32_t left = (uint32_t)candidate;
        uint32_t rank = 0;
        int32_t symbol = RF_SYMBOL_NONE;
        /* Skip what an earlier merge made obsolete: the left symbol is gone, or it has other
         * neighbours now, whose candidate is elsewhere in the heap unless its rank is this one. */
        if (merger->nodes[left].symbol == GONE || !mergeable(&run, left, &rank, &symbol) ||
            rank != candidate >> 32)
            continue;
        RF_TRY(replace(&run, left, symbol, error));
    }
    return RF_OK;
}
