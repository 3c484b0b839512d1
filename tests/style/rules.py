"""rules.py: the style rules that a compiler does not check. RULES is the list; each rule takes all sources
and yields (path, line, message)."""

import re

from layers import check_layers

# A file is one idea, and a function fits a screen. These are the limits, not the aim.
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 90

# Ordinary users of the public header: they may print and end the process.
PROGRAMS = ("cli", "server")

_STREAMS = r"(?<![\w.>])(?:v?f?printf|puts|fputs|putchar|fputc|putc|perror)\s*\(|\b(?:stdout|stderr)\b"
_ENDINGS = r"(?<![\w.>])(?:exit|_exit|_Exit|quick_exit|abort|assert|raise|__builtin_trap)\s*\("
_HEAP = r"(?<![\w.>*])(?:malloc|calloc|realloc|reallocarray|free|strdup|strndup|aligned_alloc|posix_memalign)\s*\("
_DRIVERS = r"(?<![\w.>])(?:dlopen|dlmopen|dlsym|(?:hip|hsa_|cuda|nvrtc)[A-Z]\w*|cu[A-Z]\w*)\s*\("
_ENVIRONMENT = r"(?<![\w.>])(?:secure_)?(?:getenv|setenv|putenv|unsetenv)\s*\("
_UNDONE = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


# The one file that calls a driver outside src/device: a bench compares pools with allocators of the driver that the
# engine does not use, so that src/device has no place for them.
DRIVER_BENCH = "bench/gpu_allocator.c"


def _in_library(source):
    return source.is_c and source.folder() is not None and source.folder() not in PROGRAMS


def _forbid(pattern, message, applies):
    """A rule that forbids a pattern in the code of the files that it applies to."""

    def check(sources):
        for source in sources:
            if applies(source):
                for line, match in source.matches(pattern):
                    yield source.path, line, f"{match.group().rstrip(' (')}: {message}"

    return check


def check_file_length(sources):
    """The public header is one file by design, and grows with the interface."""
    for source in sources:
        length = source.text.count("\n")
        if source.is_c and length > MAX_FILE_LINES and not source.path.startswith("include/"):
            yield source.path, length, f"{length} lines; a file has at most {MAX_FILE_LINES}"


def check_function_length(sources):
    """A function's braces are the only ones that stand alone in the first column (.clang-format)."""
    for source in sources:
        start = None
        for number, line in enumerate(source.lines if source.is_c else [], 1):
            if line == "{":
                start = number
            elif line == "}" and start is not None:
                if number - start - 1 > MAX_FUNCTION_LINES:
                    yield source.path, start, f"a function of {number - start - 1} lines; at most {MAX_FUNCTION_LINES}"
                start = None


def check_first_comment(sources):
    for source in sources:
        name = source.path.rsplit("/", 1)[-1]
        if source.is_c and not re.match(r"/\*\s*(?:\*\s*)?" + re.escape(name) + ":", source.text):
            yield source.path, 1, f"does not open with a comment '{name}: what it is for'"


def check_whitespace(sources):
    for source in sources:
        if source.text and not source.text.endswith("\n"):
            yield source.path, len(source.lines), "no newline at the end of the file"
        for number, line in enumerate(source.lines, 1):
            if line.endswith((" ", "\t", "\r")):
                yield source.path, number, "white space at the end of the line"
            if "\t" in line and not source.path.endswith("Makefile"):
                yield source.path, number, "a tab"


def check_undone(sources):
    for source in sources:
        for number, line in enumerate(source.lines, 1):
            if _UNDONE.search(line):
                yield source.path, number, "work left undone belongs into an issue, not into the source"


def check_included_sources(sources):
    for source in sources:
        for number, line in enumerate(source.lines if source.is_c else [], 1):
            if re.match(r'\s*#\s*include\s*["<][^">]*\.c[">]', line):
                yield source.path, number, "includes a .c file"


RULES = {
    "layers": check_layers,
    "driver-calls": _forbid(
        _DRIVERS,
        "drivers are called in src/device alone",
        lambda s: s.is_c and s.folder() != "device" and s.path != DRIVER_BENCH,
    ),
    "environment": _forbid(
        _ENVIRONMENT,
        "the environment is read in src/base/env.c alone",
        lambda s: s.is_c and s.folder() is not None and s.path != "src/base/env.c",
    ),
    "endings": _forbid(_ENDINGS, "the library returns errors and never ends the process", _in_library),
    "streams": _forbid(_STREAMS, "the library writes to no stream; it has a log callback", _in_library),
    "heap": _forbid(
        _HEAP,
        "host memory comes from base/memory.h",
        lambda s: _in_library(s) and s.path != "src/base/memory.c",
    ),
    "included-sources": check_included_sources,
    "file-length": check_file_length,
    "function-length": check_function_length,
    "first-comment": check_first_comment,
    "whitespace": check_whitespace,
    "undone": check_undone,
}
