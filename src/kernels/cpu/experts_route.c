/* experts_route.c: which experts a token goes to, and the order of pairs. */
#include <math.h>

#include "kernels/cpu/experts.h"

#define LOGITS_PER_NS 0.5 /* an expert is looked at once for each one chosen */

typedef struct choose_job {
    const rf_experts_shape *shape;
    const float *logits;
    rf_experts_routes *routes;
} choose_job;

static bool is_chosen(const uint32_t *chosen, uint64_t count, uint32_t expert)
{
    for (uint64_t i = 0; i < count; i++) {
        if (chosen[i] == expert)
            return true;
    }
    return false;
}

/* The best expert that is not chosen yet. Any is, where no logit compares (a NaN): never none. */
static uint32_t best_expert(const float *logits, uint64_t n_experts, const uint32_t *chosen,
                            uint64_t n_chosen)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t e = 0; e < n_experts; e++) {
        bool better = best == UINT32_MAX || logits[e] > logits[best];
        if (better && !is_chosen(chosen, n_chosen, e))
            best = e;
    }
    return best;
}

/*
 * The softmax over all experts, its n_used largest values and their division by their sum come to
 * the softmax over the n_used largest logits: the common factor cancels.
 */
static void choose_for_token(const rf_experts_shape *shape, const float *logits, uint32_t *chosen,
                             float *shares)
{
    double sum = 0;
    for (uint64_t i = 0; i < shape->n_used; i++) {
        chosen[i] = best_expert(logits, shape->n_experts, chosen, i);
        sum += exp((double)logits[chosen[i]] - (double)logits[chosen[0]]);
    }
    for (uint64_t i = 0; i < shape->n_used; i++)
        shares[i] = (float)(exp((double)logits[chosen[i]] - (double)logits[chosen[0]]) / sum);
}

static void choose_experts(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const choose_job *job = context;
    for (uint64_t t = begin; t < end; t++)
        choose_for_token(job->shape, job->logits + t * job->shape->n_experts,
                         job->routes->chosen + t * job->shape->n_used,
                         job->routes->shares + t * job->shape->n_used);
}

/* A counting sort by expert, which keeps tokens in order. */
static void sort_pairs(const rf_experts_shape *shape, rf_experts_routes *routes)
{
    const uint64_t n_pairs = shape->n_tokens * shape->n_used;
    uint32_t *ends = routes->ends;
    for (uint64_t e = 0; e <= shape->n_experts; e++)
        ends[e] = 0;
    for (uint64_t p = 0; p < n_pairs; p++)
        ends[routes->chosen[p] + 1]++;
    routes->n_active = 0;
    uint32_t begin = 0;
    for (uint32_t e = 0; e < shape->n_experts; e++) {
        uint32_t count = ends[e + 1];
        if (count != 0)
            routes->active[routes->n_active++] = e;
        ends[e + 1] = begin; /* where the next pair of e goes: moved to its end below */
        begin += count;
    }
    for (uint64_t p = 0; p < n_pairs; p++) {
        uint32_t place = ends[routes->chosen[p] + 1]++;
        routes->pair_tokens[place] = (uint32_t)(p / shape->n_used);
        routes->pair_weights[place] = routes->shares[p];
    }
}

void rf_experts_route(const rf_compute *compute, const rf_experts_shape *shape, const float *logits,
                      rf_experts_routes *routes)
{
    choose_job job = {shape, logits, routes};
    double looks = (double)shape->n_tokens * (double)shape->n_experts * (double)shape->n_used;
    rf_cpu_run(compute, shape->n_tokens, looks / LOGITS_PER_NS, choose_experts, &job);
    sort_pairs(shape, routes);
}
