/* help.c: formats the tables of commands and options for people. */
#include "cli/help.h"

#include <string.h>

#include "cli/options.h"

enum {
    WIDTH = 92,         /* of a line of help */
    OPTION_COLUMN = 30, /* where the description of an option starts */
    COMMAND_COLUMN = 14
};

static const char *const group_titles[RF_CLI_GROUP_COUNT] = {
    [RF_CLI_GROUP_INPUT] = "Input",
    [RF_CLI_GROUP_MEASURE] = "What to measure",
    [RF_CLI_GROUP_MODEL] = "Model and memory",
    [RF_CLI_GROUP_DEVICE] = "Device",
    [RF_CLI_GROUP_SAMPLING] = "Generation",
    [RF_CLI_GROUP_OUTPUT] = "Output",
};

/* Columns that a text takes: its characters, not its bytes. */
static size_t columns(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static rf_status pad(rf_buffer *out, size_t from, size_t to, rf_error *error)
{
    for (; from < to; from++)
        RF_TRY(rf_buffer_append(out, " ", 1, error));
    return RF_OK;
}

/* Appends words of a text, breaking lines before WIDTH; '\n' in the text ends a line too. Every
 * line but the first, which stands at `indent` already, is indented. Ends with a newline. */
static rf_status wrap(rf_buffer *out, const char *text, size_t indent, rf_error *error)
{
    size_t column = indent;
    while (*text) {
        size_t length = strcspn(text, " \n");
        size_t width = columns(text, length);
        if (column > indent && column + 1 + width > WIDTH) {
            RF_TRY(rf_buffer_append(out, "\n", 1, error));
            RF_TRY(pad(out, 0, indent, error));
            column = indent;
        } else if (column > indent) {
            RF_TRY(rf_buffer_append(out, " ", 1, error));
            column++;
        }
        RF_TRY(rf_buffer_append(out, text, length, error));
        column += width;
        text += length;
        if (*text == '\n') {
            RF_TRY(rf_buffer_append(out, "\n", 1, error));
            RF_TRY(pad(out, 0, indent, error));
            column = indent;
        }
        text += *text != '\0';
    }
    return rf_buffer_append(out, "\n", 1, error);
}

/* How an option is written: "-c, --ctx, --context TOKENS". */
static rf_status append_names(const rf_cli_option *option, rf_buffer *out, rf_error *error)
{
    if (option->short_name)
        RF_TRY(rf_buffer_format(out, error, "-%c, ", option->short_name));
    RF_TRY(rf_buffer_format(out, error, "--%s", option->name));
    if (option->alias)
        RF_TRY(rf_buffer_format(out, error, ", --%s", option->alias));
    if (option->argument)
        RF_TRY(rf_buffer_format(out, error, " %s", option->argument));
    return RF_OK;
}

static rf_status append_option(const rf_cli_option *option, rf_buffer *out, rf_error *error)
{
    size_t start = out->length;
    RF_TRY(rf_buffer_append_text(out, option->short_name ? "  " : "      ", error));
    RF_TRY(append_names(option, out, error));
    size_t column = columns(out->data + start, out->length - start);
    if (column + 2 > OPTION_COLUMN) {
        RF_TRY(rf_buffer_append(out, "\n", 1, error));
        column = 0;
    }
    RF_TRY(pad(out, column, OPTION_COLUMN, error));
    rf_buffer text = {0};
    rf_status status = rf_buffer_append_text(&text, option->help, error);
    if (status == RF_OK && option->fallback)
        status = rf_buffer_format(&text, error, " (default: %s)", option->fallback);
    if (status == RF_OK)
        status = rf_buffer_append(&text, "", 1, error);
    if (status == RF_OK)
        status = wrap(out, text.data, OPTION_COLUMN, error);
    rf_buffer_free(&text);
    return status;
}

static rf_status append_group(rf_cli_command command, rf_cli_group group, rf_buffer *out,
                              rf_error *error)
{
    bool titled = false;
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        if (option->group != group || !(option->commands >> command & 1))
            continue;
        if (!titled)
            RF_TRY(rf_buffer_format(out, error, "\n%s:\n", group_titles[group]));
        titled = true;
        RF_TRY(append_option(option, out, error));
    }
    return RF_OK;
}

rf_status rf_cli_help_command(rf_cli_command command, rf_buffer *out, rf_error *error)
{
    const rf_cli_command_info *info = rf_cli_command_describe(command);
    RF_TRY(rf_buffer_format(out, error, "rocmforge %s: %s\n\nUsage: rocmforge %s [options]%s%s\n\n",
                            info->name, info->summary, info->name, *info->arguments ? " " : "",
                            info->arguments));
    RF_TRY(wrap(out, info->details, 0, error));
    for (int group = 0; group < RF_CLI_GROUP_COUNT; group++)
        RF_TRY(append_group(command, (rf_cli_group)group, out, error));
    return RF_OK;
}

rf_status rf_cli_help_program(rf_buffer *out, rf_error *error)
{
    RF_TRY(rf_buffer_append_text(out,
                                 "rocmforge: runs GGUF language models\n\n"
                                 "Usage: rocmforge COMMAND [options]\n\nCommands:\n",
                                 error));
    for (int i = 0; i < RF_CLI_COMMAND_COUNT; i++) {
        const rf_cli_command_info *info = rf_cli_command_describe((rf_cli_command)i);
        RF_TRY(rf_buffer_format(out, error, "  %-*s%s\n", COMMAND_COLUMN - 2, info->name,
                                info->summary));
    }
    return rf_buffer_append_text(out,
                                 "\n'rocmforge help COMMAND' shows a command's options; "
                                 "'rocmforge --version' shows the version.\n"
                                 "Exit status: 0 success, 1 error, 2 wrong usage.\n",
                                 error);
}

rf_status rf_cli_help_document(rf_buffer *out, rf_error *error)
{
    RF_TRY(
        rf_buffer_append_text(out,
                              "# Commands\n\nThis is what `rocmforge help` prints. It is made from "
                              "the program's own tables; a test compares the two.\n\n```text\n",
                              error));
    RF_TRY(rf_cli_help_program(out, error));
    RF_TRY(rf_buffer_append_text(out, "```\n", error));
    for (int i = 0; i < RF_CLI_COMMAND_COUNT; i++) {
        const char *name = rf_cli_command_describe((rf_cli_command)i)->name;
        RF_TRY(rf_buffer_format(out, error, "\n## %s\n\n```text\n", name));
        RF_TRY(rf_cli_help_command((rf_cli_command)i, out, error));
        RF_TRY(rf_buffer_append_text(out, "```\n", error));
    }
    return RF_OK;
}
