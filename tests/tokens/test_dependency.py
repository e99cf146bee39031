import time
from itertools import product

import networkx
import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_vaedie.tokens import Evidence
from spacy_vaedie.tokens.dependency import (
    DOWN,
    TOP,
    UP,
    has_parse,
    read_evidence,
    read_evidences,
    read_parse,
    shortest_paths,
    span_roots,
    subtree_edges,
)

TEXTS = [
    "The old gardener, who never spoke, gave his sister a basket of green pears. She sold it. Why?",
    "Mara Winter wrote the play that Jonas Hale staged in Oslo last spring, and critics hated it.",
    "Go!",
]


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


@pytest.fixture(scope="module")
def docs(en):
    return [*en.pipe(TEXTS), Doc(en.vocab), Doc(en.vocab, words=["Not", "parsed"])]


@pytest.fixture(scope="module")
def hand(vocab):
    """Two sentences: `Ada founded Bluefin Works . It grew fast`."""
    return Doc(
        vocab,
        words=["Ada", "founded", "Bluefin", "Works", ".", "It", "grew", "fast"],
        heads=[1, 1, 3, 1, 1, 6, 6, 6],
        deps=["nsubj", "ROOT", "compound", "dobj", "punct", "nsubj", "ROOT", "advmod"],
        lemmas=["Ada", "found", "Bluefin", "Works", ".", "it", "", "fast"],
    )


def ints(*values):
    return np.array(values, dtype="int64")


def long_doc(vocab, heads):
    n_tokens = len(heads)
    return Doc(vocab, words=["word"] * n_tokens, heads=list(heads), deps=["dep"] * n_tokens)


def find_path(parse, source, target):
    path = shortest_paths(parse, ints(source), ints(target))
    return path.tokens.tolist(), path.directions.tolist()


def test_parse_of_a_batch(docs):
    batch = [docs[3], docs[0], docs[3], docs[3], docs[1], docs[4], docs[2], docs[3]]
    parse = read_parse(batch)
    tokens = [token for doc in batch for token in doc]
    starts = np.repeat(parse.starts, parse.lengths)
    assert parse.lengths.tolist() == [len(doc) for doc in batch]
    assert parse.starts.tolist() == [sum(len(doc) for doc in batch[:i]) for i in range(len(batch))]
    assert parse.doc_index.tolist() == [i for i, doc in enumerate(batch) for _ in doc]
    assert (parse.heads - starts).tolist() == [token.head.i for token in tokens]
    assert parse.depths.tolist() == [len(list(token.ancestors)) for token in tokens]
    assert parse.deps.tolist() == [token.dep for token in tokens]
    assert parse.pos.tolist() == [token.pos for token in tokens]
    assert parse.words.tolist() == [token.lemma or token.lower for token in tokens]
    assert parse.ent_types.tolist() == [token.ent_type for token in tokens]
    # Each Doc starts a sentence, also one that was not parsed.
    sentences = [1 if token.i == 0 or token.is_sent_start else 0 for token in tokens]
    assert parse.sentences.tolist() == (np.cumsum(sentences) - 1).tolist()
    assert parse.sentences.max() > 4


def test_words_without_lemmas_are_lower_case(hand, docs):
    found = " ".join(hand.vocab.strings[word] for word in read_parse([hand]).words)
    assert found == "Ada found Bluefin Works . it grew fast"
    not_parsed = docs[4]
    assert [not_parsed.vocab.strings[word] for word in read_parse([not_parsed]).words] == ["not", "parsed"]


@pytest.mark.parametrize("n_docs", [0, 1, 3])
def test_parse_of_nothing(vocab, n_docs):
    parse = read_parse([Doc(vocab)] * n_docs)
    assert parse.lengths.tolist() == [0] * n_docs
    for name in ("heads", "depths", "sentences", "deps", "pos", "words", "ent_types", "doc_index"):
        assert getattr(parse, name).shape == (0,)
    paths = shortest_paths(parse, ints(), ints())
    assert len(paths.tokens) == len(paths.lengths) == 0
    assert len(span_roots(parse, ints(), ints())) == 0


def test_tokens_without_parse_are_roots(docs):
    parse = read_parse([docs[4], docs[4]])
    assert parse.heads.tolist() == [0, 1, 2, 3]
    assert parse.depths.tolist() == [0, 0, 0, 0]
    assert parse.sentences.tolist() == [0, 0, 1, 1]


