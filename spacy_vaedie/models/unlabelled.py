"""What an extractor can learn from pairs that nobody annotated: from a teacher, the average of its own weights. Each
term is a registered piece of the config."""

from __future__ import annotations

from typing import Protocol, Tuple, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from spacy.util import registry

from ..errors import check_range
from .labelling import UNKNOWN, Labelling

Floats = NDArray[np.float32]

# Share of what was known before in the running confidence of a label.
MOMENTUM = 0.99


@runtime_checkable
class UnlabelledTerm(Protocol):
    """A term of the loss, for pairs that are not annotated."""

    def reset(self) -> None:
        """Forget what an earlier training has left."""

    def loss(self, labelling: Labelling, logits: Floats, beliefs: Floats, step: int) -> Tuple[float, Floats, int]:
        """The term for a batch.

        labelling (Labelling): What the scores of a pair's labels mean.
        logits (Floats): What the network says, with noise. *Shape:* (n_heads, n_pairs, n_labels + 1)
        beliefs (Floats): Probabilities of the teacher, which sees no noise. *Shape:* (n_pairs, n_labels + 1)
        step (int): Updates before this one.
        RETURNS (Tuple[float, Floats, int]): The loss, weighted; its gradient, to each head that of its own mean
            (*Shape:* as the logits); and how many of the pairs were used.
        """


class SelfTraining:
    """See `build_self_training`.

    weight (float), warmup_steps (int), confidence (float): Its settings.
    """

    def __init__(self, weight: float, warmup_steps: int, confidence: float) -> None:
        self.weight, self.warmup_steps, self.confidence = weight, warmup_steps, confidence
        self.reset()

    def reset(self) -> None:
        """See `UnlabelledTerm`."""
        self._running = np.zeros(0)

    def loss(self, labelling: Labelling, logits: Floats, beliefs: Floats, step: int) -> Tuple[float, Floats, int]:
        """See `UnlabelledTerm`."""
        targets = labelling.believe(beliefs, self.thresholds(labelling, beliefs))
        used = int((targets != UNKNOWN).any(axis=1).sum())
        loss, gradient = labelling.loss(logits, targets)
        # Few sure pairs count for little.
        factor = ramp(self.weight, self.warmup_steps, step) * used / max(len(targets), 1)
        return factor * loss, (factor * gradient).astype(logits.dtype), used

    def thresholds(self, labelling: Labelling, beliefs: Floats) -> Floats:
        """The confidence asked for, by label: less of one that the teacher is less sure of in general.

        labelling (Labelling): What the scores of a pair's labels mean.
        beliefs (Floats): Probabilities of the teacher, which the means take in. *Shape:* (n_pairs, n_labels + 1)
        RETURNS (Floats): *Shape:* (n_labels + 1,)
        """
        n_labels = beliefs.shape[1]
        if len(self._running) != n_labels:
            self._running = np.full(n_labels, 1.0 / n_labels)
        for label, found in enumerate(labelling.confidences(beliefs)):
            if len(found):
                self._running[label] += (1.0 - MOMENTUM) * (float(found.mean()) - self._running[label])
        thresholds: Floats = self.confidence * self._running / self._running.max()
        return thresholds


class Consistency:
    """See `build_consistency`.

    weight (float), warmup_steps (int): Its settings.
    """

    def __init__(self, weight: float, warmup_steps: int) -> None:
        self.weight, self.warmup_steps = weight, warmup_steps

    def reset(self) -> None:
        """See `UnlabelledTerm`."""

    def loss(self, labelling: Labelling, logits: Floats, beliefs: Floats, step: int) -> Tuple[float, Floats, int]:
        """See `UnlabelledTerm`."""
        factor = ramp(self.weight, self.warmup_steps, step)
        loss, gradient = labelling.divergence(logits, beliefs)
        return factor * loss, (factor * gradient).astype(logits.dtype), len(beliefs)


@registry.misc("spacy-vaedie.SelfTraining.v1")
def build_self_training(weight: float = 1.0, warmup_steps: int = 200, confidence: float = 0.9) -> UnlabelledTerm:
    """Learn what a teacher is sure of, as if it were annotated. The teacher is the moving average of the weights that
    the optimizer keeps (Tarvainen and Valpola 2017), sees no dropout and the means of the latents. How sure it has to
    be is set for each label by how sure it is of that label in general (Wang et al. 2023, "FreeMatch", equation 8), so
    that rare labels are not left behind.

    weight (float): Weight beside the loss of the annotated pairs.
    warmup_steps (int): Updates in which the weight rises from 0.
    confidence (float): Probability that is asked for of the label that the teacher is surest of.
    RETURNS (UnlabelledTerm): The term.
    RAISES (ValueError): VE107 for a number that is out of range.
    """
    owner = "spacy-vaedie.SelfTraining.v1"
    check_range(owner, 0, weight=weight, warmup_steps=warmup_steps)
    check_range(owner, 0, 1, confidence=confidence)
    return SelfTraining(weight, warmup_steps, confidence)


@registry.misc("spacy-vaedie.Consistency.v1")
def build_consistency(weight: float = 1.0, warmup_steps: int = 200) -> UnlabelledTerm:
    """Ask for the same answer with noise and without: the divergence of what the network says from what its teacher
    says (see `build_self_training`), for each pair that is not annotated. The noise is dropout, and what
    `spacy-vaedie.NoisyReading.v1` adds to the latents.

    weight (float): Weight beside the loss of the annotated pairs.
    warmup_steps (int): Updates in which the weight rises from 0.
    RETURNS (UnlabelledTerm): The term.
    RAISES (ValueError): VE107 for a negative number.
    """
    check_range("spacy-vaedie.Consistency.v1", 0, weight=weight, warmup_steps=warmup_steps)
    return Consistency(weight, warmup_steps)


def ramp(weight: float, warmup_steps: int, step: int) -> float:
    """RETURNS (float): A weight that rises from 0 on a straight line, and then stays."""
    return weight * min(1.0, step / warmup_steps) if warmup_steps else weight
