"""The text that the demo model learns from: stories, additions and short conversations, all made here.

A document is a list of pieces. A piece says whether its tokens are to be learned: the operands of an addition and
what a user says are random, so predicting them teaches nothing. Run alone, it prints a sample:

    python3 corpus.py [SEED]
"""
import random
import sys
from dataclasses import dataclass

import additions
import chats
import stories

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
CONTROL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)


@dataclass(frozen=True)
class Piece:
    text: str
    learned: bool


def story(rng):
    return [Piece(stories.tell(rng).text, True)]


def addition(rng):
    a, b = additions.draw(rng)
    return [Piece(f"{a} + {b}", False), Piece(" =" + additions.answer(a, b), True)]


def chat(rng):
    n_turns = rng.choice((1, 1, 1, 2, 3, 4))
    return chat_pieces(chats.conversation(rng, n_turns, n_stories=1))


def chat_pieces(messages):
    """Messages as ChatML: what the assistant says, up to the mark that ends its turn, is learned."""
    pieces = []
    for role, text in messages:
        pieces.append(Piece(f"{TURN_START}{role}\n", False))
        pieces.append(Piece(f"{text}{TURN_END}", role == "assistant"))
        pieces.append(Piece("\n", False))
    return pieces


# Kinds of document and how often each is drawn. A story is about twenty times as long as an addition.
KINDS = ((story, 20), (chat, 20), (addition, 160))


def document(rng):
    """One document of a random kind, without the <|endoftext|> that ends it."""
    kinds, weights = zip(*KINDS)
    return rng.choices(kinds, weights)[0](rng)


def text_of(pieces):
    return "".join(piece.text for piece in pieces)


if __name__ == "__main__":
    sample_rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for _ in range(12):
        print(text_of(document(sample_rng)) + END_OF_TEXT + "\n")
