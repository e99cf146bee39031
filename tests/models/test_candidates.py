import pickle
import random
from itertools import product

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_vaedie.models.candidates import (
    Candidates,
    build_entity_pairs,
    build_span_pairs,
    concatenate,
    merge,
    pair_spans,
    ranges,
)


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def make_doc(vocab, n_sentences=3, length=6):
    n_tokens = n_sentences * length
    return Doc(vocab, words=["word"] * n_tokens, sent_starts=[i % length == 0 for i in range(n_tokens)])


def offsets(candidates):
    return [tuple(row) for row in candidates.offsets().tolist()]


def labelled_pairs(doc, candidates):
    strings = doc.vocab.strings
    spans = [
        (*bounds, strings[int(label)])
        for bounds, label in zip(candidates.spans.tolist(), candidates.labels, strict=True)
    ]
    return [(spans[head], spans[tail]) for head, tail in candidates.pairs.tolist()]


def expected_pairs(doc, spans, max_sentences):
    """All pairs, by looking at each one."""
    sentence_of = [i for i, sentence in enumerate(doc.sents) for _ in sentence]
    unique = {(span.start, span.end, span.label, span.label_) for span in spans}
    ordered = [(start, end, name) for start, end, _, name in sorted(unique)]
    return [
        (head, tail)
        for head, tail in product(ordered, repeat=2)
        if head[:2] != tail[:2] and abs(sentence_of[head[0]] - sentence_of[tail[0]]) <= max_sentences
    ]


def test_entities_are_paired_in_both_directions(vocab):
    doc = make_doc(vocab)
    doc.ents = [Span(doc, 0, 2, "A"), Span(doc, 3, 4, "B"), Span(doc, 6, 7, "A")]
    candidates = build_entity_pairs()(doc)
    assert labelled_pairs(doc, candidates) == [((0, 2, "A"), (3, 4, "B")), ((3, 4, "B"), (0, 2, "A"))]
    assert offsets(candidates) == [(0, 2, 3, 4), (3, 4, 0, 2)]
    assert candidates.spans.tolist() == [[0, 2], [3, 4], [6, 7]]


@pytest.mark.parametrize(("max_sentences", "n_pairs"), [(0, 0), (1, 4), (2, 6), (9, 6)])
def test_sentence_limit(vocab, max_sentences, n_pairs):
    doc = make_doc(vocab)
    doc.ents = [Span(doc, start, start + 1, "A") for start in (0, 7, 17)]
    candidates = build_entity_pairs(max_sentences=max_sentences)(doc)
    assert labelled_pairs(doc, candidates) == expected_pairs(doc, doc.ents, max_sentences)
    assert len(candidates.pairs) == n_pairs


def test_a_doc_without_sentences_is_one(vocab):
    doc = Doc(vocab, words=["word"] * 40)
    doc.ents = [Span(doc, 0, 1, "A"), Span(doc, 38, 40, "A")]
    assert len(build_entity_pairs()(doc).pairs) == 2


@pytest.mark.parametrize("n_entities", [0, 1])
def test_nothing_to_pair(vocab, n_entities):
    doc = make_doc(vocab)
    doc.ents = [Span(doc, 0, 1, "A")][:n_entities]
    candidates = build_entity_pairs()(doc)
    assert candidates.pairs.shape == (0, 2)
    assert candidates.spans.shape == (n_entities, 2)
    assert candidates.offsets().shape == (0, 4)
    assert candidates.pairs.dtype == candidates.offsets().dtype == np.int64


def test_an_empty_doc(vocab):
    for function in (build_entity_pairs(), build_span_pairs("any")):
        assert function(Doc(vocab)).offsets().shape == (0, 4)


def test_a_span_group_may_nest(vocab):
    doc = make_doc(vocab)
    doc.spans["things"] = [Span(doc, 0, 4, "A"), Span(doc, 0, 2, "B"), Span(doc, 1, 3, "C")]
    candidates = build_span_pairs("things")(doc)
    assert labelled_pairs(doc, candidates) == expected_pairs(doc, doc.spans["things"], 0)
    assert len(candidates.pairs) == 6


