"""test_bench_infer.py: rocmforge bench of prefill and decode from outside: every combination is measured, its figures
agree with each other, and what cannot be measured is refused before anything is."""
import csv
import io
import json
import os
import signal
import subprocess
import tempfile

from harness import PROGRAM, TIMEOUT, Skip, fail, main, rocmforge, succeed

FOLDER = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
MODEL = os.path.join(FOLDER.name, "tiny, \"model\".gguf")


def model():
    if not os.path.exists(MODEL):
        succeed("synth", "tiny", "Q4_K_M", MODEL, "-q")
    return MODEL


def measured(*arguments, device="cpu"):
    return json.loads(succeed("bench", "-m", model(), "--device", device, "--json", *arguments))


def combination(test):
    return test["test"], test["depth"], test["sequences"], test["batch"]


def test_every_combination_is_measured():
    tests = measured(
        *("-p", "3,5-9+4", "-n", "0,2", "-d", "0,17", "--parallel", "1-4*4", "-b", "4,8", "-r", 1),
    )["tests"]
    expected = []
    for depth in (0, 17):
        expected += [(f"pp{p}", depth, 1, b) for b in (4, 8) for p in (3, 5, 9)]
        expected += [("tg2", depth, s, 8) for s in (1, 4)]
    assert [combination(t) for t in tests] == expected, tests


def test_a_model_is_measured_with_layers_on_the_cpu():
    arguments = ("bench", "-m", model(), "--device", "emu32", "--json", "-p", 2, "-n", 1, "-r", 1, "--gpu-layers", 1)
    done = rocmforge(*arguments)
    if b"there are no kernels" in done.stderr:
        raise Skip(done.stderr.decode())
    result = json.loads(done.stdout)
    assert result["device_layers"] == 1 < result["layers"], result
    assert all(test["ceiling_tokens_per_second"] is None for test in result["tests"])
    whole = measured("-p", 2, "-n", 1, "-r", 1)["tests"]
    for test, same in zip(result["tests"], whole):
        assert test["weight_bytes_read"] == same["weight_bytes_read"] and test["flop"] == same["flop"]
    assert "exclude each other" in fail(2, "bench", "--load", "--gpu-layers", "1")


def test_figures_agree():
    result = measured("-p", 20, "-n", 4, "-d", 30, "--parallel", 3, "-b", 8, "-r", 4)
    assert result["device"] == "cpu" and result["kernels"].startswith("cpu "), result
    assert result["memory_measured_by"] == "reading" and result["memory_threads"] > 0
    prefill, decode = result["tests"]
    for test, tokens, passes in ((prefill, 20, 3), (decode, 12, 4)):
        rates = sorted(tokens * 1e9 / ns for ns in test["nanoseconds"])
        assert len(rates) == test["repetitions"] == 4
        for name, rate in (("", (rates[1] + rates[2]) / 2), ("_lowest", rates[0]), ("_highest", rates[3])):
            assert abs(test["tokens_per_second" + name] / rate - 1) < 1e-6, (name, test)
        assert test["passes"] == passes
        assert abs(test["flop_per_second"] / (test["flop"] * test["tokens_per_second"] / tokens) - 1) < 1e-6
    # A pass of prefill computes no logits unless it is the last.
    assert decode["weight_bytes_read"] / 4 > prefill["weight_bytes_read"] / 3
    ceiling = 12 * result["memory_bytes_per_second"] / (decode["weight_bytes_read"] + decode["kv_bytes_read"])
    assert abs(decode["ceiling_tokens_per_second"] / ceiling - 1) < 1e-6
    assert abs(decode["share_of_ceiling"] / (decode["tokens_per_second"] / ceiling) - 1) < 1e-6
    assert prefill["ceiling_tokens_per_second"] is None and prefill["share_of_ceiling"] is None
    # Keys and values of three sequences, at 31 to 34 tokens each.
    assert decode["kv_bytes_read"] / prefill["kv_bytes_read"] == 3 * (31 + 32 + 33 + 34) / (38 + 46 + 50)


def test_csv_has_what_json_has():
    text = succeed("bench", "-m", model(), "--device", "cpu", "-p", 4, "-n", 2, "-r", 2, "--csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    document = measured("-p", 4, "-n", 2, "-r", 2)
    tests = document.pop("tests")
    assert [row["test"] for row in rows] == ["pp4", "tg2"]
    for row, test in zip(rows, tests):
        assert set(row) == (set(document) | set(test)) - {"nanoseconds"}
        assert row["model"] == MODEL and row["kv_type"] == "f16"
        for name in ("tokens", "depth", "batch", "passes", "weight_bytes_read", "flop"):
            assert float(row[name]) == test[name], name
    assert rows[0]["share_of_ceiling"] == "" and float(rows[1]["share_of_ceiling"]) > 0


def test_a_table_for_people():
    done = rocmforge("bench", "-m", model(), "--device", "cpu", "-p", 4, "-n", 2, "-r", 1)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and done.stderr == b""  # progress is for terminals
    assert [line.split()[0] for line in lines if line] == [
        *("rocmforge", "model", "device", "memory", "test", "pp4", "tg2")
    ]
    assert lines[2].split()[1] == "cpu," and "kernels cpu " in lines[2]
    assert "reading: the fastest of" in lines[3]
    assert " %" in lines[-1] and " %" not in lines[-2]


def test_a_gpu_is_measured_by_copies():
    arguments = ("bench", "-m", model(), "--device", "emu32", "-p", 3, "-n", 2, "-d", 5, "-r", 1, "--json")
    done = rocmforge(*arguments)
    if b"there are no kernels" in done.stderr:
        raise Skip("the build has no kernels for the emulated GPU")
    result = json.loads(done.stdout)
    assert result["kernels"] == "emu32" and result["memory_measured_by"] == "copying"
    assert [t["depth"] for t in result["tests"]] == [5, 5]


def test_an_interrupt_ends_it():
    arguments = [PROGRAM, "bench", "-m", model(), "--device", "cpu", "-p", "4", "-n", "1000000", "-d", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for line in process.stdout:
            if line.startswith(b"pp4"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert errors.decode().splitlines() == [
        "rocmforge: error: test tg1000000 at depth 0 with 1 sequences: interrupted"
    ], errors


def test_what_cannot_be_is_refused_at_once():
    base = ("bench", "-m", model(), "--device", "cpu")
    assert "'x' is not an integer" in fail(2, *base, "-p", "x")
    assert "goes down" in fail(2, *base, "-d", "8-4")
    assert "exclude each other" in fail(2, *base, "--json", "--csv")
    assert "nothing is to be measured" in fail(1, *base, "-p", 0, "-n", 0)
    assert "make 4160 tests" in fail(1, *base, "-p", "1-64", "-b", "1-64", "-n", "0-63", "--parallel", 1)
    line = fail(1, *base, "-n", 1, "-d", 1 << 30, "-p", 0)
    assert "test tg1 at depth 1073741824" in line and "n_context" in line, line
    line = fail(1, *base, "-p", 0, "-n", 8, "-d", "0,1000000", "--parallel", 4000)
    assert "test tg8 at depth 1000000 with 4000 sequences: " in line and "are free on cpu" in line, line
    assert "power of two" in fail(1, *base, "--page", 3)
    assert "nosuch" in fail(1, "bench", "-m", model(), "--device", "nosuch")


main(globals())
