/*
 * test_kvcache.c: configurations, sizes, creation and its failures, and the corners of sharing
 * pages one by one. test_model.c goes through the same at random.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "kvcache/fixture.h"
#include "kvcache/pages.h"

static rf_kvcache_config small(void)
{
    return (rf_kvcache_config){.n_layers = 2,
                               .n_kv_heads = 2,
                               .head_size = 4,
                               .type = RF_TYPE_F16,
                               .page_tokens = 4,
                               .n_context = 10,
                               .n_sequences = 3};
}

/* ---- configurations ---------------------------------------------------------------------------
 */

static void assert_refused(rf_kvcache_config config, rf_status expected, const char *text)
{
    rf_error error = {0};
    assert_status(rf_kvcache_check_config(&config, &error), expected, &error);
    if (!strstr(error.message, text))
        fail_msg("\"%s\" does not say \"%s\"", error.message, text);
    rf_plan *plan = NULL;
    uint32_t first = 77;
    assert_int_equal(rf_plan_new(&(rf_plan_config){0}, &plan, NULL), RF_OK);
    assert_int_equal(rf_kvcache_plan(&config, 0, 1, plan, &first, NULL), expected);
    rf_kvcache *cache = NULL;
    assert_int_equal(rf_kvcache_create(&config, NULL, 0, &cache, NULL), expected);
    assert_null(cache);
    assert_int_equal(first, 77);
    assert_int_equal(rf_plan_item_count(plan), 0);
    rf_plan_free(plan);
}

static void bad_configurations_are_refused(void **state)
{
    (void)state;
#define REFUSED(field, value, status, text)                                                        \
    do {                                                                                           \
        rf_kvcache_config config = small();                                                        \
        config.field = value;                                                                      \
        assert_refused(config, status, text);                                                      \
    } while (0)
    REFUSED(n_layers, 0, RF_ERROR_ARGUMENT, "0 layers");
    REFUSED(n_layers, UINT32_MAX, RF_ERROR_ARGUMENT, "4294967295 layers, expected 1 to 65536");
    REFUSED(n_kv_heads, 0, RF_ERROR_ARGUMENT, "0 heads of 4 elements");
    REFUSED(head_size, 0, RF_ERROR_ARGUMENT, "2 heads of 0 elements");
    REFUSED(page_tokens, 0, RF_ERROR_ARGUMENT, "pages of 0 tokens");
    REFUSED(page_tokens, 12, RF_ERROR_ARGUMENT, "pages of 12 tokens");
    REFUSED(page_tokens, 512, RF_ERROR_ARGUMENT, "a power of two from 1 to 256");
    REFUSED(n_context, 0, RF_ERROR_ARGUMENT, "context of 0 tokens");
    REFUSED(n_context, UINT32_MAX, RF_ERROR_ARGUMENT, "context of 4294967295 tokens");
    REFUSED(n_sequences, 0, RF_ERROR_ARGUMENT, "0 sequences");
    REFUSED(n_sequences, UINT32_MAX, RF_ERROR_ARGUMENT, "at most 2147483647 pages");
    REFUSED(type, RF_TYPE_Q4_K, RF_ERROR_UNSUPPORTED, "element type Q4_K (12)");
    REFUSED(type, RF_TYPE_BF16, RF_ERROR_UNSUPPORTED, "expected F32, F16 or Q8_0");
    REFUSED(type, (rf_type)12345, RF_ERROR_UNSUPPORTED, "unknown (12345)");
    REFUSED(type, RF_TYPE_Q8_0, RF_ERROR_ARGUMENT, "4 elements is not whole Q8_0 blocks of 32");
#undef REFUSED
    rf_kvcache_config config = small();
    config.n_kv_heads = UINT32_MAX;
    config.head_size = UINT32_MAX;
    assert_refused(config, RF_ERROR_OVERFLOW, "do not fit into 64 bits");
}