def test_one_span_under_two_labels(vocab):
    doc = make_doc(vocab)
    doc.spans["sc"] = [Span(doc, 0, 2, "A"), Span(doc, 0, 2, "B"), Span(doc, 3, 4, "C"), Span(doc, 0, 2, "A")]
    candidates = build_span_pairs()(doc)
    assert len(candidates.spans) == 3
    assert sorted(labelled_pairs(doc, candidates)) == [
        ((0, 2, "A"), (3, 4, "C")),
        ((0, 2, "B"), (3, 4, "C")),
        ((3, 4, "C"), (0, 2, "A")),
        ((3, 4, "C"), (0, 2, "B")),
    ]


def test_two_labels_alone_are_no_pair_and_do_not_count(vocab):
    doc = make_doc(vocab)
    doc.spans["sc"] = [Span(doc, 0, 2, label) for label in "ABCD"]
    assert len(build_span_pairs(max_pairs=1)(doc).pairs) == 0


def test_missing_span_group(vocab):
    doc = make_doc(vocab)
    with pytest.raises(ValueError, match="VE203.*'sc'.*there are: none"):
        build_span_pairs()(doc)
    doc.spans["other"] = []
    with pytest.raises(ValueError, match="VE203.*there are: other"):
        build_span_pairs()(doc)
    assert len(build_span_pairs("other")(doc).pairs) == 0


@pytest.mark.parametrize("build", [build_entity_pairs, build_span_pairs])
@pytest.mark.parametrize(("setting", "value"), [("max_sentences", -1), ("max_pairs", 0), ("max_pairs", -5)])
def test_limits_out_of_range(build, setting, value):
    with pytest.raises(ValueError, match=f"VE107.*'{setting}' is {value}"):
        build(**{setting: value})


