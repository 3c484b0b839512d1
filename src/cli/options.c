/* options.c: turns arguments into settings by the table of options. */
#include "cli/options.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/lists.h"
#include "cli/numbers.h"

static bool takes(const rf_cli_option *option, rf_cli_command command)
{
    return (option->commands >> command & 1) != 0;
}

/* The option of a command with a long name of this length, or with a short name; NULL where there
 * is none. */
static const rf_cli_option *find_long(rf_cli_command command, const char *name, size_t length)
{
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        const char *names[] = {option->name, option->alias};
        for (size_t k = 0; k < 2 && takes(option, command); k++) {
            if (names[k] && strlen(names[k]) == length && memcmp(names[k], name, length) == 0)
                return option;
        }
    }
    return NULL;
}

static const rf_cli_option *find_short(rf_cli_command command, char name)
{
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        if (takes(option, command) && option->short_name == name)
            return option;
    }
    return NULL;
}

const char *rf_cli_nearer(const char *word, const char *candidate, const char *best,
                          size_t *distance)
{
    enum { LONGEST = 32, NEAR = 2 };
    size_t n = strlen(word);
    size_t m = strlen(candidate);
    if (n > LONGEST || m > LONGEST)
        return best;
    /* Edit distance (Wagner and Fischer 1974), a row at a time. */
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = diagonal + (word[i - 1] != candidate[j - 1]);
            diagonal = row[j];
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = cost < step ? cost : step;
        }
    }
    if (row[m] > NEAR || row[m] >= m || (best && row[m] >= *distance))
        return best;
    *distance = row[m];
    return candidate;
}

static rf_status unknown_option(rf_cli_command command, const char *argument, rf_error *error)
{
    const char *best = NULL;
    size_t distance = 0;
    size_t length = strcspn(argument, "=");
    char word[64] = "";
    if (strncmp(argument, "--", 2) == 0 && length < sizeof(word))
        memcpy(word, argument + 2, length - 2);
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        if (takes(option, command))
            best = rf_cli_nearer(word, option->name, best, &distance);
        if (takes(option, command) && option->alias)
            best = rf_cli_nearer(word, option->alias, best, &distance);
    }
    if (best)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "unknown option '%.*s'; did you mean '--%s'?",
                            (int)length, argument, best);
    return rf_error_set(error, RF_ERROR_ARGUMENT, "unknown option '%.*s'", (int)length, argument);
}

static rf_status choose(const char *choices, const char *text, const char **out, rf_error *error)
{
    size_t length = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strcspn(at, "|") == length && memcmp(at, text, length) == 0) {
            *out = text;
            return RF_OK;
        }
    }
    return rf_error_set(error, RF_ERROR_ARGUMENT, "'%s' is none of %s", text, choices);
}

static rf_status parse_layers(const char *text, uint64_t maximum, uint64_t *out, rf_error *error)
{
    if (strcmp(text, "auto") == 0 || strcmp(text, "all") == 0) {
        *out = text[1] == 'u' ? RF_CLI_LAYERS_AUTO : RF_CLI_LAYERS_ALL;
        return RF_OK;
    }
    if (rf_cli_parse_count(text, 0, maximum, out, NULL) != RF_OK)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "'%s' is neither an integer from 0 to %" PRIu64 " nor 'all' or 'auto'",
                            text, maximum);
    return RF_OK;
}

static rf_status add_bias(rf_cli_settings *settings, const char *text, rf_error *error)
{
    rf_logit_bias bias;
    RF_TRY(rf_cli_parse_bias(text, &bias, error));
    rf_logit_bias *biases =
        rf_realloc(settings->biases, settings->n_biases + 1, sizeof(*settings->biases));
    if (!biases)
        return rf_error_host_memory(error, "logit biases", sizeof(*biases));
    biases[settings->n_biases++] = bias;
    settings->biases = biases;
    return RF_OK;
}

/* The largest integer that a limit of the table stands for: one at 2^64 is every 64-bit number. */
static uint64_t integer_limit(double limit)
{
    return limit >= 0x1p64 ? UINT64_MAX : (uint64_t)limit;
}

/* Stores a value, which a flag has none of, into the option's field. */
static rf_status store(const rf_cli_option *option, const char *value, rf_cli_settings *settings,
                       rf_error *error)
{
    void *field = (char *)settings + option->field;
    switch (option->kind) {
    case RF_CLI_FLAG:
        *(bool *)field = true;
        return RF_OK;
    case RF_CLI_TEXT:
        *(const char **)field = value;
        return RF_OK;
    case RF_CLI_CHOICE:
        return choose(option->argument, value, field, error);
    case RF_CLI_COUNT:
        return rf_cli_parse_count(value, integer_limit(option->minimum),
                                  integer_limit(option->maximum), field, error);
    case RF_CLI_SIZE:
        return rf_cli_parse_size(value, integer_limit(option->minimum),
                                 integer_limit(option->maximum), field, error);
    case RF_CLI_REAL:
        return rf_cli_parse_real(value, option->minimum, option->maximum, field, error);
    case RF_CLI_COUNTS:
    case RF_CLI_SIZES:
        return rf_cli_parse_list(value, option->kind == RF_CLI_SIZES,
                                 integer_limit(option->minimum), integer_limit(option->maximum),
                                 field, error);
    case RF_CLI_LAYERS:
        return parse_layers(value, integer_limit(option->maximum), field, error);
    case RF_CLI_BIAS:
        return add_bias(settings, value, error);
    }
    return rf_error_set(error, RF_ERROR_INTERNAL, "option --%s has no kind", option->name);
}

