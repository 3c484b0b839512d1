/* session.h: opening a runtime, a model and an engine in one call, for tests. */
#ifndef RF_TESTS_SUPPORT_SESSION_H
#define RF_TESTS_SUPPORT_SESSION_H

#include "rocmforge.h"

/* Options of a runtime on the CPU: without any it might be a GPU. */
#define CPU_RUNTIME (&(rf_runtime_options){.size = sizeof(rf_runtime_options), .device = "cpu"})

typedef struct session {
    rf_runtime *runtime;
    rf_model *model;
    rf_engine *engine;
} session;

typedef struct session_options {
    rf_runtime_options runtime;
    rf_model_options model;
    rf_engine_options engine;
} session_options;

/* Two threads, defaults for everything else. */
session_options session_defaults(void);

/* Fails the running test, with the library's message, where something cannot be opened. */
session session_open(const char *path, const session_options *options);
void session_close(session *s);

#endif
