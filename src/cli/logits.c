/* logits.c: rocmforge logits. x86-64 is little-endian, so rows are written as they are in memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/interrupt.h"
#include "cli/numbers.h"
#include "cli/session.h"

/* Computes the logits of the tokens: *out is a new array of *bytes, to be freed with rf_free. */
static rf_status compute(const rf_cli_settings *settings, const int32_t *tokens, size_t n_tokens,
                         float **out, uint64_t *bytes, rf_error *error)
{
    rf_engine_options options = rf_cli_engine_options(settings);
    /* One batch that holds all tokens; the limit of --tokens' length keeps this in 32 bits. */
    options.n_context = (uint32_t)n_tokens;
    options.n_batch = (uint32_t)n_tokens;
    options.n_logits = (uint32_t)n_tokens;
    rf_cli_session session = {0};
    rf_cli_interrupt_catch();
    RF_TRY(rf_cli_session_open(settings, &options, &session, error));
    uint64_t count = 0;
    float *logits = NULL;
    rf_status status = RF_OK;
    if (rf_mul(n_tokens, rf_model_describe(session.model).n_vocabulary, &count))
        logits = rf_calloc(count, sizeof(*logits));
    if (!logits)
        status = rf_error_host_memory(error, "logits", count * sizeof(*logits));
    if (status == RF_OK)
        status =
            rf_engine_logits(session.engine, tokens, n_tokens, settings->one_by_one, logits, error);
    if (status == RF_OK && !settings->quiet)
        rf_cli_print_statistics(&session);
    rf_cli_session_close(&session);
    if (status != RF_OK) {
        rf_free(logits);
        return status;
    }
    *out = logits;
    *bytes = count * sizeof(*logits);
    return RF_OK;
}

static rf_status write_error(const char *path, rf_error *error)
{
    char reason[128];
    return rf_error_set_code(error, RF_ERROR_IO, errno, "%s: cannot write: %s", path,
                             strerror_r(errno, reason, sizeof(reason)));
}

/* Writes a file, or standard output for "-". A file that could not be written whole is removed, but
 * nothing else that may stand under the name, such as a device. */
static rf_status write_file(const char *path, const void *data, uint64_t bytes, rf_error *error)
{
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *file = to_stdout ? stdout : fopen(path, "wb");
    if (!file)
        return write_error(path, error);
    struct stat info;
    bool is_file = !to_stdout && fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode);
    rf_status status = fwrite(data, 1, bytes, file) == bytes ? RF_OK : write_error(path, error);
    if (!to_stdout && fclose(file) != 0 && status == RF_OK)
        status = write_error(path, error);
    if (status != RF_OK && is_file)
        remove(path); /* if that fails as well, the error that is told is still the first one */
    return status;
}

rf_status rf_cli_logits(const rf_cli_settings *settings, rf_error *error)
{
    int32_t *tokens = NULL;
    size_t n_tokens = 0;
    RF_TRY(rf_cli_parse_tokens(settings->tokens, &tokens, &n_tokens, error));
    if (n_tokens == 0 || n_tokens > INT32_MAX) {
        rf_free(tokens);
        return rf_error_set(error, RF_ERROR_ARGUMENT, "--tokens: %zu ids, expected 1 to %d",
                            n_tokens, INT32_MAX);
    }
    float *logits = NULL;
    uint64_t bytes = 0;
    rf_status status = compute(settings, tokens, n_tokens, &logits, &bytes, error);
    rf_free(tokens);
    if (status == RF_OK)
        status = write_file(settings->output, logits, bytes, error);
    rf_free(logits);
    return status;
}
