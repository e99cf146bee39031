"""Small parsed Docs, written by hand."""

import numpy as np
import spacy
from spacy.tokens import Doc, Span

VOCAB = spacy.blank("en").vocab


def make_doc(words, heads, deps=None, ents=()):
    """A Doc from words and heads, with entities (start, end, label)."""
    deps = deps or ["ROOT" if head == i else "dep" for i, head in enumerate(heads)]
    pos = ["VERB" if head == i else "NOUN" for i, head in enumerate(heads)]
    doc = Doc(VOCAB, words=words, heads=list(heads), deps=deps, pos=pos)
    doc.ents = [Span(doc, *ent) for ent in ents]
    return doc


def founded():
    return make_doc(
        ["Ada", "Quill", "founded", "Bluefin", "Works", "in", "Delmore", "."],
        [1, 2, 2, 4, 2, 2, 5, 2],
        ["compound", "nsubj", "ROOT", "compound", "dobj", "prep", "pobj", "punct"],
        [(0, 2, "PERSON"), (3, 5, "ORG"), (6, 7, "GPE")],
    )


def rained():
    return make_doc(["It", "rained", "all", "day"], [1, 1, 3, 1], ents=[(2, 4, "TIME")])


def single():
    return make_doc(["Rain"], [0])


def empty():
    return Doc(VOCAB)


def batch():
    """Docs of many lengths, empty ones at both ends and in between."""
    return [empty(), founded(), empty(), single(), rained(), founded(), empty()]


def random_doc(seed, n_tokens=12):
    """A Doc with a random tree and random words and entities."""
    random = np.random.default_rng(seed)
    heads = [0, *(int(random.integers(0, i)) for i in range(1, n_tokens))]
    words = [f"w{random.integers(0, 30)}" for _ in range(n_tokens)]
    deps = ["ROOT", *(f"d{random.integers(0, 5)}" for _ in range(1, n_tokens))]
    starts = sorted(int(i) for i in random.choice(n_tokens // 2, 3, replace=False))
    return make_doc(words, heads, deps, [(2 * i, 2 * i + 1, "AB"[int(random.integers(0, 2))]) for i in starts])
