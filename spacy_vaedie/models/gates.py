"""Candidate pairs behind gates: near enough in sentences and in the parse, of types that go together, and not too
many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable, Collection, Iterator, List, Optional, Sequence, Union

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span
from spacy.util import registry

from ..errors import Errors, check_key, check_range
from ..tokens.dependency import Parse, path_lengths, read_parse, span_roots
from .candidates import Candidates, ranges

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# Labels of head and tail.
TypePair = Sequence[str]

LEARNED = "learned"
# Pairs that are looked at together, so that memory does not grow with their number.
BLOCK = 50_000


@dataclass(frozen=True)
class Gates:
    """What a pair has to pass.

    max_sentences (int): How many sentences apart head and tail may be.
    max_path (int): How many steps their dependency path may have, 0 for any number.
    types (Union[None, str, Sequence[TypePair]]): Labels that head and tail may have, None for any, `learned` for those
        that an extractor finds in its training data.
    max_pairs (int): At most this many pairs a Doc.
    """

    max_sentences: int = 0
    max_path: int = 0
    types: Union[None, str, Sequence[TypePair]] = None
    max_pairs: int = 10_000

    def check(self, owner: str) -> Gates:
        """RETURNS (Gates): These gates. RAISES (ValueError): VE107 for a limit that is out of range or types
        that are no pairs or none, VE005 for an unknown word as `types`."""
        check_range(owner, 0, max_sentences=self.max_sentences, max_path=self.max_path)
        check_range(owner, 1, max_pairs=self.max_pairs)
        if isinstance(self.types, str):
            if self.types != LEARNED:
                what, options = f"value of 'types' of {owner}", f"{LEARNED}, null, a list of pairs"
                raise ValueError(Errors.VE005.format(value=self.types, what=what, options=options))
        elif self.types is not None and (not self.types or any(len(pair) != 2 for pair in self.types)):
            must = "pairs of the labels of head and tail, at least one, or null for any"
            raise ValueError(Errors.VE107.format(setting="types", value=self.types, must=must, owner=owner))
        return self


@dataclass(frozen=True)
class PairFinder:
    """Proposes pairs of spans. It has no state of its own: what is learned, the extractor keeps and hands over.

    source (Callable[[Doc], Sequence[Span]]): Gives the spans.
    gates (Gates): What a pair has to pass.
    """

    source: Callable[[Doc], Sequence[Span]]
    gates: Gates

    @property
    def learns_types(self) -> bool:
        """Whether the types are to be found in the training data."""
        return self.gates.types == LEARNED

    def __call__(self, doc: Doc, *, types: Optional[Collection[TypePair]] = None, both_ways: bool = True) -> Candidates:
        """Propose pairs.

        doc (Doc): A Doc.
        types (Optional[Collection[TypePair]]): The learned types, None where they are not known, so that all pass.
        both_ways (bool): Whether each pair is there in both directions, or only with the span that comes first as the
            head. The types then count in either direction.
        RETURNS (Candidates): The pairs, ordered by head, then tail.
        """
        given = self.gates.types
        if given is not None and not isinstance(given, str):
            types = given
        return gated_pairs(doc, self.source(doc), self.gates, types, both_ways=both_ways)


@registry.misc("spacy-vaedie.EntityPairs.v2")
def build_entity_pairs(
    max_sentences: int = 0,
    max_path: int = 0,
    types: Optional[Union[str, List[List[str]]]] = None,
    max_pairs: int = 10_000,
) -> PairFinder:
    """Pair the entities of a Doc.

    max_sentences (int): How many sentences apart head and tail may be; 0 keeps both in one sentence. A Doc without
        sentence bounds is one sentence.
    max_path (int): How many steps the dependency path may have, 0 for any number. Between two sentences it runs over
        both roots.
    types (Optional[Union[str, List[List[str]]]]): Pairs of the labels that head and tail may have; `learned` for those
        of the training data's relations; None for any.
    max_pairs (int): At most this many pairs a Doc; those with the fewest tokens between head and tail are kept.
    RETURNS (PairFinder): The function.
    RAISES (ValueError): VE107 for a limit that is out of range, VE005 for an unknown word as `types`.
    """
    gates = Gates(max_sentences, max_path, types, max_pairs)
    return PairFinder(read_entities, gates.check("spacy-vaedie.EntityPairs.v2"))


@registry.misc("spacy-vaedie.SpanPairs.v2")
def build_span_pairs(
    spans_key: str = "sc",
    max_sentences: int = 0,
    max_path: int = 0,
    types: Optional[Union[str, List[List[str]]]] = None,
    max_pairs: int = 10_000,
) -> PairFinder:
    """Pair the spans of a group, which may nest and overlap.

    spans_key (str): Key of the group in `doc.spans`.
    max_sentences (int), max_path (int), types (Optional[Union[str, List[List[str]]]]), max_pairs (int): See
        `spacy-vaedie.EntityPairs.v2`.
    RETURNS (PairFinder): The function. It RAISES (ValueError) VE203 where a Doc has no such group.
    RAISES (ValueError): VE107 for a limit that is out of range or an empty key, VE005 for an unknown word as `types`.
    """
    check_key("spacy-vaedie.SpanPairs.v2", spans_key)
    gates = Gates(max_sentences, max_path, types, max_pairs)
    return PairFinder(partial(read_group, spans_key=spans_key), gates.check("spacy-vaedie.SpanPairs.v2"))


@registry.misc("spacy-vaedie.NounChunkPairs.v1")
def build_noun_chunk_pairs(
    max_sentences: int = 0,
    max_path: int = 0,
    max_pairs: int = 10_000,
) -> PairFinder:
    """Pair the noun chunks of a Doc, as spaCy reads them off the parse. Their label is `NP`.

    max_sentences (int), max_path (int), max_pairs (int): See `spacy-vaedie.EntityPairs.v2`.
    RETURNS (PairFinder): The function. It RAISES (ValueError) VE222 for a language that spaCy knows no noun chunks of,
        VE202 for a Doc without a parse.
    RAISES (ValueError): VE107 for a limit that is out of range.
    """
    gates = Gates(max_sentences, max_path, None, max_pairs)
    return PairFinder(read_noun_chunks, gates.check("spacy-vaedie.NounChunkPairs.v1"))


def read_entities(doc: Doc) -> Sequence[Span]:
    """RETURNS (Sequence[Span]): The entities of a Doc."""
    entities: Sequence[Span] = doc.ents
    return entities


def read_group(doc: Doc, spans_key: str) -> Sequence[Span]:
    """RETURNS (Sequence[Span]): The spans of a group. RAISES (ValueError): VE203 where there is none."""
    if spans_key not in doc.spans:
        if not len(doc):
            return []
        keys = ", ".join(sorted(doc.spans)) or "none"
        raise ValueError(Errors.VE203.format(key=spans_key, keys=keys))
    return list(doc.spans[spans_key])


def read_noun_chunks(doc: Doc) -> Sequence[Span]:
    """RETURNS (Sequence[Span]): The noun chunks of a Doc. RAISES (ValueError): VE222 where spaCy knows none of its
    language, VE202 where it has no parse."""
    if doc.noun_chunks_iterator is None:
        raise ValueError(Errors.VE222.format(lang=doc.lang_))
    if not doc.has_annotation("DEP"):
        if all(token.is_space for token in doc):
            return []
        raise ValueError(Errors.VE202.format(text=doc.text[:60]))
    return list(doc.noun_chunks)


def gated_pairs(
    doc: Doc,
    spans: Sequence[Span],
    gates: Gates,
    types: Optional[Collection[TypePair]] = None,
    *,
    both_ways: bool = True,
) -> Candidates:
    """Pair spans, a block of heads at a time: memory is bounded by `max_pairs`, however many spans there are.

    doc (Doc): The Doc.
    spans (Sequence[Span]): Its spans.
    gates (Gates): The limits.
    types (Optional[Collection[TypePair]]): Labels that head and tail may have, None for any.
    both_ways (bool): See `PairFinder`.
    RETURNS (Candidates): The pairs, ordered by head, then tail.
    """
    unique = sorted({(span.start, span.end, span.label) for span in spans if span.end > span.start})
    bounds = np.array([item[:2] for item in unique], dtype="int64").reshape(-1, 2)
    labels = np.array([item[2] for item in unique], dtype="uint64")
    kept = np.zeros((0, 2), dtype="int64")
    if len(unique) < 2:
        return Candidates(bounds, labels, kept)
    parse = read_parse([doc])
    sentences = parse.sentences[bounds[:, 0]]
    first = np.searchsorted(sentences, sentences - gates.max_sentences, side="left")
    last = np.searchsorted(sentences, sentences + gates.max_sentences, side="right")
    if not both_ways:
        first = np.maximum(first, np.arange(1, len(unique) + 1))
        last = np.maximum(first, last)
    fits = _type_table(labels, types, both_ways)
    roots = span_roots(parse, bounds[:, 0], bounds[:, 1])
    total = 0
    for rows in _blocks(last - first):
        pairs = np.stack([np.repeat(rows, last[rows] - first[rows]), ranges(first[rows], last[rows])], axis=1)
        # One span under two labels is two spans, but no pair.
        pairs = pairs[(bounds[pairs[:, 0]] != bounds[pairs[:, 1]]).any(axis=1) & fits(pairs)]
        pairs = pairs[_near(parse, roots, pairs, gates.max_path)]
        total += len(pairs)
        kept = np.concatenate([kept, pairs])
        if len(kept) > gates.max_pairs:
            kept = _nearest(kept, bounds, gates.max_pairs)
    return Candidates(bounds, labels, kept[np.lexsort((kept[:, 1], kept[:, 0]))], total - len(kept))


def _blocks(lengths: Ints) -> Iterator[Ints]:
    """Cut rows into runs that have about `BLOCK` pairs each."""
    changes = np.flatnonzero(np.diff(np.cumsum(lengths) // BLOCK)) + 1
    yield from np.split(np.arange(len(lengths)), changes)


def _type_table(
    labels: NDArray[np.uint64], types: Optional[Collection[TypePair]], both_ways: bool
) -> Callable[[Ints], Bools]:
    """Which pairs of spans have labels that go together."""
    if types is None:
        return lambda pairs: np.ones(len(pairs), dtype=bool)
    known, kinds = np.unique(labels, return_inverse=True)
    places = {int(label): i for i, label in enumerate(known)}
    table = np.zeros((len(known), len(known)), dtype=bool)
    for pair in types:
        head, tail = (places.get(get_string_id(name)) for name in pair)
        if head is not None and tail is not None:
            table[head, tail] = True
    if not both_ways:
        table |= table.T
    return lambda pairs: table[kinds[pairs[:, 0]], kinds[pairs[:, 1]]]


def _near(parse: Parse, roots: Ints, pairs: Ints, max_path: int) -> Bools:
    if not max_path:
        return np.ones(len(pairs), dtype=bool)
    near: Bools = path_lengths(parse, roots[pairs[:, 0]], roots[pairs[:, 1]], max_path) <= max_path
    return near


def _nearest(pairs: Ints, bounds: Ints, n: int) -> Ints:
    """The pairs with the fewest tokens between them; both directions of a pair stand side by side in that order."""
    heads, tails = pairs[:, 0], pairs[:, 1]
    gaps = np.maximum(bounds[heads, 0], bounds[tails, 0]) - np.minimum(bounds[heads, 1], bounds[tails, 1])
    order = np.lexsort((heads > tails, np.maximum(heads, tails), np.minimum(heads, tails), np.maximum(gaps, 0)))
    return pairs[order[:n]]
