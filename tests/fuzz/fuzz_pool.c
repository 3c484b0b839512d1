/*
 * fuzz_pool.c: an account and its pools against pool_model.h: pools of random plans, opened and
 * closed while the driver fails or blocks are live; blocks taken in the plan's place and anywhere,
 * given, viewed, read and written, through handles current, stale and empty; external blocks. All
 * statistics are compared after every step.
 */
#include <string.h>

#include "base/checked.h"
#include "base/fault.h"
#include "base/memory.h"
#include "fuzz/harness.h"
#include "fuzz/memory_device.h"
#include "fuzz/pool_model.h"

#define HANDLES   64U
#define MAX_ITEMS MODEL_PARTS

typedef struct world {
    fuzz_input in;
    memory_device device;
    rf_memory *memory;
    pool_model model;
    rf_block handles[HANDLES]; /* of all kinds; empty, current and stale ones */
} world;

static uint8_t host[MEMORY_DEVICE_LIMIT]; /* what is copied to and from blocks */

/* Keeps a handle in place of any other. */
static void keep(world *w, rf_block handle)
{
    w->handles[fuzz_byte(&w->in) % HANDLES] = handle;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* A solved plan of some items, or NULL where the random sizes allow none. */
static rf_plan *make_plan(world *w, uint64_t alignment)
{
    fuzz_input *in = &w->in;
    rf_plan *plan = NULL;
    rf_plan_config config = {.alignment = alignment};
    config.pool_bytes = alignment << fuzz_below(in, 11);
    if (rf_plan_new(&config, &plan, NULL) != RF_OK)
        return NULL;
    uint64_t items = fuzz_below(in, MAX_ITEMS + 1);
    for (uint64_t i = 0; i < items; i++) {
        rf_memory_class c = (rf_memory_class)fuzz_below(in, RF_MEMORY_CLASS_COUNT);
        uint64_t bytes = fuzz_byte(in) % 8 ? 1 + fuzz_below(in, 1U << 14)
                                           : fuzz_size(in, MEMORY_DEVICE_LIMIT, alignment);
        /* What a plan refuses is not in it; fuzz_plan.c says what that must be. */
        if (fuzz_byte(in) % 8)
            (void)rf_plan_add(plan, "item", c, bytes, NULL, NULL);
        else
            (void)rf_plan_add_external(plan, "mapped", c, bytes, NULL, NULL);
    }
    if (rf_plan_solve(plan, NULL) == RF_OK)
        return plan;
    rf_plan_free(plan);
    return NULL;
}

/* What opening must answer; the parts that it makes are put into the model, but for addresses. */
static rf_status expect_open(const world *w, const rf_plan *plan, uint32_t classes,
                             model_pool *pool)
{
    if (classes == 0 || classes >> RF_MEMORY_CLASS_COUNT)
        return RF_ERROR_ARGUMENT;
    uint32_t items = 0;
    for (uint32_t i = 0; i < rf_plan_pool_count(plan); i++) {
        uint32_t has = rf_plan_pool_classes(plan, i);
        rf_plan_pool planned = rf_plan_pool_at(plan, i);
        if ((has & classes) == 0)
            continue;
        if (has & ~classes)
            return RF_ERROR_ARGUMENT;
        pool->parts[pool->n_parts++] = (model_part){.bytes = planned.bytes, .plan_pool = i};
        items += planned.items;
    }
    pool->most = pool->n_parts ? items + RF_POOL_SPARE_BLOCKS : 0;
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        if (i + 1 == w->device.fail_alloc)
            return RF_ERROR_DEVICE;
        if (pool->parts[i].bytes > MEMORY_DEVICE_LIMIT)
            return RF_ERROR_DEVICE_MEMORY;
        if (w->device.misalign)
            return RF_ERROR_DEVICE;
    }
    return RF_OK;
}

static uint64_t reserved(const pool_model *m)
{
    uint64_t sum = 0;
    for (uint32_t p = 0; p < MODEL_POOLS; p++) {
        for (uint32_t i = 0; m->pools[p].pool && i < m->pools[p].n_parts; i++)
            sum += m->pools[p].parts[i].bytes;
    }
    return sum;
}

static void adopt(world *w, model_pool *to, rf_pool *opened, rf_plan *plan)
{
    to->pool = opened;
    to->plan = plan;
    for (uint32_t i = 0; i < to->n_parts; i++)
        to->parts[i].address = w->device.log[i];
    uint64_t now = reserved(&w->model);
    if (now > w->model.high_water)
        w->model.high_water = now;
}

