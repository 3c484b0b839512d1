/* library.c: opening a driver's shared library and looking its symbols up by name. */
#include "device/gpu/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"

/* ---- what an error says --------------------------------------------------------------------- */

/* Lists words in a buffer, ", " between them. */
static rf_status add_word(rf_buffer *words, const char *word, rf_error *error)
{
    return rf_buffer_format(words, error, "%s%s", words->length ? ", " : "", word);
}

static rf_status none_installed(const rf_gpu_library *library, rf_error *error)
{
    rf_buffer names = {0};
    rf_status status = RF_OK;
    for (size_t i = 0; status == RF_OK && library->names[i]; i++)
        status = add_word(&names, library->names[i], error);
    if (status == RF_OK)
        status = rf_error_set(
            error, RF_ERROR_NOT_FOUND, "no %s driver is installed; none of these is there: %.*s",
            library->driver->name, (int)names.length, names.length ? names.data : "");
    rf_buffer_free(&names);
    return status;
}

static rf_status symbols_missing(const rf_gpu_library *library, const char *name,
                                 const rf_buffer *missing, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_DEVICE, "%s: too old, or no %s driver: it lacks %.*s", name,
                        library->driver->name, (int)missing->length, missing->data);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Fills the struct of symbols. POSIX has dlsym give functions as object pointers of the same size
 * and form; they are copied as bytes, since C has no cast between the two. */
static rf_status find_symbols(const rf_gpu_library *library, void *handle, const char *name,
                              rf_error *error)
{
    rf_buffer missing = {0};
    rf_status status = RF_OK;
    const rf_gpu_driver *driver = library->driver;
    for (size_t i = 0; status == RF_OK && i < driver->n_symbols; i++) {
        const rf_gpu_symbol *symbol = &driver->symbols[i];
        void *address = dlsym(handle, symbol->name);
        memcpy((char *)library->symbols + symbol->offset, &address, sizeof(address));
        if (!address && !symbol->optional)
            status = add_word(&missing, symbol->name, error);
    }
    if (status == RF_OK && missing.length)
        status = symbols_missing(library, name, &missing, error);
    rf_buffer_free(&missing);
    return status;
}

static rf_status check_version(const rf_gpu_library *library, const char *name, rf_error *error)
{
    const rf_gpu_driver *driver = library->driver;
    int version = 0;
    int code = driver->version(library->symbols, &version);
    if (code != 0)
        return rf_error_set_code(error, RF_ERROR_DEVICE, code, "%s: ask its version: %s: %s (%d)",
                                 name, driver->error_name(library->symbols, code),
                                 driver->error_text(library->symbols, code), code);
    if (version < driver->oldest_version)
        return rf_error_set(error, RF_ERROR_DEVICE, "%s: version %d, needed is %d or later", name,
                            version, driver->oldest_version);
    rf_log(RF_LOG_DEBUG, "%s: version %d", name, version);
    return RF_OK;
}

/* The loader's message starts with the file that it could not open; another file than the one asked
 * for means that the library is installed and something that it needs is not. */
static bool is_absent(const char *name, const char *message)
{
    size_t length = strlen(name);
    return strncmp(message, name, length) == 0 && strncmp(message + length, ": ", 2) == 0 &&
           strstr(message + length, "No such file") != NULL;
}

/* Tries one name: *opened is NULL where there is no such library. */
static rf_status try_name(const rf_gpu_library *library, const char *name, void **opened,
                          rf_error *error)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *message = dlerror();
        if (message && is_absent(name, message))
            return RF_OK;
        return rf_error_set(error, RF_ERROR_DEVICE, "cannot load %s: %s", name,
                            message ? message : "the loader does not say why");
    }
    rf_status status = find_symbols(library, handle, name, error);
    if (status == RF_OK)
        status = check_version(library, name, error);
    if (status != RF_OK) {
        dlclose(handle); /* a library that was only looked at */
        return status;
    }
    *opened = handle;
    return RF_OK;
}

/* A library that is there and of no use does not end the search: an older one beside it may do.
 * Only where none does, the first one's failure is the answer. */
rf_status rf_gpu_library_open(rf_gpu_library *library, rf_error *error)
{
    rf_error first = {.status = RF_OK};
    for (size_t i = 0; !library->handle && library->names[i]; i++) {
        rf_error failure;
        library->name = library->names[i];
        rf_status status = try_name(library, library->name, &library->handle, &failure);
        if (status != RF_OK && first.status == RF_OK)
            first = failure;
    }
    if (library->handle)
        return RF_OK;
    if (first.status == RF_OK)
        return none_installed(library, error);
    if (error)
        *error = first;
    return first.status;
}

void rf_gpu_library_close(rf_gpu_library *library)
{
    if (library->handle)
        dlclose(library->handle);
    library->handle = NULL;
}
