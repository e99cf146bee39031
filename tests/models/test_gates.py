"""Candidate pairs behind gates: against every pair looked at by hand, and with too many spans."""

import pickle
import random
import tracemalloc
from itertools import product

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_vaedie.models import gates
from spacy_vaedie.models.candidates import Candidates
from spacy_vaedie.models.gates import build_entity_pairs, build_noun_chunk_pairs, build_span_pairs
from spacy_vaedie.tokens.dependency import read_evidence

BUILDERS = [build_entity_pairs, build_span_pairs, build_noun_chunk_pairs]
# Two sentences: Ada founded Acme in Oslo . Bo sold it .
WORDS = ["Ada", "founded", "Acme", "in", "Oslo", ".", "Bo", "sold", "it", "."]
HEADS = [1, 1, 1, 1, 3, 1, 7, 7, 7, 7]
ADA, ACME, OSLO, BO = (0, 1, "PER"), (2, 3, "ORG"), (4, 5, "LOC"), (6, 7, "PER")


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


@pytest.fixture
def doc(vocab):
    doc = Doc(vocab, words=WORDS, heads=HEADS, deps=["dep"] * len(WORDS))
    doc.ents = [Span(doc, *span) for span in (ADA, ACME, OSLO, BO)]
    return doc


def found(doc, candidates):
    """Each pair as the words of its head and tail."""
    return {(doc[hs:he].text, doc[ts:te].text) for hs, he, ts, te in candidates.offsets().tolist()}


def chain(vocab, n_tokens, n_sentences=1):
    """A Doc whose sentences are chains: each token is the head of the next one."""
    length = n_tokens // n_sentences
    heads = [i - (i % length > 0) for i in range(n_tokens)]
    return Doc(vocab, words=["word"] * n_tokens, heads=heads, deps=["dep"] * n_tokens)


def test_both_directions(doc):
    assert found(doc, build_entity_pairs()(doc)) == {
        pair for pair in product(("Ada", "Acme", "Oslo"), repeat=2) if pair[0] != pair[1]
    }
    assert found(doc, build_entity_pairs()(doc, both_ways=False)) == {
        ("Ada", "Acme"),
        ("Ada", "Oslo"),
        ("Acme", "Oslo"),
    }


@pytest.mark.parametrize(
    ("max_path", "pairs"),
    [
        (1, set()),
        (2, {("Ada", "Acme")}),
        # Over both roots: Ada < founded - sold > Bo.
        (3, {("Ada", "Acme"), ("Ada", "Oslo"), ("Acme", "Oslo"), ("Ada", "Bo"), ("Acme", "Bo")}),
        (0, {("Ada", "Acme"), ("Ada", "Oslo"), ("Acme", "Oslo"), ("Ada", "Bo"), ("Acme", "Bo"), ("Oslo", "Bo")}),
    ],
)
def test_path(doc, max_path, pairs):
    propose = build_entity_pairs(max_sentences=1, max_path=max_path)
    assert found(doc, propose(doc, both_ways=False)) == pairs
    assert found(doc, propose(doc)) == pairs | {(tail, head) for head, tail in pairs}


def test_path_is_that_of_the_evidence(en):
    doc = en("Mira Holt, who was born in Oslo, founded Brightwell. Its office lies near the harbour of Larkton.")
    doc.spans["sc"] = [doc[i : i + 1] for i in range(len(doc))]
    lengths = {}
    for max_path in range(1, 12):
        candidates = build_span_pairs(max_sentences=1, max_path=max_path)(doc)
        for row in candidates.offsets().tolist():
            lengths.setdefault(tuple(row), max_path)
    assert len(lengths) == len(doc) * (len(doc) - 1)
    for (hs, he, ts, te), length in lengths.items():
        assert len(read_evidence(doc, (hs, he), (ts, te)).deps) == length


