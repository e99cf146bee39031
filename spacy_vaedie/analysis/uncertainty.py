"""How unsure an extractor is about pairs of spans."""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from ..models.labelling import AnyLabel, Labelling

Array = NDArray[np.float64]


def margin(distributions: Array) -> Array:
    """One minus the difference of the two largest probabilities."""
    second, first = np.sort(distributions, axis=-1)[..., -2:].transpose(-1, *range(distributions.ndim - 1))
    found: Array = 1.0 - (first - second)
    return found


def entropy(distributions: Array) -> Array:
    """Entropy, as a share of that of even chances."""
    logarithms = np.log(distributions, out=np.zeros_like(distributions), where=distributions > 0)
    found: Array = -(distributions * logarithms).sum(axis=-1) / np.log(distributions.shape[-1])
    return found


def least_confident(distributions: Array) -> Array:
    """One minus the largest probability, as a share of what it is with even chances."""
    even = 1.0 - 1.0 / distributions.shape[-1]
    found: Array = (1.0 - distributions.max(axis=-1)) / even
    return found


# By how they are named in commands. Each is from 0 for sure to 1 for even chances. *Shape:* the last axis is lost
MEASURES: Dict[str, Callable[[Array], Array]] = {
    "margin": margin,
    "entropy": entropy,
    "least-confident": least_confident,
}


def check_measure(name: str) -> str:
    """RETURNS (str): The name of a measure. RAISES (ValueError): VE005 for anything else."""
    if name not in MEASURES:
        options = ", ".join(MEASURES)
        raise ValueError(Errors.VE005.format(value=name, what="measure of uncertainty", options=options))
    return name


def pair_uncertainty(probabilities: NDArray[Any], labelling: Labelling, measure: str = "margin") -> Array:
    """How unsure an extractor is about each pair: margin, entropy or least confidence (Settles 2009, Active learning
    literature survey, section 3.1) of the calibrated distribution over "no relation" and the labels. Where a pair may
    have several labels, each of them is a distribution of its own over yes and no, and the least sure one counts.

    probabilities (NDArray[Any]): As `extractor.predict` gives them. *Shape:* (n_pairs, n_labels + 1)
    labelling (Labelling): What they mean, `extractor.labelling`.
    measure (str): One of `MEASURES`.
    RETURNS (Array): From 0 for sure to 1 for even chances. *Shape:* (n_pairs,)
    RAISES (ValueError): VE005 for an unknown measure.
    """
    chances = np.asarray(probabilities, dtype="float64")
    if isinstance(labelling, AnyLabel):
        distributions = np.stack([chances[:, 1:], 1.0 - chances[:, 1:]], axis=-1)
    else:
        distributions = chances[:, None, :]
    found: Array = MEASURES[check_measure(measure)](distributions).max(axis=1)
    return found
