/*
 * tokenizer_task.h: making a file's tokenizer on a thread of its own. A vocabulary of 128 000
 * tokens and as many merges takes tens of milliseconds of one core, about as long as reading a
 * model's weights: a load does both at once.
 */
#ifndef RF_MODEL_TOKENIZER_TASK_H
#define RF_MODEL_TOKENIZER_TASK_H

#include "rocmforge.h"

typedef struct rf_tokenizer_task rf_tokenizer_task;

/* The gguf must stay open until the task is finished or freed. Errors: HOST_MEMORY. */
rf_status rf_tokenizer_task_start(const rf_gguf *gguf, rf_tokenizer_task **out, rf_error *error);
/* Whether it has failed already; does not wait. */
bool rf_tokenizer_task_failed(const rf_tokenizer_task *task);
/* Waits for the tokenizer and hands it over: NULL where the file has none (models made for tests
 * have none). Errors: as rf_tokenizer_open. It is called once; the task is then freed. */
rf_status rf_tokenizer_task_finish(rf_tokenizer_task *task, rf_tokenizer **out, rf_error *error);
/* Waits and throws away what was made. Not for a finished task; NULL is allowed. */
void rf_tokenizer_task_free(rf_tokenizer_task *task);

#endif