static void open_pool(world *w, model_pool *pool)
{
    fuzz_input *in = &w->in;
    uint64_t alignment = 256ULL << fuzz_below(in, 6);
    rf_plan *plan = make_plan(w, alignment);
    if (!plan)
        return;
    memset(pool, 0, sizeof(*pool));
    pool->alignment = alignment;
    pool->classes = (uint32_t)fuzz_below(in, 4) ? (fuzz_byte(in) % 4 ? 15 : 1) : fuzz_byte(in);
    w->device.n_log = 0;
    w->device.fail_alloc = fuzz_byte(in) % 8 ? 0 : 1 + fuzz_below(in, 4);
    w->device.misalign = fuzz_byte(in) % 16 == 1;
    rf_status expected = expect_open(w, plan, pool->classes, pool);
    uint64_t live = w->device.live;
    uint64_t host_live = rf_host_live_count();
    rf_pool *opened = NULL;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, fuzz_byte(in) % 8 ? 0 : 1 + fuzz_below(in, 6));
    rf_status status = rf_pool_open(w->memory, plan, pool->classes, "pool", &opened, NULL);
    if (rf_fault_fired(RF_FAULT_HOST_ALLOC))
        expected = RF_ERROR_HOST_MEMORY;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    w->device.fail_alloc = 0;
    w->device.misalign = false;
    fuzz_require(status == expected, "open: another status");
    if (status == RF_OK) {
        adopt(w, pool, opened, plan);
        return;
    }
    fuzz_require(!opened && w->device.live == live, "open: it failed and left allocations");
    fuzz_require(rf_host_live_count() == host_live, "open: it failed and left host memory");
    rf_plan_free(plan);
}

static void close_pool(world *w, model_pool *pool)
{
    w->device.refuse_free = fuzz_byte(&w->in) % 8 == 1;
    rf_status expected = pool->live                               ? RF_ERROR_BUSY
                         : w->device.refuse_free && pool->n_parts ? RF_ERROR_DEVICE
                                                                  : RF_OK;
    uint64_t live = w->device.live;
    rf_status status = rf_pool_close(pool->pool, NULL);
    w->device.refuse_free = false;
    fuzz_require(status == expected, "close: another status");
    fuzz_require(w->device.live == live - (status == RF_ERROR_BUSY ? 0 : pool->n_parts),
                 "close: allocations that were left, or freed under live blocks");
    if (status == RF_ERROR_BUSY)
        return;
    rf_plan_free(pool->plan);
    pool->pool = NULL;
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* A block was taken: it lies where the model has a place for it, and gets its mark. */
static void book_taken(world *w, model_pool *pool, rf_block block, uint64_t bytes)
{
    rf_address address = 0;
    fuzz_require(block.kind == RF_BLOCK_OWNED && block.bytes == bytes && block.offset == 0,
                 "take: another block than was asked");
    fuzz_require(!pool_model_find(&w->model, block), "take: a generation that is in use");
    fuzz_require(rf_block_address(block, &address, NULL) == RF_OK, "take: no address");
    model_part *part = pool_model_part_at(pool, address);
    fuzz_require(part && rf_range_inside(address - part->address, bytes, part->bytes),
                 "take: outside the pool");
    uint64_t offset = address - part->address;
    fuzz_require(offset % pool->alignment == 0 && pool_model_is_free(pool, part, offset, bytes),
                 "take: not aligned, or bytes that were taken");
    uint8_t mark = (uint8_t)block.generation;
    memset(host, mark, bytes);
    fuzz_require(rf_block_write(block, 0, host, bytes, NULL) == RF_OK, "take: not writable");
    pool_model_add(&w->model, (model_block){block, address, pool, part, mark});
    keep(w, block);
}

static rf_status expect_take(const model_pool *pool, uint64_t bytes, uint32_t memory_class)
{
    uint64_t size = 0;
    if (memory_class >= RF_MEMORY_CLASS_COUNT || (pool->classes & 1U << memory_class) == 0 ||
        bytes == 0)
        return RF_ERROR_ARGUMENT;
    if (pool->live >= pool->most)
        return RF_ERROR_FULL;
    if (!rf_align_up(bytes, pool->alignment, &size))
        return RF_ERROR_OVERFLOW;
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        if (size <= pool_model_largest_free(pool, &pool->parts[i]))
            return RF_OK;
    }
    return RF_ERROR_DEVICE_MEMORY;
}

