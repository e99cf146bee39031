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


def pairs_of(*decisions, n_labels=4):
    """Beliefs: for each pair a label and its probability, the rest spread over the others."""
    beliefs = np.zeros((len(decisions), n_labels))
    for row, (label, probability) in enumerate(decisions):
        beliefs[row] = (1.0 - probability) / (n_labels - 1)
        beliefs[row, label] = probability
    return beliefs


def batches_with_a_rare_label(n, seed=0):
    """Twenty pairs a batch: mostly no relation, the first label often, the second in 1 of 100, the third never."""
    random = np.random.default_rng(seed)
    for _ in range(n):
        labels = random.choice(3, p=[0.79, 0.2, 0.01], size=20)
        yield pairs_of(*((label, (0.95, 0.8, 0.6)[label]) for label in labels))


@pytest.mark.parametrize("updates", [20, 100, 200, 1000])
def test_less_is_asked_of_labels_that_the_teacher_is_less_sure_of(updates):
    """However rare they are, and however few updates there were."""
    term = build_self_training(confidence=0.95)
    for beliefs in batches_with_a_rare_label(updates):
        term.take_in(OneLabel(), beliefs)
    np.testing.assert_allclose(term.thresholds(4), [0.95, 0.8, 0.6, 0.95], atol=1e-6)
    term.reset()
    np.testing.assert_allclose(term.thresholds(4), 0.95)


def test_the_running_confidence_follows_the_teacher():
    term = build_self_training(confidence=0.9)
    for probability in (0.6, 0.9):
        for _ in range(500):
            term.take_in(OneLabel(), pairs_of((0, 0.9), (1, probability)))
    np.testing.assert_allclose(term.thresholds(4)[:2], 0.9, atol=0.01)


def test_a_label_that_was_never_decided_for_has_no_way_around_the_confidence():
    term = build_self_training(warmup_steps=0, confidence=0.9)
    for beliefs in batches_with_a_rare_label(100):
        term.take_in(OneLabel(), beliefs)
    assert term.loss(OneLabel(), logits(shape=(1, 1, 4)), pairs_of((3, 0.8)), 100)[2] == 0
    # Nor has one whose decisions were weak.
    for _ in range(50):
        term.take_in(OneLabel(), pairs_of((3, 0.3)))
    assert term.thresholds(4)[3] == 0.5
    assert term.loss(OneLabel(), logits(shape=(1, 1, 4)), pairs_of((3, 0.45)), 150)[2] == 0


@pytest.mark.parametrize(("floor", "least"), [(0.0, 0.2), (0.4, 0.4), (1.0, 0.6)])
def test_the_floor(floor, least):
    term = build_self_training(confidence=0.6, floor=floor)
    term.take_in(OneLabel(), pairs_of((0, 0.9), (1, 0.3)))
    np.testing.assert_allclose(term.thresholds(4), [0.6, least, 0.6, 0.6])


def test_confidence_where_labels_do_not_exclude_each_other():
    term = build_self_training(confidence=0.9)
    beliefs = np.array([[0.1, 0.8, 0.6, 0.1], [0.1, 0.8, 0.1, 0.1]])
    for _ in range(3):
        term.take_in(AnyLabel(), beliefs)
    np.testing.assert_allclose(term.thresholds(4), [0.9, 0.8, 0.6, 0.9])


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
        (build_self_training, {"floor": -0.1}),
        (build_consistency, {"warmup_steps": -1}),
    ],
)
def test_settings_out_of_range(build, settings):
    with pytest.raises(ValueError, match=rf"VE107.*{next(iter(settings))}"):
        build(**settings)
