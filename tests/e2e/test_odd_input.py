"""test_odd_input.py: the command with hostile files, and with streams and paths that are not what they should be."""
import json
import os
import re
import subprocess
import tempfile

from harness import PROGRAM, TIMEOUT, fail, main, rocmforge, succeed
from tiny_gguf import F32, STRING, U32, tiny_keys, tiny_tensors, write_gguf

FOLDER = tempfile.TemporaryDirectory(prefix="rocmforge-odd-")
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


def model(name="tiny.gguf", keys=None, tensors=None):
    """A model with other keys (None: taken away) and tensors than the tiny one; its path."""
    path = os.path.join(FOLDER.name, name)
    changed = {**tiny_keys(), **(keys or {})}
    write_gguf(path, {k: v for k, v in changed.items() if v}, {**tiny_tensors(), **(tensors or {})})
    return path


def test_names_in_a_file_cannot_steer_the_terminal():
    escape = b"\x1b[2J\x1b]0;title\x07 \xc2\x9b31m \x9b31m \xff\n"
    path = model("a\x1b[31m\xc2\x9b.gguf", {b"general.architecture": (STRING, escape), b"key" + escape: (F32, float("nan"))},
                 {b"tensor" + escape[:8]: [1]})
    environment = {"ROCMFORGE_MODELS": FOLDER.name}
    for arguments in (("inspect", path), ("inspect", "--all", path), ("models",)):
        assert not CONTROL.search(succeed(*arguments, environment=environment)), arguments
    for arguments in (("inspect", path), ("models",)):
        json.loads(succeed(*arguments, "--json", environment=environment))
    assert not CONTROL.search(fail(1, "run", "-m", path, "-p", "x").encode())
    os.remove(path)


def test_a_refused_file_gives_one_line_alone():
    # No pre-tokenizer and a tensor too many: both are worth a warning, but later.
    odd = {"keys": {b"tokenizer.ggml.pre": None}, "tensors": {b"unused": [1]}}
    for keys in ({b"llama.block_count": None}, {b"tokenizer.ggml.merges": None}, {b"llama.block_count": (U32, 2)}):
        path = model(keys={**odd["keys"], **keys}, tensors=odd["tensors"])
        done = rocmforge("run", "-m", path, "-p", "x")
        assert done.returncode == 1 and done.stderr.count(b"\n") == 1, done.stderr
    path = model(**odd)
    done = rocmforge("logits", "-m", path, "--tokens", "1", "-q", "-o", "-")
    assert done.returncode == 0 and done.stderr.count(b"warning: ") == 2, done.stderr


def test_a_model_may_say_that_it_has_no_tokenizer():
    for kind in (b"none", b"no_vocab"):
        path = model(keys={b"tokenizer.ggml.model": (STRING, kind)})
        assert len(succeed("logits", "-m", path, "--tokens", "1,2", "-q", "-o", "-")) == 2 * 64 * 4
    assert "tokenizer.ggml.model is missing" in fail(1, "run", "-m", model(keys={b"tokenizer.ggml.model": None}), "-p", "x")


def closed(stream, *arguments):
    """Runs the command with one standard stream closed."""
    command = " ".join([f"exec {PROGRAM}", *arguments, f"{stream}>&-" if stream else "<&-"])
    return subprocess.run(["sh", "-c", command], capture_output=True, timeout=TIMEOUT, check=False)


def test_closed_streams_are_errors_and_never_other_files():
    path = model()
    done = closed(0, "tokenize", "-m", path)
    assert done.returncode == 1 and b"standard input" in done.stderr and done.stdout == b"", done
    assert closed(1, "inspect", path).returncode == 1
    out = os.path.join(FOLDER.name, "logits")
    done = closed(2, "logits", "-m", path, "--tokens", "1", "-o", out)
    assert done.returncode == 0 and os.path.getsize(out) == 64 * 4, done


def test_what_cannot_be_written_is_removed_only_if_it_is_a_file():
    device = os.path.join(FOLDER.name, "full")
    os.symlink("/dev/full", device)
    assert "No space left" in fail(1, "logits", "-m", model(), "--tokens", "1", "-q", "-o", device)
    assert os.path.islink(device)


def test_nul_bytes_are_not_the_end_of_the_input():
    assert succeed("tokenize", "-m", model(), stdin=b"!\0!") != succeed("tokenize", "-m", model(), stdin=b"!")
    assert "NUL" in fail(1, "detokenize", "-m", model(), stdin=b"1 2\0 3")
    chatml = model(keys={b"tokenizer.chat_template": (STRING, b"<|im_start|>")})
    assert "NUL" in fail(1, "run", "-m", chatml, "--chat", "-q", stdin=b"!\0!")


def test_paths_that_are_no_models():
    assert "a folder" in fail(1, "inspect", FOLDER.name)
    assert "not a regular file" in fail(1, "inspect", "/dev/null")
    assert "Is a directory" in fail(1, "tokenize", "-m", model(), "-f", FOLDER.name)


def test_arguments_that_nobody_takes():
    for arguments in (("help", "run", "more"), ("--version", "more"), ("--help", "run", "more")):
        assert arguments[0] in fail(2, *arguments)


main(globals())
