/* experts.hip: which experts a token goes to, the order of pairs, and the sum over a token's experts. */
#include "kernels/gpu/args_experts.h"
#include "kernels/gpu/prelude.h"

#define ROUTE_THREADS   RF_WARP
#define SORT_THREADS    256
#define COMBINE_THREADS 256

/* The best logit that is left, by all lanes of a warp; the lower index among equals, NaN below all. A
 * chosen one is left out by its mark. */
DEVICE u32 best_expert(const f32 *logits, const u32 *taken, u32 n)
{
    const f32 lowest = f32_from_bits(0xFF800000U);
    f32 best = lowest;
    u32 index = 0xFFFFFFFFU;
    for (u32 e = lane(); e < n; e += WARP) {
        f32 value = logits[e] == logits[e] ? logits[e] : lowest;
        if (!taken[e] && (index == 0xFFFFFFFFU || value > best)) {
            best = value;
            index = e;
        }
    }
#pragma unroll
    for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
        f32 other = shuffle_xor(best, mask);
        u32 at = shuffle_xor(index, mask);
        bool better = other > best || (other == best && at < index);
        if (at != 0xFFFFFFFFU && (index == 0xFFFFFFFFU || better)) {
            best = other;
            index = at;
        }
    }
    return index;
}

/* The softmax over all experts, its n_used largest values and their division by their sum come to the
 * softmax over the n_used largest logits: the common factor cancels. shared: f32 [n_experts], u32
 * [n_experts] */
KERNEL(experts_route, rf_gpu_route_args, ROUTE_THREADS)
{
    wait_for_previous();
    release_next();
    const f32 *logits = GLOBAL(const f32, a.logits) + (u64)block_x() * a.n_experts;
    i32 *ids = GLOBAL(i32, a.ids) + (u64)block_x() * a.n_used;
    f32 *shares = GLOBAL(f32, a.shares) + (u64)block_x() * a.n_used;
    f32 *mine = SHARED(f32);
    u32 *taken = (u32 *)(mine + a.n_experts);
    for (u32 e = lane(); e < a.n_experts; e += WARP) {
        mine[e] = logits[e];
        taken[e] = 0;
    }
    warp_barrier();
    f32 first = 0.0F, sum = 0.0F;
    for (u32 j = 0; j < a.n_used; j++) {
        u32 chosen = best_expert(mine, taken, a.n_experts);
        f32 logit = mine[chosen];
        first = j == 0 ? logit : first;
        f32 share = exp_of(logit - first);
        sum += share;
        warp_barrier();
        if (lane() == 0) {
            taken[chosen] = 1;
            ids[j] = (i32)chosen;
            shares[j] = share;
        }
        warp_barrier();
    }
    for (u32 j = 0; lane() == 0 && j < a.n_used; j++)
        shares[j] /= sum;
}

/* A block an expert, each on its own: where its pairs begin is how many have a lower one. Each thread has
 * a stretch of the pairs. shared: u32 [2][SORT_THREADS] */
KERNEL(experts_sort, rf_gpu_sort_args, SORT_THREADS)
{
    wait_for_previous();
    release_next();
    const i32 *ids = GLOBAL(const i32, a.ids);
    u32 *equal = SHARED(u32);
    u32 *lower = equal + SORT_THREADS;
    i32 expert = (i32)block_x();
    u32 stretch = (a.n_pairs + n_threads() - 1) / n_threads();
    u32 begin = minimum(thread() * stretch, a.n_pairs);
    u32 end = minimum(begin + stretch, a.n_pairs);
    u32 n_equal = 0, n_lower = 0;
    for (u32 p = begin; p < end; p++) {
        n_equal += ids[p] == expert;
        n_lower += ids[p] < expert;
    }
    equal[thread()] = n_equal;
    lower[thread()] = n_lower;
    barrier();
    u32 place = 0;
    for (u32 t = 0; t < n_threads(); t++)
        place += lower[t];
    if (thread() == 0) {
        GLOBAL(i32, a.offsets)[expert] = (i32)place;
        if (expert + 1 == (i32)a.n_experts)
            GLOBAL(i32, a.offsets)[a.n_experts] = (i32)a.n_pairs;
    }
    for (u32 t = 0; t < thread(); t++)
        place += equal[t];
    i32 *order = GLOBAL(i32, a.order);
    for (u32 p = begin; p < end; p++) {
        if (ids[p] == expert)
            order[place++] = (i32)p;
    }
}

/* A block a stretch of a token's row, in the order of its experts. */
KERNEL(experts_combine, rf_gpu_combine_args, COMBINE_THREADS)
{
    wait_for_previous();
    release_next();
    u32 i = block_x() * n_threads() + thread();
    u64 token = block_y();
    if (i >= a.n)
        return;
    const f32 *shares = GLOBAL(const f32, a.shares) + token * a.n_used;
    const f32 *from = GLOBAL(const f32, a.from) + token * a.n_used * a.n + i;
    f32 sum = 0.0F;
    for (u32 j = 0; j < a.n_used; j++)
        sum = fused(shares[j], from[(u64)j * a.n], sum);
    GLOBAL(f32, a.out)[token * a.n + i] += sum;
}
