/*
 * fuzz_plan.c: plans against a list of what was added to them: any configuration, items of any size
 * in pools and in place, host memory that runs out, solving, merging. After it, of every plan: each
 * item lies aligned and directly behind its predecessor in its pool, so none overlap and nothing is
 * lost but rounding; sums agree; pools keep their limit and their lifetime.
 */
#include <string.h>

#include "base/checked.h"
#include "base/fault.h"
#include "base/memory.h"
#include "fuzz/harness.h"
#include "memory/plan.h"

#define MAX_ITEMS 256U

typedef struct expected_item {
    uint64_t bytes, size; /* asked for; rounded up to the alignment */
    rf_memory_class memory_class;
    bool external;
} expected_item;

/* What a plan ought to be. Sums are wide enough never to wrap. */
typedef struct plan_model {
    uint64_t pool_bytes, alignment, available;
    expected_item items[MAX_ITEMS];
    uint32_t n_items;
    bool solved;
} plan_model;

static const uint64_t LIMIT = UINT64_MAX;

/* ---- building -------------------------------------------------------------------------------- */

static rf_plan *new_plan(fuzz_input *in, plan_model *m)
{
    rf_plan_config config = {0};
    config.alignment = fuzz_byte(in) % 8 ? 256ULL << fuzz_below(in, 9) : fuzz_alignment(in);
    config.pool_bytes =
        fuzz_byte(in) % 8 ? (1ULL << 17) << fuzz_below(in, 16) : fuzz_size(in, 1U << 20, 4096);
    config.available = fuzz_number(in) >> fuzz_below(in, 64);
    *m = (plan_model){.available = config.available};
    m->alignment = config.alignment ? config.alignment : RF_PLAN_DEFAULT_ALIGNMENT;
    m->pool_bytes = config.pool_bytes ? config.pool_bytes : RF_PLAN_DEFAULT_POOL_BYTES;
    bool good = rf_is_power_of_two(m->alignment) && m->alignment >= RF_PLAN_MIN_ALIGNMENT &&
                m->alignment <= RF_PLAN_MAX_ALIGNMENT && rf_is_power_of_two(m->pool_bytes) &&
                m->pool_bytes >= m->alignment;
    rf_plan *plan = NULL;
    rf_status status = rf_plan_new(&config, &plan, NULL);
    fuzz_require(status == (good ? RF_OK : RF_ERROR_ARGUMENT), "new: another status");
    fuzz_require((plan != NULL) == good, "new: it failed and wrote its output");
    fuzz_count_step();
    return plan;
}

static void add_item(fuzz_input *in, rf_plan *plan, plan_model *m)
{
    expected_item item = {.external = fuzz_byte(in) % 8 == 0};
    item.memory_class = (rf_memory_class)fuzz_below(in, RF_MEMORY_CLASS_COUNT + 1);
    item.bytes =
        fuzz_size(in, fuzz_byte(in) % 4 ? m->pool_bytes / 4 : 2 * m->pool_bytes, m->alignment);
    rf_status expected = RF_OK;
    if (item.bytes == 0 || item.memory_class == RF_MEMORY_CLASS_COUNT || m->solved)
        expected = RF_ERROR_ARGUMENT;
    else if (!rf_align_up(item.bytes, m->alignment, &item.size))
        expected = RF_ERROR_OVERFLOW;
    uint32_t index = UINT32_MAX;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, fuzz_byte(in) % 16 == 0);
    rf_status status = (item.external ? rf_plan_add_external : rf_plan_add)(
        plan, "item", item.memory_class, item.bytes, &index, NULL);
    if (rf_fault_fired(RF_FAULT_HOST_ALLOC))
        expected = RF_ERROR_HOST_MEMORY;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    fuzz_require(status == expected, "add: another status");
    fuzz_require(index == (status == RF_OK ? m->n_items : UINT32_MAX), "add: the index");
    if (status == RF_OK)
        m->items[m->n_items++] = item;
    fuzz_require(rf_plan_item_count(plan) == m->n_items, "add: the number of items");
    fuzz_count_step();
}

/* ---- sums ------------------------------------------------------------------------------------ */

