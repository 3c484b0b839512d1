/*
 * block.c: what is done with a handle: external blocks, views, addresses, small copies.
 *
 * Views and addresses are made while tokens are computed, by many threads: they read the block's
 * slot without a lock and write nothing shared.
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/checked.h"
#include "memory/account.h"

/* ---- external blocks ------------------------------------------------------------------------ */

rf_status rf_memory_register(rf_memory *memory, rf_address address, uint64_t bytes,
                             rf_memory_class memory_class, const char *label, rf_block *out,
                             rf_error *error)
{
    if (address == 0 || bytes == 0 || (unsigned)memory_class >= RF_MEMORY_CLASS_COUNT)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "external block '%s': %" PRIu64 " bytes at address 0x%" PRIx64
                            ", class %u",
                            label ? label : "", bytes, address, (unsigned)memory_class);
    uint64_t end; /* only whether it exists is asked */
    if (!rf_add(address, bytes, &end))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "external block '%s': %" PRIu64 " bytes at address 0x%" PRIx64
                            " pass the end of the address space",
                            label ? label : "", bytes, address);
    rf_block block = {
        .memory = memory,
        .kind = RF_BLOCK_EXTERNAL,
        .memory_class = memory_class,
        .bytes = bytes,
    };
    rf_lock_take(&memory->lock);
    rf_status status = RF_OK;
    uint64_t external = memory->classes[memory_class].external;
    if (bytes > RF_MEMORY_MAX_BYTES - external)
        status = rf_error_set(error, RF_ERROR_OVERFLOW,
                              "external block '%s': %" PRIu64
                              " bytes, and those of class %s have %" PRIu64 " of at most %" PRIu64
                              " already",
                              label ? label : "", bytes, rf_memory_class_name(memory_class),
                              external, (uint64_t)RF_MEMORY_MAX_BYTES);
    else
        status = rf_slots_reserve(&memory->slots, 1, error);
    if (status == RF_OK) {
        block.slot = rf_slot_next(&memory->slots);
        rf_slot *slot = &memory->slots.slots[block.slot];
        slot->memory_class = memory_class;
        rf_label_copy(slot->label, label);
        block.generation = rf_slot_publish(&memory->slots, slot, address, bytes);
        memory->external_blocks++;
        rf_memory_book(memory, memory_class, bytes, true);
    }
    rf_lock_give(&memory->lock);
    if (status == RF_OK)
        *out = block;
    return status;
}

/* The lock is held. */
static rf_status unregister(rf_memory *memory, rf_block block, rf_error *error)
{
    rf_slot *slot = rf_slot_find(&memory->slots, block.slot, block.generation);
    if (!slot || slot->pool)
        return rf_error_set(error, RF_ERROR_STALE,
                            "this external block of %" PRIu64 " bytes was given back before",
                            block.bytes);
    uint64_t bytes = atomic_load_explicit(&slot->bytes, memory_order_relaxed);
    rf_memory_unbook(memory, slot->memory_class, bytes, true);
    rf_slot_drop(&memory->slots, block.slot);
    rf_slots_unreserve(&memory->slots, 1);
    memory->external_blocks--;
    return RF_OK;
}

rf_status rf_memory_unregister(rf_block block, rf_error *error)
{
    if (block.kind != RF_BLOCK_EXTERNAL || !block.memory)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "this is not an external block");
    rf_lock_take(&block.memory->lock);
    rf_status status = unregister(block.memory, block, error);
    rf_lock_give(&block.memory->lock);
    return status;
}

/* ---- views and addresses -------------------------------------------------------------------- */

/* What the block's slot says, once the handle is shown to be current and to lie in its owner. */
static rf_status resolve(const rf_block *block, rf_slot_view *out, rf_error *error)
{
    if (block->kind == RF_BLOCK_NONE || !block->memory)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "no block: the handle is empty");
    if (!rf_slot_read(&block->memory->slots, block->slot, block->generation, out))
        return rf_error_set(error, RF_ERROR_STALE,
                            "the owner of this block of %" PRIu64 " bytes was given back",
                            block->bytes);
    if (!rf_range_inside(block->offset, block->bytes, out->bytes))
        return rf_error_set(error, RF_ERROR_RANGE,
                            "offset %" PRIu64 ", %" PRIu64 " bytes: the block has %" PRIu64,
                            block->offset, block->bytes, out->bytes);
    return RF_OK;
}

rf_status rf_block_view(rf_block block, uint64_t offset, uint64_t bytes, rf_block *out,
                        rf_error *error)
{
    rf_slot_view owner = {0};
    RF_TRY(resolve(&block, &owner, error));
    if (!rf_range_inside(offset, bytes, block.bytes))
        return rf_error_set(error, RF_ERROR_RANGE,
                            "offset %" PRIu64 ", %" PRIu64 " bytes: the block has %" PRIu64, offset,
                            bytes, block.bytes);
    block.kind = RF_BLOCK_VIEW;
    block.offset += offset; /* both lie in the owner, so their sum does */
    block.bytes = bytes;
    *out = block;
    return RF_OK;
}

rf_status rf_block_address(rf_block block, rf_address *out, rf_error *error)
{
    rf_slot_view owner = {0};
    RF_TRY(resolve(&block, &owner, error));
    *out = owner.address + block.offset; /* the owner's end was checked when it was made */
    return RF_OK;
}

/* ---- small copies --------------------------------------------------------------------------- */

/* The address of bytes [offset, offset + bytes) of a block. */
static rf_status part_address(rf_block block, uint64_t offset, uint64_t bytes, rf_address *out,
                              rf_error *error)
{
    rf_block part = {0};
    RF_TRY(rf_block_view(block, offset, bytes, &part, error));
    return rf_block_address(part, out, error);
}

rf_status rf_block_write(rf_block block, uint64_t offset, const void *from, uint64_t bytes,
                         rf_error *error)
{
    rf_address address = 0;
    RF_TRY(part_address(block, offset, bytes, &address, error));
    if (bytes == 0)
        return RF_OK;
    rf_device *device = block.memory->device;
    RF_TRY(
        device->ops->copy(device, NULL, RF_COPY_TO_DEVICE, address, (uintptr_t)from, bytes, error));
    return device->ops->stream_sync(device, NULL, error);
}

rf_status rf_block_read(rf_block block, uint64_t offset, void *to, uint64_t bytes, rf_error *error)
{
    rf_address address = 0;
    RF_TRY(part_address(block, offset, bytes, &address, error));
    if (bytes == 0)
        return RF_OK;
    rf_device *device = block.memory->device;
    RF_TRY(
        device->ops->copy(device, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)to, address, bytes, error));
    return device->ops->stream_sync(device, NULL, error);
}
