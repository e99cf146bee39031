"""Probabilities and thresholds of the extractor: calibrated and tuned on a development set, and saved with it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from thinc.api import Optimizer

from ..errors import Errors, Warnings, is_number, warn
from ..models.calibration import (
    apply_calibration,
    best_threshold,
    expected_calibration_error,
    fit_calibration,
    is_bound,
    negative_log_likelihood,
)
from ..models.candidates import Candidates
from ..models.labelling import Labelling
from .network_pipe import NetworkPipe
from .targets import TargetReader, Targets

Floats = NDArray[np.float32]

BATCH_SIZE = 64
# A label with fewer annotated relations gets the threshold that is best for all labels together.
MIN_RELATIONS = 5


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """The candidate pairs of annotated texts.

    probabilities (Floats): As the model gives them. *Shape:* (n_pairs, n_labels + 1)
    targets (Targets): What is annotated. *Shape:* (n_pairs, n_labels + 1)
    n_gold (Dict[str, int]): How many relations of each label are annotated, also those that are no candidates.
    n_examples (int): How many texts there are.
    """

    probabilities: Floats
    targets: Targets
    n_gold: Dict[str, int]
    n_examples: int


class CalibratedPipe(NetworkPipe):
    """Thresholds and calibration of a pipe that scores pairs. What is tuned or fitted stands in `cfg`, and is saved
    with the pipe."""

    cfg: Dict[str, Any]
    labelling: Labelling
    _configured_threshold: float
    _configured_label_thresholds: Dict[str, float]

    @property
    def labels(self) -> Tuple[str, ...]:
        """The labels that can be predicted."""
        return tuple(self.cfg["labels"])

    @property
    def threshold(self) -> float:
        """Probability from which on a relation is set. A value that was set in Python is saved with the pipe, and
        holds until a config brings another one than the pipe was made with (as `spacy find-threshold` does). To set it
        drops the thresholds that were tuned for single labels."""
        changed = self.cfg["threshold"]
        if isinstance(changed, dict):
            return float(changed["value"]) if self._holds(changed) else self._configured_threshold
        # `spacy find-threshold` writes a bare number.
        return self._configured_threshold if changed is None else float(changed)

    @threshold.setter
    def threshold(self, value: float) -> None:
        self.cfg["threshold"] = {"value": check_threshold(value), "configured": self._configured_threshold}
        self.cfg["label_thresholds"] = None

    @property
    def label_thresholds(self) -> Dict[str, float]:
        """Thresholds of single labels: those of the config, and for other labels those that were tuned or set in
        Python, which are saved with the pipe and hold as long as a changed `threshold` does. None drops the latter."""
        changed, trial = self.cfg.get("label_thresholds"), isinstance(self.cfg["threshold"], (int, float))
        tuned = changed["values"] if changed and not trial and self._holds(changed) else {}
        return {**tuned, **self._configured_label_thresholds}

    @label_thresholds.setter
    def label_thresholds(self, values: Optional[Dict[str, float]]) -> None:
        if values is None:
            # As in a config: none but those that the config has.
            self.cfg["label_thresholds"] = None
            return
        checked = {label: check_threshold(value) for label, value in values.items()}
        unknown = ", ".join(sorted(set(checked) - set(self.labels)))
        if unknown:
            known = ", ".join(self.labels)
            warn(Warnings.VW222.format(setting="label_thresholds", name=self.name, labels=unknown, known=known))
        self.cfg["label_thresholds"] = {"values": checked, "configured": self._configured_threshold}

    def calibrate(self, examples: Iterable[Example], method: str = "temperature") -> Dict[str, Any]:
        """Make probabilities fit texts that the pipe was not trained on. Saved with the pipe, until it is trained on.
        Thresholds of single labels that were tuned or set before do not fit any more and are dropped (VW224).

        examples (Iterable[Example]): Annotated texts, with what the components before this one write (see
            `annotate_before`).
        method (str): `temperature` or `isotonic`, see `spacy_vaedie.models.calibration.fit_calibration`.
        RETURNS (Dict[str, Any]): `method`, `temperature` where it is one, `n_pairs`, and on these very texts before
            and after: `calibration_error` and `negative_log_likelihood`, a pair of numbers each.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE225 where no candidate pair is annotated,
            VE005 for another method.
        """
        pairs = self._check_annotated(self._score_pairs(examples))
        found = fit_calibration(method, pairs.probabilities, pairs.targets, self.labels, self.labelling)
        n_pairs, temperature = int((pairs.targets == 1).any(axis=1).sum()), found.get("temperature")
        if temperature is not None and is_bound(temperature):
            warn(Warnings.VW225.format(name=self.name, value=temperature, n=n_pairs))
        after = apply_calibration(found, pairs.probabilities, self.labels, self.labelling)
        if self.cfg.get("label_thresholds"):
            warn(Warnings.VW224.format(name=self.name))
        self.cfg["calibration"], self.cfg["label_thresholds"] = found, None
        both = (pairs.probabilities, after)
        return {
            "method": method,
            "temperature": temperature,
            "n_pairs": n_pairs,
            "calibration_error": [self._calibration_error(item, pairs.targets) for item in both],
            "negative_log_likelihood": [negative_log_likelihood(item, pairs.targets, self.labelling) for item in both],
        }

    def tune_thresholds(self, examples: Iterable[Example]) -> Dict[str, Any]:
        """Find the threshold with the best F1 for each label, on texts that the pipe was not trained on. A label with
        few annotated relations gets the one that is best for all labels together. Calibrate before.

        examples (Iterable[Example]): As for `calibrate`.
        RETURNS (Dict[str, Any]): `thresholds` and the `n_gold` of each label, and `rare`, the labels that have too few
            relations.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE225 where no candidate pair is annotated.
        """
        pairs = self._check_annotated(self._score_pairs(examples))
        probabilities = apply_calibration(self.cfg.get("calibration"), pairs.probabilities, self.labels, self.labelling)
        # Where one label excludes the others, only the likeliest one can be set.
        possible = self.labelling.choose(probabilities, np.zeros(len(self.labels))) & (pairs.targets[:, 1:] >= 0)
        right = pairs.targets[:, 1:] == 1
        n_gold = {label: pairs.n_gold.get(label, 0) for label in self.labels}
        common, _ = best_threshold(probabilities[:, 1:][possible], right[possible], sum(n_gold.values()))
        common = self.threshold if common is None else common
        values, rare = {}, []
        for i, label in enumerate(self.labels):
            rows = possible[:, i]
            value, _ = best_threshold(probabilities[rows, i + 1], right[rows, i], n_gold[label])
            if n_gold[label] < MIN_RELATIONS:
                rare.append(label)
            values[label] = common if value is None or label in rare else value
        self.label_thresholds = values
        return {"thresholds": self.label_thresholds, "n_gold": n_gold, "rare": rare}

    def calibration_error(
        self, examples: Iterable[Example], n_bins: int = 15, *, strict: bool = False
    ) -> Optional[float]:
        """How far the probabilities of candidate pairs are from what they say, by the best of "no relation" and the
        labels; where a pair may have several labels, by each label for itself.

        examples (Iterable[Example]): As for `calibrate`.
        n_bins (int): See `spacy_vaedie.models.calibration.expected_calibration_error`.
        strict (bool): Whether a pair counts as "no relation" where the labels of its spans are not the annotated ones,
            as for predicted entities.
        RETURNS (Optional[float]): From 0 to 1, None where no candidate pair is annotated.
        RAISES (ValueError): VE101 where the pipe was not initialized.
        """
        pairs = self._score_pairs(examples, strict)
        probabilities = apply_calibration(self.cfg.get("calibration"), pairs.probabilities, self.labels, self.labelling)
        return self._calibration_error(probabilities, pairs.targets, n_bins)

    def finish_update(self, sgd: Optimizer) -> None:
        """Let the optimizer change the weights. Calibration and tuned thresholds do not fit them any more.

        sgd (Optimizer): The optimizer.
        RAISES (ValueError): VE111 where a gradient is no number any more; the last update is undone then.
        """
        super().finish_update(sgd)
        if self.cfg.get("calibration") or self.cfg.get("label_thresholds"):
            self._forget_calibration()
            self._warn_once(Warnings.VW223.format(name=self.name), "calibration")

    def _forget_calibration(self) -> None:
        self.cfg["calibration"] = self.cfg["label_thresholds"] = None

    def _label_threshold_array(self) -> NDArray[np.float64]:
        """*Shape:* (n_labels,)"""
        single, common = self.label_thresholds, self.threshold
        return np.array([single.get(label, common) for label in self.labels], dtype="float64")

    def _holds(self, changed: Dict[str, Any]) -> bool:
        # JSON gives a number back with its last digit changed.
        return isclose(changed["configured"], self._configured_threshold)

    def _calibration_error(self, probabilities: Floats, targets: Targets, n_bins: int = 15) -> Optional[float]:
        return expected_calibration_error(*self.labelling.decisions(probabilities, targets), n_bins)

    def _score_pairs(self, examples: Iterable[Example], strict: bool = False) -> ScoredPairs:
        """The candidate pairs of texts, with the model's probabilities."""
        self._check_built()
        reader = self._target_reader()
        width = len(self.labels) + 1
        probabilities, targets = [np.zeros((0, width), dtype="float32")], [np.zeros((0, width), dtype="int8")]
        n_gold: Dict[str, int] = {}
        n_examples = 0
        for batch in minibatch(examples, BATCH_SIZE):
            n_examples += len(batch)
            found = self._predict_uncalibrated([example.predicted for example in batch])
            for example, (candidates, rows) in zip(batch, found, strict=True):
                relations = [reader.schema.canonical(relation) for relation in example.reference._.relations or []]
                for _, _, label in {(relation.head, relation.tail, relation.label) for relation in relations}:
                    n_gold[label] = n_gold.get(label, 0) + 1
                probabilities.append(rows)
                # Training warns about what cannot be learned; here it just counts as missed.
                targets.append(reader.read(example, candidates, lambda *_: None, strict=strict))
        return ScoredPairs(np.concatenate(probabilities), np.concatenate(targets), n_gold=n_gold, n_examples=n_examples)

    def _check_annotated(self, pairs: ScoredPairs) -> ScoredPairs:
        if (pairs.targets >= 0).any():
            return pairs
        reason = (
            f"none of the {pairs.n_examples} texts has an annotated candidate pair. Give annotated texts, and run the "
            "components before it over them first, as `spacy vaedie calibrate` does (with `--gold-entities` where "
            "none of them finds entities)"
        )
        raise ValueError(Errors.VE225.format(name=self.name, reason=reason))

    def _predict_uncalibrated(self, docs: Sequence[Doc]) -> List[Tuple[Candidates, Floats]]:
        raise NotImplementedError

    def _target_reader(self) -> TargetReader:
        raise NotImplementedError


def annotate_before(
    nlp: Language, name: str, examples: Iterable[Example], disable: Sequence[str] = ()
) -> List[Example]:
    """Run the components before one over the predicted Docs of examples.

    nlp (Language): The pipeline.
    name (str): The component.
    examples (Iterable[Example]): The examples.
    disable (Sequence[str]): Components that must not run, e.g. since they would overwrite given entities.
    RETURNS (List[Example]): New Examples with the annotated Docs and the same references.
    """
    examples = list(examples)
    rest = nlp.pipe_names[nlp.pipe_names.index(name) :]
    docs = nlp.pipe((example.predicted for example in examples), disable=[*disable, *rest])
    return [Example(doc, example.reference) for doc, example in zip(docs, examples, strict=True)]


def check_threshold(value: Any) -> float:
    """RETURNS (float): A probability. RAISES (ValueError): VE206 for anything else."""
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ValueError(Errors.VE206.format(value=value))
    return float(value)
