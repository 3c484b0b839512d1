/* staging_fixture.c: files of random bytes, and places for their parts on a device. */
#include "memory/staging_fixture.h"

#include "support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/random.h"

/* The data of a GGUF file begins somewhere, on a multiple of 32. */
#define FIRST_OFFSET 1120U

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

static void write_file(cargo *c, const char *folder)
{
    rf_error error;
    snprintf(c->path, sizeof(c->path), "%s/rocmforge-cargo-XXXXXX", folder);
    int descriptor = mkstemp(c->path);
    assert_true(descriptor >= 0);
    for (uint64_t done = 0; done < c->n_bytes;) {
        ssize_t wrote = write(descriptor, c->bytes + done, c->n_bytes - done);
        assert_true(wrote > 0);
        done += (uint64_t)wrote;
    }
    assert_int_equal(fsync(descriptor), 0);
    close(descriptor);
    ok(rf_file_open(c->path, &c->file, &error), &error);
}

cargo *cargo_pack(const char *folder, const uint64_t *sizes, uint32_t n_items, uint64_t gap)
{
    cargo *c = calloc(1, sizeof(*c));
    uint64_t random = n_items;
    assert_true(n_items <= CARGO_MAX_ITEMS);
    c->n_items = n_items;
    c->n_bytes = FIRST_OFFSET;
    for (uint32_t i = 0; i < n_items; i++) {
        snprintf(c->labels[i], sizeof(c->labels[i]), "tensor.%u", i);
        c->items[i] =
            (rf_staging_item){.offset = c->n_bytes, .bytes = sizes[i], .label = c->labels[i]};
        c->n_bytes += sizes[i] + gap;
    }
    c->n_bytes -= gap; /* the file ends with its last tensor */
    c->bytes = malloc(c->n_bytes + 8);
    for (uint64_t i = 0; i < c->n_bytes; i += 8) {
        uint64_t word = random_next(&random);
        memcpy(c->bytes + i, &word, 8);
    }
    write_file(c, folder);
    for (uint32_t i = 0; i < n_items; i++)
        c->items[i].file = c->file;
    return c;
}

cargo *cargo_pack_random(const char *folder, uint64_t total, uint64_t seed)
{
    uint64_t sizes[CARGO_MAX_ITEMS];
    uint32_t count = 0;
    uint64_t sum = 0;
    while (sum < total && count < CARGO_MAX_ITEMS) {
        uint64_t magnitude = 1 + (total / 2 >> random_below(&seed, 16));
        sizes[count] = 1 + random_below(&seed, magnitude);
        sum += sizes[count++];
    }
    static const uint64_t gaps[] = {0, 24, 4096, 40000};
    return cargo_pack(folder, sizes, count, gaps[random_below(&seed, 4)]);
}

void cargo_free(cargo *c)
{
    rf_file_close(c->file);
    unlink(c->path);
    free(c->bytes);
    free(c);
}

void cargo_place(cargo *c, rf_memory *memory, const rf_staging_config *config)
{
    rf_error error;
    uint32_t plan_items[CARGO_MAX_ITEMS];
    rf_plan_config plan_config = {.pool_bytes = 1 << 20, .alignment = 256, .available = 1ULL << 32};
    ok(rf_plan_new(&plan_config, &c->plan, &error), &error);
    for (uint32_t i = 0; i < c->n_items; i++)
        ok(rf_plan_add(c->plan, c->labels[i], RF_MEMORY_WEIGHTS, c->items[i].bytes, &plan_items[i],
                       &error),
           &error);
    ok(rf_staging_plan(config, c->items, c->n_items, c->plan, &error), &error);
    ok(rf_plan_solve(c->plan, &error), &error);
    ok(rf_pool_open(memory, c->plan, 1U << RF_MEMORY_WEIGHTS, "cargo", &c->pool, &error), &error);
    for (uint32_t i = 0; i < c->n_items; i++) {
        rf_plan_item place = rf_plan_item_at(c->plan, plan_items[i]);
        c->items[i].pool = place.pool;
        c->items[i].pool_offset = place.offset;
        ok(rf_pool_take_planned(c->pool, c->plan, plan_items[i], &c->items[i].block, &error),
           &error);
    }
}

void cargo_unplace(cargo *c)
{
    rf_error error;
    for (uint32_t i = 0; i < c->n_items; i++)
        ok(rf_pool_give(c->items[i].block, &error), &error);
    ok(rf_pool_close(c->pool, &error), &error);
    rf_plan_free(c->plan);
    c->pool = NULL;
    c->plan = NULL;
}

void cargo_expect_arrived(const cargo *c)
{
    rf_error error;
    uint8_t *back = malloc(c->n_bytes);
    for (uint32_t i = 0; i < c->n_items; i++) {
        const rf_staging_item *item = &c->items[i];
        ok(rf_block_read(item->block, 0, back, item->bytes, &error), &error);
        if (memcmp(back, c->bytes + item->offset, item->bytes) != 0)
            fail_msg("%s of %u bytes at offset %u is not what the file has", item->label,
                     (unsigned)item->bytes, (unsigned)item->offset);
    }
    free(back);
}

void cargo_chill(const cargo *c)
{
    int descriptor = open(c->path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(descriptor);
}
