"""Making probabilities mean what they say, measuring whether they do, and finding thresholds."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .labelling import Labelling

Floats = NDArray[Any]
Ints = NDArray[np.int8]
Bools = NDArray[np.bool_]
Calibration = Dict[str, Any]

METHODS = ("temperature", "isotonic")
# Where a temperature is looked for. One at an end is no best one: see `is_bound`.
TEMPERATURES = (0.2, 10.0)
# The search comes close to an end and never reaches it.
_NEAR = 1.01
_LEAST = 1e-12


def expected_calibration_error(confidences: Floats, correct: Bools, n_bins: int = 15) -> Optional[float]:
    """How far confidence and accuracy are apart, averaged over bins of equal width and weighted by their size
    (Guo et al. 2017, On calibration of modern neural networks, with n_bins = 15).

    confidences (Floats): Probability of what was decided, from 0 to 1. *Shape:* (n,)
    correct (Bools): Whether that was right. *Shape:* (n,)
    n_bins (int): Bins from 0 to 1; each holds its upper end.
    RETURNS (Optional[float]): From 0 to 1, None where nothing was decided.
    """
    if not len(confidences):
        return None
    bins = np.clip(np.ceil(np.asarray(confidences, dtype="float64") * n_bins).astype("int64") - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=correct - np.asarray(confidences, dtype="float64"), minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidences))


def negative_log_likelihood(probabilities: Floats, targets: Ints, labelling: Labelling) -> float:
    """RETURNS (float): Minus the mean log-likelihood of what is annotated, in nats a decision."""
    return float(-np.log(np.maximum(labelling.likelihoods(probabilities, targets), _LEAST)).mean())


def fit_calibration(
    method: str, probabilities: Floats, targets: Ints, labels: Sequence[str], labelling: Labelling
) -> Calibration:
    """Find what makes probabilities fit annotated pairs.

    method (str): `temperature`: one number for all, which changes no order. `isotonic`: a rising step curve for each
        label and for "no relation" (Zadrozny and Elkan 2002), for some hundred annotated relations of each label.
    probabilities (Floats): As the model gives them. *Shape:* (n_pairs, n_labels + 1)
    targets (Ints): *Shape:* (n_pairs, n_labels + 1)
    labels (Sequence[str]): The labels.
    labelling (Labelling): What the probabilities mean.
    RETURNS (Calibration): Plain data, for `apply_calibration`.
    RAISES (ValueError): VE005 for another method.
    """
    if method not in METHODS:
        raise ValueError(Errors.VE005.format(value=method, what="way to calibrate", options=", ".join(METHODS)))
    probabilities = probabilities.astype("float64")
    if method == "temperature":
        return {"method": method, "temperature": _fit_temperature(probabilities, targets, labelling)}
    names = ["", *labels]
    curves = {name: _fit_curve(probabilities[:, i], targets[:, i]) for i, name in enumerate(names)}
    return {"method": method, "curves": {name: curve for name, curve in curves.items() if curve is not None}}


def is_bound(temperature: float) -> bool:
    """RETURNS (bool): Whether a temperature was held up by an end of `TEMPERATURES`: at the lower one almost everything
    was right, at the upper one what is annotated has little to do with the probabilities."""
    least, most = TEMPERATURES
    return not least * _NEAR < temperature < most / _NEAR


def apply_calibration(
    calibration: Optional[Mapping[str, Any]], probabilities: Floats, labels: Sequence[str], labelling: Labelling
) -> Floats:
    """Calibrate probabilities. What is impossible stays impossible.

    calibration (Optional[Mapping[str, Any]]): What `fit_calibration` gave; None changes nothing.
    probabilities (Floats): As the model gives them. *Shape:* (n_pairs, n_labels + 1)
    labels (Sequence[str]): The labels. One that was added since is left as it is.
    labelling (Labelling): What the probabilities mean.
    RETURNS (Floats): Float32. *Shape:* (n_pairs, n_labels + 1)
    """
    if calibration is None or not len(probabilities):
        return probabilities
    found = probabilities.astype("float64")
    if calibration["method"] == "temperature":
        return labelling.temper(found, calibration["temperature"]).astype("float32")
    for i, name in enumerate(["", *labels]):
        curve = calibration["curves"].get(name)
        if curve is not None:
            found[:, i] = np.where(found[:, i] > 0, np.interp(found[:, i], curve["x"], curve["y"]), 0.0)
    # Where every curve says 0, the model's own word is the only one.
    lost = found.sum(axis=1) == 0
    found[lost] = probabilities[lost]
    return labelling.normalize(found).astype("float32")


def best_threshold(scores: Floats, right: Bools, n_gold: int) -> Tuple[Optional[float], float]:
    """Find the threshold with the best F1.

    scores (Floats): Probabilities of what could be set. *Shape:* (n,)
    right (Bools): Whether it would be right. *Shape:* (n,)
    n_gold (int): How many should be set, those counted that could not be.
    RETURNS (Tuple[Optional[float], float]): The threshold, half way to the next score below it, None where none is
        right at any; and the F1, from 0 to 1.
    """
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order].astype("float64"), np.cumsum(right[order])
    if not len(scores) or not hits[-1]:
        return None, 0.0
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + n_gold)
    # Equal scores cannot be told apart.
    f1[:-1][scores[:-1] == scores[1:]] = -1.0
    best = int(f1.argmax())
    below = scores[best + 1] if best + 1 < len(scores) else scores[best]
    return float((scores[best] + below) / 2), float(f1[best])


def _fit_temperature(probabilities: Floats, targets: Ints, labelling: Labelling) -> float:
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        tempered = labelling.temper(probabilities, float(np.exp(log_temperature)))
        return negative_log_likelihood(tempered, targets, labelling)

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def _fit_curve(probabilities: Floats, targets: Ints) -> Optional[Dict[str, Any]]:
    """A curve, None where nothing of its kind was annotated: it would say 0 everywhere."""
    from sklearn.isotonic import IsotonicRegression

    known = targets >= 0
    if not (targets == 1).any():
        return None
    # Nothing becomes impossible or certain for the sake of a few examples.
    least = 1.0 / (int(known.sum()) + 2)
    curve = IsotonicRegression(y_min=least, y_max=1.0 - least, out_of_bounds="clip")
    curve.fit(probabilities[known], targets[known])
    return {"x": curve.X_thresholds_.tolist(), "y": curve.y_thresholds_.tolist()}
