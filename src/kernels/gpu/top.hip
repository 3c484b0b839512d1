/*
 * top.hip: the k largest of each row of logits, in order.
 *
 * An element is a key of 64 bits: its value, turned so that unsigned numbers are in its order,
 * above its index, turned too. No two keys are equal, larger keys come first, and 0 is less than
 * any: so what is selected does not depend on who compares what when, and ties and NaN are no cases
 * of their own.
 *
 * A block holds its keys in registers, and finds the k-th largest by bisection: how many keys are
 * at least as large as the middle? That is a count over the block for each step, some twenty steps
 * for logits. The last block of a row does the same with what all have selected.
 */
#include "kernels/gpu/args_top.h"
#include "kernels/gpu/prelude.h"

#define THREADS RF_GPU_TOP_THREADS
#define EACH    RF_GPU_TOP_EACH
#define MOST    RF_GPU_TOP_MOST
#define WARPS   (THREADS / WARP)

struct top_shared {
    u64 *selected; /* [MOST] */
    u64 *sorted;   /* [MOST] */
    u64 *partial;  /* [2][warps] */
    u32 *is_last;
};

DEVICE top_shared share_out(void)
{
    top_shared s;
    s.selected = SHARED(u64);
    s.sorted = s.selected + MOST;
    s.partial = s.sorted + MOST;
    s.is_last = (u32 *)(s.partial + 2 * (THREADS / 32));
    return s;
}

/* NaN is below everything, and the two zeros are equal. */
DEVICE u64 key_of(f32 x, u32 index)
{
    u32 bits = bits_of(x);
    u32 turned = bits & 0x80000000U ? ~bits : bits | 0x80000000U;
    if (x == 0.0F)
        turned = 0x80000000U;
    if (x != x)
        turned = 0;
    return (u64)turned << 32 | (0xFFFFFFFFU - index);
}
DEVICE u32 index_of(u64 key)
{
    return 0xFFFFFFFFU - (u32)key;
}

DEVICE u64 shuffle_key(u64 key, u32 mask)
{
    const u32 low = shuffle_xor((u32)key, mask);
    const u32 high = shuffle_xor((u32)(key >> 32), mask);
    return (u64)high << 32 | low;
}

DEVICE u64 warp_key_max(u64 key)
{
    UNROLL
    for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
        const u64 other = shuffle_key(key, mask);
        key = other > key ? other : key;
    }
    return key;
}

DEVICE u64 block_key_max(const top_shared *s, u64 key)
{
    key = warp_key_max(key);
    if (lane() == 0)
        s->partial[warp()] = key;
    barrier();
    for (u32 w = 0; w < WARPS; w++)
        key = s->partial[w] > key ? s->partial[w] : key;
    barrier();
    return key;
}

/* The sum over the block; `turn` is 0 and 1 alternately, so that one barrier is enough. */
DEVICE u32 block_count(const top_shared *s, u32 count, u32 turn)
{
    u32 *counts = (u32 *)s->partial + turn * WARPS;
    count = warp_sum(count);
    if (lane() == 0)
        counts[warp()] = count;
    barrier();
    u32 sum = 0;
    UNROLL
    for (u32 w = 0; w < WARPS; w++)
        sum += counts[w];
    return sum;
}

DEVICE u32 count_from(const u64 *keys, u64 least)
{
    u32 count = 0;
    UNROLL
    for (u32 i = 0; i < EACH; i++)
        count += keys[i] >= least ? 1 : 0;
    return count;
}

/* The least of the block's k largest keys; 1, which is below them all, where there are not so many.
 */
