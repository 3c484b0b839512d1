/* staging_mode.c: whether to read through the page cache or past it. */
#include "memory/staging_transfer.h"

/* Places of a file that are looked at. */
#define SAMPLES 64U
/* Direct reads where less than one part in so many is cached: what is cached comes ten times faster
 * than from a drive, and what is not comes somewhat faster past the cache. */
#define CACHED_PART 4U

/* Items of one file from `first` on; returns the item behind them. */
static uint32_t file_end(const rf_staging_item *items, uint32_t n_items, uint32_t first)
{
    uint32_t i = first;
    while (i < n_items && items[i].file == items[first].file)
        i++;
    return i;
}

/* Whether most of the items would have to come from storage. Not, where a file system does not
 * tell: its own reads are then the safe choice. */
static bool is_cold(const rf_staging_item *items, uint32_t n_items)
{
    uint64_t samples = 0;
    uint64_t cached = 0;
    for (uint32_t first = 0, end; first < n_items; first = end) {
        end = file_end(items, n_items, first);
        uint64_t begin = items[first].offset;
        uint64_t bytes = items[end - 1].offset + items[end - 1].bytes - begin;
        uint32_t resident = 0;
        if (!rf_file_sample_cache(items[first].file, begin, bytes, SAMPLES, &resident))
            return false;
        samples += SAMPLES;
        cached += resident;
    }
    return cached < samples / CACHED_PART;
}

rf_status rf_staging_choose_mode(rf_read_mode asked, const rf_staging_item *items, uint32_t n_items,
                                 bool *direct, rf_error *error)
{
    *direct = false;
    if (asked == RF_READ_BUFFERED || (asked == RF_READ_AUTO && !is_cold(items, n_items)))
        return RF_OK;
    for (uint32_t first = 0; first < n_items; first = file_end(items, n_items, first)) {
        bool able = false;
        RF_TRY(rf_file_enable_direct(items[first].file, &able, error));
        if (!able)
            return RF_OK;
    }
    *direct = true;
    return RF_OK;
}
