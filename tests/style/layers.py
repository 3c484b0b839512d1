"""layers.py: who may include whom. The table is docs/architecture.md's own, so the two cannot disagree."""

import re

DOCUMENT = "docs/architecture.md"
PUBLIC_HEADER = "rocmforge.h"

_ROW = re.compile(r"^\| `src/(\w+)/` \|[^|]*\|([^|]*)\|$", re.MULTILINE)
_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]*)"')


def parse_table(text):
    """{layer: set of layers it may include} from the document's table."""
    return {layer: set(re.findall(r"`(\w+)`", below)) for layer, below in _ROW.findall(text)}


def check_layers(sources):
    """The rule: yields (path, line, message) for each include that the table does not allow."""
    document = next((source for source in sources if source.path == DOCUMENT), None)
    table = parse_table(document.text) if document else {}
    if not table:
        yield DOCUMENT, 1, "has no table of layers"
        return
    folders = {source.folder() for source in sources if source.is_c} - {None}
    for layer in sorted(set(table) - folders):
        yield DOCUMENT, 1, f"the table names src/{layer}/, which has no source file"
    for layer, below in sorted(table.items()):
        for name in sorted(below - set(table)):
            yield DOCUMENT, 1, f"src/{layer}/ may include '{name}', which the table does not describe"
    yield from _check_cycles(table)
    for source in sources:
        if source.folder():
            yield from _check_includes(source, table)


def _check_cycles(table):
    """Layers are a partial order: what a layer includes does not include it."""
    for layer, below in sorted(table.items()):
        for name in sorted(below):
            if layer in table.get(name, set()):
                yield DOCUMENT, 1, f"src/{layer}/ and src/{name}/ may include each other"


def _check_includes(source, table):
    layer = source.folder()
    if layer not in table:
        yield source.path, 1, f"src/{layer}/ is not in the table of {DOCUMENT}"
        return
    for number, line in enumerate(source.lines, 1):
        found = _INCLUDE.match(line)
        if not found or found[1] == PUBLIC_HEADER:
            continue
        target = found[1].split("/")
        if len(target) < 2 or ".." in target:
            yield source.path, number, f'include "{found[1]}" is not written from src/'
        elif target[0] != layer and target[0] not in table[layer]:
            yield source.path, number, f"src/{layer}/ may not include src/{target[0]}/"
