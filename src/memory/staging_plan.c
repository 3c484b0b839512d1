/* staging_plan.c: what a load will take: limits, defaults, and no more of either than there is work
 * for. The load and its plan both come through here, so they cannot disagree. */
#include <inttypes.h>
#include <stdio.h>

#include "memory/staging_transfer.h"

static rf_status check_limit(const char *name, uint64_t value, uint64_t least, uint64_t most,
                             rf_error *error)
{
    if (value >= least && value <= most)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_ARGUMENT,
                        "%s is %" PRIu64 ", expected %" PRIu64 " to %" PRIu64, name, value, least,
                        most);
}

static uint32_t lesser(uint32_t a, uint64_t b)
{
    return a < b ? a : (uint32_t)b;
}

rf_status rf_staging_fill_defaults(const rf_staging_config *config, rf_staging_shape *out,
                                   rf_error *error)
{
    rf_staging_shape s = {
        .staged = !config->unified || config->read_mode == RF_READ_DIRECT,
        .capacity = config->buffer_bytes ? config->buffer_bytes : RF_STAGING_DEFAULT_BUFFER_BYTES,
        .n_buffers = config->n_buffers ? config->n_buffers : RF_STAGING_DEFAULT_BUFFERS,
        .n_readers = config->n_readers ? config->n_readers : RF_STAGING_DEFAULT_READERS};
    RF_TRY(check_limit("n_readers", s.n_readers, 1, RF_STAGING_MAX_READERS, error));
    RF_TRY(check_limit("staging_buffers", s.n_buffers, 1, RF_STAGING_MAX_BUFFERS, error));
    RF_TRY(check_limit("staging_bytes", s.capacity, RF_STAGING_MIN_BUFFER_BYTES,
                       RF_STAGING_MAX_BUFFER_BYTES, error));
    if (s.capacity % RF_FILE_DIRECT_ALIGNMENT)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "staging_bytes is %" PRIu64 ", expected a multiple of %u", s.capacity,
                            RF_FILE_DIRECT_ALIGNMENT);
    /* Both are bounded: the product fits. */
    RF_TRY(check_limit("all staging buffers together, in bytes,", s.n_buffers * s.capacity, 1,
                       RF_STAGING_MAX_BYTES, error));
    if ((unsigned)config->read_mode > RF_READ_DIRECT)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "read_mode is %u, expected auto, buffered or direct",
                            (unsigned)config->read_mode);
    *out = s;
    return RF_OK;
}

rf_status rf_staging_make_shape(const rf_staging_config *config, const rf_staging_item *items,
                                uint32_t n_items, rf_staging_shape *out, rf_error *error)
{
    rf_staging_shape s = {0};
    RF_TRY(rf_staging_fill_defaults(config, &s, error));
    RF_TRY(rf_staging_measure(items, n_items, s.capacity, &s.work, error));
    s.n_buffers = s.staged ? lesser(s.n_buffers, s.work.jobs) : 0;
    s.buffer_bytes = s.work.widest;
    s.n_readers = lesser(s.n_readers, s.work.jobs);
    if (s.staged)
        s.n_readers = lesser(s.n_readers, s.n_buffers); /* each holds one: see staging_ring.h */
    *out = s;
    return RF_OK;
}

rf_status rf_staging_plan(const rf_staging_config *config, const rf_staging_item *items,
                          uint32_t n_items, rf_plan *plan, rf_error *error)
{
    rf_staging_shape s = {0};
    RF_TRY(rf_staging_make_shape(config, items, n_items, &s, error));
    for (uint32_t i = 0; i < s.n_buffers; i++) {
        char label[RF_LABEL_BYTES];
        snprintf(label, sizeof(label), "staging buffer %" PRIu32, i);
        RF_TRY(rf_plan_add_external(plan, label, RF_MEMORY_STAGING, s.buffer_bytes, NULL, error));
    }
    return RF_OK;
}
