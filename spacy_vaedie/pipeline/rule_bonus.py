"""What rules before the extractor say about candidate pairs, as a bonus on its logits."""

from __future__ import annotations

from collections import defaultdict
from typing import Callable, DefaultDict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..errors import Warnings, check_range
from ..models.candidates import Candidates
from ..models.constraints import LabelSchema
from .proposal import ProposingPipe

Floats = NDArray[np.float32]
Pair = Tuple[int, ...]


class RuledPipe(ProposingPipe):
    """A pipe that listens to rules before it, and overwrites what they have set."""

    _rule_weight: float

    @property
    def rule_weight(self) -> float:
        """What a relation of a rule that stands on the Doc adds to the log-odds of its label."""
        return self._rule_weight

    @rule_weight.setter
    def rule_weight(self, value: float) -> None:
        check_range(self.name, 0.0, rule_weight=value)
        self._rule_weight = float(value)

    def _rule_bonus(self, docs: Sequence[Doc], candidates: Sequence[Candidates]) -> Floats:
        """What the rules before this pipe add to the logits. The network learns what they leave to say."""
        if not self.rule_weight:
            return np.zeros((1, 1), dtype="float32")

        def tell(key: str, reason: str) -> None:
            self._warn_once(Warnings.VW206.format(name=self.name, reason=reason), "rule", key)

        return self.rule_weight * rule_bonus(docs, candidates, self.labels, self.schema, tell)

    def _tell_lost_rules(self, doc: Doc) -> None:
        """Called before the relations of a Doc are overwritten."""
        if not self.rule_weight and any(relation.provenance == "rule" for relation in doc._.relations or ()):
            self._warn_once(Warnings.VW207.format(name=self.name), "lost rules")


def rule_bonus(
    docs: Sequence[Doc],
    candidates: Sequence[Candidates],
    labels: Sequence[str],
    schema: LabelSchema,
    tell: Callable[[str, str], None],
) -> Floats:
    """Find the candidate pairs to which rules gave a label: relations of provenance `rule` on the Docs. Times a weight
    and added to the logits, it raises the log-odds of the label by the weight.

    docs (Sequence[Doc]): The batch.
    candidates (Sequence[Candidates]): The candidates of each Doc.
    labels (Sequence[str]): The labels of the extractor.
    schema (LabelSchema): What the labels say. A rule may say a fact in another way than the extractor does.
    tell (Callable[[str, str], None]): Called with a key and a reason for each relation that cannot serve.
    RETURNS (Floats): The score of the rule at its pair and label, else 0. *Shape:* (n_pairs, n_labels + 1)
    """
    bonus = np.zeros((sum(len(item.pairs) for item in candidates), len(labels) + 1), dtype="float32")
    columns = {label: column for column, label in enumerate(labels, start=1)}
    start = 0
    for doc, item in zip(docs, candidates, strict=True):
        relations = [schema.canonical(relation) for relation in doc._.relations or () if relation.provenance == "rule"]
        rows: DefaultDict[Pair, List[int]] = defaultdict(list)
        for row, pair in enumerate(item.offsets().tolist() if relations else ()):
            rows[tuple(pair)].append(start + row)
        for relation in relations:
            found = rows[relation.head.start, relation.head.end, relation.tail.start, relation.tail.end]
            column = columns.get(relation.label)
            if column is None:
                tell(relation.label, f"the label '{relation.label}' is none of its labels")
            elif not found:
                tell(
                    "", f"{relation.head.resolve(doc).text!r} and {relation.tail.resolve(doc).text!r} are no candidates"
                )
            else:
                bonus[found, column] = np.maximum(bonus[found, column], relation.score)
        start += len(item.pairs)
    return bonus
