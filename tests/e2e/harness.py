"""harness.py: running the command in tests, and running tests.

A test is a function whose name starts with 'test_'. It fails by an exception, and is skipped by Skip. Results are
printed as cmocka prints them, so that tools/test_summary.py counts each of them.
"""
import os
import subprocess
import sys
import traceback

PROGRAM = os.environ["ROCMFORGE_PROGRAM"]
SOURCE = os.environ["ROCMFORGE_SOURCE"]
ORACLE = os.environ["ROCMFORGE_ORACLE"]
DEMO = os.path.join(SOURCE, "models", "demo.gguf")
TIMEOUT = 120  # seconds; generous, for sanitizers and busy machines


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def rocmforge(*arguments, stdin=b"", environment=None, cwd=None):
    """Runs the command to its end; text goes in and out as bytes."""
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        check=False,
    )


def succeed(*arguments, **options):
    """Runs the command, which has to succeed; its standard output as bytes."""
    done = rocmforge(*arguments, **options)
    assert done.returncode == 0, f"{arguments}: status {done.returncode}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def fail(status, *arguments, **options):
    """Runs the command, which has to fail in the one way there is: one line, no output; the line."""
    done = rocmforge(*arguments, **options)
    assert done.returncode == status, f"{arguments}: status {done.returncode}, expected {status}: {done.stderr!r}"
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("rocmforge: error: "), lines
    assert done.stdout == b"", done.stdout
    return lines[0]


def oracle_folder(name):
    path = os.path.join(ORACLE, name)
    if not os.path.isdir(path):
        raise Skip(f"the ground-truth files are not here ({name})")
    return path


def main(tests):
    """Runs every test of a module's globals(); the exit status is 1 where one failed."""
    failed = 0
    for name, test in list(tests.items()):
        if not name.startswith("test_"):
            continue
        print(f"[ RUN      ] {name}", flush=True)
        try:
            test()
            print(f"[       OK ] {name}", flush=True)
        except Skip as reason:
            print(f"skipped: {reason}\n[  SKIPPED ] {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            print(f"[  FAILED  ] {name}", flush=True)
            failed += 1
    sys.exit(1 if failed else 0)
