"""Label-free triples and n-ary tuples of a Doc, and `doc._.triples`."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, List, Optional, Sequence, Tuple

from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc

from ..errors import Errors, Warnings, warn
from .relation import POLARITIES, Argument
from .storage import TokenOffsets, read_entries, write_entry

_STORED = "vaedie_triples"


@dataclass(frozen=True)
class Triple:
    """What a text says of a subject, in the text's own words. Plain data: neither Span nor Doc inside.

    subject (Argument): Who or what it is said of.
    relation (Tuple[int, ...]): Token offsets of the relation phrase, in text order. They need not be neighbours.
    objects (Tuple[Argument, ...]): The other arguments, the most important one first; empty where there is none
        (`The house was built`).
    implied (str): A word of the relation phrase that the text leaves out, e.g. `is` for an apposition.
    pattern (str): Name of the rule that found it.
    polarity (Optional[str]): `asserted`, `negated` or `hypothetical`, None where nobody decided.
    confidence (float): How far the rule can be trusted, from 0 to 1.
    RAISES (ValueError): VE005 for an unknown polarity, VE023 where a field has a wrong type or the relation phrase has
        no word.
    """

    subject: Argument
    relation: Tuple[int, ...]
    objects: Tuple[Argument, ...] = ()
    implied: str = ""
    pattern: str = ""
    polarity: Optional[str] = None
    confidence: float = 1.0

    def __post_init__(self) -> None:
        if not self.relation and not self.implied:
            raise ValueError(Errors.VE023.format(field="relation", value=self.relation, must="a word or more"))
        if not isinstance(self.objects, tuple):
            raise ValueError(Errors.VE023.format(field="objects", value=self.objects, must="a tuple of arguments"))
        if not isinstance(self.confidence, (float, Real)) or not 0 <= float(self.confidence) <= 1:
            raise ValueError(Errors.VE023.format(field="confidence", value=self.confidence, must="from 0 to 1"))
        if self.polarity is not None and self.polarity not in POLARITIES:
            raise ValueError(Errors.VE005.format(value=self.polarity, what="polarity", options=", ".join(POLARITIES)))

    def relation_text(self, doc: Doc) -> str:
        """RETURNS (str): The relation phrase, with what is implied before it."""
        words = [self.implied] if self.implied else []
        return _separator(doc).join([*words, *(doc[i].text for i in self.relation)])

    def texts(self, doc: Doc) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): Subject, relation phrase and objects as texts."""
        spans = [argument.resolve(doc).text for argument in self.objects]
        return (self.subject.resolve(doc).text, self.relation_text(doc), *spans)


def get_triples(doc: Doc) -> Optional[List[Triple]]:
    """The triples of a Doc. Getter of `doc._.triples`.

    A Doc that was merged from several has the triples of all of them. Triples survive retokenization: an argument then
    spans the tokens that cover its text.

    doc (Doc): The Doc.
    RETURNS (Optional[List[Triple]]): A new list, empty where the Doc was searched and has none, None where it was not
        searched. To change the triples, assign a new list.
    """
    entries = read_entries(doc, _STORED)
    if not entries or (len(doc) and not _covers(doc, entries)):
        return None
    offsets = TokenOffsets(doc)
    found = [_decode(item, base, offsets) for base, _, stored in entries for item in stored]
    triples = [triple for triple in found if triple is not None]
    if len(triples) < len(found):
        warn(Warnings.VW002.format(n=len(found) - len(triples)))
    return triples


def set_triples(doc: Doc, triples: Optional[Sequence[Triple]]) -> None:
    """Set or, with None, remove the triples of a Doc. Setter of `doc._.triples`.

    doc (Doc): The Doc.
    triples (Optional[Sequence[Triple]]): All triples of the Doc. An empty list says: searched, none there.
    RAISES (ValueError): VE021 where a triple does not fit the Doc, VE022 for anything that is no triple.
    """
    if triples is None:
        write_entry(doc, _STORED, None)
        return
    if not isinstance(triples, (list, tuple)) or not all(isinstance(item, Triple) for item in triples):
        raise ValueError(Errors.VE022.format(value=triples))
    table = doc.to_array([IDX, LENGTH]).reshape(len(doc), 2)
    starts, ends = table[:, 0].tolist(), table.sum(axis=1).tolist()
    write_entry(doc, _STORED, [_encode(triple, starts, ends) for triple in triples])


def _covers(doc: Doc, entries: Sequence[Tuple[int, int, Any]]) -> bool:
    """Whether a token of the Doc lies in what was searched; a Doc that was cut out may lie outside of all of it."""
    return any(start <= token.idx < end for token in doc for start, end, _ in entries)


def _separator(doc: Doc) -> str:
    """What stands between words: nothing in a text that writes no spaces."""
    return " " if len(doc) < 2 or any(token.whitespace_ for token in doc[:-1]) else ""


def _encode(triple: Triple, starts: Sequence[int], ends: Sequence[int]) -> Tuple[Any, ...]:
    """Token offsets become character offsets, which stay right when tokens are merged or split."""
    n_tokens, relation = len(starts), triple.relation
    arguments = []
    for item in (triple.subject, *triple.objects):
        if not 0 <= item.start < item.end <= n_tokens:
            raise ValueError(Errors.VE021.format(triple=triple, n_tokens=n_tokens))
        arguments.append((starts[item.start], ends[item.end - 1], item.label))
    if relation and (min(relation) < 0 or max(relation) >= n_tokens):
        raise ValueError(Errors.VE021.format(triple=triple, n_tokens=n_tokens))
    return (
        arguments,
        [starts[i] for i in relation],
        triple.implied,
        triple.pattern,
        triple.polarity,
        float(triple.confidence),
    )


def _decode(item: Sequence[Any], base: int, offsets: TokenOffsets) -> Optional[Triple]:
    stored, phrase, implied, pattern, polarity, confidence = item
    spans = [offsets.span(start + base, end + base) for start, end, _ in stored]
    tokens = [offsets.token(start + base) for start in phrase]
    arguments = [
        Argument(span[0], span[1], label) for span, (_, _, label) in zip(spans, stored, strict=True) if span is not None
    ]
    # Two words of the phrase may have become one token.
    relation = tuple(sorted({i for i in tokens if i is not None}))
    if len(arguments) < len(stored) or None in tokens:
        return None
    return Triple(arguments[0], relation, tuple(arguments[1:]), implied, pattern, polarity, confidence)
