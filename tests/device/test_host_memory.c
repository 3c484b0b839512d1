/* test_host_memory.c: how much memory there is, from made-up /proc and cgroup files in a folder of
 * the test. */
#include "support/cmocka.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/cpu/cpu.h"

#define MEMINFO                                                                                    \
    "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    800 kB\nBuffers: 1 kB\n"

#define KB 1024ULL

static char root[64];

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/rocmforge-host-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

/* Writes a file below the root, with the folders on the way. */
static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0)
            assert_int_equal(errno, EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect(uint64_t free, uint64_t total, const char *source)
{
    rf_device_memory memory;
    rf_error error;
    assert_int_equal(rf_cpu_host_memory(root, &memory, &error), RF_OK);
    assert_int_equal(memory.free, free);
    assert_int_equal(memory.total, total);
    assert_string_equal(memory.source, source);
}

static void without_limits_the_kernels_estimate_holds(void **state)
{
    (void)state;
    put("/proc/meminfo", MEMINFO);
    expect(800 * KB, 1000 * KB, "/proc/meminfo");
    put("/proc/self/cgroup", "0::/user.slice\n");
    put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
    put("/sys/fs/cgroup/user.slice/memory.current", "5000\n");
    expect(800 * KB, 1000 * KB, "/proc/meminfo");
    put("/sys/fs/cgroup/user.slice/memory.max", "900000000\n");
    expect(800 * KB, 1000 * KB, "/proc/meminfo");
}

static void a_lower_limit_of_version_2_holds(void **state)
{
    (void)state;
    put("/proc/meminfo", MEMINFO);
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/sys/fs/cgroup/a/b/memory.max", "500000\n");
    put("/sys/fs/cgroup/a/b/memory.current", "200000\n");
    put("/sys/fs/cgroup/a/b/memory.stat", "anon 3\ninactive_file 50000\nactive_file 9\n");
    expect(350000, 500000, "cgroup v2");
    /* A group above may allow less. */
    put("/sys/fs/cgroup/a/memory.max", "400000\n");
    put("/sys/fs/cgroup/a/memory.current", "390000\n");
    expect(10000, 400000, "cgroup v2");
    put("/sys/fs/cgroup/a/memory.current", "410000\n");
    expect(0, 400000, "cgroup v2");
    /* Or allow more, and have used it up by its other groups. */
    put("/sys/fs/cgroup/a/memory.max", "700000\n");
    put("/sys/fs/cgroup/a/memory.current", "695000\n");
    expect(5000, 500000, "cgroup v2");
}

static void a_path_of_the_host_means_the_mount_itself(void **state)
{
    (void)state;
    put("/proc/meminfo", MEMINFO);
    put("/proc/self/cgroup", "0::/not/in/this/container\n");
    put("/sys/fs/cgroup/memory.max", "300000\n");
    put("/sys/fs/cgroup/memory.current", "100000\n");
    expect(200000, 300000, "cgroup v2");
}

static void a_lower_limit_of_version_1_holds(void **state)
{
    (void)state;
    put("/proc/meminfo", MEMINFO);
    put("/proc/self/cgroup", "9:name=systemd:/\n5:cpu,memory,pids:/job/7\n0::/\n");
    put("/sys/fs/cgroup/memory/job/7/memory.limit_in_bytes", "600000\n");
    put("/sys/fs/cgroup/memory/job/7/memory.usage_in_bytes", "100000\n");
    put("/sys/fs/cgroup/memory/job/7/memory.stat", "total_inactive_file 60000\n");
    expect(560000, 600000, "cgroup v1");
    /* A version-1 group without a limit says a number near the largest there is. */
    put("/sys/fs/cgroup/memory/job/7/memory.limit_in_bytes", "9223372036854771712\n");
    expect(800 * KB, 1000 * KB, "/proc/meminfo");
}

static void nonsense_is_not_believed(void **state)
{
    (void)state;
    rf_device_memory memory;
    rf_error error;
    assert_int_equal(rf_cpu_host_memory(root, &memory, &error), RF_ERROR_DEVICE);
    put("/proc/meminfo", "MemTotal: 1000 kB\n");
    assert_int_equal(rf_cpu_host_memory(root, &memory, &error), RF_ERROR_DEVICE);
    put("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 99999999999999999999 kB\n");
    assert_int_equal(rf_cpu_host_memory(root, &memory, &error), RF_ERROR_DEVICE);
    put("/proc/meminfo", MEMINFO);
    const char *const groups[] = {"", "\n", "0", "0:", "0::", "::\n::\n", "x:memory", "1:,,:/\n"};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        put("/proc/self/cgroup", groups[i]);
        expect(800 * KB, 1000 * KB, "/proc/meminfo");
    }
}

static void this_machine_says_something(void **state)
{
    (void)state;
    rf_device_memory memory;
    assert_int_equal(rf_cpu_host_memory("", &memory, NULL), RF_OK);
    assert_true(memory.free > 0 && memory.free <= memory.total);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        TEST(without_limits_the_kernels_estimate_holds),
        TEST(a_lower_limit_of_version_2_holds),
        TEST(a_path_of_the_host_means_the_mount_itself),
        TEST(a_lower_limit_of_version_1_holds),
        TEST(nonsense_is_not_believed),
        cmocka_unit_test(this_machine_says_something),
    };
    return cmocka_run_group_tests_name("host-memory", tests, NULL, NULL);
}
