/* map.c: open addressing with linear probing, at most three quarters full. */
#include "base/map.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checked.h"
#include "base/memory.h"
#include "base/seed.h"

void rf_map_free(rf_map *map)
{
    rf_free(map->slots);
    *map = (rf_map){0};
}

/* The slot that holds the key, or the empty one where it belongs. The map has an empty slot. */
static rf_map_slot *find_slot(rf_map_slot *slots, uint64_t capacity, rf_string key, uint64_t hash)
{
    uint64_t i = hash & (capacity - 1);
    while (slots[i].key) {
        if (slots[i].hash == hash && slots[i].length == key.length &&
            memcmp(slots[i].key, key.data, key.length) == 0)
            break;
        i = (i + 1) & (capacity - 1);
    }
    return &slots[i];
}

static uint64_t hash_of(const rf_map *map, rf_string key)
{
    return XXH3_64bits_withSeed(key.data, key.length, map->seed);
}

static rf_status grow(rf_map *map, uint64_t capacity, rf_error *error)
{
    rf_map_slot *slots = rf_calloc(capacity, sizeof(*slots));
    if (!slots)
        return rf_error_host_memory(error, "a hash map", capacity * sizeof(*slots));
    for (uint64_t i = 0; i < map->capacity; i++) {
        const rf_map_slot *old = &map->slots[i];
        if (old->key)
            *find_slot(slots, capacity, (rf_string){old->key, old->length}, old->hash) = *old;
    }
    if (!map->slots)
        map->seed = rf_seed_draw();
    rf_free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return RF_OK;
}

rf_status rf_map_reserve(rf_map *map, uint64_t count, rf_error *error)
{
    uint64_t capacity = map->capacity ? map->capacity : 16;
    while (capacity / 4 * 3 < count) {
        if (!rf_mul(capacity, 2, &capacity))
            return rf_error_host_memory(error, "a hash map", UINT64_MAX);
    }
    return capacity == map->capacity ? RF_OK : grow(map, capacity, error);
}

rf_status rf_map_insert(rf_map *map, rf_string key, uint32_t value, bool *added, rf_error *error)
{
    if (key.length > UINT32_MAX)
        return rf_error_set(error, RF_ERROR_RANGE, "a key of %zu bytes is too long", key.length);
    RF_TRY(rf_map_reserve(map, map->count + 1, error));
    uint64_t hash = hash_of(map, key);
    rf_map_slot *slot = find_slot(map->slots, map->capacity, key, hash);
    *added = slot->key == NULL;
    if (*added) {
        /* An empty key has no bytes that need to outlive anything, but must not look like no key.
         */
        *slot = (rf_map_slot){key.data ? key.data : "", (uint32_t)key.length, value, hash};
        map->count++;
    }
    return RF_OK;
}

void rf_map_prefetch(const rf_map *map, rf_string key)
{
    if (map->capacity)
        __builtin_prefetch(&map->slots[hash_of(map, key) & (map->capacity - 1)], 1);
}

bool rf_map_get(const rf_map *map, rf_string key, uint32_t *value)
{
    if (map->capacity == 0 || key.length > UINT32_MAX)
        return false;
    const rf_map_slot *slot = find_slot(map->slots, map->capacity, key, hash_of(map, key));
    if (!slot->key)
        return false;
    *value = slot->value;
    return true;
}
