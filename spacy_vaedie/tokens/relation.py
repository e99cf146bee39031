"""Relations between two spans of a Doc, and `doc._.relations`."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Dict, List, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span

from ..errors import Errors, Warnings, warn
from .storage import TokenOffsets, read_entries, write_entry

PROVENANCES = ("model", "rule", "gold")
POLARITIES = ("asserted", "negated", "hypothetical")
_STORED = "vaedie_relations"


@dataclass(frozen=True)
class Argument:
    """One end of a relation, as token offsets.

    start (int): First token.
    end (int): Last token, exclusive.
    label (str): Label of the span, e.g. its entity type.
    """

    start: int
    end: int
    label: str = ""

    def resolve(self, doc: Doc) -> Span:
        """RETURNS (Span): The span of `doc` that is meant."""
        return Span(doc, self.start, self.end, label=self.label)


@dataclass(frozen=True)
class Evidence:
    """The dependency path that a relation rests on, from head to tail.

    tokens (Tuple[int, ...]): Token offsets on the path.
    deps (Tuple[str, ...]): One dependency label a step between two of them, `<` before it where the step goes up.
    trigger (str): Lemma of the topmost word of the path.
    """

    tokens: Tuple[int, ...]
    deps: Tuple[str, ...]
    trigger: str


@dataclass(frozen=True)
class Relation:
    """A labelled, directed relation between two spans. Plain data: neither Span nor Doc inside.

    head (Argument): Where the relation starts.
    tail (Argument): Where the relation ends.
    label (str): The label.
    score (float): Probability that the relation holds, 1.0 where it was annotated.
    provenance (str): Who says so: `model`, `rule` or `gold`.
    evidence (Optional[Evidence]): The path in the parse, None where nobody read it.
    polarity (Optional[str]): `asserted`, `negated` or `hypothetical`, None where nobody decided.
    RAISES (ValueError): VE005 for an unknown provenance or polarity, VE007 for a label or score of another type.
    """

    head: Argument
    tail: Argument
    label: str
    score: float = 1.0
    provenance: str = "gold"
    evidence: Optional[Evidence] = None
    polarity: Optional[str] = None

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not self.label:
            raise ValueError(Errors.VE007.format(field="label", value=self.label, must="a non-empty string"))
        if not isinstance(self.score, Real):
            raise ValueError(Errors.VE007.format(field="score", value=self.score, must="a number"))
        if self.provenance not in PROVENANCES:
            raise ValueError(
                Errors.VE005.format(value=self.provenance, what="provenance", options=", ".join(PROVENANCES))
            )
        if self.polarity is not None and self.polarity not in POLARITIES:
            raise ValueError(Errors.VE005.format(value=self.polarity, what="polarity", options=", ".join(POLARITIES)))


def get_relations(doc: Doc) -> Optional[List[Relation]]:
    """The relations of a Doc. Getter of `doc._.relations`.

    A Doc that was merged from several has the relations of all of them; which tokens were annotated at all is told by
    `annotated_regions`. Relations survive retokenization: an argument then spans the tokens that cover its text.

    doc (Doc): The Doc.
    RETURNS (Optional[List[Relation]]): A new list in text order, empty where the Doc was annotated and has none, None
        where it was not annotated. To change the relations, assign a new list.
    """
    entries = read_entries(doc, _STORED)
    # What is left of a Doc that was cut out of a merged one may lie outside of everything that was annotated.
    if not entries or (len(doc) and not annotated_regions(doc)):
        return None
    offsets = TokenOffsets(doc)
    relations: List[Relation] = []
    n_lost = 0
    for base, _, stored in entries:
        for item in stored:
            relation = _decode(item, base, offsets)
            if relation is None:
                n_lost += 1
            else:
                relations.append(relation)
    if n_lost:
        warn(Warnings.VW001.format(n=n_lost))
    return relations


def set_relations(doc: Doc, relations: Optional[Sequence[Relation]]) -> None:
    """Set or, with None, remove the relations of a Doc. Setter of `doc._.relations`.

    doc (Doc): The Doc.
    relations (Optional[Sequence[Relation]]): All relations of the Doc. An empty list says: annotated, none there.
    RAISES (ValueError): VE001 where a relation does not fit the Doc, VE002 for anything that is no relation.
    """
    if relations is None:
        write_entry(doc, _STORED, None)
        return
    if not isinstance(relations, (list, tuple)) or not all(isinstance(r, Relation) for r in relations):
        raise ValueError(Errors.VE002.format(value=relations))
    starts = [token.idx for token in doc]
    ends = [token.idx + len(token) for token in doc]
    write_entry(doc, _STORED, [_encode(relation, starts, ends) for relation in relations])


def annotated_regions(doc: Doc) -> List[Tuple[int, int]]:
    """Where the Doc was annotated with relations. A pair of spans without a relation counts as unrelated only where
    one region holds both of them.

    doc (Doc): The Doc.
    RETURNS (List[Tuple[int, int]]): First and last token (exclusive) of each region: the whole Doc for an annotated
        one, nothing for one that was not, and one region for each annotated part of a merged Doc.
    """
    regions = []
    starts = [token.idx for token in doc]
    for start, end, _ in read_entries(doc, _STORED):
        region = (bisect_left(starts, start), bisect_left(starts, end))
        if region[1] > region[0]:
            regions.append(region)
    return regions


def align_regions(regions: Sequence[Tuple[int, int]], source: Doc, target: Doc) -> List[Tuple[int, int]]:
    """Carry annotated regions over to a Doc with the same text and maybe other tokens.

    regions (Sequence[Tuple[int, int]]): Regions in tokens of `source`.
    source (Doc): Where the regions stand.
    target (Doc): Where they should stand.
    RETURNS (List[Tuple[int, int]]): First and last token (exclusive) of each region in `target`.
    """
    starts = [token.idx for token in target]
    aligned = []
    for start, end in regions:
        last = source[end - 1]
        aligned.append((bisect_left(starts, source[start].idx), bisect_left(starts, last.idx + len(last))))
    return aligned


def align_relations(relations: Sequence[Relation], source: Doc, target: Doc) -> List[Optional[Relation]]:
    """Carry relations from one Doc over to another one with the same text and maybe other tokens.

    relations (Sequence[Relation]): Relations of `source`.
    source (Doc): Where the relations stand.
    target (Doc): Where they should stand.
    RETURNS (List[Optional[Relation]]): The relations with the token offsets of `target`, None for one with an argument
        whose ends are no token boundaries there. Evidence is left out, since the parse may differ.
    """
    starts = {token.idx: token.i for token in target}
    ends = {token.idx + len(token): token.i + 1 for token in target}

    def align(argument: Argument) -> Optional[Argument]:
        last = source[argument.end - 1]
        start, end = starts.get(source[argument.start].idx), ends.get(last.idx + len(last))
        return None if start is None or end is None else replace(argument, start=start, end=end)

    aligned: List[Optional[Relation]] = []
    for relation in relations:
        head, tail = align(relation.head), align(relation.tail)
        aligned.append(None if head is None or tail is None else replace(relation, head=head, tail=tail, evidence=None))
    return aligned


def _encode(relation: Relation, starts: Sequence[int], ends: Sequence[int]) -> Dict[str, Any]:
    """Token offsets become character offsets, which stay right when tokens are merged or split."""

    def encode(argument: Argument) -> Tuple[int, int, str]:
        if not 0 <= argument.start < argument.end <= len(starts):
            raise ValueError(Errors.VE001.format(relation=relation, n_tokens=len(starts)))
        return starts[argument.start], ends[argument.end - 1], argument.label

    evidence = relation.evidence
    return {
        "head": encode(relation.head),
        "tail": encode(relation.tail),
        "label": relation.label,
        "score": float(relation.score),
        "provenance": relation.provenance,
        "polarity": relation.polarity,
        "path": None if evidence is None else [starts[i] for i in evidence.tokens],
        "deps": None if evidence is None else list(evidence.deps),
        "trigger": None if evidence is None else evidence.trigger,
    }


def _decode(item: Dict[str, Any], base: int, offsets: TokenOffsets) -> Optional[Relation]:
    def decode(stored: Tuple[int, int, str]) -> Optional[Argument]:
        span = offsets.span(stored[0] + base, stored[1] + base)
        return None if span is None else Argument(span[0], span[1], stored[2])

    head, tail = decode(item["head"]), decode(item["tail"])
    if head is None or tail is None:
        return None
    evidence = None
    if item["path"] is not None:
        path = [offsets.token(start + base) for start in item["path"]]
        # A path that leaves the Doc explains nothing any more; the relation itself still holds.
        if all(i is not None for i in path):
            evidence = Evidence(tuple(i for i in path if i is not None), tuple(item["deps"]), item["trigger"])
    return Relation(
        head=head,
        tail=tail,
        label=item["label"],
        score=item["score"],
        provenance=item["provenance"],
        evidence=evidence,
        polarity=item["polarity"],
    )