typedef struct plan_sums {
    unsigned __int128 total, padding;
    unsigned __int128 pooled[RF_MEMORY_CLASS_COUNT], external[RF_MEMORY_CLASS_COUNT];
} plan_sums;

static plan_sums sums_of(const plan_model *m)
{
    plan_sums s = {0};
    for (uint32_t i = 0; i < m->n_items; i++) {
        const expected_item *item = &m->items[i];
        if (item->external) {
            s.external[item->memory_class] += item->bytes;
        } else {
            s.pooled[item->memory_class] += item->bytes;
            s.padding += item->size - item->bytes;
            s.total += item->size;
        }
    }
    return s;
}

static bool sums_overflow(const plan_sums *s)
{
    bool over = s->total > LIMIT;
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        over |= s->external[c] > LIMIT;
    return over; /* the other sums are parts of these */
}

static void check_sums(const rf_plan *plan, const plan_model *m)
{
    rf_plan_summary summary = rf_plan_summarise(plan);
    plan_sums s = sums_of(m);
    /* The sum of the rounded sizes is the least that any placement takes. */
    fuzz_require(summary.total == s.total && summary.padding == s.padding, "solve: the total");
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        fuzz_require(summary.pooled[c] == s.pooled[c] && summary.external[c] == s.external[c],
                     "solve: the sum of a class");
    fuzz_require(summary.available == m->available && summary.fits == (s.total <= m->available),
                 "solve: whether it fits");
    fuzz_require(rf_plan_require_fit(plan, NULL) == (summary.fits ? RF_OK : RF_ERROR_DEVICE_MEMORY),
                 "require fit: another status");
}

/* ---- placement ------------------------------------------------------------------------------- */

/* Of the items and pools from these on, which one configuration placed. */
static void check_placement(const rf_plan *plan, const plan_model *m, uint32_t first_item,
                            uint32_t first_pool, uint32_t n_pools)
{
    static uint64_t ends[MAX_ITEMS], padding[MAX_ITEMS];
    static uint32_t counts[MAX_ITEMS], classes[MAX_ITEMS];
    memset(ends, 0, sizeof(ends));
    memset(padding, 0, sizeof(padding));
    memset(counts, 0, sizeof(counts));
    memset(classes, 0, sizeof(classes));
    for (uint32_t i = 0; i < m->n_items; i++) {
        const expected_item *wanted = &m->items[i];
        rf_plan_item item = rf_plan_item_at(plan, first_item + i);
        fuzz_require(item.bytes == wanted->bytes && item.memory_class == wanted->memory_class &&
                         strcmp(item.label, "item") == 0,
                     "an item is not what was added");
        fuzz_require((item.pool == RF_PLAN_EXTERNAL) == wanted->external, "an item in no pool");
        if (wanted->external)
            continue;
        uint32_t pool = item.pool - first_pool;
        fuzz_require(item.pool >= first_pool && pool < n_pools, "an item's pool does not exist");
        fuzz_require(item.offset == ends[pool], "an item overlaps another, or leaves a gap");
        ends[pool] += wanted->size;
        padding[pool] += wanted->size - wanted->bytes;
        counts[pool]++;
        classes[pool] |= 1U << wanted->memory_class;
    }
    unsigned __int128 small = 0; /* bytes of pools that are not one large item's */
    uint32_t n_small = 0;
    for (uint32_t p = 0; p < n_pools; p++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, first_pool + p);
        fuzz_require(pool.bytes == ends[p] && pool.padding == padding[p] &&
                         pool.items == counts[p] && counts[p] > 0,
                     "a pool is not the sum of its items");
        fuzz_require(pool.bytes <= m->pool_bytes || counts[p] == 1, "a pool passes its limit");
        fuzz_require(rf_plan_pool_alignment(plan, first_pool + p) == m->alignment &&
                         rf_plan_pool_classes(plan, first_pool + p) == classes[p],
                     "a pool's alignment or classes");
        fuzz_require((classes[p] & 1U << RF_MEMORY_WEIGHTS) == 0 ||
                         classes[p] == 1U << RF_MEMORY_WEIGHTS,
                     "weights share a pool");
        if (pool.bytes <= m->pool_bytes) {
            small += pool.bytes;
            n_small++;
        }
    }
    /* The bound of place.c, for two lifetimes. */
    fuzz_require(n_small <= 2 * (small / m->pool_bytes) + 4, "more pools than place.c promises");
}

