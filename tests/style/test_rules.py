"""test_rules.py: each style rule finds the violation that is planted for it, and leaves good code alone."""

import unittest

from rules import MAX_FILE_LINES, MAX_FUNCTION_LINES, RULES
from source import Source

TABLE = """
| Folder | What it is | May include |
|---|---|---|
| `src/base/` | ground | nothing |
| `src/device/` | devices | `base` |
| `src/memory/` | pools | `device` `base` |
| `src/cli/` | the command | `base` |
"""
DOCUMENT = Source("docs/architecture.md", TABLE)
FOLDERS = ["base", "device", "memory", "cli"]


def tree(*files):
    """A project whose layers all exist, with these (path, text) files added."""
    sources = [DOCUMENT] + [Source(f"src/{name}/x.c", "/* x.c: x. */\n") for name in FOLDERS]
    return sources + [Source(path, text) for path, text in files]


def function(lines):
    return "/* a.c: a. */\nint f(void)\n{\n" + "    g();\n" * lines + "}\n"


# Rule: files with one violation each, and files that are right and look similar.
PLANTED = {
    "layers": (
        [
            ("src/base/a.c", '#include "memory/pool.h"\n'),
            ("src/base/a.c", '#include "a.h"\n'),
            ("src/base/a.c", '#include "../base/a.h"\n'),
            ("src/unknown/a.c", "int a;\n"),
            ("src/cli/a.c", '#include "device/device.h"\n'),
        ],
        [
            ("src/memory/a.c", '#include "rocmforge.h"\n#include "device/device.h"\n#include "memory/b.h"\n'),
            ("src/base/a.c", "#include <stdio.h>\n"),
        ],
    ),
    "driver-calls": (
        [
            ("src/memory/a.c", "int f(void *p) { return hipMalloc(&p, 1); }\n"),
            ("src/cli/a.c", "int f(void) { return cuInit(0); }\n"),
            ("tests/a.c", 'void f(void) { dlopen("x", 0); }\n'),
            ("bench/a.c", 'void f(void) { dlopen("x", 0); }\n'),
        ],
        [
            ("src/device/a.c", 'void f(void) { dlopen("x", 0); }\n'),
            ("bench/gpu_allocator.c", 'void f(void) { dlopen("x", 0); }\n'),
            ("src/base/a.c", "/* hipMalloc(p) */\n"),
        ],
    ),
    "environment": (
        [("src/base/a.c", 'f(getenv("HOME"));\n'), ("src/cli/a.c", 'f(secure_getenv("HOME"));\n')],
        [("src/base/env.c", 'f(getenv("HOME"));\n'), ("src/cli/a.c", 'f("getenv(x)");\n')],
    ),
    "endings": (
        [("src/base/a.c", "exit(1);\n"), ("src/memory/a.c", "abort();\n"), ("src/base/a.c", "assert(x);\n")],
        [
            ("src/cli/a.c", "exit(1);\n"),
            ("src/base/a.c", "_Static_assert(1, \"x\"); static_assert(1);\n"),
            ("src/base/a.c", "/* exit(1) */ on_exit_do(x); table->abort(x);\n"),
        ],
    ),
    "streams": (
        [("src/base/a.c", 'printf("x");\n'), ("src/base/a.c", 'fprintf(file, "x");\n'), ("src/base/a.c", "f(stderr);\n")],
        [("src/cli/a.c", 'printf("x");\n'), ("src/base/a.c", 'snprintf(b, 1, "printf(x)");\n')],
    ),
    "heap": (
        [("src/base/a.c", "p = malloc(3);\n"), ("src/memory/a.c", "free(p);\n")],
        [
            ("src/base/memory.c", "free(p);\n"),
            ("src/memory/a.c", "rf_free(p); table->free(p); table.free(p);\n"),
            ("src/cli/a.c", "free(p);\n"),
        ],
    ),
    "included-sources": (
        [("src/base/a.c", '#include "base/b.c"\n')],
        [("src/base/a.c", '#include "base/b.h"\n')],
    ),
    "file-length": (
        [("src/base/a.c", "int a;\n" * (MAX_FILE_LINES + 1))],
        [
            ("src/base/a.c", "int a;\n" * MAX_FILE_LINES),
            ("include/rocmforge.h", "int a;\n" * (MAX_FILE_LINES + 1)),
            ("docs/a.md", "a\n" * (MAX_FILE_LINES + 1)),
        ],
    ),
    "function-length": (
        [("src/base/a.c", function(MAX_FUNCTION_LINES + 1))],
        [("src/base/a.c", function(MAX_FUNCTION_LINES))],
    ),
    "first-comment": (
        [("src/base/a.c", "int a;\n"), ("src/base/a.c", "/* b.c: another file's comment. */\n")],
        [("src/base/a.c", "/* a.c: a. */\n"), ("src/base/a.h", "/*\n * a.h: a.\n */\n")],
    ),
    "whitespace": (
        [
            ("src/base/a.c", "int a; \n"),
            ("src/base/a.c", "\tint a;\n"),
            ("docs/a.md", "a"),
            ("docs/a.md", "a\r\n"),
        ],
        [("Makefile", "all:\n\techo\n"), ("docs/a.md", "a\n")],
    ),
    "undone": (
        [("src/base/a.c", "/* TO" + "DO: more */\n"), ("docs/a.md", "FIX" + "ME\n")],
        [("src/base/a.c", "int mastodon;\n")],
    ),
}


class Rules(unittest.TestCase):
    def found(self, name, *files):
        """How many violations a rule finds in the planted files; the tree around them has none."""
        self.assertEqual(list(RULES[name](tree())), [], "the tree without planted files")
        paths = {path for path, _ in files}
        return [found for found in RULES[name](tree(*files)) if found[0] in paths]

    def test_every_rule_has_planted_violations(self):
        self.assertEqual(set(PLANTED), set(RULES))

    def test_planted_violations_are_found(self):
        for name, (bad, _) in PLANTED.items():
            for file in bad:
                with self.subTest(rule=name, file=file):
                    self.assertEqual(len(self.found(name, file)), 1)

    def test_good_code_is_left_alone(self):
        for name, (_, good) in PLANTED.items():
            for file in good:
                with self.subTest(rule=name, file=file):
                    self.assertEqual(self.found(name, file), [])

    def test_a_wrong_table_is_found(self):
        for table in (
            "",
            TABLE + "| `src/ghost/` | no such folder | `base` |\n",
            TABLE.replace("| nothing |", "| `memory` |"),
            TABLE.replace("`device` `base` |", "`device` `base` `nowhere` |"),
        ):
            with self.subTest(table=table):
                sources = [Source("docs/architecture.md", table)] + tree()[1:]
                self.assertTrue(list(RULES["layers"](sources)))


if __name__ == "__main__":
    unittest.main()
