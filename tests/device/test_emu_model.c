/*
 * test_emu_model.c: random work on the streams of an emulated device against a model that does it
 * at once. Where each piece of work waits for what it depends on, by events, the memory is equal in
 * the end, whatever the schedule; where it does not, the schedules show it.
 */
#include "device/emu_support.h"

#include "memory/random.h"

enum { REGIONS = 8, BYTES = 600, STREAMS = 4, STEPS = 400, SEEDS = 12 };

/* Memory on the device or pinned on the host, what it has to hold, and who used it last. */
typedef struct region {
    bool pinned;
    uint64_t address;
    uint8_t expected[BYTES];
    rf_event *used; /* recorded behind the last work on it */
    int stream;     /* that did that work */
} region;

typedef struct world {
    rf_device *emu;
    rf_stream *streams[STREAMS]; /* the first is the default one */
    region regions[REGIONS];
    uint64_t random;
    bool ordered; /* work waits for what it depends on */
    uint64_t differences;
} world;

/* ---- the world ------------------------------------------------------------------------------ */

static void create_region(world *w, region *r, bool pinned)
{
    r->pinned = pinned;
    r->address = pinned ? (uintptr_t)emu_pinned(w->emu, BYTES) : emu_alloc(w->emu, BYTES);
    r->used = emu_event(w->emu);
    memset(r->expected, RF_EMU_FRESH, BYTES);
}

static void create_world(world *w, rf_device *emu, uint64_t seed, bool ordered)
{
    *w = (world){.emu = emu, .random = seed, .ordered = ordered};
    for (int i = 1; i < STREAMS; i++)
        w->streams[i] = emu_stream(emu);
    for (int i = 0; i < REGIONS; i++)
        create_region(w, &w->regions[i], i % 3 == 0);
}

static void destroy_world(world *w)
{
    for (int i = 0; i < REGIONS; i++) {
        region *r = &w->regions[i];
        if (r->pinned)
            EMU_OK(w->emu, pinned_free, (void *)(uintptr_t)r->address);
        else
            EMU_OK(w->emu, free, r->address);
        EMU_OK(w->emu, event_destroy, r->used);
    }
    for (int i = 1; i < STREAMS; i++)
        EMU_OK(w->emu, stream_destroy, w->streams[i]);
}

/* ---- one piece of work ---------------------------------------------------------------------- */

static void wait_for(world *w, region *r, int stream)
{
    if (w->ordered && r->stream != stream)
        EMU_OK(w->emu, stream_wait, w->streams[stream], r->used);
}

static void used_by(world *w, region *r, int stream)
{
    r->stream = stream;
    EMU_OK(w->emu, event_record, r->used, w->streams[stream]);
}

static rf_copy_kind kind_between(const region *to, const region *from)
{
    return from->pinned ? RF_COPY_TO_DEVICE : to->pinned ? RF_COPY_FROM_DEVICE : RF_COPY_ON_DEVICE;
}

/* A copy between two places, which may overlap in one region. */
static void copy(world *w, region *to, region *from, int stream)
{
    uint64_t bytes = 1 + random_below(&w->random, BYTES / 2);
    uint64_t at = random_below(&w->random, BYTES - bytes + 1);
    uint64_t source = random_below(&w->random, BYTES - bytes + 1);
    wait_for(w, to, stream);
    wait_for(w, from, stream);
    EMU_OK(w->emu, copy, w->streams[stream], kind_between(to, from), to->address + at,
           from->address + source, bytes);
    memmove(to->expected + at, from->expected + source, bytes);
    used_by(w, to, stream);
    used_by(w, from, stream);
}

static void fill(world *w, region *to, int stream)
{
    uint64_t bytes = 1 + random_below(&w->random, BYTES);
    uint64_t at = random_below(&w->random, BYTES - bytes + 1);
    uint8_t value = (uint8_t)random_next(&w->random);
    wait_for(w, to, stream);
    EMU_OK(w->emu, fill, w->streams[stream], to->address + at, value, bytes);
    memset(to->expected + at, value, bytes);
    used_by(w, to, stream);
}

/* From host memory that is not pinned. */
static void write(world *w, region *to, int stream)
{
    uint8_t bytes[BYTES];
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)random_next(&w->random);
    wait_for(w, to, stream);
    emu_write(w->emu, w->streams[stream], to->address, bytes, BYTES);
    memcpy(to->expected, bytes, BYTES);
    used_by(w, to, stream);
}

static uint64_t count_differences(const uint8_t *a, const uint8_t *b)
{
    uint64_t count = 0;
    for (int i = 0; i < BYTES; i++)
        count += a[i] != b[i];
    return count;
}

/* Looks at a region on the host: pinned memory when its event says so. */
static void look(world *w, region *r, int stream)
{
    uint8_t bytes[BYTES];
    if (r->pinned) {
        EMU_OK(w->emu, event_sync, r->used);
        memcpy(bytes, (const void *)(uintptr_t)r->address, BYTES);
    } else {
        wait_for(w, r, stream);
        emu_read(w->emu, w->streams[stream], bytes, r->address, BYTES);
        used_by(w, r, stream);
    }
    w->differences += count_differences(bytes, r->expected);
}

static void step(world *w)
{
    region *to = &w->regions[random_below(&w->random, REGIONS)];
    region *from = &w->regions[random_below(&w->random, REGIONS)];
    int stream = (int)random_below(&w->random, STREAMS);
    uint64_t choice = random_below(&w->random, 16);
    if (choice == 0)
        look(w, to, stream);
    else if (choice == 1 && !to->pinned)
        write(w, to, stream);
    else if (choice < 6 && !to->pinned)
        fill(w, to, stream);
    else if (!to->pinned || !from->pinned)
        copy(w, to, from, stream);
}

/* Does one world's work and looks at all of it after a synchronisation of the device. */
static uint64_t live(rf_device *emu, rf_emu_schedule schedule, uint64_t seed, bool ordered)
{
    static world w;
    rf_emu_set_schedule(emu, schedule, seed);
    create_world(&w, emu, seed, ordered);
    for (int i = 0; i < STEPS; i++)
        step(&w);
    EMU_OK(emu, sync);
    for (int i = 0; i < REGIONS; i++)
        look(&w, &w.regions[i], 0);
    destroy_world(&w);
    emu_expect_nothing_live(emu);
    return w.differences;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void ordered_work_is_the_same_on_every_schedule(void **state)
{
    rf_device *emu = *state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        assert_int_equal(live(emu, RF_EMU_EAGER, seed, true), 0);
        assert_int_equal(live(emu, RF_EMU_RANDOM, seed, true), 0);
        assert_int_equal(live(emu, RF_EMU_LAZY, seed, true), 0);
    }
}

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define THREAD_SANITIZER
#endif

/* The same work without its waits: if this finds nothing, the test above proves nothing. */
static void work_without_order_is_seen(void **state)
{
    rf_device *emu = *state;
#ifdef THREAD_SANITIZER
    print_message("skipped: the thread sanitizer would report the races that this test makes\n");
    skip();
#endif
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_true(live(emu, RF_EMU_LAZY, seed, false) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMU_TEST(ordered_work_is_the_same_on_every_schedule),
        EMU_TEST(work_without_order_is_seen),
    };
    return cmocka_run_group_tests_name("emu-model", tests, NULL, NULL);
}
