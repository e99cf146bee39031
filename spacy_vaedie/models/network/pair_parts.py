"""What a pair of spans is read by: each part turns a batch of pairs into some numbers a pair."""

from __future__ import annotations

from typing import Any, Dict, Tuple, Type

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..pair_index import N_DISTANCES, HashGroups, PairIndex, inner_steps
from .encoder import Maxout


class PairPart(nn.Module):
    """One part of the model. `n_out` is how many numbers it gives for each pair.

    n_in (int): Width of the token vectors.
    """

    n_out: int

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        """*Shape:* (n_tokens, n_in) to (n_pairs, n_out)"""
        raise NotImplementedError


class Arguments(PairPart):
    """See `spacy-vaedie.Arguments.v1`."""

    def __init__(self, *, n_in: int) -> None:
        super().__init__()
        self.n_out = 4 * n_in

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        roots = [vectors[as_tensor(rows, vectors)] for rows in (index.head_roots, index.tail_roots)]
        return torch.cat([bag(vectors, index.heads, "mean"), bag(vectors, index.tails, "mean"), *roots], dim=1)


class TextBetween(PairPart):
    """See `spacy-vaedie.TextBetween.v1`."""

    def __init__(self, *, n_in: int) -> None:
        super().__init__()
        self.n_out = 2 * n_in

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        return torch.cat([bag(vectors, index.between, mode) for mode in ("mean", "max")], dim=1)


class PathAverage(PairPart):
    """See `spacy-vaedie.PathAverage.v1`."""

    def __init__(self, *, n_in: int) -> None:
        super().__init__()
        self.n_out = n_in

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        return bag(vectors, inner_steps(index.path), "mean")