static void sizes_are_those_of_whole_pages(void **state)
{
    (void)state;
    const struct {
        rf_type type;
        uint32_t row_bytes; /* of 64 elements */
    } types[] = {{RF_TYPE_F32, 256}, {RF_TYPE_F16, 128}, {RF_TYPE_Q8_0, 68}};
    for (size_t t = 0; t < 3; t++) {
        for (uint32_t page_tokens = 1; page_tokens <= RF_KV_MAX_PAGE_TOKENS; page_tokens *= 2) {
            rf_kvcache_config config = {.n_layers = 3,
                                        .n_kv_heads = 2,
                                        .head_size = 64,
                                        .type = types[t].type,
                                        .page_tokens = page_tokens,
                                        .n_context = 100,
                                        .n_sequences = 3};
            fixture f;
            fixture_open(&f, config);
            uint64_t stride = (100 + page_tokens - 1) / page_tokens;
            assert_int_equal(rf_plan_item_count(f.plan), 1 + 6);
            for (uint32_t i = 0; i < 6; i++) {
                char label[32];
                rf_plan_item item = rf_plan_item_at(f.plan, f.first + i);
                snprintf(label, sizeof(label), "layer %u %s", i / 2, i % 2 ? "values" : "keys");
                assert_string_equal(item.label, label);
                assert_int_equal(item.memory_class, RF_MEMORY_KV);
                assert_int_equal(item.bytes, 3 * stride * page_tokens * 2 * types[t].row_bytes);
            }
            assert_int_equal(rf_kvcache_table_stride(f.cache), stride);
            assert_int_equal(rf_kvcache_statistics(f.cache).pages_total, 3 * stride);
            const rf_kv_layer *layer = rf_kvcache_layer(f.cache, 2);
            assert_true(layer->keys != 0 && layer->values != 0 && layer->keys != layer->values);
            assert_true(layer->type == types[t].type && layer->page_tokens == page_tokens);
            fixture_close(&f);
        }
    }
}

/* ---- creation ---------------------------------------------------------------------------------
 */

static void creation_survives_every_failed_allocation(void **state)
{
    (void)state;
    fixture f;
    fixture_open_pool(&f, small());
    rf_kv_store store = fixture_store(&f, f.real);
    uint64_t before = rf_host_live_count();
    for (uint64_t n = 1;; n++) {
        rf_error error = {0};
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = rf_kvcache_create(&f.config, &store, 1, &f.cache, &error);
        bool fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_status(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK, &error);
        if (!fired)
            break;
        assert_true(n < 100);
        assert_null(f.cache);
        assert_int_equal(rf_host_live_count(), before);
        assert_status(rf_pool_check(f.pool, &error), RF_OK, &error);
    }
    /* From here on it allocates nothing. */
    uint32_t a;
    uint32_t b;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(rf_kvcache_open(f.cache, &a, NULL), RF_OK);
    assert_int_equal(rf_kvcache_reserve(f.cache, a, 6, NULL), RF_OK);
    assert_int_equal(rf_kvcache_commit(f.cache, a, 6, NULL), RF_OK);
    assert_int_equal(rf_kvcache_fork(f.cache, a, &b, NULL), RF_OK);
    assert_int_equal(rf_kvcache_reserve(f.cache, b, 1, NULL), RF_OK);
    assert_int_equal(rf_kvcache_check(f.cache, NULL), RF_OK);
    assert_false(rf_fault_fired(RF_FAULT_HOST_ALLOC));
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    fixture_close(&f);
}

static void items_of_another_configuration_are_refused(void **state)
{
    (void)state;
    fixture f;
    fixture_open_pool(&f, small());
    rf_error error = {0};
    rf_kvcache_config other = small();
    rf_kv_store good = fixture_store(&f, f.real);
    rf_kv_store store = good;
    other.n_context = 100;
    assert_status(rf_kvcache_create(&other, &store, 1, &f.cache, &error), RF_ERROR_ARGUMENT,
                  &error);
    assert_non_null(strstr(error.message, "item 1 of the plan has 576 bytes"));
    store.first = 0;
    assert_status(rf_kvcache_create(&f.config, &store, 1, &f.cache, &error), RF_ERROR_ARGUMENT,
                  &error);
    assert_non_null(strstr(error.message, "item 0 of the plan has 100 bytes of scratch"));
    store.first = 2;
    assert_status(rf_kvcache_create(&f.config, &store, 1, &f.cache, &error), RF_ERROR_ARGUMENT,
                  &error);
    assert_non_null(strstr(error.message, "items 2 to 6 of a plan that has 5"));
    store.first = UINT32_MAX;
    assert_status(rf_kvcache_create(&f.config, &store, 1, &f.cache, &error), RF_ERROR_ARGUMENT,
                  &error);
    store = good;
    store.n_layers = 1;
    assert_status(rf_kvcache_create(&f.config, &store, 1, &f.cache, &error), RF_ERROR_ARGUMENT,
                  &error);
    assert_non_null(strstr(error.message, "1 layers in its stores, expected 2"));
    assert_null(f.cache);
    /* Nothing stayed taken, so that the right one still finds its places, and a second one does
     * not. */
    assert_status(rf_kvcache_create(&f.config, &good, 1, &f.cache, &error), RF_OK, &error);
    rf_kvcache *second = NULL;
    assert_status(rf_kvcache_create(&f.config, &good, 1, &second, &error), RF_ERROR_BUSY, &error);
    assert_null(second);
    rf_kvcache_free(NULL);
    fixture_close(&f);
}

