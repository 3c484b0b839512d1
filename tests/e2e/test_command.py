"""test_command.py: what the command promises to programs and people: statuses, streams, JSON, signals."""
import json
import math
import os
import re
import resource
import signal
import struct
import subprocess
import tempfile
import time

from harness import DEMO, PROGRAM, TIMEOUT, Skip, fail, main, oracle_folder, rocmforge, succeed



def inspected(*more):
    """The demo model's metadata as {key: value}, and its tensors."""
    shown = json.loads(succeed("inspect", DEMO, "--json", *more))
    return {row["key"]: row.get("value") for row in shown["metadata"]}, shown["tensors"]


N_VOCAB = len(inspected("--all")[0]["tokenizer.ggml.tokens"])


def test_usage_errors_exit_2_and_point_to_help():
    assert "--help" in fail(2, "run", "--no-such-option")
    assert "--help" in fail(2, "nosuchcommand")
    for arguments in (
        ("run", "--top-p", "7"),
        ("run", "-n", "many"),
        ("run", "-c", "-1"),
        ("run", "--kv-type", "q3"),
        ("run", "--temp", "nan"),
    ):
        message = fail(2, *arguments, "-m", DEMO)
        assert arguments[1] in message, message


def test_errors_exit_1_and_name_the_thing():
    assert "/nonexistent/model.gguf" in fail(1, "run", "-m", "/nonexistent/model.gguf", "-p", "x")
    assert "/nonexistent/text" in fail(1, "run", "-m", DEMO, "-f", "/nonexistent/text")
    assert "'x'" in fail(1, "logits", "-m", DEMO, "--tokens", "1,x", "-o", "/dev/null")
    assert "99999999" in fail(1, "logits", "-m", DEMO, "--tokens", "1,99999999", "-o", "/dev/null")
    assert "nosuch" in fail(1, "run", "-m", DEMO, "--device", "nosuch", "-p", "x")
    assert os.path.dirname(DEMO) in fail(1, "inspect", os.path.dirname(DEMO))


def test_help_and_version_go_to_standard_output():
    commands = "run inspect plan tokenize detokenize logits perplexity models devices synth"
    for command in commands.split():
        text = succeed(command, "--help").decode()
        assert text.startswith(f"rocmforge {command}"), text
        assert text == succeed("help", command).decode()
    assert re.fullmatch(rb"rocmforge \d+\.\d+\.\d+\n", succeed("--version"))


def test_statistics_go_to_standard_error():
    done = rocmforge("run", "-m", DEMO, "-p", "Once upon a time", "-n", "8", "--seed", "1")
    assert done.returncode == 0
    assert done.stdout.startswith(b"Once upon a time")
    for word in ("load", "prefill", "decode", "memory", "weights", "kv cache", "peak", "tokens/s"):
        assert word in done.stderr.decode(), (word, done.stderr)
    assert rocmforge("run", "-q", "-m", DEMO, "-p", "Hi", "-n", "2").stderr == b""


def test_the_same_seed_gives_the_same_text():
    def story(*more):
        return succeed("run", "-m", DEMO, "-p", "One day", "-n", "60", *more)

    assert story("--seed", "5") == story("--seed", "5") == story("--seed", "5", "-t", "1")
    assert len({story("--seed", str(seed)) for seed in range(4)}) > 1
    greedy = story("--temp", "0", "--seed", "1")
    assert greedy == story("--temp", "0", "--seed", "2") == story("--temp", "0", "--no-mmap", "--batch", "1")


def test_a_prompt_comes_from_anywhere():
    given = ("-m", DEMO, "-n", "12", "--temp", "0")
    text = "The little dog"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        from_file = succeed("run", *given, "-f", file.name)
    assert from_file == succeed("run", *given, "-p", text) == succeed("run", *given, stdin=text.encode())
    without = succeed("run", *given, "-p", text, "--no-echo")
    assert from_file == text.encode() + without
    assert succeed("run", *given, "-p", "") != b""  # from the beginning of a text


