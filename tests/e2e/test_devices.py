"""test_devices.py: 'rocmforge devices' on machines with a GPU: the fake driver under the name of a real one."""
import json
import os
import tempfile

from harness import main, succeed

FAKES = os.path.join(os.environ["ROCMFORGE_BUILD"], "tests", "device")


def with_gpus(use, *arguments, **options):
    """Calls rocmforge() or one like it where libcuda.so.1 is the fake driver, with two devices of 1 GiB."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(FAKES, "libfake-driver.so"), os.path.join(folder, "libcuda.so.1"))
        paths = [folder, FAKES, os.environ.get("LD_LIBRARY_PATH", "")]
        environment = {"LD_LIBRARY_PATH": ":".join(path for path in paths if path)}
        return use(*arguments, environment=environment, **options)


def test_gpus_are_listed_with_what_their_driver_says():
    text = with_gpus(succeed, "devices").decode()
    assert "cuda:1 " in text, text
    assert "free: driver 1.0 GiB of 1.0 GiB\n" in text, text
    assert "driver: CUDA 12.4 (libcuda.so.1)" in text, text


def test_json_has_all_words():
    devices = {entry["id"]: entry for entry in json.loads(with_gpus(succeed, "devices", "--json"))}
    assert devices["cuda:0"]["driver_memory"] == {"free": 1 << 30, "total": 1 << 30}
    assert devices["cuda:0"]["memory_source"] == "driver"
    assert devices["cuda:0"]["vram"] is None and devices["cuda:0"]["gtt"] is None
    assert devices["cuda:0"]["driver"].startswith("CUDA 12.4 (libcuda.so.1)")
    assert devices["cpu"]["driver_memory"] is None


main(globals())
