"""Trains the tokenizer on documents of the corpus: python3 train_tokenizer.py tokenizer.json"""
import random
import sys

import corpus
from tokenizer import Tokenizer, train

SEED = 1
N_DOCUMENTS = 20000
N_VOCAB = 2048


def main(path):
    rng = random.Random(SEED)
    texts = []
    for _ in range(N_DOCUMENTS):
        text = corpus.text_of(corpus.document(rng))
        for token in corpus.CONTROL_TOKENS:
            text = text.replace(token, "")
        texts.append(text)
    merges = train(texts, N_VOCAB - 256 - len(corpus.CONTROL_TOKENS))
    tokenizer = Tokenizer(merges, corpus.CONTROL_TOKENS)
    tokenizer.save(path)
    n_tokens = sum(len(tokenizer.encode(text)) for text in texts)
    print(f"{len(tokenizer)} tokens; {sum(map(len, texts)) / n_tokens:.2f} bytes a token on the corpus")


if __name__ == "__main__":
    main(sys.argv[1])
