"""One label a pair, or any number of them: probabilities, loss, choice."""

import numpy as np
import pytest

from spacy_vaedie.models.labelling import UNKNOWN, AnyLabel, OneLabel

BOTH = [OneLabel(), AnyLabel()]
FORBIDDEN = -np.inf


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def assert_slopes(function, logits, gradient):
    """Compare a gradient with differences. To each head goes that of its own mean; the loss is the mean over two."""
    for place in np.ndindex(*logits.shape):
        ahead, behind = logits.copy(), logits.copy()
        ahead[place] += 1e-5
        behind[place] -= 1e-5
        slope = (function(ahead) - function(behind)) / 2e-5
        assert gradient[place] == pytest.approx(2 * slope, abs=1e-7)


def test_probabilities():
    logits = np.array([[0.0, np.log(3), np.log(4)]])
    np.testing.assert_allclose(OneLabel().probabilities(logits), [[1 / 8, 3 / 8, 4 / 8]])
    # Against "no relation", each for itself: 3 of 4, 4 of 5; and that neither holds.
    np.testing.assert_allclose(AnyLabel().probabilities(logits), [[1 / 20, 3 / 4, 4 / 5]])


@pytest.mark.parametrize("labelling", BOTH)
@pytest.mark.filterwarnings("error")
def test_extreme_and_forbidden_logits(labelling):
    logits = np.array([[[0.0, 1e4, -1e4], [0.0, FORBIDDEN, 2.0], [0.0, FORBIDDEN, FORBIDDEN]]], dtype="float32")
    probabilities = labelling.probabilities(logits)
    assert np.isfinite(probabilities).all()
    assert (probabilities[0][logits[0] == FORBIDDEN] == 0).all()
    assert probabilities[0, 2].tolist() == [1.0, 0.0, 0.0]
    targets = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype="int8")
    loss, gradient = labelling.loss(logits, targets)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    assert (gradient[logits == FORBIDDEN] == 0).all()


@pytest.mark.parametrize(
    ("labelling", "targets"),
    [
        (OneLabel(), [[0, 1, 0], [1, 0, 0], [-1, -1, -1], [0, 0, 1]]),
        (AnyLabel(), [[0, 1, 1], [1, 0, 0], [-1, -1, -1], [0, -1, 1]]),
    ],
)
def test_gradient_against_finite_differences(labelling, targets):
    targets = np.array(targets, dtype="int8")
    logits = draw((2, 4, 3))
    loss, gradient = labelling.loss(logits, targets)
    assert loss > 0
    assert not gradient[:, 2].any()
    assert_slopes(lambda changed: labelling.loss(changed, targets)[0], logits, gradient)


def test_the_loss_of_several_labels_by_hand():
    logits = np.log(np.array([[[1.0, 3.0, 4.0], [2.0, 2.0, 2.0]]]))
    targets = np.array([[0, 1, 0], [0, 1, UNKNOWN]], dtype="int8")
    expected = -(np.log(3 / 4) + np.log(1 / 5) + np.log(1 / 2)) / 2
    assert AnyLabel().loss(logits, targets)[0] == pytest.approx(expected)


@pytest.mark.parametrize("labelling", BOTH)
def test_nothing_annotated(labelling):
    loss, gradient = labelling.loss(draw((2, 3, 4)), np.full((3, 4), UNKNOWN, dtype="int8"))
    assert loss == 0.0
    assert not gradient.any()
    loss, gradient = labelling.loss(draw((2, 0, 4)), np.zeros((0, 4), dtype="int8"))
    assert (loss, gradient.shape) == (0.0, (2, 0, 4))


def test_choice():
    probabilities = np.array([[0.1, 0.6, 0.3], [0.1, 0.3, 0.6], [0.8, 0.1, 0.1]])
    one, several = OneLabel(), AnyLabel()
    assert one.choose(probabilities, np.array([0.5, 0.5])).tolist() == [[True, False], [False, True], [False, False]]
    # A less likely label does not step in where the likeliest one misses its threshold.
    assert one.choose(probabilities, np.array([0.7, 0.2])).tolist() == [[False, False], [False, True], [False, False]]
    assert one.choose(probabilities, np.array([0.0, 0.0])).sum() == 3
    assert several.choose(probabilities, np.array([0.3, 0.3])).tolist() == [[True, True], [True, True], [False, False]]
    for labelling in (one, several):
        assert labelling.choose(np.zeros((0, 3)), np.array([0.5, 0.5])).shape == (0, 2)


