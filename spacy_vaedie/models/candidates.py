"""Which pairs of spans the extractor looks at. Version 2 of the registered functions stands in gates.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, List, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span
from spacy.util import registry

from ..errors import Errors
from ..tokens.dependency import read_parse

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidate pairs of one Doc.

    spans (Ints): First and last token (exclusive) of each span. *Shape:* (n_spans, 2)
    labels (NDArray[np.uint64]): Label of each span. *Shape:* (n_spans,)
    pairs (Ints): Rows of head and tail in `spans`. *Shape:* (n_pairs, 2)
    dropped (int): How many pairs more there were than a cap allows.
    """

    spans: Ints
    labels: NDArray[np.uint64]
    pairs: Ints
    dropped: int = 0

    def offsets(self) -> Ints:
        """RETURNS (Ints): Head start, head end, tail start, tail end. *Shape:* (n_pairs, 4)"""
        return self.spans[self.pairs].reshape(len(self.pairs), 4)

    def forward(self) -> NDArray[np.bool_]:
        """RETURNS (NDArray[np.bool_]): Whether the head of each pair comes before its tail. *Shape:* (n_pairs,)"""
        start, end, other_start, other_end = self.offsets().T
        first: NDArray[np.bool_] = (start < other_start) | ((start == other_start) & (end < other_end))
        return first

    def one_way(self) -> Candidates:
        """RETURNS (Candidates): Each pair once, with the span that comes first as its head."""
        pairs = np.where(self.forward()[:, None], self.pairs, self.pairs[:, ::-1])
        return replace(self, pairs=np.unique(pairs, axis=0))


CandidateFunction = Callable[[Doc], Candidates]


@registry.misc("spacy-vaedie.EntityPairs.v1")
def build_entity_pairs(max_sentences: int = 0, max_pairs: int = 10_000) -> CandidateFunction:
    """Pair the entities of a Doc, each pair in both directions.

    max_sentences (int): How many sentences apart head and tail may be; 0 keeps both in one sentence. A Doc without
        sentence bounds is one sentence.
    max_pairs (int): At most this many pairs a Doc; where there are more, each span keeps its nearest ones.
    RETURNS (Callable[[Doc], Candidates]): The function.
    RAISES (ValueError): VE107 for a limit that is out of range.
    """
    _check_limits(max_sentences, max_pairs, "spacy-vaedie.EntityPairs.v1")
    return partial(entity_pairs, max_sentences=max_sentences, max_pairs=max_pairs)


def entity_pairs(doc: Doc, *, max_sentences: int, max_pairs: int) -> Candidates:
    """What `spacy-vaedie.EntityPairs.v1` makes, with its settings."""
    return pair_spans(doc, doc.ents, max_sentences, max_pairs)


@registry.misc("spacy-vaedie.SpanPairs.v1")
def build_span_pairs(spans_key: str = "sc", max_sentences: int = 0, max_pairs: int = 10_000) -> CandidateFunction:
    """Pair the spans of a group, which may nest and overlap, each pair in both directions.

    spans_key (str): Key of the group in `doc.spans`.
    max_sentences (int): How many sentences apart head and tail may be; 0 keeps both in one sentence.
    max_pairs (int): At most this many pairs a Doc; where there are more, each span keeps its nearest ones.
    RETURNS (Callable[[Doc], Candidates]): The function. It RAISES (ValueError) VE203 where a Doc has no such group.
    RAISES (ValueError): VE107 for a limit that is out of range.
    """
    _check_limits(max_sentences, max_pairs, "spacy-vaedie.SpanPairs.v1")
    # Functions of the module, not closures: workers that are spawned get them by pickle.
    return partial(span_pairs, spans_key=spans_key, max_sentences=max_sentences, max_pairs=max_pairs)


def span_pairs(doc: Doc, *, spans_key: str, max_sentences: int, max_pairs: int) -> Candidates:
    """What `spacy-vaedie.SpanPairs.v1` makes, with its settings."""
    if spans_key not in doc.spans:
        if not len(doc):
            return pair_spans(doc, [], max_sentences, max_pairs)
        keys = ", ".join(sorted(doc.spans)) or "none"
        raise ValueError(Errors.VE203.format(key=spans_key, keys=keys))
    return pair_spans(doc, doc.spans[spans_key], max_sentences, max_pairs)


