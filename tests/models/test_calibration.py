"""Calibration, how it is measured, and thresholds."""

import json

import numpy as np
import pytest

from spacy_vaedie.models.calibration import (
    apply_calibration,
    best_threshold,
    expected_calibration_error,
    fit_calibration,
    is_bound,
    negative_log_likelihood,
)
from spacy_vaedie.models.labelling import AnyLabel, OneLabel

LABELS = ["A", "B"]


def draw(labelling, n=4000, seed=0):
    """True probabilities, and targets that are drawn from them."""
    chance = np.random.default_rng(seed)
    probabilities = labelling.probabilities(chance.normal(size=(n, 3), scale=1.5))
    if isinstance(labelling, OneLabel):
        drawn = (chance.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
        targets = np.eye(3, dtype="int8")[drawn]
    else:
        targets = (chance.random(probabilities.shape) < probabilities).astype("int8")
        targets[:, 0] = ~targets[:, 1:].any(axis=1)
    return probabilities, targets


def error(probabilities, targets, labelling):
    return expected_calibration_error(*labelling.decisions(probabilities, targets))


def test_calibration_error_by_hand():
    # Bins of a half: (0, 0.5] and (0.5, 1].
    confidences = np.array([0.3, 0.5, 0.6, 0.9, 0.9])
    correct = np.array([True, False, True, True, False])
    low, high = abs(1 / 2 - 0.4), abs(2 / 3 - 0.8)
    assert expected_calibration_error(confidences, correct, 2) == pytest.approx(2 / 5 * low + 3 / 5 * high)
    assert expected_calibration_error(confidences, correct, 1) == pytest.approx(abs(3 / 5 - 3.2 / 5))
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0.0
    assert expected_calibration_error(np.array([1.0]), np.array([False])) == 1.0
    assert expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) is None


def test_calibration_error_against_a_loop():
    chance = np.random.default_rng(1)
    confidences = chance.random(500).astype("float32")
    correct = chance.random(500) < confidences**2
    expected = 0.0
    for i in range(15):
        inside = (confidences > i / 15) & (confidences <= (i + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidences[inside].astype("float64").mean())
    assert expected_calibration_error(confidences, correct) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("labelling", [OneLabel(), AnyLabel()])
@pytest.mark.parametrize("distortion", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_distorted_probabilities_are_mended(labelling, distortion, method):
    probabilities, targets = draw(labelling)
    distorted = labelling.temper(probabilities, distortion).astype("float32")
    half = len(targets) // 2
    found = fit_calibration(method, distorted[:half], targets[:half], LABELS, labelling)
    if method == "temperature":
        assert found["temperature"] == pytest.approx(1 / distortion, rel=0.1)
    # Saved as JSON, applied to what was not looked at.
    after = apply_calibration(json.loads(json.dumps(found)), distorted[half:], LABELS, labelling)
    assert after.dtype == np.float32
    assert error(after, targets[half:], labelling) < 0.04
    before = negative_log_likelihood(distorted[half:], targets[half:], labelling)
    assert negative_log_likelihood(after, targets[half:], labelling) < before + 0.02
    if distortion != 1.0:
        assert error(distorted[half:], targets[half:], labelling) > 0.05
    if isinstance(labelling, OneLabel):
        np.testing.assert_allclose(after.sum(axis=1), 1.0, atol=1e-5)


def test_a_temperature_at_a_bound():
    probabilities = np.array([[0.4, 0.6], [0.6, 0.4]] * 5)
    right = np.array([[0, 1], [1, 0]] * 5, dtype="int8")
    mixed = np.concatenate([right[:7], 1 - right[7:]])
    for targets, expected in ((right, True), (1 - right, True), (mixed, False)):
        found = fit_calibration("temperature", probabilities, targets, ["A"], OneLabel())
        assert is_bound(found["temperature"]) == expected


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_what_is_impossible_stays_impossible(method):
    labelling = OneLabel()
    probabilities, targets = draw(labelling, 300)
    found = fit_calibration(method, probabilities, targets, LABELS, labelling)
    after = apply_calibration(found, np.array([[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]), LABELS, labelling)
    assert after[:, 1].tolist() == [0.0, 0.0]
    assert after[1].tolist() == [1.0, 0.0, 0.0]


def test_labels_without_annotation_and_new_ones_keep_their_probabilities():
    labelling = AnyLabel()
    probabilities, targets = draw(labelling, 300)
    targets[:, 2] = 0
    found = fit_calibration("isotonic", probabilities, targets, LABELS, labelling)
    assert set(found["curves"]) == {"", "A"}
    wide = np.concatenate([probabilities, probabilities[:, 1:2]], axis=1)
    after = apply_calibration(found, wide, [*LABELS, "C"], labelling)
    np.testing.assert_allclose(after[:, 2:], wide[:, 2:], rtol=1e-6)
    assert not np.allclose(after[:, 1], wide[:, 1])


def test_where_every_curve_says_zero():
    found = {"method": "isotonic", "curves": {name: {"x": [0.0, 1.0], "y": [0.0, 0.0]} for name in ["", *LABELS]}}
    probabilities = np.array([[0.2, 0.7, 0.1]])
    np.testing.assert_allclose(apply_calibration(found, probabilities, LABELS, OneLabel()), probabilities)


def test_nothing_to_apply():
    probabilities = np.zeros((0, 3), dtype="float32")
    assert apply_calibration(
        {"method": "temperature", "temperature": 2.0}, probabilities, LABELS, OneLabel()
    ).shape == (0, 3)
    assert apply_calibration(None, probabilities, LABELS, OneLabel()) is probabilities


def test_unknown_method():
    probabilities, targets = draw(OneLabel(), 10)
    with pytest.raises(ValueError, match="VE005.*'platt'.*temperature, isotonic"):
        fit_calibration("platt", probabilities, targets, LABELS, OneLabel())


def test_best_threshold():
    scores = np.array([0.3, 0.9, 0.6, 0.8, 0.1])
    right = np.array([True, True, False, True, False])
    # 0.9 and 0.8 are right, then one is wrong, then one is right: 2 of 2 of 3, 3 of 4 of 3.
    assert best_threshold(scores, right, 3) == (pytest.approx(0.2), pytest.approx(2 * 3 / 7))
    # Many more cannot be found at all: nothing changes in which threshold is best.
    assert best_threshold(scores, right, 50)[0] == pytest.approx(0.2)
    assert best_threshold(scores[:3], right[:3], 1) == (pytest.approx(0.75), pytest.approx(2 * 1 / 2))
    assert best_threshold(scores, np.zeros(5, dtype=bool), 3) == (None, 0.0)
    assert best_threshold(np.zeros(0), np.zeros(0, dtype=bool), 3) == (None, 0.0)
    # The lowest score of all is its own threshold.
    assert best_threshold(np.array([0.4]), np.array([True]), 1) == (pytest.approx(0.4), 1.0)


def test_equal_scores_are_not_told_apart():
    assert best_threshold(np.array([0.7, 0.7, 0.2]), np.array([True, False, False]), 1) == (
        pytest.approx(0.45),
        pytest.approx(2 / 3),
    )