/* Layers on two devices are one cache: a shared page is copied on both. */
static void layers_may_lie_on_two_devices(void **state)
{
    (void)state;
    fixture f;
    fixture_open_pool(&f, small());
    rf_error error = {0};
    uint32_t a;
    uint32_t b;
    rf_kv_store stores[2] = {fixture_store(&f, &f.flaky.device), fixture_store(&f, f.real)};
    stores[0].n_layers = stores[1].n_layers = 1;
    stores[1].first += 2;
    assert_status(rf_kvcache_create(&f.config, stores, 2, &f.cache, &error), RF_OK, &error);
    assert_int_equal(rf_kvcache_open(f.cache, &a, NULL), RF_OK);
    assert_int_equal(rf_kvcache_reserve(f.cache, a, 1, NULL), RF_OK);
    assert_int_equal(rf_kvcache_commit(f.cache, a, 1, NULL), RF_OK);
    for (uint32_t layer = 0; layer < 2; layer++)
        *fixture_row(&f, a, 0, layer, 1, 0) = (uint8_t)(40 + layer);
    assert_int_equal(rf_kvcache_fork(f.cache, a, &b, NULL), RF_OK);
    assert_int_equal(rf_kvcache_reserve(f.cache, b, 1, NULL), RF_OK);
    assert_int_equal(f.flaky.calls, 4); /* keys and values of its layer, between two waits */
    for (uint32_t layer = 0; layer < 2; layer++) {
        assert_ptr_not_equal(fixture_row(&f, b, 0, layer, 1, 0),
                             fixture_row(&f, a, 0, layer, 1, 0));
        assert_int_equal(*fixture_row(&f, b, 0, layer, 1, 0), 40 + layer);
    }
    fixture_close(&f);
}

/* ---- pages ------------------------------------------------------------------------------------
 */

static void pages_are_taken_until_there_is_none(void **state)
{
    (void)state;
    rf_pages pages = {0};
    assert_int_equal(rf_pages_create(3, &pages, NULL), RF_OK);
    int32_t page = -1;
    for (int32_t i = 0; i < 3; i++) {
        assert_true(rf_pages_take(&pages, &page));
        assert_int_equal(page, i);
    }
    page = 77;
    assert_false(rf_pages_take(&pages, &page));
    assert_int_equal(page, 77);
    rf_pages_share(&pages, 1);
    rf_pages_share(&pages, 1);
    assert_int_equal(pages.n_shared, 1);
    rf_pages_give(&pages, 1);
    rf_pages_give(&pages, 1);
    assert_int_equal(pages.n_shared, 0);
    assert_false(rf_pages_take(&pages, &page));
    rf_pages_give(&pages, 1);
    assert_true(rf_pages_take(&pages, &page));
    assert_int_equal(page, 1);
    assert_int_equal(pages.peak, 3);
    rf_pages_free(&pages);
}

/* ---- sequences --------------------------------------------------------------------------------
 */

static void reserve(fixture *f, uint32_t sequence, uint32_t n)
{
    rf_error error = {0};
    assert_status(rf_kvcache_reserve(f->cache, sequence, n, &error), RF_OK, &error);
}

static void append(fixture *f, uint32_t sequence, uint32_t n)
{
    rf_error error = {0};
    reserve(f, sequence, n);
    assert_status(rf_kvcache_commit(f->cache, sequence, n, &error), RF_OK, &error);
    assert_status(rf_kvcache_check(f->cache, &error), RF_OK, &error);
}

static uint32_t open_sequence(fixture *f)
{
    uint32_t sequence = RF_KV_NO_SEQUENCE;
    assert_int_equal(rf_kvcache_open(f->cache, &sequence, NULL), RF_OK);
    return sequence;
}

static uint32_t fork_sequence(fixture *f, uint32_t sequence)
{
    uint32_t made = RF_KV_NO_SEQUENCE;
    assert_int_equal(rf_kvcache_fork(f->cache, sequence, &made, NULL), RF_OK);
    return made;
}

static int32_t page_at(const fixture *f, uint32_t sequence, uint32_t index)
{
    return rf_kvcache_tables(f->cache)[sequence * rf_kvcache_table_stride(f->cache) + index];
}