static rf_status take(world *w, model_pool *pool, uint64_t bytes, uint32_t memory_class)
{
    rf_block block = {0};
    rf_status status =
        rf_pool_take(pool->pool, bytes, (rf_memory_class)memory_class, "block", &block, NULL);
    fuzz_require(status == expect_take(pool, bytes, memory_class), "take: another status");
    if (status == RF_OK)
        book_taken(w, pool, block, bytes);
    return status;
}

static void take_planned(world *w, model_pool *pool)
{
    /* Of this pool's plan, or of another's. */
    const model_pool *other = &w->model.pools[fuzz_byte(&w->in) % MODEL_POOLS];
    const rf_plan *plan = fuzz_byte(&w->in) % 8 || !other->pool ? pool->plan : other->plan;
    uint32_t index = (uint32_t)fuzz_below(&w->in, MAX_ITEMS + 1);
    rf_plan_item item = rf_plan_item_at(plan, index);
    const model_part *part = NULL;
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        if (pool->parts[i].plan_pool == item.pool)
            part = &pool->parts[i];
    }
    rf_status expected = RF_OK;
    if (index >= rf_plan_item_count(plan) || plan != pool->plan || !part)
        expected = RF_ERROR_ARGUMENT;
    else if (pool->live >= pool->most)
        expected = RF_ERROR_FULL;
    else if (!pool_model_is_free(pool, part, item.offset, item.bytes))
        expected = RF_ERROR_BUSY;
    rf_block block = {0};
    fuzz_require(rf_pool_take_planned(pool->pool, plan, index, &block, NULL) == expected,
                 "take planned: another status");
    if (expected != RF_OK)
        return;
    book_taken(w, pool, block, item.bytes);
    const model_block *booked = pool_model_find(&w->model, block);
    fuzz_require(booked->address == part->address + item.offset,
                 "take planned: another place than the plan's");
}

/* Many small blocks, so that the pool's limit on them is met too. */
static void take_many(world *w, model_pool *pool)
{
    uint64_t count = fuzz_below(&w->in, 600);
    uint32_t memory_class = (uint32_t)__builtin_ctz(pool->classes);
    for (uint64_t i = 0; i < count; i++) {
        if (take(w, pool, 1 + fuzz_below(&w->in, pool->alignment), memory_class) != RF_OK)
            break;
        fuzz_count_step();
    }
}

/* ---- what is done with a handle -------------------------------------------------------------- */

static void give(world *w, rf_block handle)
{
    model_block *block = pool_model_find(&w->model, handle);
    rf_status expected = handle.kind != RF_BLOCK_OWNED ? RF_ERROR_ARGUMENT
                         : !block                      ? RF_ERROR_STALE
                                                       : RF_OK;
    if (expected == RF_OK) {
        uint64_t ends = handle.bytes < 64 ? handle.bytes : 64;
        memset(host, ~block->mark, sizeof(host) < 128 ? sizeof(host) : 128);
        fuzz_require(rf_block_read(handle, 0, host, ends, NULL) == RF_OK &&
                         rf_block_read(handle, handle.bytes - ends, host + 64, ends, NULL) == RF_OK,
                     "give: not readable before");
        for (uint64_t i = 0; i < ends; i++)
            fuzz_require(host[i] == block->mark && host[64 + i] == block->mark,
                         "another block wrote into this one");
    }
    fuzz_require(rf_pool_give(handle, NULL) == expected, "give: another status");
    if (expected == RF_OK)
        pool_model_remove(&w->model, block);
}

/* Every second or third of the live ones: leaves gaps everywhere. */
static void give_many(world *w)
{
    uint32_t stride = 2 + fuzz_byte(&w->in) % 2;
    for (uint32_t i = w->model.n_blocks; i-- > 0;) {
        if (i % stride == 0 && w->model.blocks[i].pool) {
            give(w, w->model.blocks[i].handle);
            fuzz_count_step();
        }
    }
}

