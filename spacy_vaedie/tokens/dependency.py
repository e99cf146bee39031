"""Reading the parse of a batch of Docs as arrays, with no loop over tokens or pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import DEP, ENT_TYPE, HEAD, LEMMA, LOWER, ORTH, POS, SENT_START, TAG
from spacy.tokens import Doc

from .relation import Evidence

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

# Steps of a path, seen from its first token.
UP, TOP, DOWN = 0, 1, 2
# How many paths are followed at once where they are read for relations.
PATHS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Parse:
    """The parses of a batch, all tokens in one row. A token is its own head where it is a root or was not parsed.

    lengths (Ints): Tokens of each Doc. *Shape:* (n_docs,)
    doc_index (Ints): Which Doc a token belongs to. *Shape:* (n_tokens,)
    heads (Ints): Row of each token's head. A cycle, which only a foreign parser makes, is cut at its first token, which
        becomes a root. *Shape:* (n_tokens,)
    depths (Ints): Steps from each token up to its root. *Shape:* (n_tokens,)
    sentences (Ints): Which sentence of the batch a token belongs to. *Shape:* (n_tokens,)
    deps (Hashes): Dependency labels. *Shape:* (n_tokens,)
    pos (Hashes): Coarse parts of speech. *Shape:* (n_tokens,)
    words (Hashes): Lemmas, lower-case forms where there is no lemma. *Shape:* (n_tokens,)
    ent_types (Hashes): Entity types, 0 outside of entities. *Shape:* (n_tokens,)
    tags (Hashes): Fine-grained parts of speech. *Shape:* (n_tokens,)
    """

    lengths: Ints
    doc_index: Ints
    heads: Ints
    depths: Ints
    sentences: Ints
    deps: Hashes
    pos: Hashes
    words: Hashes
    ent_types: Hashes
    tags: Hashes

    @property
    def starts(self) -> Ints:
        """Row of each Doc's first token. *Shape:* (n_docs,)"""
        return np.cumsum(self.lengths) - self.lengths


@dataclass(frozen=True, eq=False)
class Paths:
    """Shortest dependency paths of a batch of pairs, one after the other.

    tokens (Ints): Rows of the tokens on the paths. *Shape:* (n_steps,)
    directions (Ints): `UP` before the topmost token of a path, `TOP` at it, `DOWN` behind it. *Shape:* (n_steps,)
    lengths (Ints): Tokens of each path, both ends counted. *Shape:* (n_pairs,)
    """

    tokens: Ints
    directions: Ints
    lengths: Ints