static void a_full_context_says_so_and_changes_nothing(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, small());
    uint32_t a = open_sequence(&f);
    append(&f, a, 9);
    rf_error error = {0};
    assert_status(rf_kvcache_reserve(f.cache, a, 2, &error), RF_ERROR_FULL, &error);
    assert_string_equal(error.message, "context full: 10 tokens, 11 asked");
    assert_status(rf_kvcache_reserve(f.cache, a, UINT32_MAX, &error), RF_ERROR_FULL, &error);
    assert_string_equal(error.message, "context full: 10 tokens, 4294967304 asked");
    assert_int_equal(rf_kvcache_statistics(f.cache).pages_used, 3);
    append(&f, a, 1);
    assert_status(rf_kvcache_reserve(f.cache, a, 1, &error), RF_ERROR_FULL, &error);
    reserve(&f, a, 0);
    assert_int_equal(rf_kvcache_length(f.cache, a), 10);
    fixture_close(&f);
}

static void reservations_do_not_add_up(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, small());
    uint32_t a = open_sequence(&f);
    reserve(&f, a, 8);
    reserve(&f, a, 3);
    assert_int_equal(rf_kvcache_statistics(f.cache).pages_used, 2);
    rf_error error = {0};
    assert_status(rf_kvcache_commit(f.cache, a, 9, &error), RF_ERROR_RANGE, &error);
    assert_string_equal(error.message, "sequence 0: 8 tokens reserved, 9 written");
    assert_status(rf_kvcache_commit(f.cache, a, 1, &error), RF_OK, &error);
    assert_status(rf_kvcache_truncate(f.cache, a, 2, &error), RF_ERROR_RANGE, &error);
    assert_string_equal(error.message, "sequence 0: 1 tokens, 2 to be kept");
    /* Truncating to the length gives back what a failed pass had reserved. */
    assert_status(rf_kvcache_truncate(f.cache, a, 1, &error), RF_OK, &error);
    assert_int_equal(rf_kvcache_statistics(f.cache).pages_used, 1);
    assert_status(rf_kvcache_commit(f.cache, a, 1, &error), RF_ERROR_RANGE, &error);
    fixture_close(&f);
}

static void whichever_side_of_a_fork_writes_first_copies(void **state)
{
    (void)state;
    for (int child_first = 0; child_first < 2; child_first++) {
        fixture f;
        fixture_open(&f, small());
        uint32_t parent = open_sequence(&f);
        append(&f, parent, 6);
        uint32_t child = fork_sequence(&f, parent);
        assert_int_equal(rf_kvcache_statistics(f.cache).pages_used, 2);
        assert_int_equal(rf_kvcache_statistics(f.cache).pages_shared, 2);
        memset(fixture_row(&f, parent, 5, 1, 1, 1), 0xab, fixture_row_bytes(&f));
        int32_t page = page_at(&f, parent, 1);
        uint32_t first = child_first ? child : parent;
        uint32_t second = child_first ? parent : child;
        append(&f, first, 1);
        assert_int_equal(rf_kvcache_statistics(f.cache).copies, 1);
        assert_int_not_equal(page_at(&f, first, 1), page);
        assert_int_equal(page_at(&f, second, 1), page);
        assert_int_equal(page_at(&f, first, 0), page_at(&f, second, 0));
        assert_memory_equal(fixture_row(&f, first, 5, 1, 1, 1), fixture_row(&f, second, 5, 1, 1, 1),
                            fixture_row_bytes(&f));
        append(&f, second, 1);
        assert_int_equal(rf_kvcache_statistics(f.cache).copies, 1);
        assert_int_equal(page_at(&f, second, 1), page);
        fixture_close(&f);
    }
}

static void truncating_into_a_shared_page_makes_the_next_write_copy(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, small());
    uint32_t a = open_sequence(&f);
    append(&f, a, 8);
    uint32_t b = fork_sequence(&f, a);
    /* Full pages are shared for good: appending behind them copies nothing. */
    append(&f, b, 1);
    assert_int_equal(rf_kvcache_statistics(f.cache).copies, 0);
    assert_int_equal(rf_kvcache_truncate(f.cache, a, 3, NULL), RF_OK);
    append(&f, a, 1);
    assert_int_equal(rf_kvcache_statistics(f.cache).copies, 1);
    assert_int_not_equal(page_at(&f, a, 0), page_at(&f, b, 0));
    assert_int_equal(rf_kvcache_length(f.cache, b), 9);
    fixture_close(&f);
}

