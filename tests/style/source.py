"""source.py: reads the files that the style rules look at, with a view that has no comments and strings."""

import os
import re

SOURCE_FOLDERS = ("src", "include", "tests", "bench", "tools", "packaging", "docs", ".ci")
TEXT_SUFFIXES = (".c", ".h", ".hip", ".py", ".sh", ".md", ".build")
TEXT_NAMES = ("Makefile", "run", "meson_options.txt")

# Comments, string and character literals, in one pass so that each hides what looks like the others.
_HIDDEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.VERBOSE | re.DOTALL
)


def _blank(match):
    """Spaces in place of what is hidden; newlines stay, so that line numbers hold."""
    return re.sub(r"[^\n]", " ", match.group())


class Source:
    """One file: its path from the root with '/', its text, and for C its code alone."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.is_c = path.endswith((".c", ".h", ".hip"))
        self.code = _HIDDEN.sub(_blank, text) if self.is_c else ""

    def folder(self):
        """The layer that a file of src/ belongs to, or None."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None

    def matches(self, pattern):
        """Line number and match of a pattern in the code."""
        for match in re.finditer(pattern, self.code):
            yield self.code.count("\n", 0, match.start()) + 1, match


def _wanted(name):
    return name.endswith(TEXT_SUFFIXES) or name in TEXT_NAMES


def read_tree(root):
    """Every text file of the project, sorted by path."""
    paths = [name for name in os.listdir(root) if _wanted(name) and os.path.isfile(os.path.join(root, name))]
    for top in SOURCE_FOLDERS:
        for folder, _, names in os.walk(os.path.join(root, top)):
            if "__pycache__" not in folder:
                paths += [os.path.relpath(os.path.join(folder, name), root) for name in names if _wanted(name)]
    sources = []
    for path in sorted(paths):
        with open(os.path.join(root, path), encoding="utf-8", newline="") as file:
            sources.append(Source(path.replace(os.sep, "/"), file.read()))
    return sources
