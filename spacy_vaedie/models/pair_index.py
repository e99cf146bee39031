"""Describing candidate pairs by rows of the batch: the tokens of head, tail, path and context."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, List, Tuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..tokens.dependency import Parse, Paths, read_parse, shortest_paths, span_roots
from ..tokens.lexicon import NO_CLASSES, WordClasses, read_word_classes
from .candidates import Candidates, concatenate, ranges
from .pair_features import firsts_of, lexical_features, mix, type_buckets
from .word_classes import class_features

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Groups = Tuple[Ints, Ints]
HashGroups = Tuple[Hashes, Ints]

# Tokens between two arguments that are read, and around them.
MAX_BETWEEN = 40
REACH = 4
# The largest distance that is told apart from larger ones.
MAX_DISTANCE = 20
N_DISTANCES = 2 * MAX_DISTANCE + 1
# Rows of context and path that the network reads together, so that memory does not grow with the number of pairs.
BLOCK_ROWS = 32_768


@dataclass(frozen=True, eq=False)
class PairIndex:
    """Where in the batch each pair finds what describes it: rows, grouped by pair, with the first place of each group.

    heads (Groups), tails (Groups): Rows of the tokens of head and tail, and first places. *Shape:* (n,), (n_pairs,)
    head_roots (Ints), tail_roots (Ints): Row of the topmost token of head and tail. *Shape:* (n_pairs,)
    between (Groups): Rows of the tokens between them, and first places.
    path (Groups): Rows of the tokens on the dependency path, and first places.
    path_labels (Hashes): Dependency label and direction of each step. *Shape:* (n_steps,)
    features (HashGroups): Hashed lexical features, and first places.
    types (Ints): Bucket of the types of head and tail. *Shape:* (n_pairs,)
    context (Context): The tokens around and between the two.
    classes (HashGroups): Hashed classes of words, and first places. Without a lexicon there are none.
    """

    heads: Groups
    tails: Groups
    head_roots: Ints
    tail_roots: Ints
    between: Groups
    path: Groups
    path_labels: Hashes
    features: HashGroups
    types: Ints
    context: Context
    classes: HashGroups


@dataclass(frozen=True, eq=False)
class Context:
    """The tokens around and between two arguments, in the order of the text.

    rows (Ints): Rows of the tokens, grouped by pair. *Shape:* (n,)
    owners (Ints): The pair of each. *Shape:* (n,)
    pieces (Ints): First place of each piece: before the second half of the first argument ends, between, and from the
        second argument on. *Shape:* (n_pairs * 3,)
    to_head (Ints), to_tail (Ints): Signed distance from head and tail, 0 inside, plus `MAX_DISTANCE`. *Shape:* (n,)
    on_path (Ints): 1 for a token on the dependency path. *Shape:* (n,)
    """

    rows: Ints
    owners: Ints
    pieces: Ints
    to_head: Ints
    to_tail: Ints
    on_path: Ints


# Describes the pairs of one block when it is asked to, and the same ones each time.
PairBlock: TypeAlias = Callable[[], PairIndex]


def index_pairs(docs: List[Doc], candidates: List[Candidates]) -> PairIndex:
    """Describe the candidate pairs of a batch.

    docs (List[Doc]): The batch.
    candidates (List[Candidates]): The candidates of each Doc.
    RETURNS (PairIndex): What the network reads.
    """
    parse = read_parse(docs)
    return _index(parse, concatenate(candidates, parse.starts))


def index_blocks(docs: List[Doc], candidates: List[Candidates], with_classes: bool = False) -> List[PairBlock]:
    """Cut the candidate pairs of a batch into blocks. One has fewer rows than `BLOCK_ROWS` and those of one pair.

    docs (List[Doc]): The batch.
    candidates (List[Candidates]): The candidates of each Doc.
    with_classes (bool): Whether to look words up in the lexicon of the vocabulary.
    RETURNS (List[PairBlock]): One block or more, in the order of the pairs.
    RAISES (ValueError): VE227 if the vocabulary has no lexicon.
    """
    parse = read_parse(docs)
    classes = read_word_classes(docs, parse) if with_classes else NO_CLASSES
    batch = concatenate(candidates, parse.starts)
    read = np.cumsum(_rows_at_most(parse, batch))
    changes = np.flatnonzero(np.diff(read // BLOCK_ROWS)) + 1
    return [partial(_index, parse, replace(batch, pairs=pairs), classes) for pairs in np.split(batch.pairs, changes)]


def inner_steps(groups: Groups) -> Groups:
    """Leave the first and the last row of each group out.

    groups (Groups): Rows, and the first place of each group. *Shape:* (n_rows,), (n_groups,)
    RETURNS (Groups): The same for what is left.
    """
    rows, firsts = groups
    lengths = np.diff(np.append(firsts, len(rows)))
    place = np.arange(len(rows)) - np.repeat(firsts, lengths)
    inner = (place > 0) & (place < np.repeat(lengths, lengths) - 1)
    return rows[inner], firsts_of(np.maximum(lengths - 2, 0))


def _rows_at_most(parse: Parse, batch: Candidates) -> Ints:
    """How many rows of context and path each pair has at most, without looking for its path. *Shape:* (n_pairs,)"""
    heads, tails = batch.spans[batch.pairs[:, 0]], batch.spans[batch.pairs[:, 1]]
    gaps = np.maximum(heads[:, 0], tails[:, 0]) - np.minimum(heads[:, 1], tails[:, 1])
    whole = np.maximum(heads[:, 1], tails[:, 1]) - np.minimum(heads[:, 0], tails[:, 0])
    # Whatever is longer than that in between is left out.
    context = whole - np.maximum(gaps - MAX_BETWEEN, 0) + 2 * REACH
    depths = parse.depths[span_roots(parse, batch.spans[:, 0], batch.spans[:, 1])]
    # No path climbs higher than to the roots of both ends.
    rows: Ints = context + (depths + 1)[batch.pairs].sum(axis=1)
    return rows


def _index(parse: Parse, batch: Candidates, word_classes: WordClasses = NO_CLASSES) -> PairIndex:
    heads, tails = batch.spans[batch.pairs[:, 0]], batch.spans[batch.pairs[:, 1]]
    roots = span_roots(parse, batch.spans[:, 0], batch.spans[:, 1])
    head_roots, tail_roots = roots[batch.pairs[:, 0]], roots[batch.pairs[:, 1]]
    paths = shortest_paths(parse, head_roots, tail_roots)
    # The argument that comes first in the text ends before the text between starts.
    start = np.minimum(heads[:, 1], tails[:, 1])
    end = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), start)
    between = (start, np.minimum(end, start + MAX_BETWEEN))
    features = lexical_features(parse, batch, (head_roots, tail_roots), paths, between)
    classes = class_features(parse, word_classes, (head_roots, tail_roots), paths)
    doc_starts = parse.starts[parse.doc_index[head_roots]]
    doc_ends = doc_starts + parse.lengths[parse.doc_index[head_roots]]
    return PairIndex(
        heads=_group(heads[:, 0], heads[:, 1]),
        tails=_group(tails[:, 0], tails[:, 1]),
        head_roots=head_roots,
        tail_roots=tail_roots,
        between=_group(*between),
        path=(paths.tokens, firsts_of(paths.lengths)),
        path_labels=mix(parse.deps[paths.tokens], paths.directions.astype("uint64")),
        features=_by_pair(features, len(batch.pairs)),
        types=type_buckets(batch),
        context=_read_context(heads, tails, (doc_starts, doc_ends), paths),
        classes=_by_pair(classes, len(batch.pairs)),
    )


def _read_context(heads: Ints, tails: Ints, bounds: Tuple[Ints, Ints], paths: Paths) -> Context:
    """Of a long text between two arguments, the first and the last `MAX_BETWEEN / 2` tokens are read."""
    first_ends = np.minimum(heads[:, 1], tails[:, 1])
    second_starts = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), first_ends)
    left = np.maximum(np.minimum(heads[:, 0], tails[:, 0]) - REACH, bounds[0])
    right = np.maximum(np.minimum(np.maximum(heads[:, 1], tails[:, 1]) + REACH, bounds[1]), second_starts)
    gap_start = np.minimum(first_ends + MAX_BETWEEN // 2, second_starts)
    gap_end = np.maximum(gap_start, second_starts - MAX_BETWEEN // 2)
    starts = np.stack([left, first_ends, gap_end, second_starts], axis=1)
    ends = np.stack([first_ends, gap_start, second_starts, right], axis=1)
    rows = ranges(starts.ravel(), ends.ravel())
    lengths = ends - starts
    owners = np.repeat(np.arange(len(heads)), lengths.sum(axis=1))
    pieces = np.stack([lengths[:, 0], lengths[:, 1] + lengths[:, 2], lengths[:, 3]], axis=1)
    n_rows = int(rows.max(initial=-1)) + 1 + int(paths.tokens.max(initial=-1)) + 1
    path_owners = np.repeat(np.arange(len(heads)), paths.lengths)
    on_path = np.isin(owners * n_rows + rows, path_owners * n_rows + paths.tokens)
    return Context(
        rows=rows,
        owners=owners,
        pieces=firsts_of(pieces.ravel()),
        to_head=_distances(rows, heads[owners]),
        to_tail=_distances(rows, tails[owners]),
        on_path=on_path.astype("int64"),
    )


def _distances(rows: Ints, spans: Ints) -> Ints:
    """How far each row is from a span, below `MAX_DISTANCE` in front of it. *Shape:* (n,)"""
    before, behind = np.minimum(rows - spans[:, 0], 0), np.maximum(rows - spans[:, 1] + 1, 0)
    distances: Ints = np.clip(before + behind, -MAX_DISTANCE, MAX_DISTANCE) + MAX_DISTANCE
    return distances


def _group(starts: Ints, ends: Ints) -> Groups:
    return ranges(starts, ends), firsts_of(ends - starts)


def _by_pair(features: Tuple[Hashes, Ints], n_pairs: int) -> Tuple[Hashes, Ints]:
    """Group features by the pair that they describe, with the first place of each group."""
    hashes, owners = features
    return hashes[np.argsort(owners, kind="stable")], firsts_of(np.bincount(owners, minlength=n_pairs))
