/*
 * map.h: a hash map from byte strings to 32-bit numbers, open addressing, XXH3. Keys are views:
 * their bytes must outlive the map. Zero-initialise it to start.
 *
 * Keys come from files, whose maker may want them to collide; hashes start from a number that he
 * cannot know.
 */
#ifndef RF_BASE_MAP_H
#define RF_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rf_map_slot {
    const char *key; /* NULL: empty */
    uint32_t length;
    uint32_t value;
    uint64_t hash;
} rf_map_slot;

typedef struct rf_map {
    rf_map_slot *slots;
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t count;
    uint64_t seed; /* of the hashes, drawn with the first slots */
} rf_map;

void rf_map_free(rf_map *map);

/* Makes room for count keys at once, so that inserting them neither grows nor fails. */
rf_status rf_map_reserve(rf_map *map, uint64_t count, rf_error *error);

/* Adds a key that is not there yet. *added is false, and the map unchanged, where it is there
 * already. Keys of 4 GiB and more are RF_ERROR_RANGE. */
rf_status rf_map_insert(rf_map *map, rf_string key, uint32_t value, bool *added, rf_error *error);

/* Fetches from memory what inserting or getting a key will look at, so that it is there by then: a
 * large map is not in a cache. */
void rf_map_prefetch(const rf_map *map, rf_string key);

/* Whether the key is there; its value in *value. */
bool rf_map_get(const rf_map *map, rf_string key, uint32_t *value);

#endif
