"""Choosing a part of an annotated corpus, e.g. to learn from few labels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Callable, Dict, List, Sequence, Set, Tuple

from spacy.tokens import Doc

Strata = Callable[[Doc], Tuple[str, ...]]


def span_labels(doc: Doc) -> Tuple[str, ...]:
    """RETURNS (Tuple[str, ...]): The labels of a Doc's entities and spans, and its categories."""
    labels = {span.label_ for spans in (doc.ents, *doc.spans.values()) for span in spans}
    return tuple(sorted(labels | {name for name, value in doc.cats.items() if value >= 0.5}))


def relation_labels(doc: Doc) -> Tuple[str, ...]:
    """RETURNS (Tuple[str, ...]): The labels of a Doc's relations, each with its direction in the order of the text."""
    relations = doc._.relations or ()
    return tuple(sorted({f"{item.label} {'>' if item.head.start <= item.tail.start else '<'}" for item in relations}))


def choose_share(docs: Sequence[Doc], share: float, seed: int = 0, strata: Strata = span_labels) -> Set[int]:
    """Choose a share of Docs, each combination of labels in its share. The same texts and seed give the same choice
    everywhere, and a larger share holds every smaller one.

    docs (Sequence[Doc]): All Docs.
    share (float): How many to choose, from 0 to 1.
    seed (int): Another number gives another choice.
    strata (Callable[[Doc], Tuple[str, ...]]): Gives the labels whose combinations get their share.
    RETURNS (Set[int]): Indices of the chosen ones, at least one where there are any Docs.
    """
    order = [_fraction(f"{seed}:{doc.text}") for doc in docs]
    members: Dict[Tuple[str, ...], List[int]] = defaultdict(list)
    for index in sorted(range(len(docs)), key=lambda i: (order[i], i)):
        members[strata(docs[index])].append(index)
    # Each stratum is spread evenly over one queue, and a share is its front: so shares are nested, and rare
    # combinations come in by chance rather than never.
    place = {index: (rank + order[index]) / len(rows) for rows in members.values() for rank, index in enumerate(rows)}
    queue = sorted(place, key=lambda index: (place[index], index))
    return set(queue[: max(1, round(share * len(queue)))])


def _fraction(value: str) -> float:
    """A number from 0 to 1, by a hash, which is the same on every platform."""
    return int.from_bytes(hashlib.sha256(value.encode()).digest()[:8], "big") / 2**64
