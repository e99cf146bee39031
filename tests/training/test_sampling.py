from collections import Counter

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_vaedie.training.sampling import choose_share

NLP = spacy.blank("en")


def doc_of(i, label=None, cat=None, key=None):
    doc = Doc(NLP.vocab, words=["text", str(i)])
    if label and key:
        doc.spans[key] = [Span(doc, 0, 1, label=label)]
    elif label:
        doc.ents = [Span(doc, 0, 1, label=label)]
    if cat:
        doc.cats = {name: float(name == cat) for name in ("a", "b")}
    return doc


@pytest.mark.parametrize("place", ["ents", "spans", "cats"])
def test_each_label_gets_its_share(place):
    kinds = ["a"] * 140 + ["b"] * 40 + [None] * 20
    docs = [
        doc_of(i, cat=kind) if place == "cats" else doc_of(i, kind, key="sc" if place == "spans" else None)
        for i, kind in enumerate(kinds)
    ]
    chosen = Counter(kinds[i] for i in choose_share(docs, 0.1))
    assert chosen.total() == 20
    for kind, n in (("a", 14), ("b", 4), (None, 2)):
        assert abs(chosen[kind] - n) <= 1


@pytest.mark.parametrize("seed", [0, 1])
def test_shares_are_nested(seed):
    # every text with labels of its own: rare ones come in by chance
    docs = [doc_of(i, f"L{i}") for i in range(50)] + [doc_of(i, "M") for i in range(50, 100)]
    shares = [choose_share(docs, share, seed) for share in (0.01, 0.1, 0.3, 0.55, 1.0)]
    assert [len(share) for share in shares] == [1, 10, 30, 55, 100]
    assert all(smaller < larger for smaller, larger in zip(shares, shares[1:], strict=False))
    assert len({i for i in shares[2] if i < 50}) in range(8, 23)


def test_it_depends_on_text_and_seed_alone():
    docs = [doc_of(i, "L") for i in range(60)]
    chosen = {docs[i].text for i in choose_share(docs, 0.2)}
    assert {docs[::-1][i].text for i in choose_share(docs[::-1], 0.2)} == chosen
    assert {docs[i].text for i in choose_share(docs, 0.2, seed=1)} != chosen
    # the same on every machine and version
    assert sorted(choose_share(docs, 0.05)) == [13, 17, 18]


def test_at_least_one():
    assert len(choose_share([doc_of(0), doc_of(1)], 0.1)) == 1
    assert choose_share([], 0.1) == set()
