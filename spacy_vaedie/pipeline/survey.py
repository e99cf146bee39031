"""What the extractor looks at before it is trained: whether the annotation keeps to the schema, and which types of
spans are joined."""

from __future__ import annotations

from typing import Dict, Iterable, List, Set, Tuple

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, Warnings, warn
from ..models.candidates import Candidates
from ..models.constraints import LabelSchema, resolve
from ..tokens import Relation
from .targets import TargetReader, Targets


class Survey:
    """Gathers what annotated texts say.

    reader (TargetReader): The extractor's name, labels and schema.
    """

    def __init__(self, reader: TargetReader) -> None:
        self.reader = reader
        self.n_contradictions = 0
        self.first = ""
        self._n_relations: Dict[str, int] = {}
        self._wrong_types: Dict[str, List[str]] = {}
        self._types: Set[Tuple[str, str]] = set()

    def add(self, reference: Doc, candidates: Candidates, targets: Targets) -> None:
        """Look at one text.

        reference (Doc): The annotated Doc.
        candidates (Candidates): Candidate pairs, of whatever types.
        targets (Targets): Their targets. *Shape:* (n_pairs, n_labels + 1)
        """
        schema = self.reader.schema
        found = [schema.canonical(relation) for relation in reference._.relations or []]
        for relation in found:
            self._n_relations[relation.label] = self._n_relations.get(relation.label, 0) + 1
            self._join(relation.label, relation.head.label, relation.tail.label)
        for row, column in zip(*np.nonzero(targets[:, 1:] == 1), strict=True):
            head, tail = (reference.vocab.strings[int(i)] for i in candidates.labels[candidates.pairs[row]])
            self._join(self.reader.labels[column], head, tail)
        if not schema.labels:
            return
        for relation, rule in resolve(found, schema).dropped:
            if rule == "duplicate":
                continue
            described = _describe(relation, rule, reference)
            self.n_contradictions += 1
            self.first = self.first or described
            if rule == "types":
                self._wrong_types.setdefault(relation.label, []).append(described)

    @property
    def type_pairs(self) -> List[List[str]]:
        """The labels of head and tail of all relations, sorted."""
        return [list(pair) for pair in sorted(self._types)]

    def report(self, thresholds: Iterable[str]) -> None:
        """Tell what does not fit.

        thresholds (Iterable[str]): Labels that have a threshold of their own in the config.
        RAISES (ValueError): VE224 where all relations of a label contradict its types.
        """
        name, labels = self.reader.name, self.reader.labels
        for label, wrong in sorted(self._wrong_types.items()):
            if len(wrong) == self._n_relations[label]:
                raise ValueError(Errors.VE224.format(n=len(wrong), label=label, name=name, first=wrong[0]))
        if self.n_contradictions:
            warn(Warnings.VW221.format(n=self.n_contradictions, name=name, first=self.first))
        schema = self.reader.schema
        for setting, named in (("schema", schema.labels - set(schema.inverse)), ("label_thresholds", set(thresholds))):
            unknown = ", ".join(sorted(named - set(labels)))
            if unknown:
                warn(Warnings.VW222.format(setting=setting, name=name, labels=unknown, known=", ".join(labels)))

    def _join(self, label: str, head: str, tail: str) -> None:
        self._types.add((head, tail))
        if label in self.reader.schema.symmetric:
            self._types.add((tail, head))


def find_labels(examples: Iterable[Example], schema: LabelSchema) -> Tuple[List[str], str]:
    """Find the labels that are annotated, those that a schema calls an inverse under the other label.

    examples (Iterable[Example]): The training data.
    schema (LabelSchema): The schema.
    RETURNS (Tuple[List[str], str]): The labels, sorted, and what was looked at, for an error where there are none.
    """
    found: Set[str] = set()
    n_docs = n_annotated = 0
    for example in examples:
        relations = example.reference._.relations
        n_docs += 1
        n_annotated += relations is not None
        found.update(schema.inverse.get(relation.label, relation.label) for relation in relations or [])
    return sorted(found), f"of {n_docs} documents, {n_annotated} are annotated, and none holds a relation"


def _describe(relation: Relation, rule: str, doc: Doc) -> str:
    head, tail = relation.head, relation.tail
    ends = (f"{str(end.resolve(doc))!r} ({end.label or 'no type'})" for end in (head, tail))
    return f"'{relation.label}' from {' to '.join(ends)} breaks `{rule}`"
