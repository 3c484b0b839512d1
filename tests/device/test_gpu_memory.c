/* test_gpu_memory.c: whose word on free memory is believed, and a card's architecture, from made-up
 * /sys and /proc folders and the fake driver. */
#include "support/cmocka.h"

#include <string.h>

#include "device/gpu/sysfs.h"
#include "device/gpu_fixture.h"

#define CARD  "/sys/bus/pci/devices/0000:03:00.0/"
#define NODES "/sys/class/kfd/kfd/topology/nodes/"
#define MIB   ((uint64_t)1 << 20)

/* A card with 1 GiB, 300 MiB of it in use, and 2 GiB of GTT, 100 MiB in use. */
static void add_card(const fake_root *root, const char *vram_used)
{
    add_file(root, CARD "mem_info_vram_total", "1073741824\n");
    add_file(root, CARD "mem_info_vram_used", vram_used);
    add_file(root, CARD "mem_info_gtt_total", "2147483648\n");
    add_file(root, CARD "mem_info_gtt_used", "104857600\n");
}

static rf_device_memory memory_of(const char *id, const fake_root *root)
{
    rf_device *gpu = NULL;
    rf_device_memory memory;
    rf_gpu_hip.root = rf_gpu_cuda.root = root->path;
    assert_int_equal(rf_device_open(id, &gpu, NULL), RF_OK);
    assert_int_equal(gpu->ops->memory(gpu, &memory, NULL), RF_OK);
    rf_device_close(gpu, NULL);
    return memory;
}

static void the_driver_is_believed_where_it_says_less(void **state)
{
    (void)state;
    fake_root root = make_root();
    add_card(&root, "314572800\n");
    fake.memory_used = 400 * MIB;
    rf_device_memory memory = memory_of("hip:0", &root);
    assert_string_equal(memory.source, "driver");
    assert_int_equal(memory.free, 624 * MIB);
    assert_int_equal(memory.total, 1024 * MIB);
    assert_int_equal(memory.driver.free, 624 * MIB);
    assert_int_equal(memory.vram.free, 724 * MIB);
    assert_int_equal(memory.vram.total, 1024 * MIB);
    assert_int_equal(memory.gtt.free, 1948 * MIB);
    remove_root(&root);
}

/* What the desktop uses, the driver does not see. */
static void sysfs_is_believed_where_it_says_less(void **state)
{
    (void)state;
    fake_root root = make_root();
    add_card(&root, "314572800\n");
    rf_device_memory memory = memory_of("hip:0", &root);
    assert_string_equal(memory.source, "sysfs");
    assert_int_equal(memory.free, 724 * MIB);
    assert_int_equal(memory.driver.free, 1024 * MIB);
    remove_root(&root);
}

static void a_card_that_sysfs_does_not_know_is_the_drivers(void **state)
{
    (void)state;
    fake_root root = make_root();
    add_file(&root, CARD "mem_info_vram_total", "1073741824\n");
    add_file(&root, CARD "mem_info_vram_used", "nonsense\n");
    rf_device_memory memory = memory_of("hip:0", &root);
    assert_string_equal(memory.source, "driver");
    assert_int_equal(memory.vram.total, 0);
    add_card(&root, "1073741824\n"); /* it is the other card's */
    memory = memory_of("hip:1", &root);
    assert_string_equal(memory.source, "driver");
    assert_int_equal(memory.vram.total, 0);
    remove_root(&root);
}

static void a_card_in_use_up_to_the_last_byte_has_none_free(void **state)
{
    (void)state;
    fake_root root = make_root();
    add_card(&root, "1073745920\n"); /* more than there is, as when the two are read apart */
    rf_device_memory memory = memory_of("hip:0", &root);
    assert_string_equal(memory.source, "sysfs");
    assert_int_equal(memory.free, 0);
    remove_root(&root);
}

/* The host's memory counts as far as GTT and the host have it. */
static void an_apu_has_the_hosts_memory_too(void **state)
{
    (void)state;
    fake_root root = make_root();
    fake.integrated = true;
    fake.memory_total = 8192 * MIB; /* a driver that counts all of the host's */
    add_card(&root, "314572800\n");
    rf_device_memory memory = memory_of("hip:0", &root);
    assert_string_equal(memory.source, "sysfs");
    assert_int_equal(memory.free, (724 + 1948) * MIB);
    assert_int_equal(memory.total, (1024 + 2048) * MIB);
    add_file(&root, "/proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable: 1048576 kB\n");
    memory = memory_of("hip:0", &root);
    assert_int_equal(memory.free, (724 + 1024) * MIB);
    fake.memory_total = 1024 * MIB; /* a driver that counts the video memory alone */
    memory = memory_of("hip:0", &root);
    assert_string_equal(memory.source, "driver");
    assert_int_equal(memory.free, 1024 * MIB);
    remove_root(&root);
}

