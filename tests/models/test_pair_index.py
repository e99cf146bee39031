import numpy as np
import pytest
from spacy.tokens import Span

from spacy_vaedie.models import pair_index
from spacy_vaedie.models.candidates import build_entity_pairs, build_span_pairs
from spacy_vaedie.models.pair_index import MAX_BETWEEN, MAX_DISTANCE, REACH, index_blocks, index_pairs
from spacy_vaedie.tokens.dependency import read_evidence

from . import parsed

GROUPS = ("heads", "tails", "between", "path", "features")
DOCS = [parsed.founded(), parsed.random_doc(1), parsed.random_doc(2)]


def propose(docs):
    return [build_entity_pairs()(doc) for doc in docs]


def grouped(index, name, n_pairs):
    """The rows of each pair."""
    rows, firsts = getattr(index, name)
    return np.split(rows, firsts[1:]) if n_pairs else []


def contexts(index):
    """The rows around and between the arguments, of each pair."""
    firsts = index.context.pieces[::3]
    return np.split(index.context.rows, firsts[1:]) if len(firsts) else []


def test_index_of_a_pair_by_hand():
    doc = parsed.founded()
    candidates = build_entity_pairs()(doc)
    index = index_pairs([parsed.single(), doc], propose([parsed.single()]) + [candidates])
    pairs = candidates.offsets().tolist()
    # All rows count from the batch, in which one token comes before.
    for name, place, expected in (
        ("heads", [0, 2, 3, 5], [1, 2]),
        ("tails", [0, 2, 3, 5], [4, 5]),
        ("between", [0, 2, 3, 5], [3]),
        ("between", [3, 5, 0, 2], [3]),
        ("between", [3, 5, 6, 7], [6]),
        ("between", [0, 2, 6, 7], [3, 4, 5, 6]),
        ("path", [0, 2, 3, 5], [2, 3, 5]),
        ("path", [3, 5, 0, 2], [5, 3, 2]),
        ("path", [6, 7, 0, 2], [7, 6, 3, 2]),
    ):
        assert grouped(index, name, 6)[pairs.index(place)].tolist() == expected, name
    assert index.head_roots.tolist() == [2, 2, 5, 5, 7, 7]
    assert index.tail_roots.tolist() == [5, 7, 2, 7, 2, 5]
    evidence = [read_evidence(doc, (row[0], row[1]), (row[2], row[3])).tokens for row in pairs]
    assert [(path - 1).tolist() for path in grouped(index, "path", 6)] == [list(tokens) for tokens in evidence]


def test_steps_are_told_apart_by_label_and_direction():
    doc = parsed.make_doc(["a", "b", "c"], [1, 1, 1], ["dep", "ROOT", "dep"], [(0, 1, "A"), (1, 2, "A"), (2, 3, "A")])
    candidates = build_entity_pairs()(doc)
    index = index_pairs([doc], [candidates])
    labels = np.split(index.path_labels, index.path[1][1:])
    path = labels[candidates.offsets()[:, [0, 2]].tolist().index([0, 2])]
    back = labels[candidates.offsets()[:, [0, 2]].tolist().index([2, 0])]
    assert len(set(path.tolist())) == 3
    assert path.tolist() == back.tolist()


def test_index_does_not_depend_on_the_batch():
    """The same Doc alone, and between others, gives the same buckets."""
    docs = [DOCS[2], parsed.empty(), DOCS[0], DOCS[1], parsed.single(), DOCS[0]]
    candidates = propose(docs)
    together = index_pairs(docs, candidates)
    n_pairs = len(together.head_roots)
    groups = {name: grouped(together, name, n_pairs) for name in GROUPS}
    labels = np.split(together.path_labels, together.path[1][1:])
    pair = row = 0
    for doc, item in zip(docs, candidates, strict=True):
        alone = index_pairs([doc], [item])
        for i in range(len(item.pairs)):
            for name in GROUPS:
                shift = 0 if name == "features" else row
                found = grouped(alone, name, len(item.pairs))[i]
                assert np.array_equal(found + shift, groups[name][pair + i]), name
            assert np.array_equal(np.split(alone.path_labels, alone.path[1][1:])[i], labels[pair + i])
            assert alone.head_roots[i] + row == together.head_roots[pair + i]
            assert alone.tail_roots[i] + row == together.tail_roots[pair + i]
        pair, row = pair + len(item.pairs), row + len(doc)
    assert pair == n_pairs == 24


def test_features_stay_inside_of_the_doc():
    """Arguments at both ends: what stands before and behind in the batch plays no part."""
    doc = parsed.make_doc(["a", "b", "c"], [1, 1, 1], ents=[(0, 1, "A"), (2, 3, "B")])
    alone = index_pairs([doc], propose([doc])).features[0]
    for other in (parsed.founded(), parsed.rained(), parsed.single()):
        index = index_pairs([other, doc, other], propose([parsed.empty(), doc, parsed.empty()]))
        assert np.array_equal(index.features[0], alone)


def test_nested_overlapping_and_neighbouring_spans():
    doc = parsed.founded()
    doc.spans["sc"] = [Span(doc, start, end, "A") for start, end in ((0, 5), (3, 5), (4, 6), (5, 6), (0, 8), (7, 8))]
    candidates = build_span_pairs()(doc)
    index = index_pairs([doc], [candidates])
    n_pairs = len(candidates.pairs)
    assert n_pairs == 30
    between = grouped(index, "between", n_pairs)
    for row, rows in zip(candidates.offsets().tolist(), between, strict=True):
        first, second = sorted([row[:2], row[2:]])
        assert rows.tolist() == list(range(first[1], second[0]))
    for row, rows in zip(candidates.offsets().tolist(), contexts(index), strict=True):
        assert rows.tolist() == list(range(max(min(row[::2]) - REACH, 0), min(max(row[1::2]) + REACH, len(doc))))


