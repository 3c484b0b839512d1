/* check_pool.c: whether parts of blocks in a pool are read back right, the way loads use them: one
 * driver allocation, blocks at the plan's offsets, views at any offset. Earlier ROCm releases
 * failed at reading parts of an allocation that did not start at a page. */
#include <inttypes.h>
#include <string.h>

#include "memory/check.h"
#include "memory/pool.h"

enum { ITEMS = 5, LARGEST = 1 };

static const uint64_t sizes[ITEMS] = {777, 1000003, 4096 * 5 + 1, 65536, 300007};

/* A pool with its plan and account. */
typedef struct pool_use {
    rf_memory *memory;
    rf_plan *plan;
    rf_pool *pool;
    rf_block blocks[ITEMS];
    uint32_t taken;
} pool_use;

static rf_status open_pool(rf_check *check, pool_use *use, uint64_t alignment, rf_error *error)
{
    rf_plan_config config = {.alignment = alignment, .available = check->budget};
    RF_TRY(rf_memory_open(check->device, &use->memory, error));
    RF_TRY(rf_plan_new(&config, &use->plan, error));
    for (uint32_t i = 0; i < ITEMS; i++)
        RF_TRY(rf_plan_add(use->plan, "check", RF_MEMORY_SCRATCH, sizes[i], NULL, error));
    RF_TRY(rf_plan_solve(use->plan, error));
    RF_TRY(
        rf_pool_open(use->memory, use->plan, 1U << RF_MEMORY_SCRATCH, "check", &use->pool, error));
    for (uint32_t i = 0; i < ITEMS; i++) {
        RF_TRY(rf_pool_take_planned(use->pool, use->plan, i, &use->blocks[i], error));
        use->taken++;
    }
    return RF_OK;
}

/* Takes half-opened ones; the first failure is returned. */
static rf_status close_pool(pool_use *use, rf_error *error)
{
    rf_status first = RF_OK;
    for (uint32_t i = 0; i < use->taken; i++) {
        rf_status status = rf_pool_give(use->blocks[i], first == RF_OK ? error : NULL);
        first = first == RF_OK ? status : first;
    }
    rf_status status = rf_pool_close(use->pool, first == RF_OK ? error : NULL);
    first = first == RF_OK ? status : first;
    rf_plan_free(use->plan);
    status = rf_memory_close(use->memory, first == RF_OK ? error : NULL);
    return first == RF_OK ? status : first;
}

/* Reads a view of a block and compares it. */
static rf_status read_view(const rf_block *block, uint8_t seed, uint64_t offset, uint64_t bytes,
                           uint8_t *host, rf_error *error)
{
    rf_block view = {0};
    RF_TRY(rf_block_view(*block, offset, bytes, &view, error));
    memset(host, RF_CHECK_BLANK, bytes);
    rf_status status = rf_block_read(view, 0, host, bytes, error);
    if (status == RF_OK)
        status = rf_check_compare(host, bytes, offset, seed, error);
    if (status == RF_OK)
        return RF_OK;
    return rf_error_context(
        error, status, "%" PRIu64 " bytes at offset %" PRIu64 " of a block of %" PRIu64 "%s", bytes,
        offset, block->bytes, offset % 4096 ? ", which starts at no page" : "");
}

/* Parts of one block: at pages first, so that the message says whether these work. */
static rf_status read_views(rf_check *check, const rf_block *block, uint8_t seed, uint8_t *host,
                            rf_error *error)
{
    static const uint64_t offsets[] = {0,   4096, 8192, 65536, 524288, 1,
                                       255, 256,  4095, 4097,  100003};
    static const uint64_t lengths[] = {1, 4096, 10007, 400003};
    RF_TRY(read_view(block, seed, 0, block->bytes, host, error));
    for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++) {
        RF_TRY(rf_check_step(check, error));
        for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
            if (offsets[o] + lengths[l] <= block->bytes)
                RF_TRY(read_view(block, seed, offsets[o], lengths[l], host, error));
        }
    }
    return RF_OK;
}

static rf_status use_pool(rf_check *check, pool_use *use, uint64_t alignment, uint8_t *host,
                          rf_error *error)
{
    RF_TRY(open_pool(check, use, alignment, error));
    for (uint32_t i = 0; i < ITEMS; i++) {
        rf_check_pattern(host, sizes[i], 0, (uint8_t)(i + 1));
        RF_TRY(rf_block_write(use->blocks[i], 0, host, sizes[i], error));
    }
    RF_TRY(read_views(check, &use->blocks[LARGEST], LARGEST + 1, host, error));
    for (uint32_t i = 0; i < ITEMS; i++)
        RF_TRY(read_view(&use->blocks[i], (uint8_t)(i + 1), 0, sizes[i], host, error));
    return RF_OK;
}

rf_status rf_check_pool_views(rf_check *check, rf_error *error)
{
    static const uint64_t alignments[] = {RF_PLAN_DEFAULT_ALIGNMENT, RF_PLAN_MIN_ALIGNMENT};
    uint8_t *host = NULL;
    RF_TRY(rf_check_host(check, sizes[LARGEST], &host, error));
    for (size_t i = 0; i < 2; i++) {
        pool_use use = {0};
        rf_status status = use_pool(check, &use, alignments[i], host, error);
        rf_status closed = close_pool(&use, status == RF_OK ? error : NULL);
        status = status == RF_OK ? closed : status;
        if (status != RF_OK)
            return rf_error_context(error, status, "a pool with an alignment of %" PRIu64,
                                    alignments[i]);
    }
    rf_check_note(check, RF_CHECK_OK,
                  "parts of blocks at multiples of 4096 and at odd offsets, in pools aligned to "
                  "4096 and 256");
    return RF_OK;
}
