"""Hashed features of candidate pairs: what is written at, between and around two arguments and on their path."""

from __future__ import annotations

from typing import List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ..tokens.dependency import Parse, Paths
from .candidates import Candidates, ranges

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

# Words left and right of the arguments.
CONTEXT = 2
# Rows for the types of head and tail with their order.
TYPE_BUCKETS = 4096


def type_buckets(candidates: Candidates) -> Ints:
    """The bucket of each pair for the types of head and tail, and which of them comes first. *Shape:* (n_pairs,)"""
    heads, tails = candidates.pairs[:, 0], candidates.pairs[:, 1]
    forward = (candidates.spans[heads, 0] < candidates.spans[tails, 0]).astype("uint64")
    hashes = mix(candidates.labels[heads], candidates.labels[tails], forward)
    return (hashes % np.uint64(TYPE_BUCKETS)).astype("int64")


def lexical_features(
    parse: Parse, batch: Candidates, roots: Tuple[Ints, Ints], paths: Paths, between: Tuple[Ints, Ints]
) -> Tuple[Hashes, Ints]:
    """Hash what is written at, between and around two arguments and on their path.

    parse (Parse): The batch.
    batch (Candidates): All candidates of the batch, in rows of the batch.
    roots (Tuple[Ints, Ints]): Topmost token of head and tail. *Shape:* (n_pairs,) each
    paths (Paths): The dependency paths.
    between (Tuple[Ints, Ints]): First row between the arguments, and last, exclusive. *Shape:* (n_pairs,) each
    RETURNS (Tuple[Hashes, Ints]): Hashes, and the pair that each describes. *Shape:* (n_features,) each
    """
    n_pairs = len(batch.pairs)
    pairs = np.arange(n_pairs)
    head_words, tail_words = parse.words[roots[0]], parse.words[roots[1]]
    head_types, tail_types = batch.labels[batch.pairs[:, 0]], batch.labels[batch.pairs[:, 1]]
    forward = (roots[0] < roots[1]).astype("uint64")
    distance = np.minimum(np.log2(between[1] - between[0] + 1.0), 5).astype("uint64")
    found: List[Tuple[Hashes, Ints]] = [
        (mix(head_words), pairs),
        (mix(tail_words), pairs),
        (mix(head_words, tail_words), pairs),
        (mix(head_types, forward), pairs),
        (mix(tail_types, forward), pairs),
        (mix(head_types, tail_types, forward), pairs),
        (mix(forward), pairs),
        (mix(distance, forward), pairs),
    ]
    # Names are rare words: in the text around the arguments, their types say more.
    types = np.zeros(len(parse.words), dtype="uint64")
    lengths = batch.spans[:, 1] - batch.spans[:, 0]
    types[ranges(batch.spans[:, 0], batch.spans[:, 1])] = np.repeat(batch.labels, lengths)
    words = np.where(types > 0, types, parse.words)
    spans = batch.spans[batch.pairs]
    left, right = spans[:, :, 0].min(axis=1), spans[:, :, 1].max(axis=1)
    # With the last token of the first argument, and the first one of the second. Of nested ones that end together there
    # is none: what stands behind them may be of the next Doc.
    first, last = np.maximum(between[0] - 1, 0), np.minimum(between[1] + 1, right)
    rows = ranges(first, last)
    owners = np.repeat(pairs, last - first)
    for size in (1, 2, 3):
        found.append(_ngrams(words, rows, owners, size, forward))
    found.extend(_path_features(parse, paths, pairs, words))
    found.extend(_rivals(batch, pairs, forward))
    doc_start = parse.starts[parse.doc_index[roots[0]]]
    doc_end = doc_start + parse.lengths[parse.doc_index[roots[0]]]
    for step in range(1, CONTEXT + 1):
        place = np.full(n_pairs, step, dtype="uint64")
        for row, inside in ((left - step, left - step >= doc_start), (right + step - 1, right + step - 1 < doc_end)):
            found.append((mix(words[row[inside]], place[inside], forward[inside]), pairs[inside]))
    salted = [mix(hashes, np.full(len(hashes), salt, dtype="uint64")) for salt, (hashes, _) in enumerate(found)]
    return np.concatenate(salted), np.concatenate([owner for _, owner in found])


