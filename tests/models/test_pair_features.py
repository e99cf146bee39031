import numpy as np
import pytest
from spacy.tokens import Span

from spacy_vaedie.models.candidates import build_entity_pairs, build_span_pairs, concatenate
from spacy_vaedie.models.pair_features import CONTEXT, lexical_features, mix
from spacy_vaedie.tokens.dependency import read_parse, shortest_paths, span_roots

from . import parsed


def test_buckets_are_the_same_in_every_process():
    """Saved weights stand at these buckets: the hash must never change, nor depend on the machine."""

    def scalar(*values):
        mixed, bits = 0, (1 << 64) - 1
        for value in values:
            mixed = ((mixed ^ value) + 0x9E3779B97F4A7C15) & bits
            mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & bits
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & bits
            mixed ^= mixed >> 31
        return mixed

    # The first output of splitmix64 with the seed 0, as its authors publish it.
    assert scalar(0) == 0xE220A8397B1DCDAF
    columns = np.random.default_rng(0).integers(0, 1 << 64, (3, 50), dtype="uint64")
    assert mix(*columns).tolist() == [scalar(*(int(value) for value in row)) for row in columns.T]


ENTITY_PAIRS = build_entity_pairs()


def features_of(*docs, make=ENTITY_PAIRS):
    parse = read_parse(docs)
    batch = concatenate([make(doc) for doc in docs], parse.starts)
    heads, tails = batch.spans[batch.pairs[:, 0]], batch.spans[batch.pairs[:, 1]]
    roots = span_roots(parse, heads[:, 0], heads[:, 1]), span_roots(parse, tails[:, 0], tails[:, 1])
    start = np.minimum(heads[:, 1], tails[:, 1])
    end = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), start)
    hashes, owners = lexical_features(parse, batch, roots, shortest_paths(parse, *roots), (start, end))
    return [sorted(hashes[owners == i].tolist()) for i in range(len(batch.pairs))]


def chain_doc(words, ents):
    """Each word hangs from the one before, but those behind the last argument hang from the first word."""
    last = max(end for _, end, _ in ents)
    return parsed.make_doc(words, [max(i - 1, 0) if i < last else 0 for i in range(len(words))], ents=ents)


def test_context_is_read_up_to_its_reach():
    words = [f"w{i}" for i in range(12)]
    ents = [(4, 5, "A"), (7, 8, "B")]
    before = features_of(chain_doc(words, ents))
    for i in range(12):
        changed = [*words[:i], "other", *words[i + 1 :]]
        after = features_of(chain_doc(changed, ents))
        reads = 4 - CONTEXT <= i < 8 + CONTEXT
        assert [x != y for x, y in zip(before, after, strict=True)] == [reads, reads], i


@pytest.mark.parametrize(
    "change",
    [
        lambda doc: doc.set_ents([Span(doc, 0, 2, "ORG"), Span(doc, 3, 5, "ORG")]),
        lambda doc: setattr(doc[4], "dep_", "nsubj"),
        lambda doc: setattr(doc[4], "lemma_", "mill"),
        lambda doc: setattr(doc[2], "lemma_", "leave"),
    ],
)
def test_features_see_types_labels_and_words(change):
    doc, other = parsed.founded(), parsed.founded()
    for one in (doc, other):
        one.set_ents([Span(one, 0, 2, "PERSON"), Span(one, 3, 5, "ORG")])
    before = features_of(doc)
    assert features_of(other) == before
    change(other)
    assert all(x != y for x, y in zip(before, features_of(other), strict=True))


def test_features_tell_order_from_direction():
    doc = parsed.make_doc(["a", "b", "a"], [1, 1, 1], ["dep", "ROOT", "dep"], [(0, 1, "A"), (2, 3, "A")])
    there, back = features_of(doc)
    assert there != back


@pytest.mark.parametrize("spans", [[(2, 5), (4, 5)], [(0, 5), (4, 5)], [(2, 5), (3, 4)], [(0, 2), (0, 1)]])
def test_nested_arguments_are_the_same_alone_and_in_a_batch(spans):
    """Nothing is read from the Doc before or behind."""

    def make_doc(prefix):
        doc = parsed.make_doc([f"{prefix}{i}" for i in range(5)], [0, 0, 1, 2, 3])
        doc.spans["sc"] = [Span(doc, *span, "A") for span in spans]
        return doc

    alone = features_of(make_doc("a"), make=build_span_pairs())
    batch = features_of(*map(make_doc, "bac"), make=build_span_pairs())
    assert len(alone) == 2
    assert batch[2:4] == alone
