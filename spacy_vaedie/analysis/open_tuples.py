"""Scoring open extraction as CaRB does: token by token, one to one for precision and many to one for recall.

Bhardwaj, Aggarwal and Mausam: CaRB, a crowdsourced benchmark for open IE (EMNLP 2019), and the code published with it,
whose choices the comments name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc

from ..errors import Errors
from ..training.converters.carb import OpenTuple

Floats = NDArray[np.float64]
_BE = ("be", "is", "am", "are", "was", "were", "been", "being")
# Annotators put speaker and message of these in either order.
_SAID = ("said", "told", "added", "adds", "says")


@dataclass(frozen=True)
class OpenScore:
    """Scores of open extraction, shares from 0 to 1.

    precision (float): At the threshold with the best F1.
    recall (float): At the same threshold.
    f1 (float): The best F1.
    auc (float): Area under the curve of precision over recall.
    threshold (float): Confidence from which on tuples count for the best F1.
    """

    precision: float
    recall: float
    f1: float
    auc: float
    threshold: float


def score_open_tuples(gold: Dict[str, List[OpenTuple]], predicted: Dict[str, List[OpenTuple]]) -> OpenScore:
    """Score the tuples of a corpus. Each confidence is tried as a threshold.

    gold (Dict[str, List[OpenTuple]]): What the annotators wrote, by sentence.
    predicted (Dict[str, List[OpenTuple]]): What was extracted, by sentence. A sentence that is not there has nothing.
    RETURNS (OpenScore): The scores, zeros where nothing was predicted.
    RAISES (ValueError): VE401 where a sentence of `predicted` is not in `gold`.
    """
    unknown = [sentence for sentence in predicted if sentence not in gold]
    if unknown:
        raise ValueError(Errors.VE401.format(reason=f"the sentence {unknown[0]!r} has no answer"))
    thresholds = sorted({item.confidence for items in predicted.values() for item in items})
    if not thresholds:
        return OpenScore(0.0, 0.0, 0.0, 0.0, 0.0)
    # Columns: sum of precision, number of predictions, sum of recall. The number of answers never changes.
    sums = np.zeros((len(thresholds), 3))
    for sentence, answers in gold.items():
        _add_sentence(sums, answers, predicted.get(sentence, []), thresholds)
    precision = sums[:, 0] / np.maximum(sums[:, 1], 1)
    recall = sums[:, 2] / sum(map(len, gold.values()))
    both = precision + recall
    f1 = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1), 0.0)
    best = int(f1.argmax())
    # The curve starts where nothing is predicted: precision 1, recall 0.
    area = float(auc([*recall, 0.0], [*precision, 1.0]))
    return OpenScore(float(precision[best]), float(recall[best]), float(f1[best]), area, float(thresholds[best]))


def match(answer: OpenTuple, prediction: OpenTuple) -> Tuple[float, float]:
    """Compare two tuples slot by slot: relation phrase, subject, and all other arguments as one.

    answer (OpenTuple): What an annotator wrote.
    prediction (OpenTuple): What was extracted.
    RETURNS (Tuple[float, float]): Share of the predicted words that are right, and share of the answer's words that
        were found; zeros where the relation phrases share no word.
    """
    straight = _match_slots(_slots(answer), _slots(prediction))
    if not any(verb in answer.relation for verb in _SAID):
        return straight
    first, *rest = _slots(prediction)[1:]
    return max(straight, _match_slots(_slots(answer), [prediction.relation.split(), *rest, first]))


def _slots(item: OpenTuple) -> List[List[str]]:
    first, *rest = item.arguments
    slots = [item.relation.split(), first.split()]
    return [*slots, " ".join(rest).split()] if rest else slots


def _match_slots(answer: Sequence[List[str]], prediction: Sequence[List[str]]) -> Tuple[float, float]:
    # A prediction with fewer slots is wrong; one with more is judged by those that the answer has.
    if len(prediction) < len(answer):
        return 0.0, 0.0
    shared = [sum((Counter(a) & Counter(p)).values()) for a, p in zip(answer, prediction, strict=False)]
    # A predicted "be" that is left over stands for any of its forms in the answer.
    left_over = prediction[0].count("be") > answer[0].count("be")
    shared[0] += left_over and any(form in answer[0] for form in _BE)
    if not shared[0]:
        return 0.0, 0.0
    n_predicted = sum(len(words) for words in prediction[: len(answer)])
    return sum(shared) / n_predicted, sum(shared) / sum(map(len, answer))


def _add_sentence(
    sums: Floats, answers: Sequence[OpenTuple], predictions: Sequence[OpenTuple], thresholds: Sequence[float]
) -> None:
    """Add a sentence to the sums of each threshold."""
    scores = np.array([[match(answer, item) for item in predictions] for answer in answers])
    confidences = np.array([item.confidence for item in predictions])
    start = 0
    for confidence in sorted(set(confidences.tolist())):
        end = bisect_right(thresholds, confidence)
        kept = np.flatnonzero(confidences >= confidence)
        precision = _match_greedily(scores[:, kept, 0])
        recall = scores[:, kept, 1].max(axis=1).sum()
        sums[start:end] += (precision, len(kept), recall)
        start = end


def _match_greedily(scores: Floats) -> float:
    """Sum of the best matches, in which each answer and each prediction stands once at most."""
    scores = scores.copy()
    total = 0.0
    for _ in range(min(scores.shape)):
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        total += float(scores[row, column])
        scores[row, :] = scores[:, column] = -1.0
    return total
