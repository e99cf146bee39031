"""How far apart head and tail are, and the bins in which such numbers are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np
from spacy.tokens import Doc

from ..tokens.dependency import has_parse, path_lengths, read_parse, span_roots

# Head start, head end, tail start, tail end, in tokens.
TokenPair = Tuple[int, int, int, int]
UNKNOWN = "unknown"
_PATH_STARTS = (0, 2, 3, 4, 5, 7)
_DISTANCE_STARTS = (0, 2, 4, 8, 16)


@dataclass(frozen=True)
class PairMeasure:
    """How far apart the spans of a pair are.

    distance (int): Tokens between them, 0 for spans that touch or overlap.
    sentences (Optional[int]): How many sentences apart they are, None where the Doc does not know its sentences.
    path_length (Optional[int]): Steps of the dependency path between them, None without a parse.
    """

    distance: int
    sentences: Optional[int]
    path_length: Optional[int]

    @property
    def distance_bin(self) -> str:
        """The bin of the distance."""
        return _bin(self.distance, _DISTANCE_STARTS)

    @property
    def path_bin(self) -> str:
        """The bin of the path length, `unknown` without a parse."""
        return UNKNOWN if self.path_length is None else _bin(self.path_length, _PATH_STARTS)


def _names(starts: Sequence[int]) -> List[str]:
    ends = [start - 1 for start in starts[1:]]
    closed = [str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=False)]
    return [*closed, f"{starts[-1]}+"]


DISTANCE_BINS = _names(_DISTANCE_STARTS)
PATH_BINS = [*_names(_PATH_STARTS), UNKNOWN]


def _bin(value: int, starts: Sequence[int]) -> str:
    return _names(starts)[int(np.searchsorted(starts, value, side="right")) - 1]


def measure_pairs(doc: Doc, pairs: Sequence[TokenPair]) -> List[PairMeasure]:
    """Measure pairs of spans.

    doc (Doc): The Doc.
    pairs (Sequence[TokenPair]): First and last token (exclusive) of the head, and those of the tail.
    RETURNS (List[PairMeasure]): A measure for each.
    """
    if not pairs:
        return []
    spans = np.array(pairs, dtype="int64")
    starts, ends = spans[:, [0, 2]], spans[:, [1, 3]]
    gaps = np.maximum(starts.max(axis=1) - ends.min(axis=1), 0)
    parse = read_parse([doc])
    knows_sentences = doc.has_annotation("SENT_START")
    apart = np.abs(parse.sentences[starts[:, 0]] - parse.sentences[starts[:, 1]])
    steps: List[Optional[int]] = [None] * len(pairs)
    if has_parse(doc):
        heads, tails = (span_roots(parse, starts[:, i], ends[:, i]) for i in (0, 1))
        # No path is longer than twice the number of tokens.
        steps = path_lengths(parse, heads, tails, 2 * len(doc)).tolist()
    return [
        PairMeasure(gap, far if knows_sentences else None, length)
        for gap, far, length in zip(gaps.tolist(), apart.tolist(), steps, strict=True)
    ]
