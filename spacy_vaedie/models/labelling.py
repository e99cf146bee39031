"""What the scores of a pair's labels mean: one label a pair, or any number of them."""

from __future__ import annotations

from typing import Any, List, Protocol, Tuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Ints = NDArray[np.int8]
Bools = NDArray[np.bool_]

# In an array of targets, beside 1 (holds) and 0 (does not): what nobody annotated.
UNKNOWN = -1
_LEAST = 1e-12


class Labelling(Protocol):
    """How logits become probabilities, a loss and a choice.

    In all arrays the first column is "no relation", and the labels follow.
    """

    def probabilities(self, logits: Floats) -> Floats:
        """Probabilities of "no relation" and of each label. *Shape:* (..., n_labels + 1), as the logits"""

    def loss(self, logits: Floats, targets: Ints) -> Tuple[float, Floats]:
        """Cross-entropy, averaged over the annotated pairs and the heads, and its gradient: to each head, that of its
        own mean.

        logits (Floats): *Shape:* (n_heads, n_pairs, n_labels + 1)
        targets (Ints): 1, 0 or `UNKNOWN`. *Shape:* (n_pairs, n_labels + 1)
        RETURNS (Tuple[float, Floats]): The loss, and its gradient. *Shape:* as the logits
        """

    def choose(self, probabilities: Floats, thresholds: Floats) -> Bools:
        """Which labels are set.

        probabilities (Floats): *Shape:* (n_pairs, n_labels + 1)
        thresholds (Floats): From which probability on each label is set. *Shape:* (n_labels,)
        RETURNS (Bools): *Shape:* (n_pairs, n_labels)
        """

    def temper(self, probabilities: Floats, temperature: float) -> Floats:
        """Divide log-odds by a temperature: above 1, everything becomes less certain. *Shape:* as the probabilities"""

    def normalize(self, probabilities: Floats) -> Floats:
        """Make changed probabilities fit together again. *Shape:* as the probabilities"""

    def decisions(self, probabilities: Floats, targets: Ints) -> Tuple[Floats, Bools]:
        """What was decided where the truth is known: with which probability, and whether it is right.

        probabilities (Floats): *Shape:* (n_pairs, n_labels + 1)
        targets (Ints): *Shape:* (n_pairs, n_labels + 1)
        RETURNS (Tuple[Floats, Bools]): *Shape:* (n_decisions,) each
        """

    def likelihoods(self, probabilities: Floats, targets: Ints) -> Floats:
        """Probability of what is true, for each decision. *Shape:* (n_decisions,)"""

    def confidences(self, probabilities: Floats) -> List[Floats]:
        """How sure each decision is, by what was decided for: "no relation", then the labels.

        probabilities (Floats): *Shape:* (n_pairs, n_labels + 1)
        RETURNS (List[Floats]): An array for each column. *Shape:* (n_decisions,) each
        """

    def believe(self, probabilities: Floats, thresholds: Floats) -> Ints:
        """Targets from another network's probabilities, where it is sure enough.

        probabilities (Floats): *Shape:* (n_pairs, n_labels + 1)
        thresholds (Floats): The probability that is asked for, by decision. *Shape:* (n_labels + 1,)
        RETURNS (Ints): As for `loss`. *Shape:* (n_pairs, n_labels + 1)
        """

    def divergence(self, logits: Floats, probabilities: Floats) -> Tuple[float, Floats]:
        """KL divergence of the network's probabilities from given ones, in nats, averaged over the pairs and the heads.

        logits (Floats): *Shape:* (n_heads, n_pairs, n_labels + 1)
        probabilities (Floats): *Shape:* (n_pairs, n_labels + 1)
        RETURNS (Tuple[float, Floats]): The divergence, and its gradient, as that of `loss`. *Shape:* as the logits
        """


class OneLabel:
    """One of "no relation" and the labels: a softmax."""

    def probabilities(self, logits: Floats) -> Floats:
        """See `Labelling`."""
        exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
        found: Floats = exp / exp.sum(axis=-1, keepdims=True)
        return found

    def loss(self, logits: Floats, targets: Ints) -> Tuple[float, Floats]:
        """See `Labelling`."""
        known = np.flatnonzero((targets == 1).any(axis=1))
        gradient = np.zeros_like(logits)
        if not len(known):
            return 0.0, gradient
        probabilities = self.probabilities(logits[:, known])
        rows, columns = np.arange(len(known)), targets[known].argmax(axis=1)
        likelihoods = probabilities[:, rows, columns]
        probabilities[:, rows, columns] -= 1.0
        gradient[:, known] = probabilities / len(known)
        return float(-np.log(np.maximum(likelihoods, _LEAST)).mean()), gradient

    def choose(self, probabilities: Floats, thresholds: Floats) -> Bools:
        """See `Labelling`: the likeliest label, where it reaches its own threshold."""
        labels = probabilities[:, 1:]
        best = labels.argmax(axis=1)
        chosen: Bools = (labels >= thresholds) & (np.arange(labels.shape[1]) == best[:, None])
        return chosen

    def temper(self, probabilities: Floats, temperature: float) -> Floats:
        """See `Labelling`."""
        return self.normalize((probabilities / probabilities.max(axis=-1, keepdims=True)) ** (1.0 / temperature))

    def normalize(self, probabilities: Floats) -> Floats:
        """See `Labelling`: their sum becomes 1."""
        found: Floats = probabilities / probabilities.sum(axis=-1, keepdims=True)
        return found

    def decisions(self, probabilities: Floats, targets: Ints) -> Tuple[Floats, Bools]:
        """See `Labelling`: one a pair, the likeliest of "no relation" and the labels."""
        known = (targets == 1).any(axis=1)
        best = probabilities[known].argmax(axis=1)
        return probabilities[known].max(axis=1), best == targets[known].argmax(axis=1)

    def likelihoods(self, probabilities: Floats, targets: Ints) -> Floats:
        """See `Labelling`."""
        known = (targets == 1).any(axis=1)
        found: Floats = probabilities[known, targets[known].argmax(axis=1)]
        return found

    def confidences(self, probabilities: Floats) -> List[Floats]:
        """See `Labelling`."""
        best = probabilities.argmax(axis=1)
        return [probabilities[best == column, column] for column in range(probabilities.shape[1])]

    def believe(self, probabilities: Floats, thresholds: Floats) -> Ints:
        """See `Labelling`."""
        rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
        targets = np.full(probabilities.shape, UNKNOWN, dtype="int8")
        sure = probabilities[rows, best] >= thresholds[best]
        targets[sure] = 0
        targets[rows[sure], best[sure]] = 1
        return targets

    def divergence(self, logits: Floats, probabilities: Floats) -> Tuple[float, Floats]:
        """See `Labelling`."""
        found = self.probabilities(logits)
        n_pairs = max(len(probabilities), 1)
        return _divergence(probabilities, found) / (n_pairs * len(logits)), (found - probabilities) / n_pairs


