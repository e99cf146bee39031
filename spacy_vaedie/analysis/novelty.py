"""How well novelty tells one kind of text from another."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from spacy.tokens import Doc

from ..models.novelty import Novelty, build_bound_novelty, build_mahalanobis_novelty, build_neighbour_novelty


class NoveltyScorer(Protocol):
    """A pipe that measures novelty, as `vae_encoder` does."""

    def novelty_scores(self, docs: Iterable[Doc], novelty: Any = None) -> NDArray[np.float64]:
        """RETURNS (NDArray[np.float64]): Raw scores, NaN for an empty Doc. *Shape:* (n_docs,)"""


def registered_choices() -> Dict[str, Novelty]:
    """RETURNS (Dict[str, Novelty]): Each registered way to measure novelty, with its default settings."""
    return {
        "spacy-vaedie.BoundNovelty.v1": build_bound_novelty(),
        "spacy-vaedie.MahalanobisNovelty.v1": build_mahalanobis_novelty(),
        "spacy-vaedie.NeighbourNovelty.v1": build_neighbour_novelty(),
    }


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Area under the ROC curve: how often a text of another kind is more novel than one of the same kind, 0.5 for a
    score that says nothing.

    inside (ArrayLike): Scores of texts that should not be novel. Those that are no number are left out, as empty
        texts have none. *Shape:* (n_inside,)
    outside (ArrayLike): Scores of texts that should be. *Shape:* (n_outside,)
    RETURNS (float): From 0 to 1, NaN where there is nothing to compare.
    """
    from sklearn.metrics import roc_auc_score

    parts = [np.asarray(scores, dtype="float64") for scores in (inside, outside)]
    known, others = (part[~np.isnan(part)] for part in parts)
    if not len(known) or not len(others):
        return float("nan")
    is_outside = np.repeat([0, 1], [len(known), len(others)])
    return float(roc_auc_score(is_outside, np.concatenate([known, others])))


def compare_novelty(
    pipe: NoveltyScorer,
    inside: Iterable[Doc],
    outside: Mapping[str, Iterable[Doc]],
) -> Dict[str, Dict[str, float]]:
    """Measure how well each registered way tells texts apart.

    pipe (NoveltyScorer): A pipe that was calibrated.
    inside (Iterable[Doc]): Texts like those of the training, but not of it, parsed as in training.
    outside (Mapping[str, Iterable[Doc]]): Texts of other kinds, by the name of the kind.
    RETURNS (Dict[str, Dict[str, float]]): The AUROC, by the name of the way and that of the kind.
    RAISES (ValueError): VE116 where the pipe was not calibrated.
    """
    inside = list(inside)
    others = {kind: list(docs) for kind, docs in outside.items()}
    found: Dict[str, Dict[str, float]] = {}
    for name, choice in registered_choices().items():
        scores = pipe.novelty_scores(inside, choice)
        found[name] = {kind: auroc(scores, pipe.novelty_scores(docs, choice)) for kind, docs in others.items()}
    return found
