import numpy as np
import pytest
import torch

from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.models.network.pair_parts import (
    as_buckets,
    bag,
    build_part,
    build_weights,
    group_softmax,
    with_neighbours,
)
from spacy_vaedie.models.network.pairs import PairNetwork
from spacy_vaedie.models.pair_features import TYPE_BUCKETS, type_buckets
from spacy_vaedie.models.pair_index import index_pairs, inner_steps
from spacy_vaedie.models.relations import build_pair_classifier, resize, set_prior

from . import parsed
from .gradients import assert_gradients, double, weigh
from .layers import make_embed, make_parts


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def make_pairs(n_in=4, n_labels=3):
    settings = build_pair_classifier(make_embed(), make_parts(), width=8, n_heads=2).attrs["settings"]
    network = PairNetwork(n_in=n_in, n_labels=n_labels, type_buckets=TYPE_BUCKETS, **settings).double()
    network.output.data = double(*network.output.shape)
    network.parts[network.names.index("lexical")].table.weight.data = double(
        *network.parts[network.names.index("lexical")].table.weight.shape
    )
    network.parts[network.names.index("context")].weight.data = double(8)
    for part in network.weights:
        part.weight.data = double(*part.weight.shape)
    return network


def test_gradients_of_the_pairs():
    docs = [parsed.random_doc(1), parsed.founded(), parsed.random_doc(2)]
    candidates = [build_entity_pairs()(doc) for doc in docs]
    index = index_pairs(docs, candidates)
    assert len(index.head_roots) == 18
    network = make_pairs()
    vectors = double(sum(len(doc) for doc in docs), 4)
    assert_gradients(
        lambda: weigh(network(vectors, index, 0.0)), {"vectors": vectors, **dict(network.named_parameters())}
    )


def test_no_pairs_still_give_a_gradient():
    docs = [parsed.single(), parsed.rained()]
    index = index_pairs(docs, [build_entity_pairs()(doc) for doc in docs])
    vectors = double(5, 4).requires_grad_()
    logits = make_pairs()(vectors, index, 0.5)["logits"]
    assert logits.shape == (2, 0, 3)
    logits.backward(torch.zeros(2, 0, 3, dtype=torch.float64))
    assert torch.equal(vectors.grad, torch.zeros(5, 4, dtype=torch.float64))


def test_more_labels_keep_what_was_learned():
    docs = [parsed.founded()]
    index = index_pairs(docs, [build_entity_pairs()(doc) for doc in docs])
    network, vectors = make_pairs(), double(8, 4)
    before = network(vectors, index, 0.0)["logits"].detach()
    after = network.with_labels(5)(vectors, index, 0.0)["logits"].detach()
    assert after.shape == (2, 6, 5)
    assert torch.equal(after[:, :, :3], before)
    # A new label is not predicted before it is learned, but it can be.
    assert float(after[:, :, 3:].max()) <= -1.0
    network(vectors, index, 0.0)["logits"].sum().backward()
    assert float(network.output.grad[:, :, 3:].abs().min()) > 0


def test_pairs_do_not_depend_on_the_batch():
    docs = [parsed.founded(), parsed.empty(), parsed.random_doc(1), parsed.single(), parsed.random_doc(2)]
    candidates = [build_entity_pairs()(doc) for doc in docs]
    network, vectors = make_pairs(), double(sum(len(doc) for doc in docs), 4)
    together = network(vectors, index_pairs(docs, candidates), 0.0)["logits"]
    row = pair = 0
    for doc, item in zip(docs, candidates, strict=True):
        alone = network(vectors[row : row + len(doc)], index_pairs([doc], [item]), 0.0)["logits"]
        assert torch.allclose(alone, together[:, pair : pair + len(item.pairs)], atol=1e-10)
        row, pair = row + len(doc), pair + len(item.pairs)
    assert pair == together.shape[1] == 18


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_bag(mode):
    vectors, groups = double(6, 3), [[0, 2], [], [5], [], [1, 3, 4, 1], []]
    rows = np.array([row for group in groups for row in group])
    firsts = np.cumsum([0, *(len(group) for group in groups[:-1])])
    pooled = bag(vectors, (rows, firsts), mode)
    for group, found in zip(groups, pooled, strict=True):
        part = vectors[group] if group else torch.zeros_like(vectors[:1])
        assert torch.allclose(found, part.mean(0) if mode == "mean" else part.amax(0))
    firsts = np.array([0, 2])
    assert torch.equal(bag(vectors, (None, firsts), mode), bag(vectors, (np.arange(6), firsts), mode))
    assert torch.equal(
        bag(vectors, (np.zeros(0, dtype="int64"), np.array([0, 0])), mode), torch.zeros_like(vectors[:2])
    )


