"""Byte-level BPE: trained on the corpus, and exactly what an engine does that reads it from the GGUF file.

The pre-tokenizer is the one that GGUF names "smollm": every digit stands alone, and what lies between the digits is
split as GPT-2 does it. Digits of their own are what lets a small model learn to add. The corpus is ASCII, so ASCII
classes stand here for the Unicode classes of the definition.
"""
import json
import re
from collections import Counter, defaultdict

PRE_TOKENIZER = "smollm"
DIGIT = re.compile(r"([0-9])")
# Between the digits, the second split. The definition ends with \s+(?!\S) and leaves the last blank before a word
# unmatched, which makes it a piece of its own: that is the final alternative here.
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[^\sA-Za-z]+|\s+(?!\S)|\s")


def pre_tokenize(text):
    """The pieces of text within which tokens are formed."""
    assert text.isascii(), "the ASCII classes stand for the Unicode ones only in ASCII text"
    return [piece for part in DIGIT.split(text) for piece in ([part] if part.isdigit() else WORD.findall(part))]


def byte_alphabet():
    """GPT-2's printable character for each byte: itself where printable, else one from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {byte: chr(byte) for byte in printable}
    alphabet.update({byte: chr(256 + n) for n, byte in enumerate(others)})
    return alphabet


def merged(symbols, pair):
    """The symbols with each occurrence of the pair, from the left, joined to one."""
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i:i + 2]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def train(texts, n_merges):
    """At most n_merges merges, the most frequent pair first; of equals, the first in alphabetical order."""
    alphabet = byte_alphabet()
    counts = Counter(piece for text in texts for piece in pre_tokenize(text))
    words = [[alphabet[byte] for byte in piece.encode()] for piece in counts]
    weights = list(counts.values())
    pair_counts, where = Counter(), defaultdict(set)
    for index, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pair_counts[pair] += weights[index]
            where[pair].add(index)
    merges = []
    while len(merges) < n_merges and pair_counts:
        pair = min(pair_counts, key=lambda pair: (-pair_counts[pair], pair))
        if pair_counts[pair] < 2:
            break
        merges.append(pair)
        for index in sorted(where[pair]):
            for old in zip(words[index], words[index][1:]):
                pair_counts[old] -= weights[index]
            words[index] = merged(words[index], pair)
            for new in zip(words[index], words[index][1:]):
                pair_counts[new] += weights[index]
                where[new].add(index)
        del pair_counts[pair], where[pair]
    return merges


class Tokenizer:
    """Tokens in the order of their ids: 256 bytes, one for each merge, the control tokens."""

    def __init__(self, merges, control_tokens):
        self.merges = [tuple(pair) for pair in merges]
        self.control_tokens = list(control_tokens)
        self.alphabet = byte_alphabet()
        self.bytes_of = {character: byte for byte, character in self.alphabet.items()}
        self.rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self.tokens = sorted(self.alphabet.values()) + [a + b for a, b in self.merges] + self.control_tokens
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        self.split_control = re.compile("(" + "|".join(map(re.escape, self.control_tokens)) + ")")
        self.cache = {}

    def __len__(self):
        return len(self.tokens)

    def encode_piece(self, piece):
        """The ids of one piece: the merge of lowest rank is done first, until none applies."""
        if piece not in self.cache:
            symbols = [self.alphabet[byte] for byte in piece.encode()]
            while True:
                pairs = [pair for pair in zip(symbols, symbols[1:]) if pair in self.rank]
                if not pairs:
                    break
                symbols = merged(symbols, min(pairs, key=self.rank.__getitem__))
            self.cache[piece] = [self.ids[symbol] for symbol in symbols]
        return self.cache[piece]

    def encode(self, text):
        """The ids of text, in which the control tokens are recognised."""
        ids = []
        for part in self.split_control.split(text):
            if part in self.control_tokens:
                ids.append(self.ids[part])
            else:
                for piece in pre_tokenize(part):
                    ids += self.encode_piece(piece)
        return ids

    def decode(self, ids):
        """The text of ids, control tokens written as they are named."""
        out = bytearray()
        for index in ids:
            token = self.tokens[index]
            out += token.encode() if token in self.control_tokens else bytes(self.bytes_of[c] for c in token)
        return out.decode(errors="replace")

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"merges": self.merges, "control_tokens": self.control_tokens}, file)

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls(**json.load(file))