@pytest.mark.parametrize(("n_spans", "max_pairs"), [(6, 29), (6, 12), (6, 11), (6, 3), (6, 1), (40, 100), (40, 50)])
def test_cap(vocab, n_spans, max_pairs):
    doc = make_doc(vocab, n_sentences=1, length=n_spans)
    spans = [doc[i : i + 1] for i in range(n_spans)]
    total = n_spans * (n_spans - 1)
    candidates = pair_spans(doc, spans, 0, max_pairs)
    n_pairs = len(candidates.pairs)
    assert 0 < n_pairs <= max_pairs
    assert candidates.dropped == total - n_pairs
    assert len(set(offsets(candidates))) == n_pairs
    # What is kept is nearer than what is left out.
    distances = abs(candidates.pairs[:, 0] - candidates.pairs[:, 1])
    assert distances.max() <= max(1, max_pairs // (2 * n_spans))


def test_nothing_is_dropped_at_the_cap(vocab):
    doc = make_doc(vocab, n_sentences=1)
    candidates = pair_spans(doc, [doc[i : i + 1] for i in range(6)], 0, 30)
    assert (len(candidates.pairs), candidates.dropped) == (30, 0)


def test_the_cap_keeps_the_sentence_limit(vocab):
    doc = make_doc(vocab, n_sentences=10, length=6)
    spans = [doc[i : i + 1] for i in range(60)]
    candidates = pair_spans(doc, spans, 0, 299)
    assert len(candidates.pairs) + candidates.dropped == 300
    heads, tails = candidates.offsets()[:, 0], candidates.offsets()[:, 2]
    # Each of them is one of the pairs that there would be without a cap.
    allowed = set(offsets(pair_spans(doc, spans, 0, 10_000)))
    assert len(allowed) == 300
    assert (heads // 6 == tails // 6).all()
    assert set(offsets(candidates)) <= allowed


@pytest.mark.parametrize("seed", range(12))
def test_random_spans_against_brute_force(vocab, seed):
    chance = random.Random(seed)
    doc = make_doc(vocab, n_sentences=4, length=chance.randint(2, 6))
    spans = []
    for _ in range(chance.randint(0, 15)):
        start = chance.randrange(len(doc))
        spans.append(Span(doc, start, min(start + chance.randint(1, 4), len(doc)), chance.choice("AB")))
    doc.spans["sc"] = spans
    for max_sentences in range(4):
        candidates = build_span_pairs(max_sentences=max_sentences)(doc)
        assert labelled_pairs(doc, candidates) == expected_pairs(doc, spans, max_sentences)
        capped = None
        for max_pairs in (1, 2, 5, 20):
            capped = build_span_pairs(max_sentences=max_sentences, max_pairs=max_pairs)(doc)
            assert len(capped.pairs) <= max_pairs
            assert capped.dropped == len(candidates.pairs) - len(capped.pairs)
            if len(candidates.pairs) <= max_pairs:
                assert np.array_equal(capped.pairs, candidates.pairs)


def test_ranges():
    chance = np.random.default_rng(0)
    for size in (0, 1, 2, 30):
        starts = chance.integers(0, 50, size)
        ends = starts + chance.integers(0, 4, size)
        expected = [number for start, end in zip(starts, ends, strict=True) for number in range(start, end)]
        assert ranges(starts, ends).tolist() == expected
    assert ranges(np.array([3, 5]), np.array([3, 5])).tolist() == []


def test_concatenate(vocab):
    docs = [make_doc(vocab, 1, length) for length in (6, 3, 8)]
    docs.insert(1, Doc(vocab))
    for doc in docs:
        doc.spans["sc"] = [Span(doc, i, i + 2, label) for i, label in zip(range(len(doc) - 2), "ABC", strict=False)]
    parts = [build_span_pairs()(doc) for doc in docs]
    starts = np.array([0, 6, 6, 9])
    batch = concatenate(parts, starts)
    expected = np.concatenate([part.offsets() + start for part, start in zip(parts, starts, strict=True)])
    assert np.array_equal(batch.offsets(), expected)
    labels = [part.labels[part.pairs] for part in parts]
    assert np.array_equal(batch.labels[batch.pairs], np.concatenate(labels))
    assert isinstance(batch, Candidates)


def test_functions_are_registered(vocab):
    doc = make_doc(vocab)
    doc.ents = [Span(doc, 0, 1, "A"), Span(doc, 6, 7, "A")]
    doc.spans["x"] = doc.ents
    for name, settings in (("EntityPairs", {}), ("SpanPairs", {"spans_key": "x"})):
        build = spacy.registry.misc.get(f"spacy-vaedie.{name}.v1")
        assert len(build(**settings)(doc).pairs) == 0
        assert len(build(max_sentences=1, **settings)(doc).pairs) == 2


@pytest.mark.parametrize("function", [build_entity_pairs(), build_span_pairs("sc")])
def test_spawned_workers_get_the_function(function):
    assert pickle.loads(pickle.dumps(function)).keywords == function.keywords


def test_merge(vocab):
    doc = make_doc(vocab, 1, 9)
    first = pair_spans(doc, [Span(doc, 0, 1, "A"), Span(doc, 2, 3, "B"), Span(doc, 8, 9, "C")], 0, 100)
    second = pair_spans(doc, [Span(doc, 0, 1, "A"), Span(doc, 2, 3, "X"), Span(doc, 4, 6, "A")], 0, 100)
    merged = merge(first, second)
    found = labelled_pairs(doc, merged)
    both = [labelled_pairs(doc, item) for item in (first, second)]
    assert sorted(found) == sorted({*both[0], *both[1]})
    # Neither the span under two labels, nor spans that never stood side by side, make a pair.
    assert len(found) == 12
    assert merged.spans.tolist() == [[0, 1], [2, 3], [2, 3], [4, 6], [8, 9]]


def test_merge_of_equal_and_of_empty_candidates(vocab):
    doc = make_doc(vocab, 1, 9)
    some = pair_spans(doc, [Span(doc, 0, 1, "A"), Span(doc, 2, 3, "B")], 0, 100)
    none = pair_spans(doc, [], 0, 100)
    for merged in (merge(some, some), merge(some, none), merge(none, some)):
        assert labelled_pairs(doc, merged) == labelled_pairs(doc, some)
        assert merged.spans.shape == (2, 2)
        assert (merged.spans.dtype, merged.labels.dtype) == (some.spans.dtype, some.labels.dtype)
    empty = merge(none, none)
    assert empty.pairs.shape == (0, 2)
    assert empty.offsets().shape == (0, 4)
