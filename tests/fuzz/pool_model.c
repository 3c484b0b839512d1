/* pool_model.c: an account and its pools as maps of units and a list of blocks. See pool_model.h.
 */
#include "fuzz/pool_model.h"

model_block *pool_model_find(pool_model *m, rf_block handle)
{
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        if (m->blocks[i].handle.generation == handle.generation)
            return &m->blocks[i];
    }
    return NULL;
}

bool pool_model_is_free(const model_pool *pool, const model_part *part, uint64_t offset,
                        uint64_t bytes)
{
    for (uint64_t at = offset; at < offset + bytes; at += pool->alignment) {
        if (part->taken[at / pool->alignment])
            return false;
    }
    return true;
}

uint64_t pool_model_largest_free(const model_pool *pool, const model_part *part)
{
    uint64_t largest = 0;
    uint64_t run = 0;
    for (uint64_t i = 0; i < part->bytes / pool->alignment; i++) {
        run = part->taken[i] ? 0 : run + 1;
        largest = run > largest ? run : largest;
    }
    return largest * pool->alignment;
}

model_part *pool_model_part_at(model_pool *pool, rf_address address)
{
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        model_part *part = &pool->parts[i];
        if (address >= part->address && address - part->address < part->bytes)
            return part;
    }
    return NULL;
}

static void mark_units(const model_block *block, bool taken)
{
    uint64_t alignment = block->pool->alignment;
    uint64_t offset = block->address - block->part->address;
    for (uint64_t at = offset; at < offset + block->handle.bytes; at += alignment)
        block->part->taken[at / alignment] = taken;
}

static uint64_t current(const pool_model *m, int memory_class)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        if ((int)m->blocks[i].handle.memory_class == memory_class)
            bytes += m->blocks[i].handle.bytes;
    }
    return bytes;
}

void pool_model_add(pool_model *m, model_block block)
{
    int c = (int)block.handle.memory_class;
    if (block.pool) {
        mark_units(&block, true);
        block.pool->live++;
    }
    m->blocks[m->n_blocks++] = block;
    m->total[c] += block.handle.bytes;
    uint64_t now = current(m, c);
    if (now > m->peak[c])
        m->peak[c] = now;
}

void pool_model_remove(pool_model *m, model_block *block)
{
    if (block->pool) {
        mark_units(block, false);
        block->pool->live--;
    }
    *block = m->blocks[--m->n_blocks];
}

static const char *compare_pools(const pool_model *m, const rf_memory_stats *stats)
{
    uint64_t reserved = 0;
    uint64_t taken = 0;
    uint64_t largest = 0;
    uint32_t parts = 0;
    for (uint32_t p = 0; p < MODEL_POOLS; p++) {
        const model_pool *pool = &m->pools[p];
        for (uint32_t i = 0; pool->pool && i < pool->n_parts; i++) {
            const model_part *part = &pool->parts[i];
            uint64_t run = pool_model_largest_free(pool, part);
            largest = run > largest ? run : largest;
            reserved += part->bytes;
            parts++;
            for (uint64_t u = 0; u < part->bytes / pool->alignment; u++)
                taken += part->taken[u] ? pool->alignment : 0;
        }
    }
    if (stats->live + stats->free + stats->padding != stats->reserved)
        return "live + free + padding is not reserved";
    if (stats->reserved != reserved || stats->pools != parts || stats->high_water != m->high_water)
        return "reserved bytes, pools or the most reserved";
    if (stats->live + stats->padding != taken || stats->largest_free != largest)
        return "live, padding or the largest free block";
    return NULL;
}

const char *pool_model_compare(const pool_model *m, rf_memory *memory)
{
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    if (rf_memory_statistics(memory, &stats, NULL) != RF_OK)
        return "the account's books disagree";
    uint64_t bytes[RF_MEMORY_CLASS_COUNT] = {0};
    uint64_t external[RF_MEMORY_CLASS_COUNT] = {0};
    uint64_t count[RF_MEMORY_CLASS_COUNT] = {0};
    uint64_t live = 0;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        const model_block *block = &m->blocks[i];
        bytes[block->handle.memory_class] += block->handle.bytes;
        count[block->handle.memory_class]++;
        if (block->pool)
            live += block->handle.bytes;
        else
            external[block->handle.memory_class] += block->handle.bytes;
    }
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++) {
        const rf_memory_class_stats *s = &stats.classes[c];
        if (s->current != bytes[c] || s->external != external[c] || s->count != count[c] ||
            s->peak != m->peak[c] || s->total != m->total[c])
            return "the statistics of a class";
    }
    return stats.live == live ? compare_pools(m, &stats) : "live bytes";
}