def test_the_prior_is_the_smoothed_frequency():
    """Two of three pairs of one kind are related, and the untrained network says so."""
    doc = parsed.founded()
    candidates = build_entity_pairs()(doc)
    model = build_pair_classifier(make_embed(), make_parts(), width=8, n_heads=2)
    resize(model, 3)
    model.initialize(X=([doc], [candidates]))
    buckets = type_buckets(candidates)
    kind = buckets[0]
    set_prior(model, np.array([kind] * 3), np.array([1, 1, 0]))
    overall = np.array([2, 3, 1]) / 6
    expected = (np.array([1, 2, 0]) + 2 * overall) / 5
    logits = model.predict(([doc], [candidates]))
    assert np.exp(logits[0, 0]) == pytest.approx(expected, rel=1e-5)
    # Of other types, only what holds over all types is known.
    (other, *_) = np.flatnonzero(buckets != kind)
    assert np.exp(logits[0, other]) == pytest.approx(overall, rel=1e-5)


def test_types_and_their_order_make_the_kind_of_a_pair():
    doc = parsed.founded()
    candidates = build_entity_pairs()(doc)
    found = {}
    for (head, tail), bucket in zip(candidates.pairs, type_buckets(candidates), strict=True):
        forward = candidates.spans[head, 0] < candidates.spans[tail, 0]
        found.setdefault((candidates.labels[head], candidates.labels[tail], forward), set()).add(bucket)
    assert all(len(buckets) == 1 for buckets in found.values())
    assert len(set.union(*found.values())) == len(found)


def test_without_a_part():
    docs = [parsed.founded()]
    index = index_pairs(docs, [build_entity_pairs()(doc) for doc in docs])
    network, vectors = make_pairs(), double(8, 4)
    whole = network(vectors, index, 0.0)["logits"]
    for name in make_parts():
        assert not torch.allclose(network(vectors, index, 0.0, name)["logits"], whole), name


def test_the_path_is_averaged_without_its_ends():
    """From Quill over founded to Works is one word, and over founded and in to Delmore are two."""
    doc = parsed.founded()
    index = index_pairs([doc], [build_entity_pairs()(doc)])
    vectors = double(8, 4)
    found = build_part("path_average", 4)(vectors, index, 0.5)
    assert torch.allclose(found[0], vectors[2])
    assert torch.allclose(found[1], vectors[[2, 5]].mean(0))


def test_neighbours_in_the_tree_have_no_words_between():
    rows, firsts = inner_steps((np.array([5, 6, 7, 8, 3, 1, 2, 9, 4, 0]), np.array([0, 4, 5, 5, 7])))
    assert list(rows) == [6, 7, 4]
    assert list(firsts) == [0, 2, 2, 2, 2]


def test_weights_of_features_are_summed_and_scaled():
    doc = parsed.founded()
    index = index_pairs([doc], [build_entity_pairs()(doc)])
    part = build_weights("lexical_weights", 3, buckets=50, scale=2.0).double()
    assert torch.equal(part(index), torch.zeros(6, 3, dtype=torch.float64))
    part.weight.data = double(50, 3)
    hashes, firsts = index.features
    bounds = [*firsts, len(hashes)]
    for pair, (start, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        rows = [int(item % np.uint64(50)) for item in hashes[start:end]]
        assert torch.allclose(part(index)[pair], 2.0 * part.weight[rows].sum(0) / len(rows) ** 0.5)


def test_group_softmax():
    scores, owners = double(6), torch.tensor([0, 0, 2, 2, 2, 3])
    found = group_softmax(scores, owners, 4)
    expected = torch.cat([scores[:2].softmax(0), scores[2:5].softmax(0), torch.ones(1, dtype=torch.float64)])
    assert torch.allclose(found, expected)
    assert torch.isfinite(group_softmax(1e4 * scores, owners, 4)).all()


def test_neighbours_end_with_their_group():
    states = torch.arange(1.0, 6.0).unsqueeze(1)
    assert with_neighbours(states, [0, 2]).tolist() == [[0, 1, 2], [1, 2, 0], [0, 3, 4], [3, 4, 5], [4, 5, 0]]


def test_buckets_are_rows_of_the_tables():
    docs = [parsed.founded(), parsed.random_doc(1), parsed.random_doc(2)]
    index = index_pairs(docs, [build_entity_pairs()(doc) for doc in docs])
    for hashes, size in ((index.features[0], 50), (index.path_labels, 7)):
        buckets = as_buckets(hashes, size)
        assert buckets.dtype == np.int64
        assert set(buckets.tolist()) <= set(range(size))
        assert len(set(buckets.tolist())) > size // 2