class PathConvolution(PairPart):
    """See `spacy-vaedie.PathConvolution.v1`."""

    def __init__(self, *, n_in: int, width: int, buckets: int) -> None:
        super().__init__()
        self.n_out, self.buckets = width, buckets
        self.label = nn.Embedding(buckets, width // 4)
        self.window = Maxout(3 * (n_in + width // 4), width, 2)

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        rows, firsts = index.path
        labels = self.label(as_tensor(as_buckets(index.path_labels, self.buckets), vectors))
        steps = torch.cat([vectors[as_tensor(rows, vectors)], labels], dim=1)
        steps = self.window(with_neighbours(steps, firsts), dropout)
        return bag(steps, (None, firsts), "max")


class ContextConvolution(PairPart):
    """See `spacy-vaedie.ContextConvolution.v1`."""

    def __init__(self, *, n_in: int, width: int, position_width: int) -> None:
        super().__init__()
        self.n_out = 4 * width
        self.to_head = nn.Embedding(N_DISTANCES, position_width)
        self.to_tail = nn.Embedding(N_DISTANCES, position_width)
        self.on_path = nn.Embedding(2, position_width)
        self.reduce = nn.Linear(n_in + 3 * position_width, width)
        self.window = Maxout(3 * width, width, 2)
        self.key = nn.Linear(width, width)
        self.query = nn.Linear(2 * n_in, width)
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        context = index.context
        n_pairs = len(index.head_roots)
        owners = as_tensor(context.owners, vectors)
        places = [
            embed(as_tensor(values, vectors))
            for embed, values in (
                (self.to_head, context.to_head),
                (self.to_tail, context.to_tail),
                (self.on_path, context.on_path),
            )
        ]
        words = F.dropout(vectors, dropout, self.training)[as_tensor(context.rows, vectors)]
        tokens = self.reduce(torch.cat([words, *places], dim=1))
        states = self.window(with_neighbours(tokens, context.pieces[::3]), dropout)
        ends = [vectors[as_tensor(rows, vectors)] for rows in (index.head_roots, index.tail_roots)]
        query = self.query(torch.cat(ends, dim=1))
        scores = torch.tanh(self.key(states) + query[owners]) @ self.weight
        attended = states.new_zeros((n_pairs, states.shape[1])).index_add(
            0, owners, states * group_softmax(scores, owners, n_pairs).unsqueeze(1)
        )
        pieces = bag(states, (None, context.pieces), "max").view(n_pairs, -1)
        return torch.cat([pieces, attended], dim=1)


class HashedFeatures(PairPart):
    """A sum of rows, one for each feature of a pair. Some of the features are dropped in training."""

    def __init__(self, *, n_in: int, width: int, buckets: int) -> None:
        super().__init__()
        self.n_out, self.buckets = width, buckets
        self.table = nn.EmbeddingBag(buckets, width, mode="sum")
        nn.init.normal_(self.table.weight, std=0.05)

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        hashes, firsts = self.features(index)
        rows = as_tensor(as_buckets(hashes, self.buckets), vectors)
        weights = F.dropout(torch.ones(len(rows), device=vectors.device), dropout, self.training)
        table = self.table.weight
        embedded: Tensor = self.table(rows, as_tensor(firsts, vectors), per_sample_weights=weights.to(table.dtype))
        return embedded

    def features(self, index: PairIndex) -> HashGroups:
        """RETURNS (HashGroups): Hashed features, and first places."""
        raise NotImplementedError


class LexicalFeatures(HashedFeatures):
    """See `spacy-vaedie.LexicalFeatures.v1`."""

    def features(self, index: PairIndex) -> HashGroups:
        return index.features


class WordClasses(HashedFeatures):
    """See `spacy-vaedie.WordClasses.v1`."""

    def features(self, index: PairIndex) -> HashGroups:
        return index.classes


class FeatureWeights(nn.Module):
    """A linear model: a weight for each label and feature of a pair, zero at first. Each feature counts for the less,
    the more there are of a pair.

    n_labels (int): Labels, the one for "no relation" included.
    buckets (int), scale (float): See `spacy-vaedie.LexicalWeights.v1`.
    """

    def __init__(self, *, n_labels: int, buckets: int, scale: float) -> None:
        super().__init__()
        self.buckets, self.scale = buckets, scale
        self.weight = nn.Parameter(torch.zeros(buckets, n_labels))

    def forward(self, index: PairIndex) -> Tensor:
        """*Shape:* (n_pairs, n_labels)"""
        hashes, firsts = self.features(index)
        rows = as_buckets(hashes, self.buckets)
        if not len(rows):
            return self.weight.new_zeros((len(firsts), self.weight.shape[1]))
        lengths = np.diff(np.append(firsts, len(rows)))
        sizes = np.repeat(self.scale / np.sqrt(np.maximum(lengths, 1)), lengths)
        like = self.weight
        return F.embedding_bag(
            as_tensor(rows, like),
            like,
            as_tensor(firsts, like),
            mode="sum",
            per_sample_weights=as_tensor(sizes, like).to(like.dtype),
        )

    def features(self, index: PairIndex) -> HashGroups:
        """RETURNS (HashGroups): Hashed features, and first places."""
        raise NotImplementedError


class LexicalWeights(FeatureWeights):
    """See `spacy-vaedie.LexicalWeights.v1`."""

    def features(self, index: PairIndex) -> HashGroups:
        return index.features


class ClassWeights(FeatureWeights):
    """See `spacy-vaedie.ClassWeights.v1`."""

    def features(self, index: PairIndex) -> HashGroups:
        return index.classes


PARTS: Dict[str, Type[PairPart]] = {
    "arguments": Arguments,
    "between": TextBetween,
    "path_average": PathAverage,
    "path": PathConvolution,
    "context": ContextConvolution,
    "lexical": LexicalFeatures,
    "classes": WordClasses,
}
# Parts with a say of their own.
WEIGHTS: Dict[str, Type[FeatureWeights]] = {"lexical_weights": LexicalWeights, "class_weights": ClassWeights}


def build_part(kind: str, n_in: int, **settings: Any) -> PairPart:
    """Make a part that the networks read.

    kind (str): Its name in `PARTS`.
    n_in (int): Width of the token vectors.
    settings (Any): Its own settings.
    RETURNS (PairPart): With new weights.
    """
    return PARTS[kind](n_in=n_in, **settings)


def build_weights(kind: str, n_labels: int, **settings: Any) -> FeatureWeights:
    """Make a part that scores the labels itself.

    kind (str): Its name in `WEIGHTS`.
    n_labels (int): Labels, the one for "no relation" included.
    settings (Any): Its own settings.
    RETURNS (FeatureWeights): With weights of zero.
    """
    return WEIGHTS[kind](n_labels=n_labels, **settings)


def as_tensor(values: Any, like: Tensor) -> Tensor:
    """RETURNS (Tensor): An array where another tensor lies."""
    return torch.as_tensor(values, device=like.device)


def as_buckets(hashes: Any, buckets: int) -> Any:
    """RETURNS (Any): The row of each hash in a table. *Shape:* as the hashes"""
    return (hashes % np.uint64(buckets)).astype("int64")


def with_neighbours(states: Tensor, firsts: Any) -> Tensor:
    """Put each row between the one before and the one behind it in its group, zeros at the ends.

    states (Tensor): Rows of groups, in order. *Shape:* (n, width)
    firsts (Any): First place of each group, none empty. *Shape:* (n_groups,)
    RETURNS (Tensor): *Shape:* (n, 3 * width)
    """
    is_first = torch.zeros(len(states), dtype=torch.bool, device=states.device)
    is_first[as_tensor(firsts, states)] = True
    before = states.roll(1, dims=0).masked_fill(is_first.unsqueeze(1), 0.0)
    behind = states.roll(-1, dims=0).masked_fill(is_first.roll(-1).unsqueeze(1), 0.0)
    return torch.cat([before, states, behind], dim=1)


def group_softmax(scores: Tensor, owners: Tensor, n_groups: int) -> Tensor:
    """Softmax within each group.

    scores (Tensor): *Shape:* (n,)
    owners (Tensor): The group of each. *Shape:* (n,)
    n_groups (int): How many groups there are.
    RETURNS (Tensor): *Shape:* (n,)
    """
    largest = scores.detach().new_full((n_groups,), -torch.inf).scatter_reduce(0, owners, scores.detach(), "amax")
    exp = torch.exp(scores - largest[owners])
    return exp / exp.new_zeros(n_groups).index_add(0, owners, exp)[owners]


def bag(vectors: Tensor, index: Tuple[Any, Any], mode: str) -> Tensor:
    """Pool groups of rows.

    vectors (Tensor): *Shape:* (n, width)
    index (Tuple[Any, Any]): Rows to pool, None for all in order, and the first place of each group.
    mode (str): `mean` or `max`.
    RETURNS (Tensor): Zeros for an empty group. *Shape:* (n_groups, width)
    """
    rows, firsts = index
    rows = torch.arange(len(vectors), device=vectors.device) if rows is None else as_tensor(rows, vectors)
    if not len(rows):
        return vectors.new_zeros((len(firsts), vectors.shape[1]))
    return F.embedding_bag(rows, vectors, as_tensor(firsts, vectors), mode=mode)
