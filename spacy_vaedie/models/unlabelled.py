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

# What a decision of the teacher weighs an update later, in the running confidence of its label.
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

    weight (float), warmup_steps (int), confidence (float), floor (float): Its settings.
    """

    def __init__(self, weight: float, warmup_steps: int, confidence: float, floor: float) -> None:
        self.weight, self.warmup_steps, self.confidence, self.floor = weight, warmup_steps, confidence, floor
        self.reset()

    def reset(self) -> None:
        """See `UnlabelledTerm`."""
        # Of each label: its confidences, summed up, and how many there were.
        self._sums, self._counts = np.zeros(0), np.zeros(0)

    def loss(self, labelling: Labelling, logits: Floats, beliefs: Floats, step: int) -> Tuple[float, Floats, int]:
        """See `UnlabelledTerm`."""
        # A pair does not set the confidence that it is asked for.
        thresholds = self.thresholds(beliefs.shape[1])
        self.take_in(labelling, beliefs)
        targets = labelling.believe(beliefs, thresholds)
        used = int((targets != UNKNOWN).any(axis=1).sum())
        loss, gradient = labelling.loss(logits, targets)
        # Few sure pairs count for little.
        factor = ramp(self.weight, self.warmup_steps, step) * used / max(len(targets), 1)
        return factor * loss, (factor * gradient).astype(logits.dtype), used

    def take_in(self, labelling: Labelling, beliefs: Floats) -> None:
        """Note how sure the teacher is of the labels that it decides for.

        labelling (Labelling): What the scores of a pair's labels mean.
        beliefs (Floats): Probabilities of the teacher. *Shape:* (n_pairs, n_labels + 1)
        """
        found = labelling.confidences(beliefs)
        if len(self._sums) != len(found):
            self._sums, self._counts = np.zeros(len(found)), np.zeros(len(found))
        # Sum and count fade alike, so the mean starts from no value of its own, and stays where a label is not seen.
        self._sums = MOMENTUM * self._sums + [float(decisions.sum()) for decisions in found]
        self._counts = MOMENTUM * self._counts + [len(decisions) for decisions in found]

    def thresholds(self, n_labels: int) -> Floats:
        """The confidence asked for, by label: less of one that the teacher is less sure of in general.

        n_labels (int): Number of labels, with "no relation".
        RETURNS (Floats): *Shape:* (n_labels,)
        """
        shares = np.ones(n_labels)
        # Nothing is known of a label that was never decided for, so nothing is taken off.
        known = np.flatnonzero(self._counts)
        if len(known):
            means = self._sums[known] / self._counts[known]
            shares[known] = means / means.max()
        thresholds: Floats = np.maximum(self.confidence * shares, min(self.floor, self.confidence))
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
def build_self_training(
    weight: float = 1.0, warmup_steps: int = 200, confidence: float = 0.9, floor: float = 0.5
) -> UnlabelledTerm:
    """Learn what a teacher is sure of, as if it were annotated. The teacher is the moving average of the weights that
    the optimizer keeps (Tarvainen and Valpola 2017), sees no dropout and the means of the latents.

    How sure it has to be is set for each label, so that labels that are hard to tell are not left behind. c(label) is
    the mean probability of the label where the teacher has decided for it, over the batches before this one, in which
    a decision weighs 0.99 times as much with each update. A label is taken where its probability reaches
    `confidence` x c(label) / max c, and `floor`; where the teacher has not decided for it yet, `confidence`. With
    `multi_label`, a decision is each label that holds, and "no relation" stands for all decisions that one does not.

    The form is that of FreeMatch (Wang et al. 2023): a value for all labels, times what is known of each, divided by
    its maximum. FreeMatch takes for c(label) the running mean of the label's probability over *all* pairs, which
    follows how frequent the label is: relations, rare beside "no relation", would be taken on hardly any evidence. Its
    value for all labels is the teacher's running mean confidence, and here the setting `confidence`. Both of its means
    start at 1 / number of labels, and here at nothing. FlexMatch (Zhang et al. 2021) counts for c(label) the pairs
    that pass a fixed threshold, which follows frequency as well. Neither has a floor.

    weight (float): Weight beside the loss of the annotated pairs.
    warmup_steps (int): Updates in which the weight rises from 0.
    confidence (float): Probability that is asked for of the label that the teacher is surest of.
    floor (float): Least probability that is asked for of any label, unless `confidence` is lower. At 0.5, a label has
        to be likelier than all others together.
    RETURNS (UnlabelledTerm): The term.
    RAISES (ValueError): VE107 for a number that is out of range.
    """
    owner = "spacy-vaedie.SelfTraining.v1"
    check_range(owner, 0, weight=weight, warmup_steps=warmup_steps)
    check_range(owner, 0, 1, confidence=confidence, floor=floor)
    return SelfTraining(weight, warmup_steps, confidence, floor)


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
