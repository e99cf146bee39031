"""The schema of an annotated corpus: its labels and the types that they join, and whether a corpus keeps to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NoReturn, Optional, Sequence, Set, Tuple

import srsly

from ..errors import Errors
from .converters import Annotation

Pair = Tuple[str, str]


@dataclass(frozen=True)
class RelationType:
    """What a label joins.

    head (FrozenSet[str]): Labels of spans that may be the head.
    tail (FrozenSet[str]): Labels of spans that may be the tail.
    symmetric (bool): Whether head and tail could change places. Such a relation is annotated once, the span that comes
        first in the text as its head.
    """

    head: FrozenSet[str]
    tail: FrozenSet[str]
    symmetric: bool = False


@dataclass(frozen=True)
class Schema:
    """The labels of a corpus.

    entities (FrozenSet[str]): Labels of spans.
    relations (Mapping[str, RelationType]): Labels of relations.
    """

    entities: FrozenSet[str]
    relations: Mapping[str, RelationType]

    def allows(self, head: str, tail: str) -> bool:
        """Whether any label joins spans of these labels, in this order.

        head (str): Label of the head.
        tail (str): Label of the tail.
        RETURNS (bool): Whether there is one.
        """
        return any(head in relation.head and tail in relation.tail for relation in self.relations.values())


def read_schema(path: Path) -> Schema:
    """Read a schema: a JSON object with `entities` (label: description) and `relations` (label: an object with the
    lists `head` and `tail`, and maybe `symmetric` and `description`).

    path (Path): The file.
    RETURNS (Schema): The schema.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE313 for a file that is no schema, with the field that is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))

    def fail(reason: str) -> NoReturn:
        raise ValueError(Errors.VE313.format(path=path, reason=reason))

    try:
        value = srsly.read_json(path)
    except ValueError as error:
        fail(f"no valid JSON ({error})")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), dict) for key in ("entities", "relations")):
        fail("expected an object with the objects 'entities' and 'relations'")
    entities = frozenset(value["entities"])
    relations: Dict[str, RelationType] = {}
    for label, item in value["relations"].items():
        ends = [item.get(end) if isinstance(item, dict) else None for end in ("head", "tail")]
        for end, names in zip(("head", "tail"), ends, strict=True):
            if not isinstance(names, list) or not names or not entities.issuperset(map(str, names)):
                fail(f"the field 'relations.{label}.{end}' must be a list of labels from 'entities'")
        head, tail = (frozenset(names or ()) for names in ends)
        relations[label] = RelationType(head, tail, bool(item.get("symmetric", False)))
    return Schema(entities, relations)


def find_problems(annotations: Sequence[Annotation], schema: Optional[Schema] = None) -> Iterator[Tuple[str, str]]:
    """Check annotated texts: offsets, labels, types of the arguments, texts that are there twice, and, with a schema,
    pairs that are joined twice.

    annotations (Sequence[Annotation]): The texts.
    schema (Optional[Schema]): The schema, None to allow any label between any types.
    YIELDS (Tuple[str, str]): The doc id and what is wrong with it, the field first.
    """
    seen: Dict[str, str] = {}
    for annotation in annotations:
        if annotation.text in seen:
            yield annotation.doc_id, f"field 'text': the same text as in {seen[annotation.text]}"
        seen.setdefault(annotation.text, annotation.doc_id)
        for problem in (*_check_spans(annotation, schema), *_check_relations(annotation, schema)):
            yield annotation.doc_id, problem


def find_overlaps(splits: Mapping[str, Sequence[Annotation]], schema: Schema) -> Iterator[Tuple[str, str]]:
    """Find what one part of a corpus shares with another: pairs of names that some label could join.

    splits (Mapping[str, Sequence[Annotation]]): The texts of each part.
    schema (Schema): The schema.
    YIELDS (Tuple[str, str]): The doc id and what it shares with another part.
    """
    first: Dict[Pair, str] = {}
    for split, part in splits.items():
        for annotation in part:
            for pair in sorted(_pairs(annotation, schema)):
                if first.setdefault(pair, split) != split:
                    reason = f"the pair {pair[0]!r} and {pair[1]!r} stands in {first[pair]} too"
                    yield annotation.doc_id, f"field 'spans': {reason}"


def _check_spans(annotation: Annotation, schema: Optional[Schema]) -> Iterator[str]:
    text = annotation.text
    ends: List[Tuple[int, int, int]] = []
    for i, (start, end, label) in enumerate(annotation.spans):
        if not 0 <= start < end <= len(text):
            yield f"field 'spans[{i}]': characters {start} to {end} do not fit a text of {len(text)} characters"
            continue
        if text[start:end] != text[start:end].strip():
            yield f"field 'spans[{i}]': {text[start:end]!r} starts or ends with a space"
        if schema is not None and label not in schema.entities:
            options = ", ".join(sorted(schema.entities))
            yield f"field 'spans[{i}].label': {label!r} is not in the schema ({options})"
        ends.append((start, end, i))
    ends.sort()
    for (_, end, i), (start, _, j) in zip(ends, ends[1:], strict=False):
        if start < end:
            yield f"fields 'spans[{i}]' and 'spans[{j}]' overlap"


def _check_relations(annotation: Annotation, schema: Optional[Schema]) -> Iterator[str]:
    joined: Dict[FrozenSet[int], int] = {}
    for i, (head, tail, label) in enumerate(annotation.relations or ()):
        field = f"field 'relations[{i}]'"
        if head == tail:
            yield f"{field}: head and child are the same span"
        if schema is None:
            continue
        pair = frozenset((head, tail))
        if joined.setdefault(pair, i) != i:
            yield f"{field}: this pair of spans is joined by 'relations[{joined[pair]}]' already"
        if label not in schema.relations:
            options = ", ".join(sorted(schema.relations))
            yield f"field 'relations[{i}].label': {label!r} is not in the schema ({options})"
            continue
        allowed = schema.relations[label]
        types = annotation.spans[head][2], annotation.spans[tail][2]
        if types[0] not in allowed.head or types[1] not in allowed.tail:
            yield f"{field}: {label} cannot join {types[0]} with {types[1]}"
        if allowed.symmetric and annotation.spans[head][0] > annotation.spans[tail][0]:
            yield f"{field}: {label} is symmetric, so its head is the span that comes first"


def _pairs(annotation: Annotation, schema: Schema) -> Set[Pair]:
    """Names in both orders that some label could join."""
    spans: List[Tuple[str, Any]] = [
        (annotation.text[start:end].lower(), label) for start, end, label in annotation.spans
    ]
    return {
        (name, other)
        for i, (name, label) in enumerate(spans)
        for j, (other, other_label) in enumerate(spans)
        if i != j and schema.allows(label, other_label)
    }
