"""A generative term for candidate pairs: their words, from a label and a latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import registry

from ..errors import check_range
from ..tokens.dependency import read_parse, span_roots
from .candidates import Candidates, concatenate
from .labelling import UNKNOWN
from .noun_pairs import NounPairs, RandomNumbers, describe_pairs
from .pair_features import type_buckets

NAME = "spacy-vaedie.LabelTerm.v1"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LabelTermConfig:
    """See `build_label_term`."""

    width: int
    latent_width: int
    buckets: int
    weight: float
    kl_weight: float
    max_pairs: int

    @property
    def network_settings(self) -> Dict[str, Any]:
        """Settings of the network, of types that JSON knows."""
        return {name: value for name, value in vars(self).items() if name != "max_pairs"}


@registry.architectures("spacy-vaedie.LabelTerm.v1")
def build_label_term(
    width: int = 128,
    latent_width: int = 32,
    buckets: int = 4096,
    weight: float = 0.1,
    kl_weight: float = 0.1,
    max_pairs: int = 100,
) -> LabelTermConfig:
    """Let the extractor be the inference model of a generative one: p(words | label, z), the words being those of head
    and tail, on the path, and between. Where a pair is annotated, its label is given; where it is not, all labels are
    summed up by how likely the extractor holds them, which is a gradient for it (M2 of Kingma et al. 2014,
    "Semi-supervised Learning with Deep Generative Models", equations 6 and 7; for relations, Marcheggiani and Titov
    2016). What the types of two spans say of the label in the annotated pairs is the prior, which keeps the labels of
    the others from collapsing into one. It takes part in training alone.

    width (int): Width of the hidden layers.
    latent_width (int): Dimensions of a pair's latent.
    buckets (int): Rows that words are hashed to. Each is a prediction of its own.
    weight (float): Weight beside the loss of the annotated pairs. The term is in nats a word.
    kl_weight (float): Weight of the KL divergence of the latent.
    max_pairs (int): Pairs that are drawn from each batch, at most.
    RETURNS (LabelTermConfig): The description.
    RAISES (ValueError): VE107 for a number that is out of range.
    """
    check_range(NAME, 1, width=width, latent_width=latent_width, buckets=buckets, max_pairs=max_pairs)
    check_range(NAME, 0, weight=weight, kl_weight=kl_weight)
    return LabelTermConfig(width, latent_width, buckets, weight, kl_weight, max_pairs)


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Pairs of a batch that the term explains.

    rows (Ints): Their places among the pairs of the batch. *Shape:* (n,)
    pairs (NounPairs): Topmost tokens of head and tail, and what stands around.
    words (NDArray[np.uint64]): Hash of each token's lemma. *Shape:* (n_tokens,)
    types (Ints): Bucket of the types of head and tail. *Shape:* (n,)
    labels (Ints): Their labels, 0 for "no relation", `UNKNOWN` where nobody annotated them. *Shape:* (n,)
    """

    rows: Ints
    pairs: NounPairs
    words: NDArray[np.uint64]
    types: Ints
    labels: Ints


def draw_pairs(
    docs: List[Doc], candidates: List[Candidates], targets: NDArray[np.int8], most: int, random: RandomNumbers
) -> LabelledPairs:
    """Draw pairs of a batch.

    docs (List[Doc]): The batch.
    candidates (List[Candidates]): The candidates of each Doc.
    targets (NDArray[np.int8]): 1 where "no relation" or a label holds. *Shape:* (n_pairs, n_labels + 1)
    most (int): How many at most.
    random (RandomNumbers): Source of random numbers.
    RETURNS (LabelledPairs): The pairs. None whose head and tail have the same topmost token.
    """
    parse = read_parse(docs)
    batch = concatenate(candidates, parse.starts)
    roots = span_roots(parse, batch.spans[:, 0], batch.spans[:, 1])[batch.pairs]
    rows = np.flatnonzero(roots[:, 0] != roots[:, 1])
    rows = np.sort(rows[np.argsort(random.random(len(rows)))[:most]])
    chosen = targets[rows] == 1
    labels = np.where(chosen.any(axis=1), chosen.argmax(axis=1), UNKNOWN)
    pairs = describe_pairs(parse, roots[rows, 0], roots[rows, 1])
    return LabelledPairs(rows, pairs, parse.words, type_buckets(batch)[rows], labels)
