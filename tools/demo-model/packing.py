"""Documents packed into training windows: whole documents one after the other, each followed by <|endoftext|>.

No document is cut, so every one is seen from its beginning, as a prompt would be.
"""
import corpus


def encode(pieces, tokenizer):
    """Ids and, for each, whether it is to be learned. The end of the document is."""
    ids, learned = [], []
    for piece in pieces:
        piece_ids = tokenizer.encode(piece.text)
        ids += piece_ids
        learned += [piece.learned] * len(piece_ids)
    return ids + tokenizer.encode(corpus.END_OF_TEXT), learned + [True]


def window(rng, length, tokenizer):
    """Documents until the next one does not fit; then additions fill what is left, and the end token the last few."""
    ids, learned = [], []
    make = corpus.document
    while True:
        new_ids, new_learned = encode(make(rng), tokenizer)
        if len(ids) + len(new_ids) <= length:
            ids += new_ids
            learned += new_learned
        elif make is corpus.document:
            make = corpus.addition
        else:
            break
    n_left = length - len(ids)
    return ids + tokenizer.encode(corpus.END_OF_TEXT) * n_left, learned + [False] * n_left


def batch(rng, n_windows, length, tokenizer):
    """(ids, learned), each n_windows lists of length."""
    return tuple(zip(*(window(rng, length, tokenizer) for _ in range(n_windows))))
