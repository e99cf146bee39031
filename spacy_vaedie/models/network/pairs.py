"""Classifies pairs of spans: small networks over what the parts say of a pair."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Union

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ..label_term import LabelledPairs
from ..pair_index import PairBlock, PairIndex
from ..pair_parts import DIRECT
from .label_term import LabelTerm
from .pair_parts import as_tensor, build_part, build_weights


class PairNetwork(nn.Module):
    """Scores every label for every pair, by several small networks over shared parts, and by parts with weights for the
    labels themselves.

    n_in (int): Width of the token vectors.
    n_labels (int): Labels, the one for "no relation" included.
    parts (Dict[str, Dict[str, Any]]): Kind and settings of each part, by its name.
    width (int): Width of the hidden layer.
    n_heads (int): Networks whose probabilities are averaged.
    type_buckets (int): Rows for the types of head and tail.
    term (Optional[Dict[str, Any]]): Settings of the `LabelTerm`, None for a network without one.
    """

    def __init__(
        self,
        *,
        n_in: int,
        n_labels: int,
        parts: Dict[str, Dict[str, Any]],
        width: int,
        n_heads: int,
        type_buckets: int,
        term: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        # Lists, since torch forbids some names.
        self.names = [name for name, part in parts.items() if part["kind"] not in DIRECT]
        self.weight_names = [name for name in parts if name not in self.names]
        self.parts = nn.ModuleList(build_part(n_in=n_in, **parts[name]) for name in self.names)
        self.weights = nn.ModuleList(build_weights(n_labels=n_labels, **parts[name]) for name in self.weight_names)
        n_features = sum(part.n_out for part in self.parts)
        self.hidden = nn.Parameter(torch.empty(n_heads, n_features, width))
        self.hidden_bias = nn.Parameter(torch.zeros(n_heads, 1, width))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Parameter(torch.zeros(n_heads, width, n_labels))
        self.output_bias = nn.Parameter(torch.zeros(n_heads, 1, n_labels))
        self.prior = nn.Parameter(torch.zeros(type_buckets, n_labels))
        for head in range(n_heads):
            nn.init.xavier_uniform_(self.hidden.data[head])
        self.term = None if term is None else LabelTerm(n_in=n_in, n_labels=n_labels, **term)

    def forward(
        self,
        vectors: Tensor,
        index: Union[PairIndex, List[PairBlock]],
        dropout: float,
        without: Optional[str] = None,
        labelled: Optional[LabelledPairs] = None,
    ) -> Dict[str, Tensor]:
        """Score the labels.

        vectors (Tensor): Token vectors of the batch. *Shape:* (n_tokens, n_in)
        index (Union[PairIndex, List[PairBlock]]): The pairs, or blocks of them, of which one at a time is in memory.
        dropout (float): Dropout rate.
        without (Optional[str]): A part whose say is replaced by zeros, to see what it is for.
        labelled (Optional[LabelledPairs]): What the generative term explains, None to leave it out.
        RETURNS (Dict[str, Tensor]): `logits`, *Shape:* (n_heads, n_pairs, n_labels); with the generative term, `loss`.
        """
        found = self._score_all(vectors, index, dropout, without)
        if self.term is None or labelled is None:
            return {"logits": found}
        rows, types = as_tensor(labelled.rows, vectors), as_tensor(labelled.types, vectors)
        prior = torch.log_softmax(self.prior.detach()[types], dim=1)
        return {"logits": found, "loss": self.term(vectors, labelled, found[:, rows], prior)}

    def _score_all(
        self, vectors: Tensor, index: Union[PairIndex, List[PairBlock]], dropout: float, without: Optional[str]
    ) -> Tensor:
        if isinstance(index, PairIndex):
            return self._score(vectors, index, dropout, without)

        def score(vectors: Tensor, block: PairBlock) -> Tensor:
            return self._score(vectors, block(), dropout, without)

        if len(index) == 1 or not torch.is_grad_enabled():
            return torch.cat([score(vectors, block) for block in index], dim=1)
        # Going back, each block is scored once more, with the same dropout, in place of being kept.
        found = [checkpoint(score, vectors, block, use_reentrant=False) for block in index]
        return torch.cat(found, dim=1)

    def _score(self, vectors: Tensor, index: PairIndex, dropout: float, without: Optional[str]) -> Tensor:
        """*Shape:* (n_heads, n_pairs, n_labels)"""
        if not len(index.head_roots):
            # No pair to score, but the token vectors still get their gradient of zero.
            n_labels = self.output.shape[2]
            return vectors.sum() * 0.0 + vectors.new_zeros((self.n_heads, 0, n_labels))
        found = [part(vectors, index, dropout) for part in self.parts]
        read = [
            torch.zeros_like(values) if name == without else values
            for name, values in zip(self.names, found, strict=True)
        ]
        # Each of the networks misses other features.
        features = torch.cat(read, dim=1).expand(self.n_heads, -1, -1)
        features = F.dropout(features, dropout, self.training)
        hidden = self.norm(F.gelu(torch.matmul(features, self.hidden) + self.hidden_bias))
        hidden = F.dropout(hidden, dropout, self.training)
        logits = torch.matmul(hidden, self.output) + self.output_bias + self.prior[as_tensor(index.types, vectors)]
        for name, weights in zip(self.weight_names, self.weights, strict=True):
            if name != without:
                logits = logits + weights(index)
        return logits

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
        for part in self.weights:
            part.weight = nn.Parameter(F.pad(part.weight.data, (0, n_new)))
        if self.term is not None:
            self.term.with_labels(n_labels)
        return self
