"""Random pairs of nouns of raw text: what the generative term for pairs learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Protocol, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.symbols import NOUN, PROPN
from spacy.util import registry

from ..errors import check_range
from ..tokens.dependency import Parse, shortest_paths
from .candidates import ranges
from .pair_features import firsts_of
from .pair_index import MAX_BETWEEN, REACH, Groups

Ints = NDArray[np.int64]
NAME = "spacy-vaedie.PairTerm.v1"


class RandomNumbers(Protocol):
    """A source of random numbers: `numpy.random`, which spaCy's seed sets, or a generator of one's own."""

    def random(self, size: int) -> NDArray[np.float64]:
        """RETURNS (NDArray[np.float64]): Numbers from 0 to 1. *Shape:* (size,)"""


@dataclass(frozen=True)
class PairTermConfig:
    """The generative term for pairs, see `build_pair_term`."""

    width: int
    latent_width: int
    masked: float
    weight: float
    per_doc: int

    @property
    def network_settings(self) -> Dict[str, Any]:
        """Settings of the network, of types that JSON knows."""
        return {name: value for name, value in vars(self).items() if name != "per_doc"}


@registry.architectures("spacy-vaedie.PairTerm.v1")
def build_pair_term(
    width: int = 192, latent_width: int = 64, masked: float = 0.6, weight: float = 1.0, per_doc: int = 1
) -> PairTermConfig:
    """A second thing for the autoencoder to explain, so that its hidden states come to say what relates two words. For
    random pairs of nouns of one sentence, a latent of the pair is inferred from both, from the path between them in the
    parse, and from the text between and around; both nouns, and the words on the path and between, are decoded from it.
    It takes part in training alone: figures of held-out text are those of the words.

    width (int): Width of the hidden layers.
    latent_width (int): Dimensions of a pair's latent.
    masked (float): Share of the pairs whose two nouns are hidden from the encoder.
    weight (float): Weight of the term beside that of the words. Both are in nats a prediction.
    per_doc (int): Pairs that are drawn of each text, at most.
    RETURNS (PairTermConfig): The description.
    RAISES (ValueError): VE107 for a number that is out of range.
    """
    check_range(NAME, 1, width=width, latent_width=latent_width, per_doc=per_doc)
    check_range(NAME, 0, 1, masked=masked)
    check_range(NAME, 0, weight=weight)
    return PairTermConfig(width, latent_width, masked, weight, per_doc)


@dataclass(frozen=True, eq=False)
class NounPairs:
    """Pairs of a batch, by rows of its tokens.

    heads (Ints), tails (Ints): The two nouns. *Shape:* (n_pairs,)
    context (Tuple[Groups, Groups, Groups]): What a pair is read by beside them: rows of the path, of the text between
        and of the text around, and the first place of each pair. None holds one of the two.
    words (Ints), owners (Ints): Tokens on the path or between, each one once, and their pair. *Shape:* (n_words,)
    """

    heads: Ints
    tails: Ints
    context: Tuple[Groups, Groups, Groups]
    words: Ints
    owners: Ints


def draw_noun_pairs(parse: Parse, per_doc: int, random: RandomNumbers) -> NounPairs:
    """Draw pairs of nouns that stand in one sentence, the first of them from all nouns of the Doc. Where no part of
    speech is known, each token counts as a noun.

    parse (Parse): The batch.
    per_doc (int): Pairs of each Doc. The same one may be drawn twice. One without two nouns in a sentence has none.
    random (RandomNumbers): Source of random numbers.
    RETURNS (NounPairs): The pairs.
    """
    nouns = np.flatnonzero(np.isin(parse.pos, [NOUN, PROPN]) | ~(parse.pos > 0).any())
    drawn = [_draw(parse, nouns, random) for _ in range(per_doc)]
    heads, tails = (np.concatenate(rows) for rows in zip(*drawn, strict=True))
    return describe_pairs(parse, heads, tails)


def _draw(parse: Parse, nouns: Ints, random: RandomNumbers) -> Tuple[Ints, Ints]:
    """One pair of each Doc that has one. *Shape:* (n_pairs,) each"""
    sentences = parse.sentences[nouns]
    nouns = nouns[np.bincount(sentences, minlength=1)[sentences] > 1]
    heads = _one_of_each(nouns, parse.doc_index[nouns], random)
    # Whoever shares the sentence with the chosen one, but not itself.
    others = np.setdiff1d(nouns[np.isin(parse.sentences[nouns], parse.sentences[heads])], heads)
    tails = _one_of_each(others, parse.doc_index[others], random)
    return heads, tails


def _one_of_each(rows: Ints, groups: Ints, random: RandomNumbers) -> Ints:
    order = np.lexsort((random.random(len(rows)), groups))
    _, firsts = np.unique(groups[order], return_index=True)
    return rows[order[firsts]]


def describe_pairs(parse: Parse, heads: Ints, tails: Ints) -> NounPairs:
    """Find what stands on the path of each pair, between its two tokens, and around them.

    parse (Parse): The batch.
    heads (Ints), tails (Ints): Rows of the two tokens, never the same one. *Shape:* (n_pairs,)
    RETURNS (NounPairs): The pairs.
    """
    n_pairs = len(heads)
    first, last = np.minimum(heads, tails), np.maximum(heads, tails)
    paths = shortest_paths(parse, heads, tails)
    path_owners = np.repeat(np.arange(n_pairs), paths.lengths)
    inner = (paths.tokens != heads[path_owners]) & (paths.tokens != tails[path_owners])
    path, path_owners = paths.tokens[inner], path_owners[inner]
    between = _cut(first + 1, np.minimum(last, first + 1 + MAX_BETWEEN))
    doc_starts = parse.starts[parse.doc_index[heads]]
    doc_ends = doc_starts + parse.lengths[parse.doc_index[heads]]
    sides = np.stack([np.maximum(first - REACH, doc_starts), first, last + 1, np.minimum(last + 1 + REACH, doc_ends)])
    around = (ranges(sides[::2].T.ravel(), sides[1::2].T.ravel()), firsts_of((sides[1::2] - sides[::2]).sum(axis=0)))
    between_owners = np.repeat(np.arange(n_pairs), np.diff([*between[1], len(between[0])]))
    n_tokens = len(parse.heads)
    keys = np.unique(np.concatenate([path_owners * n_tokens + path, between_owners * n_tokens + between[0]]))
    return NounPairs(
        heads=heads,
        tails=tails,
        context=((path, firsts_of(np.bincount(path_owners, minlength=n_pairs))), between, around),
        words=keys % n_tokens,
        owners=keys // n_tokens,
    )


def _cut(starts: Ints, ends: Ints) -> Any:
    return ranges(starts, ends), firsts_of(ends - starts)
