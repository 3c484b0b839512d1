"""Additions of two numbers from 0 to 99, of which 200 are never shown in training.

A pair is kept out in both orders and in every form, so that a right answer to it cannot be remembered.
"""
import random
from pathlib import Path

LIMIT = 100
N_HELD_OUT = 200
HELD_OUT_SEED = 20
HELD_OUT_FILE = Path(__file__).with_name("heldout.txt")


def held_out_pairs():
    """The 200 pairs as a list of (a, b), in the order in which the test asks for them."""
    rng = random.Random(HELD_OUT_SEED)
    unordered = [(a, b) for a in range(LIMIT) for b in range(a, LIMIT)]
    return [tuple(rng.sample(pair, 2)) for pair in rng.sample(unordered, N_HELD_OUT)]


HELD_OUT = frozenset(frozenset(pair) for pair in held_out_pairs())


def draw(rng):
    """A pair for training. Small numbers are rare among all pairs and common in life: one in four is below 20."""
    limit = 20 if rng.random() < 0.25 else LIMIT
    while True:
        a, b = rng.randrange(limit), rng.randrange(limit)
        if frozenset((a, b)) not in HELD_OUT:
            return a, b


def prompt(a, b):
    return f"{a} + {b} ="


def answer(a, b):
    return f" {a + b}"


def write_held_out():
    """One line for each: the prompt, a tab, the answer without its leading space."""
    lines = [f"{prompt(a, b)}\t{a + b}\n" for a, b in held_out_pairs()]
    HELD_OUT_FILE.write_text("".join(lines), encoding="ascii")


def read_held_out():
    """The written list as (prompt, answer)."""
    return [tuple(line.split("\t")) for line in HELD_OUT_FILE.read_text(encoding="ascii").splitlines()]


if __name__ == "__main__":
    write_held_out()
