/* together.c: what the threads of an emulated block do together: barriers and operations of a warp.
 */
#include <string.h>

#include "device/emu/execute.h"
#include "device/emu/sanitizers.h"

EMU_SWITCHES __attribute__((noreturn)) static void refuse(emu_executor *x, const char *what)
{
    rf_emu_explain(x, what);
    rf_emu_give_up(x);
}

/* Whether `count` threads from `first` on wait as the one that runs does. */
EMU_SWITCHES static bool all_like(const emu_executor *x, uint32_t first, uint32_t count)
{
    const emu_thread *t = x->running;
    for (uint32_t i = first; i < first + count; i++) {
        const emu_thread *other = &x->threads[i];
        if (other->wait != t->wait || other->where != t->where || other->bytes != t->bytes)
            return false;
    }
    return true;
}

EMU_SWITCHES static void wait_for(emu_executor *x, emu_wait_kind kind, const void *where,
                                  uint32_t bytes)
{
    x->running->wait = kind;
    x->running->where = where;
    x->running->bytes = bytes;
}

EMU_SWITCHES void rf_emu_barrier(void)
{
    emu_executor *x = rf_emu_executing();
    wait_for(x, EMU_AT_BARRIER, __builtin_return_address(0), 0);
    if (++x->n_at_barrier < x->call->threads) {
        rf_emu_give_way(x);
        return;
    }
    if (!all_like(x, 0, x->call->threads))
        refuse(x, "its threads are at different barriers");
    rf_emu_release_block(x);
}

/* Goes on once all lanes of the warp are in the same operation. */
EMU_SWITCHES static void meet(emu_executor *x, emu_wait_kind kind, const void *where,
                              uint32_t bytes)
{
    uint32_t w = x->running->warp;
    emu_warp *warp = &x->warps[w];
    uint32_t lanes = warp->n_lanes;
    wait_for(x, kind, where, bytes);
    if (++warp->n_waiting < lanes) {
        rf_emu_give_way(x);
        return;
    }
    if (!all_like(x, w * x->warp_size, lanes))
        refuse(x, "threads of a warp are in different operations");
    rf_emu_release_warp(x, w);
}

/* The room for what lanes give in the operation that the thread begins. */
EMU_SWITCHES static uint8_t *room(emu_executor *x)
{
    emu_thread *t = x->running;
    uint32_t turn = t->turn;
    t->turn = !turn;
    return x->warps[t->warp].rooms[turn];
}

EMU_SWITCHES void rf_emu_warp_barrier(void)
{
    meet(rf_emu_executing(), EMU_AT_WARP_BARRIER, __builtin_return_address(0), 0);
}

EMU_SWITCHES uint32_t rf_emu_shuffle(uint32_t value, uint32_t from)
{
    emu_executor *x = rf_emu_executing();
    uint32_t *values = (uint32_t *)(void *)room(x);
    uint32_t lanes = x->warps[x->running->warp].n_lanes;
    values[x->running->lane] = value;
    meet(x, EMU_IN_SHUFFLE, __builtin_return_address(0), 0);
    from &= x->warp_size - 1; /* a power of two */
    return from < lanes ? values[from] : UINT32_MAX;
}

EMU_SWITCHES const void *rf_emu_gather(const void *mine, uint32_t bytes)
{
    emu_executor *x = rf_emu_executing();
    uint32_t lanes = x->warps[x->running->warp].n_lanes;
    uint8_t *all = room(x);
    if (bytes > RF_EMU_GATHER_BYTES) {
        wait_for(x, EMU_IN_GATHER, __builtin_return_address(0), bytes);
        refuse(x, "a lane gives more than there is room for");
    }
    memcpy(all + (size_t)x->running->lane * bytes, mine, bytes);
    if (lanes < x->warp_size) /* nobody gives these */
        memset(all + (size_t)lanes * bytes, 0xFF, (size_t)(x->warp_size - lanes) * bytes);
    meet(x, EMU_IN_GATHER, __builtin_return_address(0), bytes);
    return all;
}