@pytest.mark.parametrize("labelling", BOTH)
def test_a_threshold_only_cuts_what_could_be_set(labelling):
    """Otherwise a threshold that is tuned for one label would change what the others are worth."""
    probabilities, possible = labelling.probabilities(draw((50, 5))), np.zeros(4)
    for thresholds in np.random.default_rng(1).random((20, 4)) / 2:
        expected = labelling.choose(probabilities, possible) & (probabilities[:, 1:] >= thresholds)
        assert np.array_equal(labelling.choose(probabilities, thresholds), expected)


@pytest.mark.parametrize("labelling", BOTH)
def test_temperature(labelling):
    logits = draw((20, 4))
    probabilities = labelling.probabilities(logits)
    np.testing.assert_allclose(labelling.temper(probabilities, 1.0), probabilities)
    np.testing.assert_allclose(labelling.temper(probabilities, 2.5), labelling.probabilities(logits / 2.5))
    # The order of the labels stays.
    cooled = labelling.temper(probabilities, 0.1)
    assert np.array_equal(cooled[:, 1:].argsort(axis=1), probabilities[:, 1:].argsort(axis=1))
    certain = labelling.temper(np.array([[0.0, 1.0, 0.0]]), 3.0)
    assert certain.tolist() == [[0.0, 1.0, 0.0]]


def test_decisions():
    probabilities = np.array([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    targets = np.array([[0, 1, 0], [0, 0, 1], [-1, -1, -1]], dtype="int8")
    confidences, right = OneLabel().decisions(probabilities, targets)
    assert (confidences.tolist(), right.tolist()) == ([0.7, 0.6], [True, False])
    assert OneLabel().likelihoods(probabilities, targets).tolist() == [0.7, 0.1]
    confidences, right = AnyLabel().decisions(probabilities, targets)
    np.testing.assert_allclose(confidences, [0.7, 0.9, 0.7, 0.9])
    assert right.tolist() == [True, True, True, False]
    np.testing.assert_allclose(AnyLabel().likelihoods(probabilities, targets), [0.7, 0.9, 0.7, 0.1])


def test_beliefs_of_one_label():
    probabilities = np.array([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6], [0.4, 0.3, 0.3]])
    found = OneLabel().believe(probabilities, np.array([0.95, 0.65, 0.6]))
    assert found.tolist() == [[-1, -1, -1], [0, 1, 0], [0, 0, 1], [-1, -1, -1]]
    confidences = OneLabel().confidences(probabilities)
    assert [item.tolist() for item in confidences] == [[0.9, 0.4], [0.7], [0.6]]


def test_beliefs_of_several_labels():
    probabilities = np.array([[0.0, 0.95, 0.6], [0.0, 0.1, 0.02], [0.0, 0.4, 0.9]])
    found = AnyLabel().believe(probabilities, np.array([0.9, 0.9, 0.55]))
    assert found.tolist() == [[0, 1, 1], [1, 0, 0], [0, -1, 1]]
    # A low threshold never makes a label of what is rather not one.
    low = AnyLabel().believe(probabilities, np.array([0.1, 0.1, 0.1]))
    assert low.tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 1]]
    confidences = AnyLabel().confidences(probabilities)
    assert [sorted(item.round(2).tolist()) for item in confidences] == [[0.6, 0.9, 0.98], [0.95], [0.6, 0.9]]


@pytest.mark.parametrize("labelling", BOTH)
def test_divergence(labelling):
    logits, given = draw((2, 4, 3)), labelling.probabilities(draw((4, 3), seed=1))
    loss, gradient = labelling.divergence(logits, given)
    same = np.log(given) if isinstance(labelling, OneLabel) else np.log(given / (1 - given)) * [0, 1, 1]
    assert labelling.divergence(same[None], given)[0] == pytest.approx(0.0, abs=1e-9)
    assert loss > 0
    assert_slopes(lambda changed: labelling.divergence(changed, given)[0], logits, gradient)


@pytest.mark.parametrize("labelling", BOTH)
@pytest.mark.filterwarnings("error")
def test_divergence_of_forbidden_labels(labelling):
    logits = np.array([[[0.0, FORBIDDEN, 2.0]]], dtype="float32")
    loss, gradient = labelling.divergence(logits, np.array([[0.3, 0.0, 0.7]], dtype="float32"))
    assert np.isfinite(loss)
    assert gradient[0, 0, 1] == 0.0