static rf_status set_defaults(rf_cli_settings *settings, rf_error *error)
{
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        if (takes(option, settings->command) && option->fallback)
            RF_TRY(store(option, option->fallback, settings, error));
    }
    return RF_OK;
}

/*
 * Reads the option at arguments[*i], and the value after it where it takes one; *i then stands on
 * the last argument used. Written --name VALUE, --name=VALUE, -n VALUE or -nVALUE.
 */
static rf_status read_option(size_t count, char **arguments, size_t *i, rf_cli_settings *settings,
                             rf_error *error)
{
    const char *argument = arguments[*i];
    bool is_long = argument[1] == '-';
    size_t length = is_long ? strcspn(argument, "=") : 2;
    const rf_cli_option *option = is_long ? find_long(settings->command, argument + 2, length - 2)
                                          : find_short(settings->command, argument[1]);
    if (!option)
        return unknown_option(settings->command, argument, error);
    const char *value = argument[length] ? argument + length + (is_long ? 1 : 0) : NULL;
    if (!option->argument && value)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "option %.*s takes no value", (int)length,
                            argument);
    if (option->argument && !value) {
        if (*i + 1 == count)
            return rf_error_set(error, RF_ERROR_ARGUMENT, "option %s needs a value %s", argument,
                                option->argument);
        value = arguments[++*i];
    }
    rf_status status = store(option, value ? value : "", settings, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "option %.*s", (int)length, argument);
    if (option->given)
        *(bool *)((char *)settings + option->given) = true;
    return RF_OK;
}

static rf_status read_arguments(size_t count, char **arguments, rf_cli_settings *settings,
                                rf_error *error)
{
    const rf_cli_command_info *info = rf_cli_command_describe(settings->command);
    bool options_end = false;
    for (size_t i = 0; i < count; i++) {
        char *argument = arguments[i];
        if (!options_end && strcmp(argument, "--") == 0)
            options_end = true;
        else if (!options_end && argument[0] == '-' && argument[1])
            RF_TRY(read_option(count, arguments, &i, settings, error));
        else if (settings->n_arguments == info->max_arguments)
            return rf_error_set(error, RF_ERROR_ARGUMENT, "'%s' is one argument too many",
                                argument);
        else
            arguments[settings->n_arguments++] = argument;
    }
    settings->arguments = arguments;
    return RF_OK;
}

/* Options of the bench that are of loads alone, or of everything but loads. */
static rf_status check_bench(const rf_cli_settings *s, rf_error *error)
{
    const struct {
        const char *name;
        bool given;
        bool of_load;
    } rows[] = {
        {"--cold", s->cold, true},
        {"--warm", s->warm, true},
        {"--readers", s->readers_list.count, true},
        {"--staging-buffers", s->staging_buffers_list.count, true},
        {"--staging-bytes", s->staging_bytes_list.count, true},
        {"--prompt", s->prompt_list.count, false},
        {"--predict", s->predict_list.count, false},
        {"--depth", s->depth_list.count, false},
        {"--parallel", s->parallel_list.count, false},
        {"--batch", s->batch_list.count, false},
        {"--csv", s->csv, false},
        {"--gpu-layers", s->gpu_layers_given, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].given && rows[i].of_load != s->load)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                s->load ? "options %s and --load exclude each other"
                                        : "option %s needs --load",
                                rows[i].name);
    }
    if (s->json && s->csv)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "options --json and --csv exclude each other");
    return RF_OK;
}

/* What no single option can tell: required ones, and ones that contradict each other. */
static rf_status check_together(const rf_cli_settings *settings, rf_error *error)
{
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        bool required = (option->required >> settings->command & 1) != 0;
        if (required && !*(const char *const *)((const char *)settings + option->field))
            return rf_error_set(error, RF_ERROR_ARGUMENT, "option --%s is missing", option->name);
    }
    if (settings->prompt && settings->file)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "options --prompt and --file exclude each other");
    if (settings->system && !settings->chat)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "option --system needs --chat");
    if (settings->fit && settings->gpu_layers_given && settings->gpu_layers == RF_CLI_LAYERS_AUTO)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "--fit looks for a context, --gpu-layers auto for a number of layers: "
                            "only one of them can be looked for");
    if (settings->command == RF_CLI_BENCH)
        RF_TRY(check_bench(settings, error));
    static const char *const synth_arguments[] = {"SHAPE", "QUANT", "OUT"};
    size_t needed = settings->list ? 0 : settings->dry_run ? 2 : 3;
    if (settings->command == RF_CLI_SYNTH && settings->n_arguments < needed)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%s is missing",
                            synth_arguments[settings->n_arguments]);
    return RF_OK;
}

rf_status rf_cli_parse(rf_cli_command command, size_t count, char **arguments, rf_cli_settings *out,
                       rf_error *error)
{
    rf_cli_settings settings = {.command = command};
    rf_status status = set_defaults(&settings, error);
    if (status == RF_OK)
        status = read_arguments(count, arguments, &settings, error);
    if (status == RF_OK && !settings.help)
        status = check_together(&settings, error);
    if (status != RF_OK) {
        rf_cli_settings_free(&settings);
        return status;
    }
    *out = settings;
    return RF_OK;
}

void rf_cli_settings_free(rf_cli_settings *settings)
{
    rf_free(settings->biases);
    settings->biases = NULL;
    settings->n_biases = 0;
}
