"""Classes that a lexicon gives to words, as hashed features of candidate pairs."""

from __future__ import annotations

from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from ..tokens.dependency import Parse, Paths
from ..tokens.lexicon import WordClasses
from .candidates import ranges
from .pair_features import firsts_of, mix

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

# What a word is to a pair.
HEAD, TAIL, ON_PATH = 0, 1, 2


def class_features(parse: Parse, found: WordClasses, roots: Tuple[Ints, Ints], paths: Paths) -> Tuple[Hashes, Ints]:
    """Hash the classes of the topmost tokens of head and tail, and of the words on the path between them.

    parse (Parse): The batch.
    found (WordClasses): The classes of its words.
    roots (Tuple[Ints, Ints]): Topmost token of head and tail. *Shape:* (n_pairs,) each
    paths (Paths): The dependency paths.
    RETURNS (Tuple[Hashes, Ints]): Hashes, and the pair that each describes. *Shape:* (n_features,) each
    """
    if not len(found.words):
        return np.zeros(0, dtype="uint64"), np.zeros(0, dtype="int64")
    pairs = np.arange(len(roots[0]))
    owners = np.repeat(pairs, paths.lengths)
    place = np.arange(len(owners)) - np.repeat(firsts_of(paths.lengths), paths.lengths)
    inner = (place > 0) & (place < np.repeat(paths.lengths, paths.lengths) - 1)
    rows = np.concatenate([*roots, paths.tokens[inner]])
    all_owners = np.concatenate([pairs, pairs, owners[inner]])
    roles = np.repeat([HEAD, TAIL, ON_PATH], [len(pairs), len(pairs), int(inner.sum())]).astype("uint64")
    # Where each word would stand among those that have classes.
    places = np.minimum(np.searchsorted(found.words, parse.words[rows]), len(found.words) - 1)
    known = found.words[places] == parse.words[rows]
    places, all_owners, roles = places[known], all_owners[known], roles[known]
    lengths = found.lengths[places]
    classes = found.classes[ranges(found.firsts[places], found.firsts[places] + lengths)]
    return mix(classes, np.repeat(roles, lengths)), np.repeat(all_owners, lengths)
