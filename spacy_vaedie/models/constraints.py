"""What a schema says about labels, and relations that keep to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Collection, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.util import registry

from ..errors import Errors
from ..tokens import Argument, Relation
from .candidates import Candidates

Bools = NDArray[np.bool_]
Place = Tuple[int, int]
_NAME = "spacy-vaedie.Schema.v1"


@dataclass(frozen=True)
class Ends:
    """The labels of spans that a label may join, None for any.

    head (Optional[FrozenSet[str]]): Those of the head.
    tail (Optional[FrozenSet[str]]): Those of the tail.
    """

    head: Optional[FrozenSet[str]] = None
    tail: Optional[FrozenSet[str]] = None

    def swapped(self) -> Ends:
        """RETURNS (Ends): The same with head and tail changed."""
        return Ends(self.tail, self.head)

    def allow(self, head: str, tail: str) -> bool:
        """RETURNS (bool): Whether spans of these labels may be joined."""
        return (self.head is None or head in self.head) and (self.tail is None or tail in self.tail)


@dataclass(frozen=True)
class LabelSchema:
    """What labels say. A label that isn't named may join anything.

    types (Mapping[str, Ends]): What a label may join.
    symmetric (FrozenSet[str]): Labels that hold in both directions. The span that comes first in the text is the head.
    inverse (Mapping[str, str]): Labels that say the same as another one with head and tail changed, and that other one.
    functional (FrozenSet[str]): Labels by which a head has at most one tail.
    acyclic (FrozenSet[str]): Labels by which nothing leads back to itself.
    """

    types: Mapping[str, Ends] = field(default_factory=dict)
    symmetric: FrozenSet[str] = frozenset()
    inverse: Mapping[str, str] = field(default_factory=dict)
    functional: FrozenSet[str] = frozenset()
    acyclic: FrozenSet[str] = frozenset()

    @property
    def labels(self) -> Set[str]:
        """All labels that it names."""
        return {*self.types, *self.symmetric, *self.inverse, *self.inverse.values(), *self.functional, *self.acyclic}

    def canonical(self, relation: Relation) -> Relation:
        """Say a fact in the one way that counts: under the other label where this one is an inverse, and with the span
        that comes first as its head where it is symmetric.

        relation (Relation): A relation.
        RETURNS (Relation): The same fact.
        """
        label = self.inverse.get(relation.label)
        if label is not None:
            relation = swap(replace(relation, label=label))
        if relation.label in self.symmetric and _order(relation.tail) < _order(relation.head):
            relation = swap(relation)
        return relation

    def allows(self, relation: Relation) -> bool:
        """RETURNS (bool): Whether a relation, in its canonical form, joins spans that its label may join."""
        ends = self.types.get(relation.label)
        if ends is None:
            return True
        head, tail = relation.head.label, relation.tail.label
        return ends.allow(head, tail) or (relation.label in self.symmetric and ends.allow(tail, head))


@dataclass(frozen=True)
class Resolution:
    """Relations that keep to a schema, and the others.

    kept (List[Relation]): In the given order, each in its canonical form.
    dropped (List[Tuple[Relation, str]]): Left out, with what each one breaks: `duplicate`, `types`, `functional` or
        `acyclic`.
    """

    kept: List[Relation]
    dropped: List[Tuple[Relation, str]]


@registry.misc("spacy-vaedie.Schema.v1")
def build_schema(
    types: Optional[Dict[str, Dict[str, List[str]]]] = None,
    symmetric: Optional[List[str]] = None,
    inverse: Optional[Dict[str, str]] = None,
    functional: Optional[List[str]] = None,
    acyclic: Optional[List[str]] = None,
) -> LabelSchema:
    """What the labels of an extractor say.

    types (Optional[Dict[str, Dict[str, List[str]]]]): For a label, `head` and `tail`: the labels of spans that it may
        join. What is left out may be any.
    symmetric (Optional[List[str]]): Labels that hold in both directions, e.g. MARRIED_TO.
    inverse (Optional[Dict[str, str]]): Labels that say the same as another one with head and tail changed, and that
        other one, e.g. CHILD_OF: PARENT_OF. The extractor learns and predicts the other one only.
    functional (Optional[List[str]]): Labels by which a head has at most one tail, e.g. BORN_IN.
    acyclic (Optional[List[str]]): Labels by which nothing leads back to itself, e.g. PART_OF.
    RETURNS (LabelSchema): The schema.
    RAISES (ValueError): VE221 where it contradicts itself, VE107 for anything but lists of labels, such as one string.
    """
    for setting, value in (("symmetric", symmetric), ("functional", functional), ("acyclic", acyclic)):
        _check_labels(setting, value)
    symmetric, inverse, types = symmetric or [], inverse or {}, types or {}
    for label, other in inverse.items():
        if other == label:
            raise _contradiction(f"'{label}' is its own inverse; name it under `symmetric`")
        if other in inverse:
            raise _contradiction(f"'{other}' is both an inverse of '{inverse[other]}' and the label that others mean")
        if label in symmetric or other in symmetric:
            raise _contradiction(f"'{label}' and '{other}' are inverse, but one of them is symmetric")
        if label in (functional or ()):
            raise _contradiction(f"'{label}' is functional, but is read as '{other}'; let '{other}' be the inverse")
    both = sorted(set(symmetric) & set(acyclic or ()))
    if both:
        raise _contradiction(f"'{both[0]}' is symmetric, so it leads back to where it started, but it is acyclic")
    return LabelSchema(
        types=_read_types(types, inverse),
        symmetric=frozenset(symmetric),
        inverse=dict(inverse),
        functional=frozenset(functional or ()),
        acyclic=frozenset(inverse.get(label, label) for label in acyclic or ()),
    )


def check_schema(schema: Optional[LabelSchema], owner: str) -> LabelSchema:
    """Check what a pipe was given as its schema: a block of a config without `@misc` arrives here as a plain dict.

    schema (Optional[LabelSchema]): A schema, None for one that says nothing.
    owner (str): Name of the pipe.
    RETURNS (LabelSchema): The schema.
    RAISES (ValueError): VE107 for anything else.
    """
    if schema is None:
        return LabelSchema()
    if not isinstance(schema, LabelSchema):
        must = f"what '{_NAME}' makes: write `@misc = \"{_NAME}\"` above its rules"
        raise ValueError(Errors.VE107.format(setting="schema", value=repr(schema), must=must, owner=owner))
    return schema


def resolve(relations: Sequence[Relation], schema: LabelSchema) -> Resolution:
    """Make relations keep to a schema. The ones with the highest scores come first, and each stays unless it breaks a
    rule together with those that stay. Of equal scores, the one that was given first comes first. What is negated or
    hypothetical neither breaks `functional` and `acyclic` nor makes another one break them.

    relations (Sequence[Relation]): Relations of one Doc.
    schema (LabelSchema): The schema.
    RETURNS (Resolution): What is kept and what is dropped.
    """
    found = [schema.canonical(relation) for relation in relations]
    state = _State(schema)
    broken: List[Optional[str]] = [None] * len(found)
    for i in sorted(range(len(found)), key=lambda i: -found[i].score):
        broken[i] = state.add(found[i])
    return Resolution(
        kept=[relation for relation, rule in zip(found, broken, strict=True) if rule is None],
        dropped=[(relation, rule) for relation, rule in zip(found, broken, strict=True) if rule is not None],
    )


def allowed_labels(schema: LabelSchema, labels: Sequence[str], candidates: Candidates) -> Optional[Bools]:
    """Which labels each candidate pair may have, by the types of its spans, and by its order for a symmetric label.

    schema (LabelSchema): The schema.
    labels (Sequence[str]): The labels.
    candidates (Candidates): The candidate pairs.
    RETURNS (Optional[Bools]): "No relation", which is always allowed, and the labels. None where everything is
        allowed. *Shape:* (n_pairs, n_labels + 1)
    """
    bound = [i for i, label in enumerate(labels) if label in schema.types or label in schema.symmetric]
    if not bound:
        return None
    allowed = np.ones((len(candidates.pairs), len(labels) + 1), dtype=bool)
    heads, tails = (candidates.labels[candidates.pairs[:, end]] for end in (0, 1))
    forward = candidates.forward()
    for i in bound:
        ends = schema.types.get(labels[i], Ends())
        fits = _among(heads, ends.head) & _among(tails, ends.tail)
        if labels[i] in schema.symmetric:
            fits = forward & (fits | (_among(tails, ends.head) & _among(heads, ends.tail)))
        allowed[:, i + 1] = fits
    return allowed


def swap(relation: Relation) -> Relation:
    """RETURNS (Relation): The relation with head and tail changed, and its evidence read from the other end."""
    evidence = relation.evidence
    if evidence is not None:
        deps = tuple(dep[1:] if dep.startswith("<") else f"<{dep}" for dep in evidence.deps[::-1])
        evidence = replace(evidence, tokens=evidence.tokens[::-1], deps=deps)
    return replace(relation, head=relation.tail, tail=relation.head, evidence=evidence)


class _State:
    """The relations that stay."""

    def __init__(self, schema: LabelSchema) -> None:
        self.schema = schema
        self.facts: Set[Tuple[str, Argument, Argument]] = set()
        self.taken: Set[Tuple[str, Place]] = set()
        self.tails: Dict[Tuple[str, Place], List[Place]] = {}

    def add(self, relation: Relation) -> Optional[str]:
        """Keep a relation, or RETURN (Optional[str]) what it breaks."""
        label, head, tail = relation.label, _place(relation.head), _place(relation.tail)
        fact = label, relation.head, relation.tail
        if fact in self.facts:
            return "duplicate"
        if not self.schema.allows(relation):
            return "types"
        # What the text doesn't say is so, such as "not born in Oslo", contradicts nothing.
        if relation.polarity not in (None, "asserted"):
            self.facts.add(fact)
            return None
        taken = set()
        if label in self.schema.functional:
            taken = {(label, end) for end in ((head, tail) if label in self.schema.symmetric else (head,))}
            if taken & self.taken:
                return "functional"
        if label in self.schema.acyclic and self._leads(label, tail, head):
            return "acyclic"
        self.taken |= taken
        self.facts.add(fact)
        self.tails.setdefault((label, head), []).append(tail)
        return None

    def _leads(self, label: str, start: Place, end: Place) -> bool:
        """Whether the relations of a label lead from one span to another."""
        seen, waiting = {start}, [start]
        while waiting:
            place = waiting.pop()
            if place == end:
                return True
            following = [tail for tail in self.tails.get((label, place), ()) if tail not in seen]
            seen.update(following)
            waiting.extend(following)
        return False


def _read_types(types: Mapping[str, Mapping[str, Iterable[str]]], inverse: Mapping[str, str]) -> Dict[str, Ends]:
    found: Dict[str, Ends] = {}
    for label, item in types.items():
        if not isinstance(item, Mapping):
            raise _bad_value(f"types.{label}", item, "an object with the lists of labels 'head' and 'tail'")
        unknown = sorted(set(item) - {"head", "tail"})
        if unknown:
            raise _contradiction(f"`types.{label}` has '{unknown[0]}', but knows `head` and `tail` only")
        for end, labels in item.items():
            _check_labels(f"types.{label}.{end}", labels)
        ends = Ends(*(frozenset(item[end]) if item.get(end) is not None else None for end in ("head", "tail")))
        if label in inverse:
            label, ends = inverse[label], ends.swapped()
        if found.setdefault(label, ends) != ends:
            raise _contradiction(f"the types of '{label}' and of its inverse do not fit together")
    return found


def _check_labels(setting: str, value: Any) -> None:
    """A string would be read as the list of its letters."""
    if value is not None and (isinstance(value, str) or not isinstance(value, Collection)):
        raise _bad_value(setting, value, "a list of labels")


def _bad_value(setting: str, value: Any, must: str) -> ValueError:
    return ValueError(Errors.VE107.format(setting=setting, value=repr(value), must=must, owner=_NAME))


def _contradiction(reason: str) -> ValueError:
    return ValueError(Errors.VE221.format(owner=_NAME, reason=reason))


def _among(labels: Any, names: Optional[FrozenSet[str]]) -> Bools:
    if names is None:
        return np.ones(len(labels), dtype=bool)
    return np.isin(labels, np.array([get_string_id(name) for name in names], dtype="uint64"))


def _place(argument: Argument) -> Place:
    return argument.start, argument.end


def _order(argument: Argument) -> Tuple[int, int, str]:
    return argument.start, argument.end, argument.label