def _rivals(batch: Candidates, pairs: Ints, forward: Hashes) -> List[Tuple[Hashes, Ints]]:
    """How many other spans of the head's and of the tail's type stand between the two, and whether any other does."""
    spans, labels = batch.spans, batch.labels
    heads, tails = batch.pairs[:, 0], batch.pairs[:, 1]
    order = np.argsort(spans[:, 0], kind="stable")
    starts = spans[order, 0]
    left, right = np.minimum(spans[heads, 1], spans[tails, 1]), np.maximum(spans[heads, 0], spans[tails, 0])
    first, last = np.searchsorted(starts, left), np.searchsorted(starts, right)
    last = np.maximum(first, last)
    inside = order[ranges(first, last)]
    owners = np.repeat(pairs, last - first)
    counts = []
    for end in (heads, tails):
        same = labels[inside] == labels[end[owners]]
        counts.append(np.minimum(np.bincount(owners[same], minlength=len(pairs)), 2).astype("uint64"))
    types = labels[heads], labels[tails]
    return [
        (mix(counts[0], counts[1], forward), pairs),
        (mix(*types, counts[0], counts[1], forward), pairs),
        (mix(*types, (last - first > 0).astype("uint64"), forward), pairs),
    ]


def _path_features(parse: Parse, paths: Paths, pairs: Ints, words: Hashes) -> List[Tuple[Hashes, Ints]]:
    """Words and labels along the path, alone, beside each other, and as a whole. The ends count by their label only,
    since their words are features of their own."""
    owners = np.repeat(pairs, paths.lengths)
    firsts = firsts_of(paths.lengths)
    place = np.arange(len(owners)) - np.repeat(firsts, paths.lengths)
    inner = (place > 0) & (place < np.repeat(paths.lengths, paths.lengths) - 1)
    directions = paths.directions.astype("uint64")
    labels = mix(parse.deps[paths.tokens], directions)
    words = words[paths.tokens]
    steps = np.arange(len(owners))
    whole_labels = _whole(labels, place, owners, len(pairs))
    whole_words = _whole(words[inner], place[inner], owners[inner], len(pairs))
    return [
        (labels, owners),
        _ngrams(labels, steps, owners, 2, None),
        (mix(words, directions)[inner], owners[inner]),
        (mix(words, labels)[inner], owners[inner]),
        _ngrams(words, steps, owners, 2, None),
        (whole_labels, pairs),
        (whole_words, pairs),
        (mix(whole_labels, whole_words), pairs),
    ]


def _ngrams(values: Hashes, rows: Ints, owners: Ints, size: int, flags: Optional[Hashes]) -> Tuple[Hashes, Ints]:
    """Hash runs of values that belong to the same pair, together with a flag of the pair."""
    n = max(len(rows) - size + 1, 0)
    inside = owners[:n] == owners[size - 1 : size - 1 + n]
    kept = owners[:n][inside]
    parts = [values[rows[i : i + n][inside]] for i in range(size)]
    if flags is not None:
        parts.append(flags[kept])
    return mix(*parts), kept


def _whole(values: Hashes, place: Ints, owners: Ints, n_pairs: int) -> Hashes:
    """Hash everything that belongs to a pair, in order."""
    whole = np.zeros(n_pairs, dtype="uint64")
    np.add.at(whole, owners, mix(values, place.astype("uint64")))
    return whole


def mix(*columns: Hashes) -> Hashes:
    """Hash columns into one, row by row (the mixing steps of splitmix64, Steele et al. 2014). *Shape:* (n,)"""
    mixed = np.zeros(len(columns[0]), dtype="uint64")
    for column in columns:
        mixed = (mixed ^ column) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def firsts_of(lengths: Ints) -> Ints:
    """RETURNS (Ints): Where each group starts, of groups of these lengths. *Shape:* as the lengths"""
    firsts: Ints = np.cumsum(lengths) - lengths
    return firsts