class AnyLabel:
    """Each label for itself, against "no relation": a sigmoid of the difference of the two logits."""

    def probabilities(self, logits: Floats) -> Floats:
        """See `Labelling`. That of "no relation" is the probability that no label holds."""
        return _with_none(np.exp(-np.logaddexp(0.0, logits[..., :1] - logits[..., 1:])))

    def loss(self, logits: Floats, targets: Ints) -> Tuple[float, Floats]:
        """See `Labelling`. The labels of a pair are summed."""
        known = targets[:, 1:] != UNKNOWN
        n_pairs = int(known.any(axis=1).sum())
        gradient = np.zeros_like(logits)
        if not n_pairs:
            return 0.0, gradient
        labels, holds = self.probabilities(logits)[..., 1:], targets[:, 1:] == 1
        likelihoods = np.where(holds, labels, 1.0 - labels)[:, known]
        slopes = np.where(known, labels - holds, 0.0) / n_pairs
        gradient[..., 1:] = slopes
        gradient[..., 0] = -slopes.sum(axis=-1)
        return float(-np.log(np.maximum(likelihoods, _LEAST)).sum() / (n_pairs * len(logits))), gradient

    def choose(self, probabilities: Floats, thresholds: Floats) -> Bools:
        """See `Labelling`: all labels that reach their threshold."""
        chosen: Bools = probabilities[:, 1:] >= thresholds
        return chosen

    def temper(self, probabilities: Floats, temperature: float) -> Floats:
        """See `Labelling`."""
        powers = probabilities[..., 1:] ** (1.0 / temperature)
        rest = (1.0 - probabilities[..., 1:]) ** (1.0 / temperature)
        return _with_none(powers / (powers + rest))

    def normalize(self, probabilities: Floats) -> Floats:
        """See `Labelling`: "no relation" follows from the labels."""
        return _with_none(probabilities[..., 1:])

    def decisions(self, probabilities: Floats, targets: Ints) -> Tuple[Floats, Bools]:
        """See `Labelling`: one for each label of a pair, whether it holds or not."""
        known = targets[:, 1:] != UNKNOWN
        labels, holds = probabilities[:, 1:][known], targets[:, 1:][known] == 1
        return np.maximum(labels, 1.0 - labels), (labels >= 0.5) == holds

    def likelihoods(self, probabilities: Floats, targets: Ints) -> Floats:
        """See `Labelling`."""
        known = targets[:, 1:] != UNKNOWN
        labels = probabilities[:, 1:][known]
        found: Floats = np.where(targets[:, 1:][known] == 1, labels, 1.0 - labels)
        return found

    def confidences(self, probabilities: Floats) -> List[Floats]:
        """See `Labelling`: of each label that it holds, and of all of them that they do not."""
        labels = probabilities[:, 1:]
        none = 1.0 - labels[labels < 0.5]
        return [none, *(column[column >= 0.5] for column in labels.T)]

    def believe(self, probabilities: Floats, thresholds: Floats) -> Ints:
        """See `Labelling`: each label for itself."""
        labels = probabilities[:, 1:]
        targets = np.full(probabilities.shape, UNKNOWN, dtype="int8")
        targets[:, 1:][1.0 - labels >= max(thresholds[0], 0.5)] = 0
        targets[:, 1:][labels >= np.maximum(thresholds[1:], 0.5)] = 1
        targets[(targets[:, 1:] == 0).all(axis=1), 0] = 1
        targets[(targets[:, 1:] == 1).any(axis=1), 0] = 0
        return targets

    def divergence(self, logits: Floats, probabilities: Floats) -> Tuple[float, Floats]:
        """See `Labelling`: that of each label, summed up."""
        labels, given = self.probabilities(logits)[..., 1:], probabilities[:, 1:]
        n_pairs = max(len(given), 1)
        total = _divergence(given, labels) + _divergence(1.0 - given, 1.0 - labels)
        gradient = np.zeros_like(logits)
        gradient[..., 1:] = (labels - given) / n_pairs
        gradient[..., 0] = -gradient[..., 1:].sum(axis=-1)
        return total / (n_pairs * len(logits)), gradient


def _with_none(labels: Floats) -> Floats:
    return np.concatenate([(1.0 - labels).prod(axis=-1, keepdims=True), labels], axis=-1)


def _divergence(given: Floats, found: Floats) -> float:
    """sum p (log p - log q), summed over everything. What is given as impossible counts as 0."""
    return float((given * (np.log(np.maximum(given, _LEAST)) - np.log(np.maximum(found, _LEAST)))).sum())
