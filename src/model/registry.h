/*
 * registry.h: which models are loaded, being loaded and being freed, in this process, so that the
 * same one is loaded once. What makes two the same is said at rf_model_load in rocmforge.h.
 *
 * An entry is made by every call that wants a model, and either stands for the model that this call
 * then loads, or is thrown away for the one of an earlier call. Safe from any number of threads.
 */
#ifndef RF_MODEL_REGISTRY_H
#define RF_MODEL_REGISTRY_H

#include "model/model.h"

/* An entry that is not registered yet. Free: rf_registry_discard. */
rf_status rf_registry_describe(const rf_runtime *runtime, const rf_gguf *gguf,
                               const rf_model_options *options, rf_model_entry **out,
                               rf_error *error);
void rf_registry_discard(rf_model_entry *entry);

/*
 * Registers an entry as one that is being loaded: *shared is NULL, and the caller loads, and says
 * how it ended with rf_registry_settle. Or finds one like it, waiting until it is loaded: *shared
 * is its model, referenced once more, and the caller discards its own entry; so it does after an
 * error. While it waits, the caller's progress is called with that of the load. Errors: those of
 * the load that was waited for, but not its cancellation: then another of those who wait loads;
 * CANCELLED by the caller's progress; BUSY where this thread is loading it already; FULL.
 */
rf_status rf_registry_join(rf_model_entry *entry, rf_progress_callback progress,
                           void *progress_user, rf_model **shared, rf_error *error);
/* Where a load has come to, for those who wait for it. */
void rf_registry_report(rf_model_entry *entry, uint64_t done_bytes, uint64_t total_bytes);
/* The load has ended: with a model, referenced once, or with an error, and the entry is gone. */
void rf_registry_settle(rf_model_entry *entry, rf_model *model, rf_status status,
                        const rf_error *error);

/* Gives one reference back. *last: it was the last one: the caller destroys the model, and then
 * calls rf_registry_forget; until that, who asks for the same model waits. RF_ERROR_BUSY where it
 * would be the last one and engines use the model. */
rf_status rf_registry_give(rf_model *model, bool *last, rf_error *error);
void rf_registry_forget(rf_model_entry *entry);

#endif