def test_long_distances_are_cut():
    n_tokens = 3 * MAX_BETWEEN
    doc = parsed.make_doc(["word"] * n_tokens, [0] * n_tokens, ents=[(0, 1, "A"), (n_tokens - 1, n_tokens, "A")])
    index = index_pairs([doc], propose([doc]))
    assert [rows.tolist() for rows in grouped(index, "between", 2)] == [list(range(1, 1 + MAX_BETWEEN))] * 2


def test_index_of_nothing():
    docs = [parsed.empty(), parsed.single()]
    index = index_pairs(docs, propose(docs))
    assert len(index.head_roots) == len(index.tail_roots) == len(index.path_labels) == 0
    for name in GROUPS:
        assert [len(part) for part in getattr(index, name)] == [0, 0]


def test_context_of_a_pair_by_hand():
    doc = parsed.make_doc(
        [f"w{i}" for i in range(20)], [max(i - 1, 0) for i in range(20)], ents=[(6, 8, "A"), (10, 11, "B")]
    )
    index = index_pairs([parsed.single(), doc], propose([parsed.single(), doc]))
    context = index.context
    there, back = (slice(0, 13), slice(13, 26))
    assert context.rows[there].tolist() == context.rows[back].tolist() == list(range(3, 16))
    assert context.owners.tolist() == [0] * 13 + [1] * 13
    assert context.pieces.tolist() == [0, 6, 8, 13, 19, 21]
    to_first = [-4, -3, -2, -1, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    to_second = [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4]
    for distances, first, second in ((context.to_head, there, back), (context.to_tail, back, there)):
        assert (distances[first] - MAX_DISTANCE).tolist() == to_first
        assert (distances[second] - MAX_DISTANCE).tolist() == to_second
    # The path goes from the top of the first argument along the chain.
    assert np.flatnonzero(context.on_path[there]).tolist() == [4, 5, 6, 7, 8]


def test_context_of_distant_arguments_is_cut_in_the_middle():
    n_tokens = 3 * MAX_BETWEEN
    doc = parsed.make_doc(["word"] * n_tokens, [0] * n_tokens, ents=[(0, 1, "A"), (n_tokens - 1, n_tokens, "A")])
    context = index_pairs([doc], propose([doc])).context
    half = MAX_BETWEEN // 2
    expected = [0, *range(1, half + 1), *range(n_tokens - half - 1, n_tokens - 1), n_tokens - 1]
    assert context.rows.tolist() == expected * 2
    firsts = [0, 1, 1 + MAX_BETWEEN]
    assert context.pieces.tolist() == [*firsts, *(len(expected) + first for first in firsts)]
    assert context.to_tail.min() == context.to_head.min() == 0
    assert context.to_tail.max() == context.to_head.max() == 2 * MAX_DISTANCE


@pytest.mark.parametrize("size", [1, 100, 1000, 10**6])
def test_blocks_are_bounded_and_describe_all_pairs(monkeypatch, size):
    """Among them nested and long spans, long gaps and pairs of two sentences."""
    monkeypatch.setattr(pair_index, "BLOCK_ROWS", size)
    doc = parsed.random_doc(3, n_tokens=130)
    heads = [i - 1 if i % 60 else i for i in range(130)]
    deep = parsed.make_doc([f"w{i % 9}" for i in range(130)], heads)
    for item in (doc, deep):
        item.spans["sc"] = [Span(item, *ends, "A") for ends in ((0, 9), (2, 5), (4, 9), (50, 51), (59, 99), (125, 130))]
    docs = [parsed.single(), doc, deep, *DOCS]
    propose_spans = build_span_pairs(max_sentences=1000)
    candidates = [propose_spans(item) if "sc" in item.spans else propose([item])[0] for item in docs]
    whole, found = index_pairs(docs, candidates), [block() for block in index_blocks(docs, candidates)]
    n_pairs = [len(block.head_roots) for block in found]
    assert sum(n_pairs) == 30 + 30 + 18
    assert all(n_pairs)
    for name in ("head_roots", "tail_roots", "types", "path_labels"):
        assert np.array_equal(np.concatenate([getattr(block, name) for block in found]), getattr(whole, name)), name
    for name in GROUPS:
        blocks = [rows for block, n in zip(found, n_pairs, strict=True) for rows in grouped(block, name, n)]
        for rows, expected in zip(blocks, grouped(whole, name, 78), strict=True):
            assert np.array_equal(rows, expected), name
    for name in ("rows", "to_head", "to_tail", "on_path"):
        joined = np.concatenate([getattr(block.context, name) for block in found])
        assert np.array_equal(joined, getattr(whole.context, name)), name
    read = [np.array([len(rows) for rows in contexts(b)]) + np.diff([*b.path[1], len(b.path[0])]) for b in found]
    assert all(rows[1:].sum() <= size for rows in read)
    # As few blocks as that takes, give or take what a path is overestimated by.
    assert len(found) <= 1 + 2 * sum(rows.sum() for rows in read) // size
    assert size < 10**6 or len(found) == 1


def test_no_pairs_are_one_block():
    docs = [parsed.empty(), parsed.single()]
    (block,) = index_blocks(docs, propose(docs))
    assert len(block().head_roots) == 0