static void unregister(world *w, rf_block handle)
{
    model_block *block = pool_model_find(&w->model, handle);
    rf_status expected = handle.kind != RF_BLOCK_EXTERNAL ? RF_ERROR_ARGUMENT
                         : !block                         ? RF_ERROR_STALE
                                                          : RF_OK;
    fuzz_require(rf_memory_unregister(handle, NULL) == expected, "unregister: another status");
    if (expected == RF_OK)
        pool_model_remove(&w->model, block);
}

/* An offset and a size: mostly within the handle's bytes, and sometimes anywhere. */
static void part_of(world *w, const rf_block *handle, uint64_t *offset, uint64_t *bytes)
{
    fuzz_input *in = &w->in;
    *offset = fuzz_byte(in) % 8 ? fuzz_below(in, handle->bytes + 1) : fuzz_size(in, 4096, 256);
    uint64_t left = *offset <= handle->bytes ? handle->bytes - *offset : 0;
    *bytes = fuzz_byte(in) % 8 ? fuzz_below(in, left + 1) : fuzz_size(in, 4096, 256);
}

static rf_status expect_access(const rf_block *handle, const model_block *owner, uint64_t offset,
                               uint64_t bytes)
{
    if (handle->kind == RF_BLOCK_NONE)
        return RF_ERROR_ARGUMENT;
    if (!owner)
        return RF_ERROR_STALE;
    return rf_range_inside(offset, bytes, handle->bytes) ? RF_OK : RF_ERROR_RANGE;
}

static void view(world *w, rf_block handle)
{
    uint64_t offset;
    uint64_t bytes;
    rf_block made = {0};
    part_of(w, &handle, &offset, &bytes);
    const model_block *owner = pool_model_find(&w->model, handle);
    rf_status expected = expect_access(&handle, owner, offset, bytes);
    fuzz_require(rf_block_view(handle, offset, bytes, &made, NULL) == expected,
                 "view: another status");
    if (expected != RF_OK)
        return;
    fuzz_require(made.kind == RF_BLOCK_VIEW && made.bytes == bytes &&
                     made.offset == handle.offset + offset,
                 "view: another part than was asked");
    keep(w, made);
}

static void address(world *w, rf_block handle)
{
    const model_block *owner = pool_model_find(&w->model, handle);
    rf_status expected = expect_access(&handle, owner, 0, 0);
    rf_address at = 1;
    fuzz_require(rf_block_address(handle, &at, NULL) == expected, "address: another status");
    fuzz_require(at == (expected == RF_OK ? owner->address + handle.offset : 1),
                 "address: another one");
}

/* Writes a block's mark or reads it, while synchronisation fails now and then. */
static void transfer(world *w, rf_block handle, bool write)
{
    uint64_t offset;
    uint64_t bytes;
    part_of(w, &handle, &offset, &bytes);
    const model_block *owner = pool_model_find(&w->model, handle);
    rf_status expected = expect_access(&handle, owner, offset, bytes);
    if (owner && !owner->pool)
        return; /* there need not be memory behind an external block of this test */
    w->device.fail_sync = fuzz_byte(&w->in) % 8 == 1;
    if (expected == RF_OK && bytes && w->device.fail_sync)
        expected = RF_ERROR_DEVICE;
    uint64_t used = owner && bytes < sizeof(host) ? bytes : 0;
    memset(host, owner && write ? owner->mark : 0, used);
    rf_status status = write ? rf_block_write(handle, offset, host, bytes, NULL)
                             : rf_block_read(handle, offset, host, bytes, NULL);
    w->device.fail_sync = false;
    fuzz_require(status == expected, "read or write: another status");
    for (uint64_t i = 0; status == RF_OK && i < used; i++)
        fuzz_require(host[i] == owner->mark, "another block wrote into this one");
}

