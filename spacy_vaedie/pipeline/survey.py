"""What the extractor looks at before it is trained: whether the annotation keeps to the schema, and which types of
spans are joined."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, Warnings, warn
from ..models.candidates import Candidates, pair_spans
from ..models.constraints import LabelSchema, resolve
from ..models.direction import BOTH, ONE, find_partners
from ..models.pair_features import type_buckets
from ..tokens import Relation, annotated_regions
from .targets import TargetReader

Ints = NDArray[np.int64]


class Survey:
    """Gathers what annotated texts say.

    reader (TargetReader): The extractor's name, labels and schema.
    propose (Callable[[Doc], Candidates]): Its candidates, of whatever types.
    directions (str): Its setting of that name.
    """

    def __init__(self, reader: TargetReader, propose: Callable[[Doc], Candidates], directions: str = BOTH) -> None:
        self.reader = reader
        self.propose = propose
        self.directions = directions
        self._n_both_ways = 0
        self._first_both_ways = ""
        self._n_contradictions = 0
        self._first = ""
        self._n_relations: Dict[str, int] = {}
        self._wrong_types: Dict[str, List[str]] = {}
        self._types: Set[Tuple[str, str]] = set()
        self._buckets: List[Ints] = [np.zeros(0, dtype="int64")]
        self._columns: List[Ints] = [np.zeros(0, dtype="int64")]

    def add(self, example: Example) -> None:
        """Look at one text. One that was not annotated says nothing.

        example (Example): The text.
        """
        reference = example.reference
        if not annotated_regions(reference):
            return
        self._check(reference)
        example, candidates = self._annotated_pairs(example)
        # The updates warn about what they meet.
        pairs, columns = np.nonzero(self.reader.read(example, candidates, lambda *_: None) == 1)
        self._buckets.append(type_buckets(candidates)[pairs])
        self._columns.append(columns)
        if self.directions == ONE:
            self._count_both_ways(example.predicted, candidates, np.unique(pairs[columns > 0]))
        for row, column in zip(pairs[columns > 0], columns[columns > 0], strict=True):
            head, tail = (reference.vocab.strings[int(i)] for i in candidates.labels[candidates.pairs[row]])
            self._join(self.reader.labels[column - 1], head, tail)

    def frequencies(self) -> Tuple[Ints, Ints]:
        """RETURNS (Tuple[Ints, Ints]): For each pair and what holds for it, the bucket of its types, and the label's
        place behind "no relation", as `set_prior` takes them. *Shape:* (n,) each"""
        return np.concatenate(self._buckets), np.concatenate(self._columns)

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
        if self._n_contradictions:
            warn(Warnings.VW221.format(n=self._n_contradictions, name=name, first=self._first))
        if self._n_both_ways:
            warn(Warnings.VW208.format(n=self._n_both_ways, name=name, first=self._first_both_ways))
        schema = self.reader.schema
        for setting, named in (("schema", schema.labels - set(schema.inverse)), ("label_thresholds", set(thresholds))):
            unknown = ", ".join(sorted(named - set(labels)))
            if unknown:
                warn(Warnings.VW222.format(setting=setting, name=name, labels=unknown, known=", ".join(labels)))

    def _check(self, reference: Doc) -> None:
        schema = self.reader.schema
        found = [schema.canonical(relation) for relation in reference._.relations]
        for relation in found:
            self._n_relations[relation.label] = self._n_relations.get(relation.label, 0) + 1
            self._join(relation.label, relation.head.label, relation.tail.label)
        for relation, rule in resolve(found, schema).dropped:
            # What is annotated twice is no contradiction.
            if rule != "duplicate":
                described = _describe(relation, rule, reference)
                self._n_contradictions += 1
                self._first = self._first or described
                if rule == "types":
                    self._wrong_types.setdefault(relation.label, []).append(described)

    def _count_both_ways(self, doc: Doc, candidates: Candidates, related: Ints) -> None:
        """Count the pairs that are related in both orders.

        related (Ints): Rows of the related pairs. *Shape:* (n,)
        """
        partners = find_partners([candidates])[related]
        # Each of them is there twice.
        rows = related[np.isin(partners, related) & (related < partners)]
        self._n_both_ways += len(rows)
        if len(rows) and not self._first_both_ways:
            spans = candidates.spans[candidates.pairs[rows[0]]].tolist()
            self._first_both_ways = " and ".join(repr(doc[start:end].text) for start, end in spans)

    def _annotated_pairs(self, example: Example) -> Tuple[Example, Candidates]:
        """The candidates of the predicted Doc, or those of the reference, if the components that find the spans have
        not run yet."""
        reference = example.reference
        for doc in (example.predicted, reference):
            try:
                candidates = self.propose(doc)
            except ValueError:
                continue
            if len(candidates.pairs):
                return Example(doc, reference), candidates
        return example, pair_spans(example.predicted, [], 0, 1)

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
