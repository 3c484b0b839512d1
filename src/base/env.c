/* env.c: the only getenv. */
#include "base/env.h"

#include <stdlib.h>

const char *rf_env_get(rf_env which)
{
    static const char *const names[] = {
        [RF_ENV_HOME] = "HOME",
        [RF_ENV_XDG_DATA_HOME] = "XDG_DATA_HOME",
        [RF_ENV_MODEL_PATH] = "ROCMFORGE_MODELS",
        [RF_ENV_DEVICE] = "ROCMFORGE_DEVICE",
    };
    const char *value =
        getenv(names[which]); /* NOLINT(concurrency-mt-unsafe): nothing here sets it */
    return value && *value ? value : 0;
}
