"""How sure scores are, and differences of scores: resampling of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Hashable, Iterator, List, Optional, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors, check_range
from ..scorer import ScoredRelation, without_arguments
from .outcomes import TextOutcome, labels_of

Floats = NDArray[np.float64]
COMPARED = ("rels_p", "rels_r", "rels_f", "rels_macro_f", "rels_boundaries_f")
LEVEL = 0.95
# Numbers drawn at a time, so that memory does not grow with the corpus.
_DRAWN = 1_000_000


@dataclass(frozen=True, eq=False)
class Counts:
    """What scores are made of, by document.

    labels (List[str]): The labels.
    documents (List[Hashable]): The documents, in the order of the corpus.
    rows (Floats): Right, spurious and missed relations: of each label, and then of all with boundaries alone. *Shape:*
        (n_documents, 3 * n_labels + 3)
    """

    labels: List[str]
    documents: List[Hashable]
    rows: Floats

    def by_label(self, sums: Floats) -> Floats:
        """RETURNS (Floats): Precision, recall and F1 of each label, nan where it is neither annotated nor predicted.
        *Shape:* (n_samples, n_labels, 3)"""
        strict = self._strict(sums)
        return np.where(strict.sum(axis=2, keepdims=True) > 0, _prf(strict), np.nan)

    def scores(self, sums: Floats) -> Dict[str, Floats]:
        """Scores as `spacy_vaedie.scorer.score_relations` defines them.

        sums (Floats): Sums of rows. *Shape:* (n_samples, 3 * n_labels + 3)
        RETURNS (Dict[str, Floats]): By name. *Shape:* (n_samples,) each
        """
        strict = self._strict(sums)
        annotated = (strict[:, :, 0] + strict[:, :, 2] > 0)[:, :, None]
        macro = (_prf(strict) * annotated).sum(axis=1) / np.maximum(annotated.sum(axis=1), 1)
        kinds = {"rels": _prf(strict.sum(axis=1)), "rels_macro": macro, "rels_boundaries": _prf(sums[:, -3:])}
        return {f"{kind}_{which}": found[:, i] for kind, found in kinds.items() for i, which in enumerate("prf")}

    def _strict(self, sums: Floats) -> Floats:
        return sums[:, :-3].reshape(len(sums), len(self.labels), 3)


def count_documents(texts: Sequence[TextOutcome], labels: Optional[Sequence[str]] = None) -> Counts:
    """Count what is right and wrong in each document.

    texts (Sequence[TextOutcome]): The texts; those of one document count together.
    labels (Optional[Sequence[str]]): All labels, None for those of the texts.
    RETURNS (Counts): The counts.
    """
    names = labels_of(texts) if labels is None else list(labels)
    places = {label: 3 * i for i, label in enumerate(names)}
    documents = list(dict.fromkeys(text.document for text in texts))
    numbers = {document: i for i, document in enumerate(documents)}
    rows = np.zeros((len(documents), 3 * len(names) + 3))
    for text in texts:
        row = rows[numbers[text.document]]
        for i, part in enumerate(_parts(text.gold, text.predicted)):
            for relation in part:
                row[places[relation.label] + i] += 1
        row[-3:] += [len(part) for part in _parts(without_arguments(text.gold), without_arguments(text.predicted))]
    return Counts(names, documents, rows)


def find_intervals(counts: Counts, *, n_bootstrap: int = 1000, seed: int = 0) -> Optional[Dict[str, Any]]:
    """Intervals of scores by the percentile bootstrap over documents.

    counts (Counts): The counts of each document.
    n_bootstrap (int): Number of resamples, 0 for no intervals.
    seed (int): For drawing them.
    RETURNS (Optional[Dict[str, Any]]): `level`, `n_bootstrap`, `seed`, `n_documents`, `scores`: lowest and highest
        value of each score, and `labels`: those of each label's F1, None for one that no resample had. None as a whole
        without resamples, and for fewer than two documents, of which nothing can be drawn.
    RAISES (ValueError): VE107 for a negative number of resamples.
    """
    check_range("find_intervals", 0, n_bootstrap=n_bootstrap)
    if not n_bootstrap or len(counts.documents) < 2:
        return None
    sums = np.concatenate([weights @ counts.rows for weights in _resamples(len(counts.rows), n_bootstrap, seed)])
    by_label = counts.by_label(sums)[:, :, 2]
    return {
        "level": LEVEL,
        "n_bootstrap": n_bootstrap,
        "seed": seed,
        "n_documents": len(counts.documents),
        "scores": {name: _interval(values) for name, values in counts.scores(sums).items()},
        "labels": {label: _interval(by_label[:, i]) for i, label in enumerate(counts.labels)},
    }


def compare_outcomes(
    texts: Sequence[TextOutcome], others: Sequence[TextOutcome], *, n_bootstrap: int = 1000, seed: int = 0
) -> Dict[str, Any]:
    """Compare what two pipelines made of the same texts: differences with intervals by the paired bootstrap over
    documents, and p values by approximate randomization, which changes the two in half of the documents at random.

    texts (Sequence[TextOutcome]): The texts of the one pipeline.
    others (Sequence[TextOutcome]): Those of the other one.
    n_bootstrap (int): Number of resamples, and of randomizations; 0 for neither.
    seed (int): For drawing them.
    RETURNS (Dict[str, Any]): `n_documents`, `level`, `n_bootstrap`, `seed`; `scores`: for each of `COMPARED` `this`,
        `other`, `difference`, its `interval` and `p_value`, the latter two None without resamples and for fewer than
        two documents; `found`: how many annotated relations `both`, only `this`, only the `other` one and `neither`
        found.
    RAISES (ValueError): VE451 where the texts are not the same, VE107 for a negative number of resamples.
    """
    check_range("compare_outcomes", 0, n_bootstrap=n_bootstrap)
    _check_same(texts, others)
    labels = sorted({*labels_of(texts), *labels_of(others)})
    counts, other = count_documents(texts, labels), count_documents(others, labels)
    n = len(counts.documents)
    this_scores, other_scores = (_totals(item) for item in (counts, other))
    resampled = randomized = None
    if n_bootstrap and n > 1:
        resampled = _differences(counts, _resamples(n, n_bootstrap, seed), lambda w: (w @ counts.rows, w @ other.rows))
        randomized = _randomized(counts, other, n_bootstrap, seed)
    scores = {}
    for name in COMPARED:
        difference = this_scores[name] - other_scores[name]
        scores[name] = {
            "this": this_scores[name],
            "other": other_scores[name],
            "difference": difference,
            "interval": None if resampled is None else _interval(resampled[name]),
            "p_value": None if randomized is None else _p_value(difference, randomized[name]),
        }
    shared = {"n_documents": n, "level": LEVEL, "n_bootstrap": n_bootstrap, "seed": seed}
    return {**shared, "scores": scores, "found": _found_by(texts, others)}


def _parts(gold: Set[ScoredRelation], predicted: Set[ScoredRelation]) -> List[Set[ScoredRelation]]:
    return [gold & predicted, predicted - gold, gold - predicted]


def _prf(counts: Floats) -> Floats:
    """Precision, recall and F1 in the last axis in place of right, spurious and missed; 0 where there is nothing."""
    right, spurious, missed = (counts[..., i] for i in range(3))
    parts = [(right, right + spurious), (right, right + missed), (2 * right, 2 * right + spurious + missed)]
    return np.stack([part / np.where(whole > 0, whole, 1.0) for part, whole in parts], axis=-1)


def _resamples(n: int, n_samples: int, seed: int) -> Iterator[Floats]:
    """How often each document is drawn. *Shape:* (up to n_samples, n)"""
    generator = np.random.default_rng(seed)
    for size in _blocks(n, n_samples):
        drawn = generator.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype("float64")


def _swaps(n: int, n_samples: int, seed: int) -> Iterator[Floats]:
    """In which documents the two pipelines change places. *Shape:* (up to n_samples, n)"""
    generator = np.random.default_rng(seed)
    for size in _blocks(n, n_samples):
        yield generator.integers(2, size=(size, n)).astype("float64")


def _blocks(n: int, n_samples: int) -> Iterator[int]:
    size = max(1, _DRAWN // n)
    for start in range(0, n_samples, size):
        yield min(size, n_samples - start)


def _randomized(counts: Counts, other: Counts, n_samples: int, seed: int) -> Dict[str, Floats]:
    change, total, other_total = other.rows - counts.rows, counts.rows.sum(axis=0), other.rows.sum(axis=0)
    swaps = _swaps(len(counts.rows), n_samples, seed)
    return _differences(counts, swaps, lambda swapped: (total + swapped @ change, other_total - swapped @ change))


def _differences(
    counts: Counts, draws: Iterator[Floats], sums: Callable[[Floats], Sequence[Floats]]
) -> Dict[str, Floats]:
    found = []
    for drawn in draws:
        this, other = (counts.scores(part) for part in sums(drawn))
        found.append({name: this[name] - other[name] for name in COMPARED})
    return {name: np.concatenate([block[name] for block in found]) for name in COMPARED}


def _totals(counts: Counts) -> Dict[str, float]:
    return {name: float(value[0]) for name, value in counts.scores(counts.rows.sum(axis=0)[None]).items()}


def _interval(values: Floats) -> Optional[List[float]]:
    known = values[~np.isnan(values)]
    rest = 100 * (1 - LEVEL) / 2
    return np.percentile(known, [rest, 100 - rest]).tolist() if len(known) else None


def _p_value(difference: float, randomized: Floats) -> float:
    # Sums of floats in another order may differ in their last digit.
    as_large = np.abs(randomized) >= abs(difference) - 1e-12
    return float((1 + as_large.sum()) / (1 + len(randomized)))


def _check_same(texts: Sequence[TextOutcome], others: Sequence[TextOutcome]) -> None:
    if len(texts) != len(others):
        raise ValueError(Errors.VE451.format(reason=f"there are {len(texts)} annotated texts, and {len(others)}"))
    for text, other in zip(texts, others, strict=True):
        if text.example.reference.text != other.example.reference.text:
            shown = [item.example.reference.text[:40] for item in (text, other)]
            raise ValueError(Errors.VE451.format(reason=f"{shown[0]!r} stands in the place of {shown[1]!r}"))


def _found_by(texts: Sequence[TextOutcome], others: Sequence[TextOutcome]) -> Dict[str, int]:
    found = {"both": 0, "this": 0, "other": 0, "neither": 0}
    # A schema of one pipeline may say a fact in another form than that of the other: each is asked in its own form.
    for text, other in zip(texts, others, strict=True):
        n_both = len((text.gold & text.predicted) & (other.gold & other.predicted))
        n_this, n_other = len(text.gold & text.predicted) - n_both, len(other.gold & other.predicted) - n_both
        found["both"] += n_both
        found["this"] += n_this
        found["other"] += n_other
        found["neither"] += max(0, len(text.gold) - n_both - n_this - n_other)
    return found