def pair_spans(doc: Doc, spans: Sequence[Span], max_sentences: int, max_pairs: int) -> Candidates:
    """Pair spans that are near enough.

    doc (Doc): The Doc.
    spans (Sequence[Span]): Its spans.
    max_sentences (int): How many sentences apart head and tail may be.
    max_pairs (int): At most this many pairs; where there are more, each span keeps its nearest ones.
    RETURNS (Candidates): The pairs, ordered by head, then tail.
    """
    unique = sorted({(span.start, span.end, span.label) for span in spans if span.end > span.start})
    bounds = np.array([item[:2] for item in unique], dtype="int64").reshape(-1, 2)
    labels = np.array([item[2] for item in unique], dtype="uint64")
    if len(unique) < 2:
        return Candidates(bounds, labels, np.zeros((0, 2), dtype="int64"))
    sentences = read_parse([doc]).sentences[bounds[:, 0]]
    first = np.searchsorted(sentences, sentences - max_sentences, side="left")
    last = np.searchsorted(sentences, sentences + max_sentences, side="right")
    # One span under two labels is two spans, but no pair.
    same = np.unique(bounds, axis=0, return_counts=True)[1]
    total = int((last - first).sum() - (same**2).sum())
    if total > max_pairs:
        reach = max(1, max_pairs // (2 * len(unique)))
        rows = np.arange(len(unique))
        first, last = np.maximum(first, rows - reach), np.minimum(last, rows + reach + 1)
    heads, tails = np.repeat(np.arange(len(unique)), last - first), ranges(first, last)
    distinct = (bounds[heads] != bounds[tails]).any(axis=1)
    pairs = np.stack([heads[distinct], tails[distinct]], axis=1)[:max_pairs]
    return Candidates(bounds, labels, pairs, total - len(pairs))


def merge(first: Candidates, second: Candidates) -> Candidates:
    """Put two sets of candidates of one Doc together, e.g. between its predicted and its annotated spans. A pair that
    both have, of the same tokens and labels, is there once; no pair joins a span of one with a span of the other.

    first (Candidates), second (Candidates): The two sets.
    RETURNS (Candidates): The pairs of both, ordered by head, then tail.
    """
    named = [
        [(*bounds, label) for bounds, label in zip(item.spans.tolist(), item.labels.tolist(), strict=True)]
        for item in (first, second)
    ]
    unique = sorted({*named[0], *named[1]})
    places = {span: row for row, span in enumerate(unique)}
    rows = [np.array([places[span] for span in spans], dtype="int64") for spans in named]
    pairs = np.concatenate([row[item.pairs] for row, item in zip(rows, (first, second), strict=True)])
    return Candidates(
        spans=np.array([span[:2] for span in unique], dtype="int64").reshape(-1, 2),
        labels=np.array([span[2] for span in unique], dtype="uint64"),
        pairs=np.unique(pairs, axis=0),
        dropped=first.dropped + second.dropped,
    )


def ranges(starts: Ints, ends: Ints) -> Ints:
    """Count from each start to its end, one after the other.

    starts (Ints): First numbers. *Shape:* (n,)
    ends (Ints): Last numbers, exclusive, none below its start. *Shape:* (n,)
    RETURNS (Ints): *Shape:* (sum of the lengths,)
    """
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    counted: Ints = np.arange(int(lengths.sum())) - np.repeat(before - starts, lengths)
    return counted


def concatenate(candidates: List[Candidates], starts: Ints) -> Candidates:
    """Put the candidates of a batch together, with rows of the batch in place of a Doc's tokens.

    candidates (List[Candidates]): Those of each Doc.
    starts (Ints): Row of each Doc's first token. *Shape:* (n_docs,)
    RETURNS (Candidates): Those of the batch.
    """
    span_offsets = np.cumsum([0, *(len(item.spans) for item in candidates)])
    return Candidates(
        spans=np.concatenate([item.spans + start for item, start in zip(candidates, starts, strict=True)]),
        labels=np.concatenate([item.labels for item in candidates]),
        pairs=np.concatenate([item.pairs + offset for item, offset in zip(candidates, span_offsets[:-1], strict=True)]),
        dropped=sum(item.dropped for item in candidates),
    )


def _check_limits(max_sentences: int, max_pairs: int, owner: str) -> None:
    for setting, value, least in (("max_sentences", max_sentences, 0), ("max_pairs", max_pairs, 1)):
        if value < least:
            raise ValueError(Errors.VE107.format(setting=setting, value=value, must=f"at least {least}", owner=owner))
