"""test_bench.py: rocmforge bench --load from outside: every phase and ceiling is there, and they agree with each other."""
import json
import os
import re
import statistics
import tempfile

from harness import Skip, fail, main, rocmforge, succeed

PHASES = ("plan_ms", "allocate_ms", "transfer_ms", "verify_ms", "rest_ms")


def model(folder):
    path = os.path.join(folder, "m.gguf")
    assert rocmforge("synth", "tiny", "Q4_K_M", path, "-q").returncode == 0
    return path


def measured(*arguments):
    return json.loads(succeed("bench", "--load", "--json", *arguments))


def test_the_phases_of_a_load_add_up():
    with tempfile.TemporaryDirectory() as folder:
        result = measured("-m", model(folder), "--no-mmap", "--warm", "-r", 3)
    (loads,) = result["loads"]
    assert loads["cache"] == "warm" and loads["mode"] == "buffered", loads
    assert len(loads["total_ms"]) == len(loads["gb_per_s"]) == 3
    for i in range(3):
        parts = sum(loads[phase][i] for phase in PHASES)
        assert abs(parts - loads["total_ms"][i]) < 1e-6 and loads["rest_ms"][i] >= 0, loads
        rate = loads["bytes"] / loads["transfer_ms"][i] * 1e-6
        assert abs(rate / loads["gb_per_s"][i] - 1) < 1e-6
    assert "copying" not in result and "share_of_copying" not in loads  # the readers fill the pools themselves
    assert result["start_to_weights_ms"] >= result["first_load_ms"] > 0


def test_the_reads_beside_loads_are_of_the_best_kind_and_not_those_that_chose_it():
    with tempfile.TemporaryDirectory() as folder:
        path = model(folder)
        result = measured("-m", path, "--no-mmap", "--warm", "-r", 4, "--readers", "1,2")
        text = succeed("bench", "--load", "-m", path, "--no-mmap", "--warm", "-r", 1).decode()
    kinds, beside = result["reading_warm"], result["reading_warm_beside_loads"]
    assert len(kinds) == 5 and kinds[0]["readers"] == 1, kinds
    assert all(len(kind["gb_per_s"]) == 3 for kind in kinds), kinds
    assert all(len(entry["gb_per_s"]) == 4 for entry in result["loads"] + [beside]), result
    for entry in kinds + result["loads"] + [beside]:
        assert abs(entry["median_gb_per_s"] / statistics.median(entry["gb_per_s"]) - 1) < 1e-6, entry
    best = max(kinds, key=lambda kind: kind["median_gb_per_s"])
    assert (beside["mode"], beside["readers"]) == (best["mode"], best["readers"]), (beside, best)
    for loads in result["loads"]:
        share = loads["median_gb_per_s"] / beside["median_gb_per_s"]
        assert abs(loads["share_of_reading"] / share - 1) < 1e-6, (loads, beside)
    assert "warm: reading alone, 3 times each kind before the loads" in text, text
    alone = r"rate of read and copy .* % of reading alone \(buffered, \d+ threads?, beside the loads: .* to .* GB/s\)"
    assert re.search(alone, text), text


def test_a_gpu_has_a_ceiling_of_copies_and_pinned_memory():
    with tempfile.TemporaryDirectory() as folder:
        path = model(folder)
        result = measured("-m", path, "--device", "emu", "--warm", "-r", 1, "--staging-bytes", "128K")
        text = succeed("bench", "--load", "-m", path, "--device", "emu", "--warm", "-r", 1).decode()
    (loads,) = result["loads"]
    assert result["copying"]["gb_per_s"] > 0 and loads["share_of_copying"] > 0
    assert loads["driver_allocations"] > loads["staging_buffers"] > 0
    assert re.search(r"rate of read and copy .* GB/s .* of reading alone .* of copying", text), text
    assert re.search(r"host memory .* above idle, and .* pinned", text), text


def test_lists_are_measured_in_every_combination():
    with tempfile.TemporaryDirectory() as folder:
        result = measured(
            *("-m", model(folder), "--device", "emu", "--warm", "-r", 1, "--readers", "1,2"),
            *("--staging-buffers", "2,3", "--staging-bytes", "128K,256K"),
        )
    ways = [(l["readers"], l["staging_buffers"], l["staging_bytes"] // l["staging_buffers"]) for l in result["loads"]]
    assert ways == [(r, b, s << 10) for s in (128, 256) for b in (2, 3) for r in (1, 2)], ways


def test_cold_is_cold_or_said_not_to_be():
    with tempfile.TemporaryDirectory() as folder:
        result = measured("-m", model(folder), "--no-mmap", "--cold", "-r", 2)
    if "not_cold" in result:
        assert result["loads"] == [] and result["not_cold"] > 0.02
        raise Skip("the file system keeps files in the page cache")
    (loads,) = result["loads"]
    assert loads["cache"] == "cold" and all(0 <= share <= 1 for share in loads["cached"]), loads
    modes = [entry["mode"] for entry in result["reading_cold"]]  # a small file has few readers
    assert modes[:5] == ["buffered"] * 5 and modes[5:] in ([], ["direct"] * 5), modes
    assert all(len(entry["gb_per_s"]) == 3 for entry in result["reading_cold"]), result
    assert len(loads["gb_per_s"]) == len(result["reading_cold_beside_loads"]["gb_per_s"]) == 2, result
    assert 0 <= result["reading_cold_cached"] <= 1 and loads["share_of_reading"] > 0
    if max(loads["cached"]) > 0.5: # it is said; what the kernel keeps is not for this program to decide
        raise Skip("the page cache kept the file for some loads")


def test_host_memory_is_what_the_load_took():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.gguf")
        succeed("synth", "qwen2.5-0.5b", "Q4_0", path, "--layers", 1, "-q")
        pools = measured("-m", path, "--device", "cpu", "--no-mmap", "--warm", "-r", 1)["loads"][0]
        mapped = measured("-m", path, "--device", "cpu", "--warm", "-r", 1)["loads"][0]
    assert pools["bytes"] > 50e6, pools
    assert 0.9 < pools["host_bytes"][0] / pools["bytes"] < 2, pools  # the CPU's pools are host memory
    assert mapped["host_bytes"][0] < 0.9 * mapped["bytes"], mapped


def test_weights_in_place_are_not_read():
    with tempfile.TemporaryDirectory() as folder:
        path = model(folder)
        result = measured("-m", path, "--device", "cpu", "--warm", "-r", 2)
        text = succeed("bench", "--load", "-m", path, "--device", "cpu", "--warm", "-r", 2).decode()
    assert result["loads"][0]["mode"] == "in place" and not [key for key in result if key.startswith("reading")]
    assert "GB/s" not in text and "2 loads, in place" in text, text


def test_wrong_usage_and_errors():
    assert "option --warm needs --load" in fail(2, "bench", "--warm")
    assert "option --readers needs --load" in fail(2, "bench", "--readers", "3")
    assert "options --depth and --load exclude each other" in fail(2, "bench", "--load", "-d", "3")
    assert "options --csv and --load exclude each other" in fail(2, "bench", "--load", "--csv")
    assert "/nowhere/m.gguf" in fail(1, "bench", "--load", "-m", "/nowhere/m.gguf")
    assert "nosuch" in fail(1, "bench", "--load", "--device", "nosuch")
    assert "all staging buffers together" in fail(
        1, "bench", "--load", "--device", "emu", "--staging-buffers", "256", "--staging-bytes", "256M"
    )


main(globals())
