"""test_devices.py: 'rocmforge devices' on machines with a GPU: the fake driver under the name of a real one."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

from harness import PROGRAM, fail, main, rocmforge, succeed

FAKES = os.path.join(os.environ["ROCMFORGE_BUILD"], "tests", "device")


def with_gpus(use, *arguments, more=None, **options):
    """Calls rocmforge() or one like it where libcuda.so.1 is the fake driver, with two devices of 1 GiB."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(FAKES, "libfake-driver.so"), os.path.join(folder, "libcuda.so.1"))
        paths = [folder, FAKES, os.environ.get("LD_LIBRARY_PATH", "")]
        environment = {"LD_LIBRARY_PATH": ":".join(path for path in paths if path), **(more or {})}
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


def test_one_device_can_be_asked_for():
    assert [entry["id"] for entry in json.loads(succeed("devices", "--device", "emu64", "--json"))] == ["emu64"]
    assert "nosuch" in fail(1, "devices", "--device", "nosuch")


def test_a_check_prints_a_line_for_each_thing_it_tried():
    text = with_gpus(succeed, "devices", "--check", "-d", "cuda:1").decode()
    lines = text.splitlines()
    assert lines[0].startswith("cuda:1: Fake GPU, sm_90, CUDA 12.4 (libcuda.so.1)"), text
    for name in ("copies", "pool-views", "fills", "streams", "events", "graphs", "left-over"):
        assert any(re.match(rf"  {name} +ok  ", line) for line in lines), (name, text)
    assert re.search(r"\n  allocation +worked around +the driver aligned \d allocations less than asked", text), text
    assert re.search(r"speed-to-device +ok +[0-9.]+ GB/s \([0-9.]+ to [0-9.]+ in \d+ runs", text), text
    assert re.fullmatch(r"  16 checks in [0-9.]+ s: 15 ok, 1 worked around", lines[-1]), text


def test_a_check_of_the_cpu_says_what_it_has_not():
    devices = json.loads(succeed("devices", "--check", "--device", "cpu", "--json"))
    assert len(devices) == 1 and devices[0]["failed"] == 0 and devices[0]["error"] is None
    checks = {check["name"]: check for check in devices[0]["checks"]}
    assert len(checks) == 16
    assert checks["graphs"]["result"] == "not available"
    assert checks["speed-to-device"]["slowest"] <= checks["speed-to-device"]["bytes_per_second"]


def test_a_failed_check_says_what_to_report():
    # Events that the driver calls done at once, hours apart: the one thing wrong with this driver.
    wrong = {"FAKE_DRIVER_HOURS": "1"}
    done = with_gpus(rocmforge, "devices", "--check", "-d", "cuda:0", more=wrong)
    text = done.stdout.decode()
    assert done.returncode == 1, text
    assert "1 of 1 devices failed" in done.stderr.decode(), done.stderr
    assert re.search(r"\n  events +failed ", text), text
    report = text[text.index("To be reported"):]
    for word in ("rocmforge 0", "device cuda:0", "Fake GPU (sm_90)", "driver: CUDA 12.4", "check 'events'"):
        assert word in report, (word, report)
    devices = json.loads(with_gpus(rocmforge, "devices", "--check", "-d", "cuda", "--json", more=wrong).stdout)
    failed = [check for check in devices[0]["checks"] if check["result"] == "failed"]
    assert [check["name"] for check in failed] == ["events"] and failed[0]["status"] == "device error"


def test_an_interrupted_check_ends_cleanly():
    with subprocess.Popen([PROGRAM, "devices", "--check", "-d", "emu32"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - start < 30
    assert process.returncode == 1 and b"was cancelled, in '" in errors, (process.returncode, errors)
    assert b"not given back" not in errors, errors


def test_without_a_device_the_gpu_is_used_or_it_is_said_why_not():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.gguf")
        succeed("synth", "tiny", "Q4_0", path, "-q")
        plain = ("plan", "-m", path)
        found = with_gpus(rocmforge, *plain, more={"ROCMFORGE_DEVICE": ""})
        assert found.returncode == 0, found
        device = re.search(r"^m.gguf on (\S+): ", found.stdout.decode()).group(1)
        if found.stderr:
            assert device == "cpu" and len(found.stderr.splitlines()) == 1, found
            assert b"warning: device cuda:0 (Fake GPU) is not used: there are no kernels for sm_90" in found.stderr
            assert b"(rebuild with -Dgpu_targets=native or all)" in found.stderr
        else:
            assert device == "cuda:0", found
        for more, arguments in (({"ROCMFORGE_DEVICE": "cuda:1"}, ()), ({"ROCMFORGE_DEVICE": "cpu"}, ("-d", "cuda:1"))):
            found = with_gpus(rocmforge, *plain, *arguments, more=more)
            assert found.returncode == 0 and b"on cuda:1: " in found.stdout and found.stderr == b"", found
        assert "'gpu9'" in with_gpus(fail, 1, *plain, more={"ROCMFORGE_DEVICE": "gpu9"})


def test_what_does_not_fit_a_gpu_is_told_what_would():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.gguf")
        succeed("synth", "tiny", "Q4_0", path, "-q")
        large = ("-d", 100000, "--parallel", 100, "--gpu-layers", "all")
        line = with_gpus(fail, 1, "bench", "-m", path, "--device", "cuda:0", *large)
        assert "free on cuda:0; less --depth or --parallel takes less, --gpu-layers auto leaves" in line, line
        done = rocmforge("run", "-m", path, "-d", "emu32", "-c", 1 << 25, "-p", "x", "--gpu-layers", "all")
        if b"there are no kernels" not in done.stderr:
            assert b"a smaller --ctx takes less, --gpu-layers auto leaves" in done.stderr, done.stderr


main(globals())
