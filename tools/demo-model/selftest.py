"""Checks of the tools that need no network and no training: python3 selftest.py"""
import random
import re
import struct
import tempfile
import unittest
from pathlib import Path

import additions
import corpus
import gguf_writer as gguf
import packing
import stories
import tokenizer as bpe

NUMBERS = re.compile(r"(\d+) (?:\+|plus|and) (\d+)")


def sample_texts(n_documents, seed=3):
    rng = random.Random(seed)
    return [corpus.text_of(corpus.document(rng)) for _ in range(n_documents)]


class Additions(unittest.TestCase):
    def test_held_out_file_is_what_the_seed_gives(self):
        expected = [(additions.prompt(a, b), str(a + b)) for a, b in additions.held_out_pairs()]
        self.assertEqual(additions.read_held_out(), expected)
        self.assertEqual(len(additions.HELD_OUT), additions.N_HELD_OUT)

    def test_held_out_pairs_never_appear_in_any_form(self):
        seen = 0
        for text in sample_texts(20000):
            for a, b in NUMBERS.findall(text):
                self.assertNotIn(frozenset((int(a), int(b))), additions.HELD_OUT)
                seen += 1
        self.assertGreater(seen, 10000)

    def test_sums_are_right(self):
        for text in sample_texts(2000):
            for a, b, total in re.findall(r"(\d+) \+ (\d+) = (\d+)", text):
                self.assertEqual(int(a) + int(b), int(total))


class Stories(unittest.TestCase):
    def test_every_template_is_well_formed(self):
        rng = random.Random(4)
        themes = set()
        for _ in range(3000):
            story = stories.tell(rng)
            themes.add(story.theme)
            self.assertTrue(story.text.isascii())
            self.assertNotRegex(story.text, r"[\[\]{}|/]|  |[^.!?'\"\n]\n| [.,!?]|\ba [aeiou]|\.\.|,\.")
            self.assertRegex(story.text, r'[.!?]"?\Z')
            self.assertEqual(story.text.count('"') % 2, 0)
        self.assertEqual(len(themes), len(stories.SHAPES))


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = sample_texts(2000)
        plain = [re.sub(r"<\|\w+\|>", "", text) for text in cls.texts]
        cls.tokenizer = bpe.Tokenizer(bpe.train(plain, 500), corpus.CONTROL_TOKENS)

    def test_decode_gives_back_the_text(self):
        for text in [*self.texts, "  two  blanks \n\n\n and\ttabs ", "It's \"odd\"!?", ""]:
            self.assertEqual(self.tokenizer.decode(self.tokenizer.encode(text)), text)

    def test_pre_tokenizer_splits_digits_and_words(self):
        self.assertEqual(bpe.pre_tokenize("It's 23 + 4.\n\n  x"),
                         ["It", "'s", " ", "2", "3", " +", " ", "4", ".", "\n\n ", " x"])

    def test_pieces_and_whole_text_give_the_same_tokens(self):
        rng = random.Random(5)
        for _ in range(500):
            pieces = corpus.document(rng)
            ids, learned = packing.encode(pieces, self.tokenizer)
            self.assertEqual(ids, self.tokenizer.encode(corpus.text_of(pieces) + corpus.END_OF_TEXT))
            self.assertEqual(len(ids), len(learned))

    def test_windows_are_full(self):
        ids, learned = packing.batch(random.Random(6), 4, 512, self.tokenizer)
        self.assertEqual({len(row) for row in (*ids, *learned)}, {512})


class Gguf(unittest.TestCase):
    def test_layout(self):
        writer = gguf.Writer()
        writer.add("a", gguf.STRING, "b")
        writer.add_array("n", gguf.I32, [1, -2])
        writer.add_tensor("t", (2, 3), gguf.TENSOR_F32, bytes(24))
        writer.add_tensor("u", (1,), gguf.TENSOR_I32, bytes(4))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.gguf")
            writer.write(path)
            data = path.read_bytes()
        self.assertEqual(data[:24], b"GGUF" + struct.pack("<IQQ", 3, 2, 2))
        self.assertIn(b"t" + struct.pack("<IQQIQ", 2, 3, 2, gguf.TENSOR_F32, 0), data)
        self.assertIn(b"u" + struct.pack("<IQIQ", 1, 1, gguf.TENSOR_I32, 32), data)
        self.assertEqual(len(data) % gguf.ALIGNMENT, 0)


if __name__ == "__main__":
    unittest.main()
