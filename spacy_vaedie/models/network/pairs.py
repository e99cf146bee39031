"""Classifies pairs of spans from token vectors, the dependency path and hashed lexical features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .encoder import Maxout


@dataclass(frozen=True, eq=False)
class PairIndex:
    """Where in the batch each pair finds what describes it: rows, grouped by pair, with the first place of each group.

    heads (Any), tails (Any): Rows of the tokens of head and tail, and first places. *Shape:* (n,), (n_pairs,)
    head_roots (Any), tail_roots (Any): Row of the topmost token of head and tail. *Shape:* (n_pairs,)
    between (Any): Rows of the tokens between them, and first places.
    path (Any): Rows of the tokens on the dependency path, and first places.
    path_labels (Any): Bucket of dependency label and direction of each step. *Shape:* (n_steps,)
    features (Any): Buckets of the lexical features, and first places.
    types (Any): Bucket of the types of head and tail. *Shape:* (n_pairs,)
    """

    heads: Any
    tails: Any
    head_roots: Any
    tail_roots: Any
    between: Any
    path: Any
    path_labels: Any
    features: Any
    types: Any


class PairNetwork(nn.Module):
    """Scores every label for every pair, by several small networks over shared features.

    n_in (int): Width of the token vectors.
    n_labels (int): Labels, the one for "no relation" included.
    width (int): Width of each part of the pair and of the hidden layer.
    n_heads (int): Networks whose probabilities are averaged.
    buckets (int), lexical_width (int): Rows and width of the table of hashed lexical features.
    path_buckets (int): Rows for hashed dependency labels with their direction.
    type_buckets (int): Rows for the types of head and tail.
    """

    def __init__(
        self,
        *,
        n_in: int,
        n_labels: int,
        width: int,
        n_heads: int,
        buckets: int,
        lexical_width: int,
        path_buckets: int,
        type_buckets: int,
    ) -> None:
        super().__init__()
        self.n_heads, self.width = n_heads, width
        self.path_label = nn.Embedding(path_buckets, width // 4)
        self.path_window = Maxout(3 * (n_in + width // 4), width, 2)
        self.lexical = nn.EmbeddingBag(buckets, lexical_width, mode="sum")
        nn.init.normal_(self.lexical.weight, std=0.05)
        n_features = 6 * n_in + width + lexical_width
        self.hidden = nn.Parameter(torch.empty(n_heads, n_features, width))
        self.hidden_bias = nn.Parameter(torch.zeros(n_heads, 1, width))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Parameter(torch.zeros(n_heads, width, n_labels))
        self.output_bias = nn.Parameter(torch.zeros(n_heads, 1, n_labels))
        self.prior = nn.Parameter(torch.zeros(type_buckets, n_labels))
        for head in range(n_heads):
            nn.init.xavier_uniform_(self.hidden.data[head])

    def forward(self, vectors: Tensor, index: PairIndex, dropout: float) -> Dict[str, Tensor]:
        """Score the labels.

        vectors (Tensor): Token vectors of the batch. *Shape:* (n_tokens, n_in)
        index (PairIndex): The pairs.
        dropout (float): Dropout rate.
        RETURNS (Dict[str, Tensor]): `logits`, *Shape:* (n_heads, n_pairs, n_labels)
        """
        device = vectors.device
        if not len(index.head_roots):
            # No pair to score, but the token vectors still get their gradient of zero.
            n_labels = self.output.shape[2]
            return {"logits": vectors.sum() * 0.0 + vectors.new_zeros((self.n_heads, 0, n_labels))}
        features = torch.cat(
            [
                bag(vectors, index.heads, "mean"),
                bag(vectors, index.tails, "mean"),
                vectors[torch.as_tensor(index.head_roots, device=device)],
                vectors[torch.as_tensor(index.tail_roots, device=device)],
                bag(vectors, index.between, "mean"),
                bag(vectors, index.between, "max"),
                bag(self.read_path(vectors, index, dropout), (None, index.path[1]), "max"),
                self.read_lexical(index, device, dropout),
            ],
            dim=1,
        )
        features = F.dropout(features, dropout, self.training).unsqueeze(0)
        hidden = self.norm(F.gelu(torch.matmul(features, self.hidden) + self.hidden_bias))
        hidden = F.dropout(hidden, dropout, self.training)
        prior = self.prior[torch.as_tensor(index.types, device=device)]
        return {"logits": torch.matmul(hidden, self.output) + self.output_bias + prior}

    def read_path(self, vectors: Tensor, index: PairIndex, dropout: float) -> Tensor:
        """A convolution along each dependency path. *Shape:* (n_steps, width)"""
        rows, firsts = (torch.as_tensor(part, device=vectors.device) for part in index.path)
        labels = torch.as_tensor(index.path_labels, device=vectors.device)
        steps = torch.cat([vectors[rows], self.path_label(labels)], dim=1)
        is_first = torch.zeros(len(rows), dtype=torch.bool, device=vectors.device)
        is_first[firsts] = True
        is_last = is_first.roll(-1)
        before = steps.roll(1, dims=0).masked_fill(is_first.unsqueeze(1), 0.0)
        behind = steps.roll(-1, dims=0).masked_fill(is_last.unsqueeze(1), 0.0)
        return self.path_window(torch.cat([before, steps, behind], dim=1), dropout)

    def read_lexical(self, index: PairIndex, device: torch.device, dropout: float) -> Tensor:
        """The sum of the embedded lexical features, some of them dropped in training.

        *Shape:* (n_pairs, lexical_width)
        """
        rows, firsts = (torch.as_tensor(part, device=device) for part in index.features)
        weights = F.dropout(torch.ones(len(rows), device=device), dropout, self.training)
        embedded: Tensor = self.lexical(rows, firsts, per_sample_weights=weights.to(self.lexical.weight.dtype))
        return embedded

    def set_prior(self, values: Any) -> None:
        """Set the bias for the types.

        values (Any): *Shape:* (type_buckets, n_labels)
        """
        self.prior.data = torch.as_tensor(values, device=self.prior.device)

    def with_labels(self, n_labels: int) -> PairNetwork:
        """RETURNS (PairNetwork): This network with more labels. What it knows about the present ones is kept, a new
        one starts with weights of zero and a low bias, so that it is not predicted before it is learned."""
        n_new = n_labels - self.output.shape[2]
        self.output = nn.Parameter(F.pad(self.output.data, (0, n_new)))
        self.output_bias = nn.Parameter(F.pad(self.output_bias.data, (0, n_new), value=-5.0))
        self.prior = nn.Parameter(F.pad(self.prior.data, (0, n_new)))
        return self


def bag(vectors: Tensor, index: Any, mode: str) -> Tensor:
    """Pool groups of rows.

    vectors (Tensor): *Shape:* (n, width)
    index (Any): Rows to pool, None for all in order, and the first place of each group.
    mode (str): `mean` or `max`.
    RETURNS (Tensor): Zeros for an empty group. *Shape:* (n_groups, width)
    """
    rows, firsts = index
    device = vectors.device
    rows = torch.arange(len(vectors), device=device) if rows is None else torch.as_tensor(rows, device=device)
    if not len(rows):
        return vectors.new_zeros((len(firsts), vectors.shape[1]))
    return F.embedding_bag(rows, vectors, torch.as_tensor(firsts, device=device), mode=mode)