def test_types(doc):
    propose = build_entity_pairs(max_sentences=1, types=[("PER", "ORG"), ("ORG", "LOC"), ("GPE", "ORG")])
    assert found(doc, propose(doc)) == {("Ada", "Acme"), ("Bo", "Acme"), ("Acme", "Oslo")}
    assert found(doc, propose(doc, both_ways=False)) == {("Ada", "Acme"), ("Acme", "Bo"), ("Acme", "Oslo")}
    # They are given, so nothing that was learned is asked.
    assert found(doc, propose(doc, types=[("PER", "LOC")])) == found(doc, propose(doc))


def test_learned_types(doc):
    propose = build_entity_pairs(types="learned")
    assert propose.learns_types
    assert len(propose(doc).pairs) == 6
    assert found(doc, propose(doc, types=[["PER", "LOC"]])) == {("Ada", "Oslo")}
    assert len(propose(doc, types=[]).pairs) == 0
    assert not build_entity_pairs(types=[("PER", "LOC")]).learns_types


def test_noun_chunks(en):
    doc = en("The old firm bought a small mill.")
    candidates = build_noun_chunk_pairs()(doc)
    assert found(doc, candidates) == {("The old firm", "a small mill"), ("a small mill", "The old firm")}
    assert {en.vocab.strings[int(label)] for label in candidates.labels} == {"NP"}


def test_no_noun_chunks(en):
    with pytest.raises(ValueError, match=r"VE222.*'xx'"):
        build_noun_chunk_pairs()(spacy.blank("xx")("a b"))
    with pytest.raises(ValueError, match=r"VE202.*a mill"):
        build_noun_chunk_pairs()(en.make_doc("a mill"))
    for text in ("", "  "):
        assert len(build_noun_chunk_pairs()(en.make_doc(text)).pairs) == 0


def test_nested_spans_and_one_span_under_two_labels(doc):
    doc.spans["sc"] = [Span(doc, 0, 3, "A"), Span(doc, 0, 1, "B"), Span(doc, 0, 1, "C"), Span(doc, 2, 3, "B")]
    candidates = build_span_pairs()(doc)
    # Each of four with each other one, but for the two that are the same tokens.
    assert len(candidates.pairs) == 4 * 3 - 2
    assert len(build_span_pairs()(doc, both_ways=False).pairs) == 5


@pytest.mark.parametrize("seed", range(10))
def test_random_spans_against_brute_force(vocab, monkeypatch, seed):
    chance = random.Random(seed)
    monkeypatch.setattr(gates, "BLOCK", chance.choice([1, 7, 1000]))
    doc = chain(vocab, 24, n_sentences=chance.choice([1, 2, 4]))
    spans = []
    for _ in range(chance.randint(0, 14)):
        start = chance.randrange(len(doc))
        spans.append(Span(doc, start, min(start + chance.randint(1, 3), len(doc)), chance.choice("AB")))
    doc.spans["sc"] = spans
    sentence_of = [i for i, sentence in enumerate(doc.sents) for _ in sentence]
    unique = sorted({(span.start, span.end, span.label_) for span in spans})
    for max_sentences, max_path, types in product((0, 1, 3), (0, 2, 9), (None, [("A", "B"), ("B", "B")])):
        expected = {
            (head, tail)
            for head, tail in product(unique, repeat=2)
            if head[:2] != tail[:2]
            and abs(sentence_of[head[0]] - sentence_of[tail[0]]) <= max_sentences
            and (not max_path or len(read_evidence(doc, head[:2], tail[:2]).deps) <= max_path)
            and (types is None or (head[2], tail[2]) in types)
        }
        propose = build_span_pairs("sc", max_sentences, max_path, types)
        candidates = propose(doc)
        ends = [
            tuple((*candidates.spans[i].tolist(), vocab.strings[int(candidates.labels[i])]) for i in pair)
            for pair in candidates.pairs
        ]
        assert len(ends) == len(expected)
        assert set(ends) == expected
        assert candidates.pairs.tolist() == sorted(candidates.pairs.tolist())


