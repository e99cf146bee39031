"""How much of what people label stands in the vectors of texts."""

from __future__ import annotations

from collections import Counter
from typing import Any, List, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import Errors

# Passes of the solver. Vectors of any scale get there; it stops as soon as it has converged.
MAX_ITER = 2000


def few_label_probe(
    train_vectors: Any,
    train_labels: ArrayLike,
    test_vectors: Any,
    test_labels: ArrayLike,
    n_labels: int,
    seeds: Sequence[int],
    *,
    strength: float = 1.0,
) -> List[float]:
    """Accuracy of a logistic regression that sees few labels: the linear probe of representations (Alain and Bengio
    2017), with as few labels as in Gururangan et al. (2019). The vectors are taken as they are, not scaled.

    train_vectors (Any): NumPy array or sparse matrix. *Shape:* (n_train, width)
    train_labels (ArrayLike): One label a row.
    test_vectors (Any): The same for the texts to be scored. *Shape:* (n_test, width)
    test_labels (ArrayLike): One label a row.
    n_labels (int): How many rows of train are learned from, drawn anew for each seed; each label has the share that
        it has in all of train.
    seeds (Sequence[int]): Seeds of the draw. The same seed draws the same rows, whatever the vectors are, so that
        two kinds of vectors are compared on the same labels.
    strength (float): How freely the regression fits, scikit-learn's `C`: smaller is smoother.
    RETURNS (List[float]): Accuracy from 0 to 1, one for each seed.
    RAISES (ValueError): VE502 where rows and labels do not fit, or so many labels cannot be drawn.
    """
    # Imported where it is used: spaCy loads every command line when it starts.
    from sklearn.linear_model import LogisticRegression

    labels, answers = np.asarray(train_labels), np.asarray(test_labels)
    for part, vectors, known in (("train", train_vectors, labels), ("test", test_vectors, answers)):
        if vectors.shape[0] != len(known) or not len(known):
            reason = f"{part} has {vectors.shape[0]} vector(s) and {len(known)} label(s)"
            raise ValueError(Errors.VE502.format(reason=reason))
    accuracies = []
    for seed in seeds:
        rows = draw_labels(labels, n_labels, seed)
        classifier = LogisticRegression(C=strength, max_iter=MAX_ITER)
        classifier.fit(train_vectors[rows], labels[rows])
        accuracies.append(float(classifier.score(test_vectors, answers)))
    return accuracies


def draw_labels(labels: ArrayLike, n_labels: int, seed: int) -> NDArray[np.int64]:
    """Draw texts whose labels may be seen, stratified.

    labels (ArrayLike): One label a text.
    n_labels (int): How many to draw.
    seed (int): Seed of the draw.
    RETURNS (NDArray[np.int64]): Their places. *Shape:* (n_labels,)
    RAISES (ValueError): VE502 where so many cannot be drawn.
    """
    from sklearn.model_selection import train_test_split

    counts = Counter(np.asarray(labels).tolist())
    rows = np.arange(counts.total())
    if len(counts) > 1 and n_labels == len(rows):
        return rows
    # A stratified draw needs room for each label among the rest as well.
    if len(counts) < 2 or not len(counts) <= n_labels <= len(rows) - len(counts):
        reason = f"{n_labels} of {len(rows)} text(s) cannot be drawn from {len(counts)} different label(s)"
        raise ValueError(Errors.VE502.format(reason=reason))
    rare = [label for label, count in counts.items() if count < 2]
    if rare:
        raise ValueError(Errors.VE502.format(reason=f"these labels are on one text only: {rare}"))
    drawn, _ = train_test_split(rows, train_size=n_labels, stratify=np.asarray(labels), random_state=seed)
    return np.sort(drawn)