static void the_source_is_in_the_list_of_devices(void **state)
{
    (void)state;
    fake_root root = make_root();
    rf_device_info infos[4];
    size_t count = 0;
    add_card(&root, "314572800\n");
    rf_gpu_hip.root = root.path;
    assert_int_equal(rf_device_list(infos, 4, &count, NULL), RF_OK);
    assert_string_equal(infos[1].id, "hip:0");
    assert_string_equal(infos[1].memory_source, "sysfs");
    assert_int_equal(infos[1].memory_free, 724 * MIB);
    assert_string_equal(infos[2].memory_source, "driver");
    assert_int_equal(infos[1].driver_memory.free, 1024 * MIB);
    assert_int_equal(infos[1].vram.free, 724 * MIB);
    assert_int_equal(infos[1].vram.total, 1024 * MIB);
    assert_int_equal(infos[1].gtt.free, 1948 * MIB);
    assert_int_equal(infos[1].gtt.total, 2048 * MIB);
    assert_int_equal(infos[2].driver_memory.total, 1024 * MIB);
    assert_int_equal(infos[2].vram.total + infos[2].gtt.total, 0);
    assert_int_equal(infos[0].driver_memory.total, 0); /* of the CPU nobody but the kernel speaks */
    remove_root(&root);
}

/* What a report of an error has to say: interface, library, and the kernel's module where it has a
 * version. */
static void the_driver_is_in_the_list_of_devices(void **state)
{
    (void)state;
    fake_root root = make_root();
    rf_device_info infos[8];
    size_t count = 0;
    fake.hip_version = 60342134;
    rf_gpu_hip.root = rf_gpu_cuda.root = root.path;
    add_file(&root, "/sys/module/nvidia/version", "550.54.15\n");
    add_file(&root, "/sys/module/amdgpu/version", "\n");
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    assert_int_equal(count, 5);
    assert_string_equal(infos[1].driver, "HIP 6.3.42134 (libfake-driver.so)");
    assert_string_equal(infos[3].driver, "CUDA 12.4 (libfake-driver.so), nvidia 550.54.15");
    assert_memory_equal(infos[0].driver, "Linux ", 6);
    remove_root(&root);
}

/* ---- architecture --------------------------------------------------------------------------- */

static void add_node(const fake_root *root, const char *path, const char *version,
                     const char *location)
{
    char text[256];
    strcpy(text, "cpu_cores_count 0\nsimd_count 96\nlocation_id ");
    strcat(text, location);
    strcat(text, "\ndomain 0\ngfx_target_version ");
    strcat(text, version);
    strcat(text, "\nunique_id 1\n");
    add_file(root, path, text);
}

static void architectures_are_read_from_the_topology(void **state)
{
    (void)state;
    fake_root root = make_root();
    char name[64] = "untouched";
    assert_false(rf_gpu_sysfs_architecture(root.path, "0000:03:00.0", name));
    add_node(&root, NODES "0/properties", "0", "0");
    add_node(&root, NODES "1/properties", "110501", "768"); /* 3 << 8 */
    add_node(&root, NODES "2/properties", "90010", "1281"); /* 5 << 8 | 1 */
    add_node(&root, NODES "4/properties", "90402", "1288"); /* 5 << 8 | 1 << 3 */
    assert_true(rf_gpu_sysfs_architecture(root.path, "0000:03:00.0", name));
    assert_string_equal(name, "gfx1151");
    assert_true(rf_gpu_sysfs_architecture(root.path, "0000:05:00.1", name));
    assert_string_equal(name, "gfx90a");
    assert_true(rf_gpu_sysfs_architecture(root.path, "0000:05:01.0", name));
    assert_string_equal(name, "gfx942");
    assert_false(rf_gpu_sysfs_architecture(root.path, "0001:05:01.0", name));
    assert_false(rf_gpu_sysfs_architecture(root.path, "somewhere", name));
    assert_false(rf_gpu_sysfs_architecture(root.path, "", name));
    assert_string_equal(name, "gfx942");
    remove_root(&root);
}

static void check_architecture(const char *expected)
{
    rf_device *gpu = NULL;
    rf_device_facts facts;
    assert_int_equal(rf_device_open("hip:0", &gpu, NULL), RF_OK);
    assert_int_equal(gpu->ops->facts(gpu, &facts, NULL), RF_OK);
    assert_string_equal(facts.info.architecture, expected);
    rf_device_close(gpu, NULL);
}

/* ROCm 5 has no call for it whose result is the same in all releases. */
static void an_older_hip_leaves_the_architecture_to_sysfs(void **state)
{
    (void)state;
    fake_root root = make_root();
    add_node(&root, NODES "1/properties", "100300", "768");
    rf_gpu_hip.root = root.path;
    check_architecture("gfx1100");
    fake.architecture = "not an architecture";
    check_architecture("gfx1030");
    fake.architecture = "gfx942:sramecc+:xnack-";
    check_architecture("gfx942");
    use_fake(&rf_gpu_hip, "fake-driver-5");
    check_architecture("gfx1030");
    remove_root(&root);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_fake, tear_down_fake)
    const struct CMUnitTest tests[] = {
        TEST(the_driver_is_believed_where_it_says_less),
        TEST(sysfs_is_believed_where_it_says_less),
        TEST(a_card_that_sysfs_does_not_know_is_the_drivers),
        TEST(a_card_in_use_up_to_the_last_byte_has_none_free),
        TEST(an_apu_has_the_hosts_memory_too),
        TEST(the_source_is_in_the_list_of_devices),
        TEST(the_driver_is_in_the_list_of_devices),
        TEST(architectures_are_read_from_the_topology),
        TEST(an_older_hip_leaves_the_architecture_to_sysfs),
    };
    return cmocka_run_group_tests_name("gpu-memory", tests, NULL, NULL);
}