def test_detokenize_undoes_tokenize():
    for text in ("Once upon a time, there was a dog.\n", " two  spaces\t", "größer 你好 😀", "1 + 2 = 3"):
        ids = succeed("tokenize", "-m", DEMO, stdin=text.encode())
        assert re.fullmatch(rb"\d+( \d+)*\n", ids), ids
        assert succeed("detokenize", "-m", DEMO, stdin=ids) == text.encode()
    assert succeed("detokenize", "-m", DEMO, stdin=b"") == b""


def test_logits_in_one_batch_and_one_by_one_agree():
    tokens = ",".join(str(i * 37 % N_VOCAB) for i in range(50))
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, more in (("batch", ()), ("single", ("--one-by-one",))):
            path = os.path.join(folder, name)
            succeed("logits", "-m", DEMO, "--tokens", tokens, "-o", path, *more)
            with open(path, "rb") as file:
                data = file.read()
            assert len(data) == 50 * N_VOCAB * 4
            rows.append(struct.unpack(f"<{50 * N_VOCAB}f", data))
    difference = math.sqrt(sum((a - b) ** 2 for a, b in zip(*rows)))
    assert difference <= 1e-3 * math.sqrt(sum(a * a for a in rows[0]))
    assert succeed("logits", "-m", DEMO, "--tokens", "1,2", "-o", "-")[:8] != bytes(8)


def test_json_is_json():
    metadata, tensors = inspected()
    assert metadata["general.architecture"] == "llama"
    assert len(tensors) > 10
    assert json.loads(succeed("devices", "--json"))
    plan = json.loads(succeed("plan", "-m", DEMO, "--json"))
    assert plan["fits"] is True
    assert json.loads(succeed("models", "--json")) is not None


def test_the_plan_is_what_a_run_takes():
    for more in ((), ("--no-mmap",), ("--no-mmap", "-c", "100", "--kv-type", "q8_0")):
        plan = json.loads(succeed("plan", "-m", DEMO, "--json", *more))
        done = rocmforge("run", "-m", DEMO, "-p", "A", "-n", "1", *more)
        assert done.returncode == 0
        text = done.stderr.decode()
        taken = re.search(r"memory +(\d+) bytes .* in (\d+) pools", text)
        assert taken, text
        assert int(taken[1]) == plan["total"] == sum(pool["bytes"] for pool in plan["pools"])
        assert int(taken[2]) == len(plan["pools"])


def test_the_memory_report_has_the_plan_beside_what_was_taken():
    for more in ((), ("--no-mmap", "--pool-size", "2M")):
        plan = json.loads(succeed("plan", "-m", DEMO, "--json", *more))
        done = rocmforge("run", "-q", "-m", DEMO, "-p", "A", "-n", "1", "--memory-report", *more)
        assert done.returncode == 0
        text = done.stderr.decode()
        pools = re.findall(r"^  \d+ +(weights|engine) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) ", text, re.MULTILINE)
        assert [int(planned) for _, planned, *_ in pools] == [pool["bytes"] for pool in plan["pools"]], text
        for _, planned, taken, live, free, padding in pools:
            assert planned == taken and int(live) + int(free) + int(padding) == int(taken), text
        sums = re.search(r"reserved +(\d+) bytes .* planned (\d+); high water (\d+)", text)
        assert sums and int(sums[1]) == int(sums[2]) == plan["total"] <= int(sums[3]), text
        for name in ("weights", "kv cache", "scratch"):
            row = re.search(rf"^  {name} +(\d+) +(\d+) +(\d+) +(\d+) ", text, re.MULTILINE)
            assert row and row[1] == row[2] and int(row[4]) >= int(row[2]) > 0, text
        assert "allocations and 0 frees" in text and "free" in text.splitlines()[-1], text