static void external(world *w)
{
    fuzz_input *in = &w->in;
    rf_address at = fuzz_byte(in) % 8 ? 4096 + fuzz_below(in, 1U << 20) : fuzz_size(in, 64, 1);
    uint64_t bytes = fuzz_size(in, 1U << 16, 4096);
    uint32_t c = (uint32_t)fuzz_below(in, RF_MEMORY_CLASS_COUNT + 1);
    unsigned __int128 sum = bytes;
    for (uint32_t i = 0; i < w->model.n_blocks; i++) {
        if (!w->model.blocks[i].pool && w->model.blocks[i].handle.memory_class == c)
            sum += w->model.blocks[i].handle.bytes;
    }
    rf_status expected = RF_OK;
    if (at == 0 || bytes == 0 || c == RF_MEMORY_CLASS_COUNT)
        expected = RF_ERROR_ARGUMENT;
    else if ((unsigned __int128)at + bytes > UINT64_MAX || sum > UINT64_MAX / 2)
        expected = RF_ERROR_OVERFLOW;
    rf_block block = {0};
    fuzz_require(rf_memory_register(w->memory, at, bytes, (rf_memory_class)c, "mapped", &block,
                                    NULL) == expected,
                 "register: another status");
    if (expected != RF_OK)
        return;
    pool_model_add(&w->model, (model_block){.handle = block, .address = at});
    keep(w, block);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void step_pool(world *w, uint8_t kind)
{
    model_pool *pool = &w->model.pools[fuzz_byte(&w->in) % MODEL_POOLS];
    if (!pool->pool) {
        open_pool(w, pool);
    } else if (kind < 3) {
        uint64_t most = fuzz_byte(&w->in) % 4 ? 16 * pool->alignment : MEMORY_DEVICE_LIMIT;
        uint64_t bytes = fuzz_size(&w->in, most, pool->alignment);
        (void)take(w, pool, bytes, (uint32_t)fuzz_below(&w->in, RF_MEMORY_CLASS_COUNT + 1));
    } else if (kind < 6) {
        take_planned(w, pool);
    } else if (kind == 6 && (pool->classes & 15) != 0) {
        take_many(w, pool);
    } else {
        close_pool(w, pool);
    }
}

static void step_handle(world *w, uint8_t kind)
{
    const rf_block *any = &w->handles[fuzz_byte(&w->in) % HANDLES];
    switch (kind) {
    case 0:
        view(w, *any);
        break;
    case 1:
        address(w, *any);
        break;
    case 2:
        transfer(w, *any, true);
        break;
    case 3:
        transfer(w, *any, false);
        break;
    case 4:
        unregister(w, *any);
        break;
    case 5:
        external(w);
        break;
    default:
        give(w, *any);
    }
}

static void step(world *w, uint64_t number)
{
    uint8_t kind = fuzz_byte(&w->in) % 32;
    if (kind < 8)
        step_pool(w, kind);
    else if (kind < 31)
        step_handle(w, (kind - 8) % 9);
    else
        give_many(w);
    const char *difference = pool_model_compare(&w->model, w->memory);
    fuzz_require(!difference, difference);
    for (uint32_t p = 0; p < MODEL_POOLS && number % 16 == 0; p++) {
        if (w->model.pools[p].pool)
            fuzz_require(rf_pool_check(w->model.pools[p].pool, NULL) == RF_OK,
                         "check: an invariant of a pool is broken");
    }
    fuzz_count_step();
}

/* Closes the account, which must refuse while anything is in use. */
static void finish(world *w)
{
    bool in_use = w->model.n_blocks != 0;
    for (uint32_t p = 0; p < MODEL_POOLS; p++)
        in_use |= w->model.pools[p].pool != NULL;
    if (in_use)
        fuzz_require(rf_memory_close(w->memory, NULL) == RF_ERROR_BUSY,
                     "account: closed while in use");
    while (w->model.n_blocks) {
        rf_block handle = w->model.blocks[0].handle;
        if (handle.kind == RF_BLOCK_EXTERNAL)
            unregister(w, handle);
        else
            give(w, handle);
    }
    for (uint32_t p = 0; p < MODEL_POOLS; p++) {
        if (w->model.pools[p].pool)
            close_pool(w, &w->model.pools[p]);
    }
    for (uint32_t i = 0; i < HANDLES; i++)
        address(w, w->handles[i]); /* stale beyond the end of its pool */
    const char *difference = pool_model_compare(&w->model, w->memory);
    fuzz_require(!difference, difference);
    fuzz_require(w->device.live == 0, "device memory was leaked");
    fuzz_require(rf_memory_close(w->memory, NULL) == RF_OK, "account: not closed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world w;
    uint64_t live = rf_host_live_count();
    memset(&w, 0, sizeof(w));
    w.in = (fuzz_input){data, size};
    memory_device_init(&w.device);
    fuzz_require(rf_memory_open(&w.device.base, &w.memory, NULL) == RF_OK, "account: not opened");
    for (uint64_t i = 0; w.in.left; i++)
        step(&w, i);
    finish(&w);
    fuzz_require(rf_host_live_count() == live, "host memory was leaked");
    return 0;
}