def test_span_roots(docs):
    parse = read_parse(docs)
    spans = [(doc, doc[start:end]) for doc in docs for start, end in product(range(len(doc)), range(len(doc) + 1))]
    spans = [(doc, span) for doc, span in spans if len(span)]
    offsets = {id(doc): start for doc, start in zip(docs, parse.starts, strict=True)}
    starts = ints(*(offsets[id(doc)] + span.start for doc, span in spans))
    ends = ints(*(offsets[id(doc)] + span.end for doc, span in spans))
    expected = [
        offsets[id(doc)] + min(span, key=lambda token: (len(list(token.ancestors)), token.i)).i for doc, span in spans
    ]
    assert span_roots(parse, starts, ends).tolist() == expected
    # Within one sentence this is spaCy's own root, where the span has only one.
    single = [(doc, span, root) for (doc, span), root in zip(spans, expected, strict=True) if doc is docs[1]]
    assert all(
        offsets[id(doc)] + span.root.i == root
        for doc, span, root in single
        if sum(token.head not in span or token.head == token for token in span) == 1
    )


def test_shortest_paths_over_all_pairs(docs):
    """Against networkx. Each text is a tree a sentence, and the roots are joined to each other."""
    parse = read_parse(docs[:3])
    n_checked = 0
    for doc, start in zip(docs, parse.starts, strict=False):
        pairs = list(product(range(len(doc)), repeat=2))
        sources, targets = (start + ints(*side) for side in zip(*pairs, strict=True))
        paths = shortest_paths(parse, sources, targets)
        graph = networkx.Graph()
        graph.add_nodes_from(range(len(doc)))
        graph.add_edges_from((token.i, token.head.i) for token in doc if token.head.i != token.i)
        roots = [sentence.root.i for sentence in doc.sents]
        graph.add_edges_from((one, other) for one in roots for other in roots if one < other)
        found = np.split(paths.tokens - start, np.cumsum(paths.lengths)[:-1])
        directions = np.split(paths.directions, np.cumsum(paths.lengths)[:-1])
        for (source, target), path, steps in zip(pairs, found, directions, strict=True):
            assert path.tolist() == networkx.shortest_path(graph, source, target), (source, target)
            own = [doc[i] for i in path.tolist() if doc[i].sent == doc[source].sent]
            top = min(range(len(own)), key=lambda place: len(list(own[place].ancestors)))
            assert steps.tolist() == [UP] * top + [TOP] + [DOWN] * (len(path) - top - 1)
            n_checked += 1
    assert n_checked > 700


def test_paths_by_hand(hand):
    parse = read_parse([hand])
    assert find_path(parse, 0, 2) == ([0, 1, 3, 2], [UP, TOP, DOWN, DOWN])
    assert find_path(parse, 2, 0) == ([2, 3, 1, 0], [UP, UP, TOP, DOWN])
    assert find_path(parse, 2, 1) == ([2, 3, 1], [UP, UP, TOP])
    assert find_path(parse, 1, 2) == ([1, 3, 2], [TOP, DOWN, DOWN])
    assert find_path(parse, 2, 2) == ([2], [TOP])
    # Between sentences: over both roots, the first one counting as the head of the second.
    assert find_path(parse, 2, 5) == ([2, 3, 1, 6, 5], [UP, UP, TOP, DOWN, DOWN])
    assert find_path(parse, 5, 2) == ([5, 6, 1, 3, 2], [UP, TOP, DOWN, DOWN, DOWN])
    assert find_path(parse, 1, 6) == ([1, 6], [TOP, DOWN])


def test_paths_do_not_depend_on_the_batch(docs):
    alone, batch = read_parse([docs[1]]), read_parse([docs[0], docs[3], docs[1]])
    for source, target in [(0, 5), (9, 2), (3, 3)]:
        tokens, directions = find_path(alone, source, target)
        shifted = [token + len(docs[0]) for token in tokens]
        assert find_path(batch, source + len(docs[0]), target + len(docs[0])) == (shifted, directions)


def test_evidence(hand):
    assert read_evidence(hand, (0, 1), (2, 4)) == Evidence((0, 1, 3), ("<nsubj", "dobj"), "found")
    assert read_evidence(hand, (2, 4), (0, 1)) == Evidence((3, 1, 0), ("<dobj", "nsubj"), "found")
    assert read_evidence(hand, (2, 4), (1, 2)) == Evidence((3, 1), ("<dobj",), "found")
    assert read_evidence(hand, (2, 3), (2, 4)) == Evidence((2, 3), ("<compound",), "Works")
    assert read_evidence(hand, (2, 4), (2, 4)) == Evidence((3,), (), "Works")
    # Across sentences, and with a topmost word that has no lemma.
    assert read_evidence(hand, (0, 1), (7, 8)) == Evidence((0, 1, 6, 7), ("<nsubj", "ROOT", "advmod"), "found")
    assert read_evidence(hand, (7, 8), (0, 1)) == Evidence((7, 6, 1, 0), ("<advmod", "ROOT", "nsubj"), "grew")