static void a_copy_that_fails_leaves_the_sequence_as_it_was(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, small());
    uint32_t a = open_sequence(&f);
    append(&f, a, 6);
    uint32_t b = fork_sequence(&f, a);
    int32_t tables[9];
    memcpy(tables, rf_kvcache_tables(f.cache), sizeof(tables));
    uint64_t n = 1;
    for (;; n++) {
        rf_error error = {0};
        f.flaky.calls = 0;
        f.flaky.fail_at = n;
        rf_status status = rf_kvcache_reserve(f.cache, b, 4, &error);
        assert_status(rf_kvcache_check(f.cache, &error), RF_OK, &error);
        if (status == RF_OK)
            break;
        assert_status(status, RF_ERROR_DEVICE, &error);
        assert_non_null(strstr(error.message, "copying shared page 1: "));
        assert_memory_equal(rf_kvcache_tables(f.cache), tables, sizeof(tables));
        assert_int_equal(rf_kvcache_statistics(f.cache).pages_used, 2);
        assert_int_equal(rf_kvcache_statistics(f.cache).copies, 0);
        assert_int_equal(rf_kvcache_commit(f.cache, b, 1, NULL), RF_ERROR_RANGE);
    }
    /* Two layers of keys and values, and the device drained before and after. */
    assert_int_equal(n, 2 * 2 + 2 + 1);
    fixture_close(&f);
}

/* Forks of one sequence, each written to its context's end: every copy there can be, and every page
 * in use at the end. */
static void copies_never_run_out_of_pages(void **state)
{
    (void)state;
    for (uint32_t shared = 0; shared <= 10; shared++) {
        fixture f;
        fixture_open(&f, small());
        uint32_t sequences[3];
        sequences[0] = open_sequence(&f);
        append(&f, sequences[0], 10);
        sequences[1] = fork_sequence(&f, sequences[0]);
        sequences[2] = fork_sequence(&f, sequences[1]);
        /* Rewriting from any point back, the longest detour: each page is copied but for its last
         * owner. */
        for (uint32_t i = 0; i < 3; i++) {
            for (uint32_t kept = 10; kept-- > shared;) {
                assert_int_equal(rf_kvcache_truncate(f.cache, sequences[i], kept, NULL), RF_OK);
                append(&f, sequences[i], 10 - kept);
            }
        }
        uint64_t apart = shared == 10 ? 0 : 3 - shared / 4;
        rf_kvcache_stats stats = rf_kvcache_statistics(f.cache);
        assert_int_equal(stats.pages_used, 3 + 2 * apart);
        assert_true(stats.pages_peak <= stats.pages_total);
        fixture_close(&f);
    }
}

static void too_many_sequences_are_refused(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, small());
    uint32_t out = 77;
    rf_error error = {0};
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(open_sequence(&f), i);
    assert_status(rf_kvcache_open(f.cache, &out, &error), RF_ERROR_FULL, &error);
    assert_string_equal(error.message, "sequences full: 3, 1 more asked");
    assert_status(rf_kvcache_fork(f.cache, 1, &out, &error), RF_ERROR_FULL, &error);
    assert_int_equal(out, 77);
    assert_status(rf_kvcache_release(f.cache, 1, &error), RF_OK, &error);
    assert_status(rf_kvcache_reserve(f.cache, 1, 1, &error), RF_ERROR_STALE, &error);
    assert_string_equal(error.message, "sequence 1 is not open");
    assert_status(rf_kvcache_reserve(f.cache, 3, 1, &error), RF_ERROR_RANGE, &error);
    assert_string_equal(error.message, "sequence 3, the kv cache has 3");
    assert_int_equal(open_sequence(&f), 1);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_configurations_are_refused),
        cmocka_unit_test(sizes_are_those_of_whole_pages),
        cmocka_unit_test(creation_survives_every_failed_allocation),
        cmocka_unit_test(items_of_another_configuration_are_refused),
        cmocka_unit_test(layers_may_lie_on_two_devices),
        cmocka_unit_test(pages_are_taken_until_there_is_none),
        cmocka_unit_test(a_full_context_says_so_and_changes_nothing),
        cmocka_unit_test(reservations_do_not_add_up),
        cmocka_unit_test(whichever_side_of_a_fork_writes_first_copies),
        cmocka_unit_test(truncating_into_a_shared_page_makes_the_next_write_copy),
        cmocka_unit_test(a_copy_that_fails_leaves_the_sequence_as_it_was),
        cmocka_unit_test(copies_never_run_out_of_pages),
        cmocka_unit_test(too_many_sequences_are_refused),
    };
    return cmocka_run_group_tests_name("kvcache", tests, NULL, NULL);
}