def test_layers_on_a_gpu_and_on_the_host_are_told_apart():
    for layers, words in (("4", "4 of 6 on emu32, 2 on the CPU"), ("0", "0 of 6 on emu32, 6 on the CPU"), ("7", "")):
        on = ("-m", DEMO, "-d", "emu32", "--gpu-layers", layers)
        plan = json.loads(succeed("plan", *on, "--json"))
        done = rocmforge("run", *on, "-p", "A", "-n", "1", "--seed", "1", "--memory-report")
        text = done.stderr.decode()
        if "there are no kernels" in text:
            raise Skip(text)
        assert done.returncode == 0 and (f"layers     {words}\n" in text if words else "layers " not in text), text
        totals = [int(found) for found in re.findall(r"reserved .* planned (\d+); high water", text)]
        sides = [plan, *([plan["host_layers"]] if words else [])]
        assert totals == [side["total"] for side in sides], text
        taken = [int(found) for found in re.findall(r"^memory +(\d+) bytes", text, re.MULTILINE)]
        assert taken == totals, text
    assert "'-1' is neither" in fail(2, "run", "-p", "A", "--gpu-layers", "-1")
    assert "'many' is neither" in fail(2, "logits", "--tokens", "1", "-o", "-", "--gpu-layers", "many")
    done = rocmforge("run", "-q", "-m", DEMO, "-d", "cpu", "-p", "A", "-n", "1", "--gpu-layers", "3")
    assert done.returncode == 0 and b"of no effect" in done.stderr


def test_perplexity_of_a_story_is_low():
    text = succeed("run", "-m", DEMO, "-p", "Once upon a time", "-n", "200", "--seed", "3")
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(text * 3)
        file.flush()
        shown = succeed("perplexity", "-m", DEMO, "-f", file.name, "-c", "128").decode()
        fail(1, "perplexity", "-m", DEMO, "-f", "/dev/null")
    found = re.search(r"perplexity: ([\d.]+)", shown)
    assert found and 1 < float(found[1]) < 10, shown


def test_a_model_is_found_in_the_folders():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DEMO, os.path.join(folder, "mine.gguf"))
        with open(os.path.join(folder, "broken.gguf"), "wb") as file:
            file.write(b"GGUF but not really")
        environment = {"ROCMFORGE_MODELS": folder}
        shown = succeed("models", environment=environment).decode()
        assert "mine" in shown and "Q8_0" in shown and "llama" in shown and "broken" in shown, shown
        succeed("run", "-m", "mine", "-p", "x", "-n", "1", environment=environment)


def start(*arguments, **options):
    return subprocess.Popen(
        [PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_an_interrupt_stops_cleanly_with_statistics():
    process = start("run", "-m", DEMO, "-p", "Once", "-n", "100000", "--ignore-eos", "-c", "30000")
    while len(process.stdout.read1(64)) == 0:
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, (process.returncode, err)
    assert b"decode" in err and b"interrupted" in err, err
    out.decode(errors="strict")  # no half characters


def test_a_closed_pipe_ends_the_run():
    process = start("run", "-m", DEMO, "-p", "Once", "-n", "100000", "--ignore-eos", "-c", "30000")
    process.stdout.read1(64)
    process.stdout.close()
    assert process.wait(timeout=TIMEOUT) in (1, -signal.SIGPIPE)
    process.stderr.close()
    process.stdin.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_waiting_for_input_takes_no_cpu():
    process = start("run", "-m", DEMO, "-n", "4")
    time.sleep(0.5)
    before = cpu_seconds(process.pid)
    time.sleep(1.0)
    assert cpu_seconds(process.pid) - before < 0.02
    out, _ = process.communicate(b"Once", timeout=TIMEOUT)
    assert out.startswith(b"Once")


def test_malformed_files_are_refused_quickly_and_cheaply():
    folder = oracle_folder("malformed")
    # Address space cannot be limited under the address sanitizer, which reserves terabytes.
    sanitized = b"__asan_init" in open(PROGRAM, "rb").read()
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name == "good.gguf":
            succeed("logits", "-m", path, "--tokens", "1,2,3", "-o", "-")
            succeed("run", "-m", path, "-p", "x", "-n", "1")
            continue
        begin = time.monotonic()
        line = fail(1, "run", "-m", path, "-p", "x")
        assert name in line and len(line) > 40, line
        assert time.monotonic() - begin < (10 if sanitized else 1), name
        fail(1, "plan", "-m", path)
    if not sanitized:
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 100 * 1024  # KiB


main(globals())
