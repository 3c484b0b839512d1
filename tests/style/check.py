"""check.py: applies every style rule to the source tree given as argument; one line per violation."""

import sys

from rules import RULES
from source import read_tree


def main(root):
    sources = read_tree(root)
    violations = 0
    for name, rule in RULES.items():
        for path, line, message in rule(sources):
            print(f"{path}:{line}: {message} [{name}]")
            violations += 1
    print(f"style: {len(sources)} files, {len(RULES)} rules, {violations} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
