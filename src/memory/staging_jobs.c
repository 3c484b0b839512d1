/* staging_jobs.c: cutting items into jobs. */
#include "memory/staging_jobs.h"

#include <inttypes.h>

#include "base/checked.h"

#define PIECE RF_STAGING_PIECE_BYTES

uint64_t rf_staging_piece_count(uint64_t bytes)
{
    return bytes / PIECE + (bytes % PIECE != 0);
}

uint64_t rf_staging_lead(const rf_staging_job *job)
{
    return job->begin % RF_FILE_DIRECT_ALIGNMENT;
}

static rf_status check_item(const rf_staging_item *items, uint32_t i, rf_error *error)
{
    const rf_staging_item *item = &items[i];
    if (item->bytes == 0 || !rf_range_inside(item->offset, item->bytes, rf_file_bytes(item->file)))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "tensor %s: %" PRIu64 " bytes at offset %" PRIu64
                            " are not in a file of %" PRIu64,
                            item->label, item->bytes, item->offset, rf_file_bytes(item->file));
    if (i > 0 && items[i - 1].file == item->file &&
        item->offset < items[i - 1].offset + items[i - 1].bytes) /* it lies in the file: no wrap */
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "tensor %s: at offset %" PRIu64 ", before the end of %s", item->label,
                            item->offset, items[i - 1].label);
    return RF_OK;
}

rf_status rf_staging_measure(const rf_staging_item *items, uint32_t n_items, uint64_t capacity,
                             rf_staging_work *out, rf_error *error)
{
    rf_staging_work work = {0};
    for (uint32_t i = 0; i < n_items; i++) {
        RF_TRY(check_item(items, i, error));
        if (!rf_add(work.bytes, items[i].bytes, &work.bytes))
            return rf_error_set(error, RF_ERROR_OVERFLOW, "the sizes of %u tensors overflow",
                                n_items);
        work.pieces += rf_staging_piece_count(items[i].bytes); /* at most the bytes: no wrap */
    }
    rf_staging_cursor at = {0};
    rf_staging_job job;
    while (rf_staging_next(items, n_items, capacity, &at, &job)) {
        uint64_t lead = rf_staging_lead(&job);
        uint64_t width = 0; /* not above the capacity, which next keeps to: no wrap */
        if (!rf_align_up(lead + (job.end - job.begin), RF_FILE_DIRECT_ALIGNMENT, &width))
            return rf_error_set(error, RF_ERROR_OVERFLOW, "the size of a buffer overflows");
        work.widest = width > work.widest ? width : work.widest;
        work.jobs++;
    }
    *out = work;
    return RF_OK;
}

/* How much of the item at a cursor goes behind what the job has: 0 where it is too far off or there
 * is no room. */
static uint64_t take(const rf_staging_item *item, uint64_t offset, uint64_t capacity,
                     const rf_staging_job *job)
{
    uint64_t start = item->offset + offset;
    if (item->file != job->file || start - job->end > RF_STAGING_GAP_BYTES)
        return 0;
    uint64_t used = rf_staging_lead(job) + (start - job->begin);
    uint64_t room = used < capacity ? capacity - used : 0;
    uint64_t left = item->bytes - offset;
    return left <= room ? left : room - room % PIECE;
}

bool rf_staging_next(const rf_staging_item *items, uint32_t n_items, uint64_t capacity,
                     rf_staging_cursor *at, rf_staging_job *out)
{
    if (at->item >= n_items)
        return false;
    uint64_t begin = items[at->item].offset + at->offset;
    rf_staging_job job = {.file = items[at->item].file, .begin = begin, .end = begin, .first = *at};
    while (at->item < n_items) {
        const rf_staging_item *item = &items[at->item];
        uint64_t taken = take(item, at->offset, capacity, &job);
        if (taken == 0)
            break;
        job.end = item->offset + at->offset + taken;
        job.bytes += taken;
        job.n_segments++;
        at->offset += taken;
        job.last_end = at->offset;
        if (at->offset < item->bytes)
            break; /* the buffer is full */
        *at = (rf_staging_cursor){.item = at->item + 1};
    }
    *out = job;
    return true;
}

rf_staging_segment rf_staging_segment_at(const rf_staging_item *items, const rf_staging_job *job,
                                         uint32_t i)
{
    uint32_t item = job->first.item + i;
    uint64_t begin = i == 0 ? job->first.offset : 0;
    uint64_t end = i + 1 == job->n_segments ? job->last_end : items[item].bytes;
    return (rf_staging_segment){.item = item, .offset = begin, .bytes = end - begin};
}
