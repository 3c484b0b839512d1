/*
 * options.h: the options of every command, in one table, and what they set. A row says how an
 * option is written, which commands take it, its limits and default, and which field of the
 * settings it fills; nothing else in the program parses arguments.
 */
#ifndef RF_CLI_OPTIONS_H
#define RF_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/commands.h"
#include "rocmforge.h"

/* Numbers of an option that takes a list. */
#define RF_CLI_LIST_MAX 64
typedef struct rf_cli_list {
    uint64_t values[RF_CLI_LIST_MAX];
    size_t count; /* 0: not given */
} rf_cli_list;

/* More layers than any model has, and as many as fit. */
#define RF_CLI_LAYERS_ALL  UINT32_MAX
#define RF_CLI_LAYERS_AUTO UINT64_MAX

/* What a command line asks for. Strings are the caller's arguments and live as long as those. */
typedef struct rf_cli_settings {
    rf_cli_command command;
    char *const *arguments; /* what is no option */
    size_t n_arguments;
    bool help;
    bool quiet;
    bool verbose;

    const char *prompt;
    const char *file;
    const char *system;
    const char *tokens;
    bool chat;
    bool special;
    bool one_by_one;

    const char *model;
    bool no_mmap;
    uint64_t pool_size;
    uint64_t alignment;
    const char *read_mode;
    uint64_t readers;
    uint64_t staging_buffers;
    uint64_t staging_bytes;
    bool verify;

    const char *device;
    bool check;
    uint64_t memory; /* of a device that is not here; 0: of the device */
    uint64_t threads;
    bool reference;
    uint64_t gpu_layers; /* on the GPU; RF_CLI_LAYERS_ALL, or RF_CLI_LAYERS_AUTO */
    bool gpu_layers_given;

    uint64_t context;
    uint64_t parallel;
    bool fit;
    uint64_t batch;
    uint64_t page_tokens;
    const char *kv_type;

    uint64_t max_tokens;
    bool ignore_end;
    uint64_t seed;
    bool seed_given;
    double temperature;
    uint64_t top_k;
    double top_p;
    double min_p;
    double repeat_penalty;
    double frequency_penalty;
    double presence_penalty;
    uint64_t repeat_last_n;
    rf_logit_bias *biases; /* owned */
    size_t n_biases;

    uint64_t layers;
    bool pure;
    bool force;
    bool list;
    bool dry_run;

    bool load;
    bool cold;
    bool warm;
    uint64_t repeat;
    rf_cli_list readers_list;
    rf_cli_list staging_buffers_list;
    rf_cli_list staging_bytes_list;
    rf_cli_list prompt_list;
    rf_cli_list predict_list;
    rf_cli_list depth_list;
    rf_cli_list parallel_list;
    rf_cli_list batch_list;

    const char *output;
    const char *svg;
    bool json;
    bool csv;
    bool all;
    bool no_echo;
    bool memory_report;
} rf_cli_settings;

typedef enum rf_cli_kind {
    RF_CLI_FLAG,   /* bool */
    RF_CLI_TEXT,   /* const char * */
    RF_CLI_CHOICE, /* const char *, one of those in `argument`, which are separated by '|' */
    RF_CLI_COUNT,  /* uint64_t within the limits */
    RF_CLI_SIZE,   /* the same, in bytes */
    RF_CLI_REAL,   /* double within the limits */
    RF_CLI_COUNTS, /* rf_cli_list: integers within the limits, see rf_cli_parse_list */
    RF_CLI_SIZES,  /* the same, in bytes */
    RF_CLI_LAYERS, /* uint64_t: a number within the limits, "all" or "auto" */
    RF_CLI_BIAS,   /* adds to biases */
} rf_cli_kind;

typedef enum rf_cli_group {
    RF_CLI_GROUP_INPUT,
    RF_CLI_GROUP_MEASURE,
    RF_CLI_GROUP_MODEL,
    RF_CLI_GROUP_DEVICE,
    RF_CLI_GROUP_SAMPLING,
    RF_CLI_GROUP_OUTPUT,
    RF_CLI_GROUP_COUNT
} rf_cli_group;

typedef struct rf_cli_option {
    const char *name;     /* without its dashes */
    const char *alias;    /* a second long name, or NULL */
    char short_name;      /* 0: none */
    const char *argument; /* its name in the help; NULL for a flag */
    rf_cli_kind kind;
    rf_cli_group group;
    uint32_t commands; /* bit set of rf_cli_command */
    uint32_t required; /* the same: those that cannot do without it; texts only */
    double minimum;    /* inclusive limits of numbers */
    double maximum;
    const char *fallback; /* the default, parsed like a given value; NULL: zero, and help says what
                             that means */
    size_t field;         /* offset in rf_cli_settings */
    size_t given;         /* offset of a bool that is set where the option is given; 0: none */
    const char *help;
} rf_cli_option;

size_t rf_cli_option_count(void);
const rf_cli_option *rf_cli_option_at(size_t i);

/*
 * Reads the arguments that follow the command's name, defaults first. RF_ERROR_ARGUMENT for
 * anything that is not right, with a text for the user; HOST_MEMORY. arguments is reordered: the
 * ones that are no options come first. With --help nothing else is required.
 */
rf_status rf_cli_parse(rf_cli_command command, size_t count, char **arguments, rf_cli_settings *out,
                       rf_error *error);
void rf_cli_settings_free(rf_cli_settings *settings);

/* The candidate most like a mistyped word, or NULL where none is near. Call it for each candidate
 * with the best so far (NULL at first) and its distance. */
const char *rf_cli_nearer(const char *word, const char *candidate, const char *best,
                          size_t *distance);

#endif