DEVICE u64 find_least(const top_shared *s, const u64 *keys, u32 k)
{
    u64 most = 0;
    UNROLL
    for (u32 i = 0; i < EACH; i++)
        most = keys[i] > most ? keys[i] : most;
    u64 low = 1; /* at least k keys are from here on, or it is all of them */
    u64 high = block_key_max(s, most) + 1; /* fewer than k are */
    u32 turn = 0;
    u32 count = block_count(s, count_from(keys, low), turn);
    while (count > k) {
        const u64 middle = low + (high - low) / 2;
        turn ^= 1;
        const u32 from_middle = block_count(s, count_from(keys, middle), turn);
        if (from_middle >= k) {
            low = middle;
            count = from_middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The block's k largest keys to s->selected, in no order that matters; the rest of k is 0. */
DEVICE void select_keys(const top_shared *s, const u64 *keys, u32 k)
{
    const u64 least = find_least(s, keys, k);
    const u32 mine = count_from(keys, least);
    u32 before = mine; /* in this warp up to this lane */
    UNROLL
    for (u32 step = 1; step < WARP; step *= 2) {
        const u32 other = shuffle(before, lane() - step);
        before += lane() >= step ? other : 0;
    }
    barrier(); /* counts have been read */
    u32 *counts = (u32 *)s->partial;
    if (lane() == WARP - 1)
        counts[warp()] = before;
    for (u32 i = thread(); i < k; i += THREADS)
        s->selected[i] = 0;
    barrier();
    u32 place = before - mine;
    for (u32 w = 0; w < warp(); w++)
        place += counts[w];
    UNROLL
    for (u32 i = 0; i < EACH; i++) {
        if (keys[i] >= least)
            s->selected[place++] = keys[i];
    }
    barrier();
}

/* A key's place is how many are larger. */
DEVICE void store_sorted(const rf_gpu_top_args *a, const top_shared *s)
{
    const u64 row = block_y();
    const f32 *logits = GLOBAL(const f32, a->logits) + row * a->n;
    for (u32 i = thread(); i < a->k; i += THREADS) {
        const u64 key = s->selected[i];
        u32 place = 0;
        for (u32 j = 0; j < a->k; j++)
            place += s->selected[j] > key ? 1 : 0;
        GLOBAL(i32, a->indices)[row * a->k + place] = (i32)index_of(key);
        GLOBAL(f32, a->values)[row * a->k + place] = logits[index_of(key)];
    }
}

DEVICE void load_chunk(const rf_gpu_top_args *a, u64 *keys)
{
    const f32 *logits = GLOBAL(const f32, a->logits) + (u64)block_y() * a->n;
    const u32 first = block_x() * RF_GPU_TOP_CHUNK + thread();
    f32 x[EACH];
    UNROLL
    for (u32 i = 0; i < EACH; i++)
        x[i] = first + i * THREADS < a->n ? logits[first + i * THREADS] : 0.0F;
    UNROLL
    for (u32 i = 0; i < EACH; i++)
        keys[i] = first + i * THREADS < a->n ? key_of(x[i], first + i * THREADS) : 0;
}

/* What the blocks of a row have selected, as many at a time as the block holds beside the best so
 * far. */
DEVICE void merge_chunks(const rf_gpu_top_args *a, const top_shared *s)
{
    const u32 n = a->chunks * a->k;
    const u64 *found = GLOBAL(const u64, a->keys) + (u64)block_y() * n;
    u64 keys[EACH];
    for (u32 begin = 0; begin < n;) {
        const u32 kept = begin == 0 ? 0 : a->k; /* then they are in s->selected */
        UNROLL
        for (u32 i = 0; i < EACH; i++) {
            const u32 at = i * THREADS + thread();
            if (at < kept)
                keys[i] = s->selected[at];
            else
                keys[i] = begin + at - kept < n ? found[begin + at - kept] : 0;
        }
        begin += RF_GPU_TOP_CHUNK - kept;
        select_keys(s, keys, a->k);
    }
}

/* Whether this block is the last of its row, whose work is then seen; leaves the counter as it was.
 */
DEVICE bool is_last_block(const rf_gpu_top_args *a, const top_shared *s)
{
    barrier(); /* what the block found is written */
    if (thread() == 0) {
        u32 *counter = GLOBAL(u32, a->counters) + block_y();
        *s->is_last = count_up(counter) + 1 == a->chunks;
        if (*s->is_last)
            *counter = 0;
    }
    barrier();
    return *s->is_last != 0;
}

KERNEL(top, rf_gpu_top_args, RF_GPU_TOP_THREADS)
{
    const top_shared s = share_out();
    u64 keys[EACH];
    wait_for_previous();
    release_next();
    load_chunk(&a, keys);
    select_keys(&s, keys, a.k);
    if (a.chunks > 1) {
        u64 *found = GLOBAL(u64, a.keys) + ((u64)block_y() * a.chunks + block_x()) * a.k;
        for (u32 i = thread(); i < a.k; i += THREADS)
            found[i] = s.selected[i];
        if (!is_last_block(&a, &s))
            return;
        merge_chunks(&a, &s);
    }
    store_sorted(&a, &s);
}

/* k = 1: no selection, a maximum. */
KERNEL(top_one, rf_gpu_top_args, RF_GPU_TOP_THREADS)
{
    const top_shared s = share_out();
    u64 keys[EACH];
    wait_for_previous();
    release_next();
    load_chunk(&a, keys);
    u64 most = 0;
    UNROLL
    for (u32 i = 0; i < EACH; i++)
        most = keys[i] > most ? keys[i] : most;
    most = block_key_max(&s, most);
    if (a.chunks > 1) {
        u64 *found = GLOBAL(u64, a.keys) + (u64)block_y() * a.chunks;
        if (thread() == 0)
            found[block_x()] = most;
        if (!is_last_block(&a, &s))
            return;
        for (u32 i = thread(); i < a.chunks; i += THREADS)
            most = found[i] > most ? found[i] : most;
        most = block_key_max(&s, most);
    }
    if (thread() == 0) {
        const f32 *logits = GLOBAL(const f32, a.logits) + (u64)block_y() * a.n;
        GLOBAL(i32, a.indices)[block_y()] = (i32)index_of(most);
        GLOBAL(f32, a.values)[block_y()] = logits[index_of(most)];
    }
}
