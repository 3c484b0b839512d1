"""test_synth.py: rocmforge synth from outside: a file that runs, and no file where there should be none."""
import os
import re
import signal
import subprocess
import tempfile
import time

from harness import PROGRAM, TIMEOUT, fail, main, rocmforge, succeed


def test_the_lists_name_what_can_be_asked_for():
    text = succeed("synth", "--list").decode()
    for name in ("llama-8b", "mixtral-8x7b", "qwen2.5-0.5b", "big-tensor", "Q4_K_M", "MXFP4"):
        assert re.search(rf"^  {re.escape(name)} ", text, re.MULTILINE), name


def test_sizes_are_known_without_writing():
    text = succeed("synth", "--dry-run", "llama-8b", "Q4_K_M").decode()
    assert "8.0 G parameters" in text and "4912898048 bytes" in text, text


def test_a_synthetic_model_plans_and_runs():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.gguf")
        done = rocmforge("synth", "tiny", "Q4_K_M", path, "--layers", 6)
        assert done.returncode == 0 and done.stdout == b"", done
        assert "GB/s" in done.stderr.decode(), done.stderr
        assert b"weights" in succeed("plan", "-m", path)
        text = succeed("run", "-q", "-m", path, "-p", "hello", "-n", "4", "--temp", "0")
        assert text.startswith(b"hello") and len(text) > len("hello\n"), text
        assert "is there already" in fail(1, "synth", "tiny", "Q4_K_M", path)
        assert rocmforge("synth", "tiny", "Q8_0", path, "--force", "-q").stderr == b""
        assert os.listdir(folder) == ["m.gguf"]


def test_wrong_usage_exits_2_and_wrong_names_list_the_right_ones():
    assert "QUANT is missing" in fail(2, "synth", "tiny")
    assert "OUT is missing" in fail(2, "synth", "tiny", "Q8_0")
    assert "--layers" in fail(2, "synth", "tiny", "Q8_0", "x", "--layers", "0")
    assert "llama-8b" in fail(1, "synth", "nosuch", "Q8_0", "/nonexistent/x")
    assert "Q4_K_M" in fail(1, "synth", "tiny", "nosuch", "/nonexistent/x")
    assert "/nonexistent/" in fail(1, "synth", "tiny", "Q8_0", "/nonexistent/x")


def test_an_interrupt_leaves_no_file():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.gguf")
        with subprocess.Popen([PROGRAM, "synth", "llama-1b", "Q8_0", path], stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + TIMEOUT
            while not any(entry.stat().st_size for entry in os.scandir(folder)):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.001)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 1, process.returncode
        assert b"cancelled after" in errors, errors
        assert os.listdir(folder) == []


main(globals())
