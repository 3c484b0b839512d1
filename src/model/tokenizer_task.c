/* tokenizer_task.c: a thread, and the tokenizer or error that it leaves. */
#include "model/tokenizer_task.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/fault.h"
#include "base/memory.h"
#include "tokenizer/tokenizer.h"

struct rf_tokenizer_task {
    const rf_gguf *gguf;
    pthread_t thread;
    atomic_bool failed;
    /* The thread's until it is joined. */
    rf_tokenizer *tokenizer;
    rf_status status;
    rf_error error;
};

static void *task_main(void *argument)
{
    rf_tokenizer_task *task = argument;
    if (rf_tokenizer_present(task->gguf))
        task->status = rf_tokenizer_open(task->gguf, &task->tokenizer, &task->error);
    if (task->status != RF_OK)
        atomic_store(&task->failed, true);
    return NULL;
}

rf_status rf_tokenizer_task_start(const rf_gguf *gguf, rf_tokenizer_task **out, rf_error *error)
{
    rf_tokenizer_task *task = rf_calloc(1, sizeof(*task));
    if (!task)
        return rf_error_host_memory(error, "the making of a tokenizer", sizeof(*task));
    task->gguf = gguf;
    int code = rf_fault_fires(RF_FAULT_THREAD_CREATE)
                   ? 11 /* EAGAIN */
                   : pthread_create(&task->thread, NULL, task_main, task);
    if (code != 0) {
        rf_free(task);
        return rf_error_set_code(error, RF_ERROR_HOST_MEMORY, code,
                                 "cannot start the thread that makes the tokenizer");
    }
    *out = task;
    return RF_OK;
}

bool rf_tokenizer_task_failed(const rf_tokenizer_task *task)
{
    return atomic_load(&task->failed);
}

rf_status rf_tokenizer_task_finish(rf_tokenizer_task *task, rf_tokenizer **out, rf_error *error)
{
    pthread_join(task->thread, NULL); /* fails for threads that are not there alone */
    rf_status status = task->status;
    if (status == RF_OK)
        *out = task->tokenizer;
    else if (error)
        *error = task->error;
    rf_free(task);
    return status;
}

void rf_tokenizer_task_free(rf_tokenizer_task *task)
{
    rf_tokenizer *tokenizer = NULL;
    if (task && rf_tokenizer_task_finish(task, &tokenizer, NULL) == RF_OK)
        rf_tokenizer_free(tokenizer);
}