def read_parse(docs: Sequence[Doc]) -> Parse:
    """Read tokens and parse of a batch.

    docs (Sequence[Doc]): The batch.
    RETURNS (Parse): The batch as arrays.
    """
    attrs = [HEAD, DEP, POS, LEMMA, LOWER, ENT_TYPE, SENT_START, TAG, ORTH]
    lengths = np.array([len(doc) for doc in docs], dtype="int64")
    arrays = [doc.to_array(attrs).reshape(len(doc), len(attrs)) for doc in docs]
    table = np.concatenate(arrays) if arrays else np.zeros((0, len(attrs)), dtype="uint64")
    n_tokens = len(table)
    heads = _without_cycles(np.arange(n_tokens) + table[:, 0].astype("int64"))
    lemmas, lower = table[:, 3], table[:, 4]
    first = np.zeros(n_tokens, dtype=bool)
    first[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    first |= table[:, 6].astype("int64") == 1
    return Parse(
        lengths=lengths,
        doc_index=np.repeat(np.arange(len(docs)), lengths),
        heads=heads,
        depths=_depths(heads),
        sentences=np.cumsum(first) - 1,
        deps=table[:, 1],
        pos=table[:, 2],
        words=np.where(lemmas == 0, lower, lemmas),
        ent_types=table[:, 5],
        tags=table[:, 7],
    )


def subtree_edges(parse: Parse) -> Tuple[Ints, Ints]:
    """The first and the last token below each token, itself counted. Where a parse has a cycle, all tokens of it have
    the same ones.

    parse (Parse): The batch.
    RETURNS (Tuple[Ints, Ints]): First rows and last rows, inclusive. *Shape:* (n_tokens,) each
    """
    left = np.arange(len(parse.heads))
    right = left.copy()
    while True:
        before = left.copy(), right.copy()
        np.minimum.at(left, parse.heads, left)
        np.maximum.at(right, parse.heads, right)
        if np.array_equal(left, before[0]) and np.array_equal(right, before[1]):
            return left, right


def has_parse(doc: Doc) -> bool:
    """RETURNS (bool): Whether a Doc was parsed. One with nothing but white space needs no parse."""
    return doc.has_annotation("DEP") or all(token.is_space for token in doc)


def span_roots(parse: Parse, starts: Ints, ends: Ints) -> Ints:
    """The token of each span that is nearest to the root of the sentence; of several, the first.

    parse (Parse): The batch.
    starts (Ints): First row of each span. *Shape:* (n_spans,)
    ends (Ints): Last row of each span, exclusive. *Shape:* (n_spans,)
    RETURNS (Ints): Rows. *Shape:* (n_spans,)
    """
    best = starts.copy()
    for offset in range(1, int((ends - starts).max(initial=1))):
        row = np.minimum(starts + offset, ends - 1)
        best = np.where(parse.depths[row] < parse.depths[best], row, best)
    return best


def shortest_paths(parse: Parse, sources: Ints, targets: Ints) -> Paths:
    """Shortest paths in the parse. Between two sentences the path runs over both roots, as if the first one were the
    head of the second.

    parse (Parse): The batch.
    sources (Ints): Row where each path starts. *Shape:* (n_pairs,)
    targets (Ints): Row where each path ends. *Shape:* (n_pairs,)
    RETURNS (Paths): The paths.
    """
    left, right = sources.copy(), targets.copy()
    ups, downs = [left], [right]
    while True:
        climb_left, climb_right = _who_climbs(parse, left, right)
        if not (climb_left.any() or climb_right.any()):
            break
        left = np.where(climb_left, parse.heads[left], left)
        right = np.where(climb_right, parse.heads[right], right)
        ups.append(np.where(climb_left, left, -1))
        downs.append(np.where(climb_right, right, -1))
    up, down = np.stack(ups, axis=1), np.stack(downs[::-1], axis=1)
    # Where the two sides met, the meeting point stands on both: it is kept on the way up only.
    met = (left == right)[:, None] & (down == right[:, None])
    down = np.where(met, -1, down)
    steps = np.concatenate([up, down], axis=1)
    directions = np.concatenate([np.full_like(up, UP), np.full_like(down, DOWN)], axis=1)
    kept = steps >= 0
    lengths = kept.sum(axis=1)
    flat_directions = directions[kept]
    tops = (up >= 0).sum(axis=1) - 1 + np.cumsum(lengths) - lengths
    flat_directions[tops] = TOP
    return Paths(tokens=steps[kept], directions=flat_directions, lengths=lengths)


def path_lengths(parse: Parse, sources: Ints, targets: Ints, most: int) -> Ints:
    """How many steps `shortest_paths` would take, without keeping the paths.

    parse (Parse): The batch.
    sources (Ints): Row where each path starts. *Shape:* (n_pairs,)
    targets (Ints): Row where each path ends. *Shape:* (n_pairs,)
    most (int): Longer paths are not followed to their end; their length is some number above this one.
    RETURNS (Ints): Steps between tokens, 0 from a token to itself. *Shape:* (n_pairs,)
    """
    left, right = sources.copy(), targets.copy()
    steps = np.zeros(len(left), dtype="int64")
    # Each round takes at least one step of each path.
    for _ in range(most + 1):
        climb_left, climb_right = _who_climbs(parse, left, right)
        if not (climb_left.any() or climb_right.any()):
            break
        left = np.where(climb_left, parse.heads[left], left)
        right = np.where(climb_right, parse.heads[right], right)
        steps += climb_left.astype("int64") + climb_right
    # What is still apart are two roots, which are one step apart, or a path that is longer anyhow.
    steps += left != right
    return steps


def read_evidence(doc: Doc, head: Tuple[int, int], tail: Tuple[int, int], parse: Optional[Parse] = None) -> Evidence:
    """Describe the dependency path between two spans.

    doc (Doc): A parsed Doc.
    head (Tuple[int, int]): First and last token (exclusive) of the head.
    tail (Tuple[int, int]): First and last token (exclusive) of the tail.
    parse (Optional[Parse]): The parse of this Doc alone, where it was read before.
    RETURNS (Evidence): The path.
    """
    return read_evidences(doc, [(*head, *tail)], parse)[0]


def read_evidences(
    doc: Doc, pairs: Sequence[Tuple[int, int, int, int]], parse: Optional[Parse] = None
) -> List[Evidence]:
    """Describe the dependency paths of many pairs of spans at once, which takes far less time than one by one.

    doc (Doc): A parsed Doc.
    pairs (Sequence[Tuple[int, int, int, int]]): First and last token (exclusive) of the head, and those of the tail.
    parse (Optional[Parse]): The parse of this Doc alone, where it was read before.
    RETURNS (List[Evidence]): The path of each pair.
    """
    if not pairs:
        return []
    parse = read_parse([doc]) if parse is None else parse
    spans = np.array(pairs, dtype="int64")
    heads, tails = (span_roots(parse, spans[:, i], spans[:, i + 1]) for i in (0, 2))
    found: List[Evidence] = []
    # A path has room for twice the depth of the tree, so all pairs of a long text at once could take gigabytes.
    for start in range(0, len(spans), PATHS_AT_ONCE):
        block = slice(start, start + PATHS_AT_ONCE)
        paths = shortest_paths(parse, heads[block], tails[block])
        ends = np.cumsum(paths.lengths)[:-1]
        for path, steps in zip(np.split(paths.tokens, ends), np.split(paths.directions, ends), strict=True):
            found.append(_to_evidence(doc, path.tolist(), steps.tolist()))
    return found


def _to_evidence(doc: Doc, tokens: List[int], directions: List[int]) -> Evidence:
    top = doc[tokens[directions.index(TOP)]]
    # A step up is named by the token that it leaves, one down by the token that it comes to.
    steps = zip(tokens, tokens[1:], directions, strict=False)
    labels = tuple(f"<{doc[left].dep_}" if step == UP else doc[right].dep_ for left, right, step in steps)
    return Evidence(tokens=tuple(tokens), deps=labels, trigger=top.lemma_ or top.lower_)


def _without_cycles(heads: Ints) -> Ints:
    """The same heads, where each cycle has a root."""
    current = heads
    for _ in range(len(heads).bit_length() + 1):
        if np.array_equal(heads[current], current):
            return heads
        current = current[current]
    # Whoever came to no root goes round in a cycle, and each of its tokens is one that somebody came to.
    waiting = set(current[heads[current] != current].tolist())
    heads = heads.copy()
    for token in sorted(waiting):
        if token in waiting:
            following = token
            while following in waiting:
                waiting.remove(following)
                following = int(heads[following])
            heads[token] = token
    return heads


def _who_climbs(parse: Parse, left: Ints, right: Ints) -> Tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which ends of two-sided ways go one step up: the deeper one; of two that are equally deep, both, unless both are
    roots. *Shape:* (n_pairs,) each"""
    apart = left != right
    depth_left, depth_right = parse.depths[left], parse.depths[right]
    climb_left = apart & (depth_left >= depth_right) & (depth_left > 0)
    return climb_left, apart & (depth_right >= depth_left) & (depth_right > 0)


def _depths(heads: Ints) -> Ints:
    """Steps to the root. Each token climbs twice as far in every round, so that long chains cost little too."""
    depths: Ints = (heads != np.arange(len(heads))).astype("int64")
    current = heads
    for _ in range(len(heads).bit_length()):
        above = depths[current]
        if not above.any():
            break
        depths = depths + above
        current = current[current]
    return depths
