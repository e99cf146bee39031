"""What the extractor learns from: the targets of candidate pairs, read from annotated relations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.training import Example

from ..errors import Warnings
from ..models.candidates import Candidates
from ..models.constraints import LabelSchema, allowed_labels
from ..models.labelling import UNKNOWN
from ..tokens import Relation, align_regions, align_relations, annotated_regions

Targets = NDArray[np.int8]
Tell = Callable[..., None]


@dataclass(frozen=True)
class TargetReader:
    """Reads targets for one extractor.

    name (str): Its name, for warnings.
    labels (Tuple[str, ...]): Its labels.
    several (bool): Whether a pair may have several labels.
    schema (LabelSchema): What its labels say.
    """

    name: str
    labels: Tuple[str, ...]
    several: bool
    schema: LabelSchema

    def read(self, example: Example, candidates: Candidates, tell: Tell, *, strict: bool = False) -> Targets:
        """Find which labels hold for each pair.

        example (Example): The predicted Doc, which the pairs are of, and the annotated one.
        candidates (Candidates): The pairs.
        tell (Callable[..., None]): Is told what cannot be learned: a message, and a key that says what it is about.
        strict (bool): Whether the labels of both spans must be the annotated ones, too, for a label to hold. A pair for
            which they are not counts as "no relation".
        RETURNS (Targets): 1 where "no relation" or a label holds, 0 where it does not, -1 where nobody annotated that.
            *Shape:* (n_pairs, n_labels + 1)
        """
        targets = np.full((len(candidates.pairs), len(self.labels) + 1), UNKNOWN, dtype="int8")
        doc, reference = example.predicted, example.reference
        relations = reference._.relations
        if relations is None:
            return targets
        offsets = candidates.offsets()
        for start, end in align_regions(annotated_regions(reference), reference, doc):
            inside = (offsets[:, [0, 2]] >= start).all(axis=1) & (offsets[:, [1, 3]] <= end).all(axis=1)
            targets[inside] = 0
            targets[inside, 0] = 1
        rows: Dict[Tuple[int, ...], List[int]] = defaultdict(list)
        for i, row in enumerate(offsets.tolist()):
            rows[tuple(row)].append(i)
        allowed = allowed_labels(self.schema, self.labels, candidates)
        n_missed = n_misaligned = 0
        for relation in align_relations(relations, reference, doc):
            if relation is None:
                n_misaligned += 1
                continue
            relation = self.schema.canonical(relation)
            found = rows[(relation.head.start, relation.head.end, relation.tail.start, relation.tail.end)]
            n_missed += not found
            for i in _with_types(found, candidates, relation, strict):
                self._add(targets[i], relation.label, None if allowed is None else allowed[i], tell)
        if n_misaligned:
            tell(Warnings.VW205.format(n=n_misaligned), "misaligned")
        if n_missed:
            tell(Warnings.VW202.format(n=n_missed), "missed")
        return targets

    def _add(self, target: Targets, label: str, allowed: Optional[NDArray[np.bool_]], tell: Tell) -> None:
        """Change the target of a pair, where one more relation is found for it."""
        holds = np.flatnonzero(target[1:] == 1)
        column = self.labels.index(label) + 1 if label in self.labels else 0
        if not column:
            tell(Warnings.VW201.format(label=label, name=self.name), "label", label)
        elif allowed is not None and not allowed[column]:
            tell(Warnings.VW221.format(n=1, name=self.name, first=f"'{label}' between other types"), "schema", label)
        elif self.several or not len(holds):
            target[target == UNKNOWN] = 0
            target[0], target[column] = 0, 1
            return
        else:
            if holds[0] + 1 != column:
                labels = f"{self.labels[holds[0]]}, {label}"
                tell(Warnings.VW203.format(labels=labels, name=self.name), "several", int(holds[0]), column)
            return
        # What cannot be learned is no example of "no relation" either.
        if self.several:
            target[0], target[column] = 0, UNKNOWN if column else 0
        elif not len(holds):
            target[:] = UNKNOWN


def _with_types(rows: List[int], candidates: Candidates, relation: Relation, strict: bool) -> List[int]:
    """Of several pairs of the same tokens, those with the argument labels of the relation, or all of them where none
    has those, unless that is strict."""
    if len(rows) < 2 and not strict:
        return rows
    labels = [get_string_id(relation.head.label), get_string_id(relation.tail.label)]
    found = [row for row in rows if candidates.labels[candidates.pairs[row]].tolist() == labels]
    return found if found or strict else rows