static void solve(fuzz_input *in, rf_plan *plan, plan_model *m)
{
    plan_sums s = sums_of(m);
    rf_status expected = m->solved           ? RF_ERROR_ARGUMENT
                         : sums_overflow(&s) ? RF_ERROR_OVERFLOW
                                             : RF_OK;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, fuzz_byte(in) % 8 == 0);
    rf_status status = rf_plan_solve(plan, NULL);
    if (rf_fault_fired(RF_FAULT_HOST_ALLOC))
        expected = RF_ERROR_HOST_MEMORY;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    fuzz_require(status == expected, "solve: another status");
    m->solved |= status == RF_OK;
    fuzz_require(rf_plan_is_solved(plan) == m->solved, "solve: whether it is solved");
    if (m->solved) {
        check_sums(plan, m);
        check_placement(plan, m, 0, 0, (uint32_t)rf_plan_pool_count(plan));
    } else {
        fuzz_require(rf_plan_pool_count(plan) == 0, "solve: it failed and left pools");
        fuzz_require(rf_plan_require_fit(plan, NULL) == RF_ERROR_ARGUMENT,
                     "require fit: before it is solved");
    }
    fuzz_count_step();
}

/* ---- merging --------------------------------------------------------------------------------- */

static void merge(fuzz_input *in, rf_plan *plan, const plan_model *a, const rf_plan *other,
                  const plan_model *b)
{
    plan_sums sa = sums_of(a);
    plan_sums sb = sums_of(b);
    uint32_t pools = (uint32_t)rf_plan_pool_count(plan);
    uint32_t more = (uint32_t)rf_plan_pool_count(other);
    sa.total += sb.total;
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        sa.external[c] += sb.external[c];
    rf_status expected = !a->solved || !b->solved ? RF_ERROR_ARGUMENT
                         : sums_overflow(&sa)     ? RF_ERROR_OVERFLOW
                                                  : RF_OK;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, fuzz_byte(in) % 4);
    rf_status status = rf_plan_merge(plan, other, NULL);
    if (rf_fault_fired(RF_FAULT_HOST_ALLOC))
        expected = RF_ERROR_HOST_MEMORY;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    fuzz_require(status == expected, "merge: another status");
    if (status == RF_OK) {
        rf_plan_summary summary = rf_plan_summarise(plan);
        fuzz_require(rf_plan_pool_count(plan) == pools + more &&
                         rf_plan_item_count(plan) == a->n_items + b->n_items,
                     "merge: the number of pools or items");
        fuzz_require(summary.total == sa.total && summary.padding == sa.padding + sb.padding &&
                         summary.fits == (sa.total <= a->available),
                     "merge: the sums");
        check_placement(plan, b, a->n_items, pools, more);
    } else {
        fuzz_require(rf_plan_pool_count(plan) == pools && rf_plan_item_count(plan) == a->n_items,
                     "merge: it failed and changed the plan");
    }
    if (a->solved)
        check_placement(plan, a, 0, 0, pools);
    fuzz_count_step();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plan_model models[2];
    fuzz_input in = {data, size};
    uint64_t live = rf_host_live_count();
    while (in.left) {
        rf_plan *plans[2] = {NULL, NULL};
        for (int p = 0; p < 2; p++) {
            plans[p] = new_plan(&in, &models[p]);
            uint64_t items = fuzz_below(&in, fuzz_byte(&in) % 4 ? 16 : MAX_ITEMS);
            for (uint64_t i = 0; plans[p] && i < items && in.left; i++)
                add_item(&in, plans[p], &models[p]);
            if (plans[p] && fuzz_byte(&in) % 16)
                solve(&in, plans[p], &models[p]);
            if (plans[p] && fuzz_byte(&in) % 4 == 0) {
                add_item(&in, plans[p], &models[p]);
                solve(&in, plans[p], &models[p]);
            }
        }
        if (plans[0] && plans[1])
            merge(&in, plans[0], &models[0], plans[1], &models[1]);
        rf_plan_free(plans[0]);
        rf_plan_free(plans[1]);
    }
    fuzz_require(rf_host_live_count() == live, "host memory was leaked");
    return 0;
}
