/* fixture.c: see fixture.h. */
#include "support/cmocka.h"

#include "kvcache/fixture.h"

void assert_status(rf_status status, rf_status expected, const rf_error *error)
{
    if (status != expected)
        fail_msg("%s (%s), expected %s", rf_status_text(status), status ? error->message : "",
                 rf_status_text(expected));
}

static bool fails_now(flaky_device *flaky)
{
    return ++flaky->calls == flaky->fail_at;
}

static rf_status flaky_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                            rf_address from, uint64_t bytes, rf_error *error)
{
    flaky_device *flaky = (flaky_device *)device;
    if (fails_now(flaky))
        return rf_error_set(error, RF_ERROR_DEVICE, "copy refused");
    return flaky->real->ops->copy(flaky->real, stream, kind, to, from, bytes, error);
}

static rf_status flaky_sync(rf_device *device, rf_error *error)
{
    flaky_device *flaky = (flaky_device *)device;
    if (fails_now(flaky))
        return rf_error_set(error, RF_ERROR_DEVICE, "sync refused");
    return flaky->real->ops->sync(flaky->real, error);
}

/* All that a cache asks of its device. */
static const rf_device_ops flaky_ops = {.backend = "flaky", .copy = flaky_copy, .sync = flaky_sync};

void fixture_open_pool(fixture *f, rf_kvcache_config config)
{
    rf_error error = {0};
    *f = (fixture){.config = config};
    assert_status(rf_device_open("cpu", &f->real, &error), RF_OK, &error);
    f->flaky = (flaky_device){.device = {.ops = &flaky_ops}, .real = f->real};
    assert_status(rf_memory_open(f->real, &f->memory, &error), RF_OK, &error);
    assert_status(rf_plan_new(&(rf_plan_config){0}, &f->plan, &error), RF_OK, &error);
    /* Something in front, so that items do not start at 0. */
    uint32_t other;
    assert_status(rf_plan_add(f->plan, "other", RF_MEMORY_SCRATCH, 100, &other, &error), RF_OK,
                  &error);
    assert_status(rf_kvcache_plan(&config, 0, config.n_layers, f->plan, &f->first, &error), RF_OK,
                  &error);
    assert_status(rf_plan_solve(f->plan, &error), RF_OK, &error);
    assert_status(
        rf_pool_open(f->memory, f->plan,
                     1U << RF_MEMORY_KV | 1U << RF_MEMORY_SCRATCH | 1U << RF_MEMORY_STAGING,
                     "engine", &f->pool, &error),
        RF_OK, &error);
}

rf_kv_store fixture_store(const fixture *f, rf_device *device)
{
    return (rf_kv_store){.n_layers = f->config.n_layers,
                         .first = f->first,
                         .plan = f->plan,
                         .pool = f->pool,
                         .device = device};
}

void fixture_open(fixture *f, rf_kvcache_config config)
{
    rf_error error = {0};
    fixture_open_pool(f, config);
    rf_kv_store store = fixture_store(f, &f->flaky.device);
    assert_status(rf_kvcache_create(&config, &store, 1, &f->cache, &error), RF_OK, &error);
}

void fixture_close(fixture *f)
{
    rf_error error = {0};
    rf_kvcache_free(f->cache);
    assert_status(rf_pool_check(f->pool, &error), RF_OK, &error);
    assert_status(rf_pool_close(f->pool, &error), RF_OK, &error);
    rf_plan_free(f->plan);
    assert_status(rf_memory_close(f->memory, &error), RF_OK, &error);
    rf_device_close(f->real, NULL);
}

uint32_t fixture_row_bytes(const fixture *f)
{
    const rf_type_info *info = rf_type_describe((uint32_t)f->config.type);
    return f->config.head_size / info->block_elements * info->block_bytes;
}

uint8_t *fixture_row(const fixture *f, uint32_t sequence, uint32_t position, uint32_t layer,
                     uint32_t part, uint32_t head)
{
    const rf_kv_layer *kv = rf_kvcache_layer(f->cache, layer);
    const int32_t *table =
        rf_kvcache_tables(f->cache) + (size_t)sequence * rf_kvcache_table_stride(f->cache);
    int32_t page = table[position / kv->page_tokens];
    assert_true(page >= 0);
    uint64_t row =
        ((uint64_t)page * kv->n_kv_heads + head) * kv->page_tokens + position % kv->page_tokens;
    rf_address start = part ? kv->values : kv->keys;
    return (uint8_t *)(uintptr_t)(start + row * fixture_row_bytes(f)); /* the CPU is unified */
}
