/* env.h: the one place where the library reads the environment (a test checks that). */
#ifndef RF_BASE_ENV_H
#define RF_BASE_ENV_H

/* The variables that are read, all by the command: the folders in which models are looked for, and
 * the device where none is given. */
typedef enum rf_env {
    RF_ENV_HOME,          /* HOME */
    RF_ENV_XDG_DATA_HOME, /* XDG_DATA_HOME */
    RF_ENV_MODEL_PATH,    /* ROCMFORGE_MODELS: folders separated by ':' */
    RF_ENV_DEVICE,        /* ROCMFORGE_DEVICE: an id as --device takes it */
} rf_env;

/* The value, or NULL where it is not set or empty. */
const char *rf_env_get(rf_env which);

#endif
