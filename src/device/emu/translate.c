/* translate.c: device addresses that kernels use: the host's pointers to them, and what a launch
 * keeps because of them. */
#include <inttypes.h>

#include "base/memory.h"
#include "device/emu/execute.h"
#include "device/emu/sanitizers.h"

rf_status rf_emu_span_add(emu_executor *x, emu_allocation *a, rf_error *error)
{
    if (x->n_spans == x->span_capacity) {
        uint32_t capacity = x->span_capacity ? 2 * x->span_capacity : 16;
        emu_span *spans = rf_realloc(x->spans, capacity, sizeof(*spans));
        if (!spans)
            return rf_error_host_memory(error, "the memory that a launch uses",
                                        capacity * sizeof(*spans));
        x->spans = spans;
        x->span_capacity = capacity;
    }
    x->spans[x->n_spans++] = (emu_span){
        .address = a->address, .bytes = a->bytes, .payload = a->backing.payload, .allocation = a};
    a->users++;
    return RF_OK;
}

rf_status rf_emu_spans_end(emu_executor *x, rf_error *error)
{
    rf_status status = RF_OK;
    for (uint32_t i = 0; i < x->n_spans; i++) {
        emu_allocation *a = x->spans[i].allocation;
        a->users--;
        if (status == RF_OK)
            status = rf_emu_check_guard(x->emu, a, error);
    }
    x->n_spans = 0;
    if (status == RF_OK)
        return RF_OK;
    return rf_error_context(error, status, "after kernel %s", x->call->kernel->name);
}

/* Looks an address up among all allocations, and keeps the one that it is in. */
static const emu_span *look_up(emu_executor *x, uint64_t address)
{
    emu_device *emu = x->emu;
    rf_status status = RF_OK;
    pthread_mutex_lock(&emu->lock);
    emu_allocation *a = rf_emu_find(emu, address);
    if (a)
        status = rf_emu_span_add(x, a, &x->failure);
    pthread_mutex_unlock(&emu->lock);
    if (a && status == RF_OK)
        return &x->spans[x->n_spans - 1];
    if (!a)
        (void)rf_error_set(&x->failure, RF_ERROR_DEVICE,
                           "device %s: kernel %s, block (%" PRIu32 ", %" PRIu32 ", %" PRIu32
                           "), thread %" PRIu32 ": address 0x%" PRIx64
                           " is in no allocation: there never was one, or it was freed",
                           emu->base.id, x->call->kernel->name, x->block[0], x->block[1],
                           x->block[2], x->running->self.thread, address);
    return NULL;
}

EMU_SWITCHES void *rf_emu_translate(uint64_t address)
{
    if (address == 0)
        return NULL;
    emu_executor *x = rf_emu_executing();
    const emu_span *span = NULL;
    for (uint32_t i = 0; !span && i < x->n_spans; i++)
        if (address - x->spans[i].address < x->spans[i].bytes)
            span = &x->spans[i];
    if (!span)
        span = look_up(x, address);
    if (!span)
        rf_emu_give_up(x);
    return span->payload + (address - span->address);
}
