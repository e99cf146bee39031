"""Clusters that a person has named, and weakly labelled Docs from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from ..errors import Errors, Warnings, warn
from ..tokens import Argument, Relation
from ..tokens.dependency import read_evidences
from ..training.examples import predicted_copy
from ..training.files import read_jsonl
from .pairs import BATCH, RawText, annotate, text_hash

Offsets = Tuple[int, int]

# What becomes of a text with pairs that nobody named.
LEAVE, NEGATIVE = UNLABELLED = ("leave", "negative")
# Group for heads and tails, entities or not.
SPANS_KEY = "sc"


@dataclass(frozen=True)
class Member:
    """A pair of a named cluster.

    head (Offsets), tail (Offsets): Characters, the end exclusive; the relation goes from head to tail.
    name (Optional[str]): Its relation, empty for none, None where nobody says.
    score (float): How sure it is in its cluster.
    of (int): How many pairs the text has.
    """

    head: Offsets
    tail: Offsets
    name: Optional[str]
    score: float
    of: int


@dataclass
class Applied:
    """What applying clusters came to.

    docs (List[Doc]): Docs with relations, as `spacy-vaedie.RelationCorpus.v1` reads them.
    labels (Dict[str, int]): Relations of each name.
    n_unrelated (int): Docs without any.
    n_left (int): Texts that were left out, since not all of their pairs are labelled.
    """

    docs: List[Doc] = field(default_factory=list)
    labels: Dict[str, int] = field(default_factory=dict)
    n_unrelated: int = 0
    n_left: int = 0


def read_clusters(path: Path) -> Dict[str, List[Member]]:
    """Read clusters that a person has edited.

    path (Path): The JSONL file. Of each line, `name`, `swap` and `members` are read.
    RETURNS (Dict[str, List[Member]]): The members by the hash of their text.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for a line that is damaged, VE304 for an empty file, VE533 where no cluster has a name.
    """
    members: Dict[str, List[Member]] = {}
    seen: Dict[Tuple[str, Offsets, Offsets], int] = {}
    named, empty = False, True
    for number, line in read_jsonl(path):
        empty = False
        try:
            name, swap, items = _read_line(line)
            for item in items:
                text, member = _read_member(item, name, swap)
                key = (text, *((member.tail, member.head) if swap else (member.head, member.tail)))
                if key in seen:
                    raise ValueError(f"a member of this cluster stands in line {seen[key]}, too; leave one of them out")
                seen[key] = number
                members.setdefault(text, []).append(member)
        except ValueError as error:
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=error)) from error
        named = named or bool(name)
    if empty:
        raise ValueError(Errors.VE304.format(path=path))
    if not named:
        reason = f"no line of {path} has a name. Give one to the clusters that hold a relation"
        raise ValueError(Errors.VE533.format(reason=reason))
    return members


def _read_line(line: Any) -> Tuple[Optional[str], bool, List[Any]]:
    if not isinstance(line, dict):
        raise ValueError("a cluster is an object, as `spacy vaedie discover` writes it")
    missing = [key for key in ("name", "members") if key not in line]
    if missing:
        raise ValueError(f"the field '{missing[0]}' is missing; `spacy vaedie discover` writes it")
    name, swap, members = line["name"], line.get("swap", False), line["members"]
    if name is not None and not isinstance(name, str):
        raise ValueError(f"'name' is a text, or null to leave the pairs unlabelled, but got {name!r}")
    if not isinstance(swap, bool):
        raise ValueError(f"'swap' is true where the relation goes from tail to head, else false, but got {swap!r}")
    if not isinstance(members, list):
        raise ValueError(f"'members' is a list, but got {type(members).__name__}")
    return name if name is None else name.strip(), swap, members


def _read_member(item: Any, name: Optional[str], swap: bool) -> Tuple[str, Member]:
    fields: Dict[str, Any] = {"text": str, "head": list, "tail": list, "score": (int, float), "of": int}
    fits = isinstance(item, dict) and all(isinstance(item.get(key), kind) for key, kind in fields.items())
    spans = [tuple(item[key]) for key in ("head", "tail")] if fits else []
    if not fits or not all(len(span) == 2 and all(isinstance(i, int) for i in span) for span in spans):
        raise ValueError(f"a member has a text, a head, a tail, a score and 'of', but got {str(item)[:80]}")
    head, tail = reversed(spans) if swap else spans
    return item["text"], Member(head, tail, name, float(item["score"]), item["of"])


def apply_clusters(
    nlp: Language, texts: Iterable[RawText], members: Dict[str, List[Member]], *, unlabelled: str = LEAVE
) -> Applied:
    """Label raw text by named clusters. What the file annotates of relations is not read.

    A Doc is written where each of its pairs is labelled: with a relation, or with the empty name for none. So absent
    labels never count as "no relation", unless `unlabelled` says so.

    nlp (Language): The pipeline that the clusters were found with. Its encoder does not run.
    texts (Iterable[RawText]): The raw text that they were found in.
    members (Dict[str, List[Member]]): What `read_clusters` gives.
    unlabelled (str): What becomes of texts with pairs that have no label. `leave`: they are left out. `negative`: such
        a pair counts as "no relation", and texts with a relation or an empty name are written.
    RETURNS (Applied): The Docs. The relations have the provenance `model`, and as score how sure they are in their
        cluster. Heads and tails stand in `doc.spans["sc"]`, too, since those of triples are rarely entities.
    RAISES (ValueError): VE005 for another value of `unlabelled`, VE533 where no text has a relation.
    """
    if unlabelled not in UNLABELLED:
        options = ", ".join(UNLABELLED)
        raise ValueError(Errors.VE005.format(value=unlabelled, what="value of 'unlabelled'", options=options))
    applied, waiting, n_lost = Applied(), dict(members), 0
    for batch in minibatch(_known(texts, waiting), BATCH):
        annotate(nlp, [doc for doc, _ in batch])
        for doc, found in batch:
            # A part of a text is judged by the whole: pairs of a line that was deleted are not labelled.
            labelled = [member for member in found if member.name is not None]
            if not labelled or (unlabelled == LEAVE and len(labelled) < max(member.of for member in found)):
                applied.n_left += 1
                continue
            fitting = [member for member in labelled if _spans(doc, member) is not None]
            n_lost += len(labelled) - len(fitting)
            if len(fitting) < len(labelled):
                applied.n_left += 1
                continue
            _add(applied, doc, labelled)
    n_absent = sum(bool(member.name) for found in waiting.values() for member in found)
    if n_lost or n_absent:
        reason = f"{n_absent} in texts that are not there, {n_lost} between tokens"
        warn(Warnings.VW532.format(n=n_lost + n_absent, reason=reason))
    if not applied.labels:
        reason = f"{applied.n_left} text(s) have pairs without a label, and no other one has a relation"
        raise ValueError(Errors.VE533.format(reason=f"{reason}. Name more clusters, or take `--unlabelled negative`"))
    return applied


def _known(texts: Iterable[RawText], waiting: Dict[str, List[Member]]) -> Iterator[Tuple[Doc, List[Member]]]:
    """The texts that have members, which then wait no more."""
    for raw in texts:
        found = waiting.pop(text_hash(raw.doc.text), None)
        if found:
            yield raw.doc, found


def _spans(doc: Doc, member: Member) -> Optional[Tuple[Span, Span]]:
    head, tail = doc.char_span(*member.head), doc.char_span(*member.tail)
    return None if head is None or tail is None else (head, tail)


def _add(applied: Applied, doc: Doc, labelled: Sequence[Member]) -> None:
    """Write a Doc with its relations."""
    types = {(ent.start, ent.end): ent.label_ for ent in doc.ents}
    spans = [pair for pair in (_spans(doc, member) for member in labelled) if pair is not None]
    offsets = [(head.start, head.end, tail.start, tail.end) for head, tail in spans]
    relations = []
    for member, tokens, evidence in zip(labelled, offsets, read_evidences(doc, offsets), strict=True):
        if member.name:
            head, tail = (Argument(*span, types.get(span, "")) for span in (tokens[:2], tokens[2:]))
            relations.append(Relation(head, tail, member.name, member.score, "model", evidence))
            applied.labels[member.name] = applied.labels.get(member.name, 0) + 1
    doc = predicted_copy(doc)
    doc._.relations = relations
    # Subjects and objects of triples are rarely entities, and an extractor has to find them somewhere.
    arguments = sorted({span for tokens in offsets for span in (tokens[:2], tokens[2:])})
    doc.spans[SPANS_KEY] = [Span(doc, *span, label=types.get(span, "")) for span in arguments]
    applied.docs.append(doc)
    applied.n_unrelated += not relations
