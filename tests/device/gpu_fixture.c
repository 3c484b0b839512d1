/* gpu_fixture.c: see gpu_fixture.h. */
#include "support/cmocka.h"

#include "device/gpu_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/oracle.h"

typedef struct variant {
    char path[ORACLE_PATH_BYTES];
    const char *names[2];
} variant;

static const char *const no_names[] = {"libno-such-driver.so.1", "libno-such-driver.so", NULL};

void use_fake(rf_gpu_library *library, const char *name)
{
    static variant of_hip;
    static variant of_cuda;
    variant *v = library == &rf_gpu_hip ? &of_hip : &of_cuda;
    char file[64];
    snprintf(file, sizeof(file), "tests/device/lib%s.so", name);
    build_path(file, v->path);
    v->names[0] = v->path;
    rf_gpu_library_close(library);
    library->names = v->names;
}

void use_no_driver(void)
{
    rf_gpu_library_close(&rf_gpu_hip);
    rf_gpu_library_close(&rf_gpu_cuda);
    rf_gpu_hip.names = rf_gpu_cuda.names = no_names;
}

int set_up_fake(void **state)
{
    (void)state;
    fake_reset();
    use_fake(&rf_gpu_hip, "fake-driver");
    use_fake(&rf_gpu_cuda, "fake-driver");
    rf_gpu_hip.root = rf_gpu_cuda.root = "/no-such-folder";
    return 0;
}

int tear_down_fake(void **state)
{
    (void)state;
    for (int i = 0; i < FAKE_KIND_COUNT; i++)
        assert_int_equal(fake.live[i], 0);
    assert_int_equal(fake.bytes, 0);
    assert_int_equal(fake.misuse, 0);
    use_no_driver();
    rf_gpu_hip.root = rf_gpu_cuda.root = "";
    return 0;
}

/* ---- folders -------------------------------------------------------------------------------- */

fake_root make_root(void)
{
    fake_root root = {.path = "/tmp/rocmforge-gpu-XXXXXX"};
    assert_non_null(mkdtemp(root.path));
    return root;
}

void add_file(const fake_root *root, const char *path, const char *text)
{
    char full[512];
    int length = snprintf(full, sizeof(full), "%s%s", root->path, path);
    assert_true(length > 0 && (size_t)length < sizeof(full));
    for (char *slash = full + strlen(root->path); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        (void)mkdir(full, 0700); /* it may be there; if not, opening the file fails */
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

void remove_root(const fake_root *root)
{
    assert_int_equal(nftw(root->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}
