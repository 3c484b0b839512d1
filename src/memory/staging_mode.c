/* staging_mode.c: whether to read through the page cache or past it. */
#include "memory/staging_transfer.h"

/* Items of one file from `first` on; returns the item behind them. */
static uint32_t file_end(const rf_staging_item *items, uint32_t n_items, uint32_t first)
{
    uint32_t i = first;
    while (i < n_items && items[i].file == items[first].file)
        i++;
    return i;
}

/* By itself it is read through the page cache, also what is not in it: several readers make the
 * system read ahead, which was as fast as direct reads or faster (docs/performance.md), and the
 * next load finds it there. */
rf_status rf_staging_choose_mode(rf_read_mode asked, const rf_staging_item *items, uint32_t n_items,
                                 bool *direct, rf_error *error)
{
    *direct = false;
    if (asked != RF_READ_DIRECT)
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
