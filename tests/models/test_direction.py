"""Both orders of a pair, as one question."""

import numpy as np
import pytest

from spacy_vaedie.models.candidates import Candidates
from spacy_vaedie.models.direction import check_directions, find_partners, keep_surer, tie
from spacy_vaedie.models.labelling import OneLabel


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def pairs_of(*pairs, n_spans=4):
    spans = np.array([[i, i + 1] for i in range(n_spans)], dtype="int64")
    return Candidates(spans, np.ones(n_spans, dtype="uint64"), np.array(pairs, dtype="int64").reshape(-1, 2))


def test_partners_are_rows_of_the_batch():
    batch = [pairs_of((0, 1), (1, 2), (1, 0)), pairs_of(), pairs_of((3, 2), (0, 3), (2, 3), (3, 3))]
    assert find_partners(batch).tolist() == [2, -1, 0, 5, -1, 3, -1]
    assert find_partners([]).tolist() == []
    assert find_partners([pairs_of()]).tolist() == []


def test_probabilities_are_those_of_one_choice():
    """By hand: all that can be said of two spans, each with its weight."""
    logits = draw((1, 3, 3))
    tied, _ = tie(logits, np.array([1, 0, -1]))
    found = OneLabel().probabilities(tied)[0]
    (n, *here), (m, *there), _ = logits[0]
    weights = {"none": np.exp(n + m)}
    weights |= {("here", i): np.exp(z + m) for i, z in enumerate(here)}
    weights |= {("there", i): np.exp(z + n) for i, z in enumerate(there)}
    total = sum(weights.values())
    for row, order in enumerate(("here", "there")):
        expected = [weights[order, i] / total for i in range(2)]
        np.testing.assert_allclose(found[row], [1 - sum(expected), *expected])
    # Without the other order, nothing is changed.
    np.testing.assert_allclose(found[2], OneLabel().probabilities(logits)[0, 2])


def test_gradient():
    partners = np.array([3, -1, 4, 0, 2])
    logits, targets = draw((2, 5, 4)), np.zeros((5, 4), dtype="int8")
    targets[np.arange(5), [2, 0, 0, 0, -1]] = 1
    targets[4] = -1

    def loss(logits):
        tied, backprop = tie(logits, partners)
        value, gradient = OneLabel().loss(tied, targets)
        return value, backprop(gradient)

    _, gradient = loss(logits)
    for place in np.ndindex(*logits.shape):
        ahead, behind = logits.copy(), logits.copy()
        ahead[place] += 1e-5
        behind[place] -= 1e-5
        # To each head goes the gradient of its own mean; the loss is the mean over both.
        slope = 2 * (loss(ahead)[0] - loss(behind)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, abs=1e-7)


@pytest.mark.filterwarnings("error")
def test_what_is_forbidden_stays_so():
    logits = np.array([[[0.0, -np.inf, 1e4], [-1e4, 2.0, -np.inf]]])
    tied, backprop = tie(logits, np.array([1, 0]))
    found = OneLabel().probabilities(tied)
    assert np.isfinite(found).all()
    assert found[0, 0, 1] == found[0, 1, 2] == 0
    assert np.isfinite(backprop(found)).all()


def test_the_surer_order_is_kept():
    partners = np.array([1, 0, 3, 2, -1])
    probabilities = np.array([[0.3, 0.3, 0.4], [0.5, 0.5, 0.0], [0.6, 0.4, 0.0], [0.6, 0.0, 0.4], [0.7, 0.3, 0.0]])
    chosen = probabilities[:, 1:] >= 0.25
    chosen[0, 0] = False
    kept = keep_surer(chosen, probabilities, partners)
    assert kept.tolist() == [[False, False], [True, False], [True, False], [False, False], [True, False]]
    assert keep_surer(chosen[:0], probabilities[:0], partners[:0]).shape == (0, 2)


@pytest.mark.parametrize(("directions", "multi_label"), [("none", False), ("one", True)])
def test_other_directions(directions, multi_label):
    with pytest.raises(ValueError, match=r"VE107.*directions"):
        check_directions(directions, multi_label, "extractor")