def test_the_cap_keeps_the_nearest_and_counts_what_it_drops(vocab, monkeypatch):
    doc = chain(vocab, 30)
    doc.spans["sc"] = [doc[i : i + 1] for i in range(30)]
    for block in (10, 10_000):
        monkeypatch.setattr(gates, "BLOCK", block)
        candidates = build_span_pairs(max_pairs=58)(doc)
        assert candidates.dropped == 812
        # The 29 neighbours, in both directions.
        assert (abs(candidates.pairs[:, 0] - candidates.pairs[:, 1]) == 1).all()
        assert len(candidates.pairs) == 58
    for propose, n_pairs in (
        (build_span_pairs(max_pairs=870), 870),
        (build_span_pairs(max_path=1, max_pairs=58), 58),
    ):
        candidates = propose(doc)
        assert (len(candidates.pairs), candidates.dropped) == (n_pairs, 0)


def test_the_cap_counts_what_passed_the_gates(doc):
    """Pairs that no gate lets through do not push others out."""
    candidates = build_entity_pairs(max_sentences=1, types=[("PER", "LOC")], max_pairs=2)(doc)
    assert found(doc, candidates) == {("Ada", "Oslo"), ("Bo", "Oslo")}
    assert candidates.dropped == 0


@pytest.mark.parametrize("max_path", [0, 40])
def test_many_entities_in_one_doc(vocab, max_path):
    """2,000 spans make 4 million pairs; what is kept at a time is a small part of them."""
    doc = chain(vocab, 2000)
    doc.spans["sc"] = [doc[i : i + 1] for i in range(2000)]
    propose = build_span_pairs(max_path=max_path, max_pairs=5000)
    tracemalloc.start()
    candidates = propose(doc)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(candidates.pairs) == 5000
    # All pairs at once would be 64 MB for their rows alone.
    assert peak < 30e6


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(("setting", "value"), [("max_sentences", -1), ("max_path", -1), ("max_pairs", 0)])
def test_limits_out_of_range(build, setting, value):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is {value}"):
        build(**{setting: value})


@pytest.mark.parametrize("build", BUILDERS[:2])
def test_unknown_types(build):
    with pytest.raises(ValueError, match="VE005.*'any'.*learned"):
        build(types="any")
    with pytest.raises(ValueError, match="VE107.*'types'.*pairs"):
        build(types=[["PER", "ORG"], ["PER"]])
    # That would be no pair at all.
    with pytest.raises(ValueError, match="VE107.*'types'.*at least one, or null"):
        build(types=[])


def test_an_empty_key():
    with pytest.raises(ValueError, match="VE107.*'spans_key' is ''.*SpanPairs.v2"):
        build_span_pairs(spans_key="")


def test_missing_span_group(doc, vocab):
    with pytest.raises(ValueError, match=r"VE203.*'sc'.*there are: none"):
        build_span_pairs()(doc)
    assert len(build_span_pairs()(Doc(vocab)).pairs) == 0


@pytest.mark.parametrize("build", BUILDERS)
def test_spawned_workers_get_the_function(build, en):
    doc = en("The old firm bought a small mill.")
    doc.spans["sc"] = doc.ents = list(doc.noun_chunks)
    propose = pickle.loads(pickle.dumps(build()))
    assert propose(doc).pairs.tolist() == build()(doc).pairs.tolist() == [[0, 1], [1, 0]]


def test_functions_are_registered(doc):
    for name, settings in (("EntityPairs.v2", {"types": [["PER", "ORG"]]}), ("EntityPairs.v2", {"types": "learned"})):
        block = {"candidates": {"@misc": f"spacy-vaedie.{name}", **settings}}
        propose = spacy.registry.resolve(block)["candidates"]
        assert len(propose(doc).pairs) == (1 if settings["types"] != "learned" else 6)


def test_one_way_of_given_pairs():
    spans, labels = np.array([[4, 5], [0, 2], [0, 1]]), np.zeros(3, dtype="uint64")
    candidates = Candidates(spans, labels, np.array([[0, 1], [1, 0], [1, 2], [0, 2]]))
    assert candidates.forward().tolist() == [False, True, False, False]
    # (0, 1) comes before (0, 2), which comes before (4, 5).
    assert candidates.one_way().pairs.tolist() == [[1, 0], [2, 0], [2, 1]]