def test_evidence_from_a_parse_that_was_read_before(hand, docs):
    assert read_evidence(hand, (0, 1), (7, 8), read_parse([hand])) == read_evidence(hand, (0, 1), (7, 8))
    evidence = read_evidence(docs[1], (0, 2), (4, 5))
    assert evidence.trigger == "write"
    assert all(type(token) is int for token in evidence.tokens)
    assert len(evidence.deps) == len(evidence.tokens) - 1


def test_evidence_of_many_pairs_at_once(docs, hand, monkeypatch):
    """The same as one by one, wherever a block of pairs ends."""
    for size in (1, 3, 1024):
        monkeypatch.setattr("spacy_vaedie.tokens.dependency.PATHS_AT_ONCE", size)
        for doc in (*docs, hand):
            spans = [(i, min(i + width, len(doc))) for i in range(len(doc)) for width in (1, 3)][:12]
            pairs = [(*head, *tail) for head, tail in product(spans, repeat=2)]
            expected = [read_evidence(doc, pair[:2], pair[2:]) for pair in pairs]
            assert read_evidences(doc, pairs) == read_evidences(doc, pairs, read_parse([doc])) == expected
            assert all(type(token) is int for evidence in expected for token in evidence.tokens)
    assert read_evidences(hand, []) == []


def test_has_parse(docs, hand, vocab):
    assert has_parse(hand)
    assert all(has_parse(doc) for doc in docs[:4])
    assert not has_parse(docs[4])
    assert has_parse(Doc(vocab))
    assert has_parse(Doc(vocab, words=[" ", "\n"]))
    assert not has_parse(Doc(vocab, words=[" ", "word"]))


@pytest.mark.parametrize("shape", ["sentences", "comb", "chain"])
def test_long_docs(vocab, shape):
    """A parse of 100,000 tokens, also one that a broken parser might give."""
    n_tokens = 100_000
    places = np.arange(n_tokens)
    if shape == "sentences":
        heads, depths = places - (places % 25 > 0), places % 25
    elif shape == "comb":
        heads, depths = np.zeros(n_tokens, dtype="int64"), (places > 0).astype("int64")
    else:
        heads, depths = np.maximum(places - 1, 0), places
    doc = long_doc(vocab, heads)
    start = time.perf_counter()
    parse = read_parse([doc])
    sources = np.arange(0, n_tokens - 24, 25)
    paths = shortest_paths(parse, sources, sources + 24) if shape != "chain" else None
    roots = span_roots(parse, sources, sources + 25)
    seconds = time.perf_counter() - start
    assert np.array_equal(parse.depths, depths)
    assert np.array_equal(roots, sources)
    assert paths is None or paths.lengths.tolist()[1:] == [25 if shape == "sentences" else 3] * (len(sources) - 1)
    assert seconds < 5.0


def test_subtree_edges_are_those_of_spacy(docs):
    parse = read_parse(docs)
    left, right = subtree_edges(parse)
    for doc, start in zip(docs, parse.starts.tolist(), strict=True):
        rows = slice(start, start + len(doc))
        assert (left[rows] - start).tolist() == [token.left_edge.i for token in doc]
        assert (right[rows] - start).tolist() == [token.right_edge.i for token in doc]


def test_subtree_edges_of_a_cycle(vocab):
    doc = Doc(vocab, words=list("abcd"), heads=[1, 2, 0, 0], deps=["dep"] * 4)
    left, right = subtree_edges(read_parse([doc]))
    # It is cut at its first token.
    assert left.tolist() == [0, 1, 1, 3]
    assert right.tolist() == [3, 1, 2, 3]


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ([1, 0, 3, 3], [0, 0, 3, 3]),
        ([1, 2, 0, 3], [0, 2, 0, 3]),
        # Two cycles, and tokens that lead into one of them.
        ([2, 3, 1, 1, 5, 6, 4, 4, 7], [2, 1, 1, 1, 4, 6, 4, 4, 7]),
    ],
)
def test_cycles_of_foreign_parsers_are_cut(vocab, heads, expected):
    """At their first token, which becomes a root; the rest of the parse stays."""
    doc = Doc(vocab, words=["a"] * len(heads), heads=heads, deps=["dep"] * len(heads))
    assert [token.head.i for token in doc] == heads
    other = Doc(vocab, words=["a", "b"], heads=[1, 1], deps=["dep", "ROOT"])
    parse = read_parse([other, doc])
    assert (parse.heads[2:] - 2).tolist() == expected
    assert parse.heads[:2].tolist() == [1, 1]
    for source, target in product(range(len(heads)), repeat=2):
        evidence = read_evidence(doc, (source, source + 1), (target, target + 1))
        assert (evidence.tokens[0], evidence.tokens[-1]) == (source, target)
