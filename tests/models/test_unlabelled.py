import numpy as np
import pytest

from spacy_vaedie.models.labelling import AnyLabel, OneLabel
from spacy_vaedie.models.unlabelled import build_consistency, build_self_training, ramp

SURE = np.array([[0.01, 0.98, 0.01], [0.97, 0.02, 0.01], [0.4, 0.3, 0.3], [0.05, 0.05, 0.9]])


def logits(seed=0, shape=(2, 4, 3)):
    return np.random.default_rng(seed).normal(size=shape)


def test_self_training_is_the_loss_of_what_the_teacher_is_sure_of():
    term = build_self_training(weight=2.0, warmup_steps=0, confidence=0.9)
    loss, gradient, used = term.loss(OneLabel(), logits(), SURE, 0)
    assert used == 3
    targets = np.array([[0, 1, 0], [1, 0, 0], [-1, -1, -1], [0, 0, 1]], dtype="int8")
    expected, slope = OneLabel().loss(logits(), targets)
    # Three of four pairs.
    assert loss == pytest.approx(2.0 * 0.75 * expected)
    np.testing.assert_allclose(gradient, 2.0 * 0.75 * slope)


def test_less_is_asked_of_labels_that_the_teacher_is_less_sure_of():
    term = build_self_training(warmup_steps=0, confidence=0.9)
    beliefs = np.array([[0.99, 0.005, 0.005], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7]])
    first = term.thresholds(OneLabel(), beliefs)
    np.testing.assert_allclose(first, 0.9, atol=0.02)
    for _ in range(1000):
        later = term.thresholds(OneLabel(), beliefs)
    np.testing.assert_allclose(later, 0.9 * np.array([0.99, 0.6, 0.7]) / 0.99, atol=1e-3)
    term.reset()
    np.testing.assert_allclose(term.thresholds(OneLabel(), beliefs), first)


def test_nothing_sure_nothing_learned():
    term = build_self_training(confidence=1.0)
    loss, gradient, used = term.loss(OneLabel(), logits(), SURE, 100)
    assert (loss, used) == (0.0, 0)
    assert not gradient.any()


def test_consistency():
    loss, gradient, used = build_consistency(weight=3.0, warmup_steps=10).loss(AnyLabel(), logits(), SURE, 5)
    expected, slope = AnyLabel().divergence(logits(), SURE)
    assert used == 4
    assert loss == pytest.approx(1.5 * expected)
    np.testing.assert_allclose(gradient, 1.5 * slope)


def test_ramp():
    assert [ramp(2.0, 4, step) for step in (0, 1, 4, 9)] == [0.0, 0.5, 2.0, 2.0]
    assert ramp(2.0, 0, 0) == 2.0


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (build_self_training, {"weight": -1.0}),
        (build_self_training, {"confidence": 1.2}),
        (build_consistency, {"warmup_steps": -1}),
    ],
)
def test_settings_out_of_range(build, settings):
    with pytest.raises(ValueError, match=rf"VE107.*{next(iter(settings))}"):
        build(**settings)
