"""The generative term of the extractor: words of a pair, from its label and a latent."""

from __future__ import annotations

from typing import Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..label_term import LabelledPairs
from ..labelling import UNKNOWN
from ..noun_pairs import NounPairs
from .encoder import Posterior, sample
from .objective import kl_divergence
from .pair_parts import as_buckets, as_tensor
from .pair_term import read_tokens


class LabelTerm(nn.Module):
    """q(z | pair) and p(words | label, z), see `spacy-vaedie.LabelTerm.v1`.

    n_in (int): Width of the token vectors.
    n_labels (int): Labels, the one for "no relation" included.
    width (int), latent_width (int), buckets (int), weight (float), kl_weight (float): As there.
    """

    def __init__(
        self, *, n_in: int, n_labels: int, width: int, latent_width: int, buckets: int, weight: float, kl_weight: float
    ) -> None:
        super().__init__()
        self.buckets, self.weight, self.kl_weight = buckets, weight, kl_weight
        self.reduce = nn.Linear(5 * n_in, width)
        self.posterior = Posterior(width, latent_width)
        self.label = nn.Parameter(torch.zeros(n_labels, width))
        nn.init.normal_(self.label, std=width**-0.5)
        # Of the head, of the tail, and of the words between.
        self.hidden = nn.ModuleList(nn.Linear(latent_width, width) for _ in range(3))
        self.norm = nn.LayerNorm(width)
        self.words = nn.Linear(width, buckets)

    def forward(self, vectors: Tensor, batch: LabelledPairs, logits: Tensor, prior: Tensor) -> Tensor:
        """The negative bound of the pairs, in nats a word, weighted.

        vectors (Tensor): Token vectors. *Shape:* (n_tokens, n_in)
        batch (LabelledPairs): The pairs.
        logits (Tensor): What the extractor says of them. *Shape:* (n_heads, n, n_labels)
        prior (Tensor): Log-probabilities of the labels before. *Shape:* (n, n_labels)
        RETURNS (Tensor): *Shape:* ()
        """
        if not len(batch.rows):
            return logits.sum() * 0.0 + vectors.sum() * 0.0
        mean, log_variance = self._infer(vectors, batch.pairs)
        likelihoods = self._likelihoods(sample(mean, log_variance), batch, vectors)
        labels = as_tensor(batch.labels, vectors)
        known = labels != UNKNOWN
        given = likelihoods.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
        beliefs = torch.softmax(logits, dim=2).mean(dim=0)
        # The label's own part of the bound: its KL divergence from the prior.
        surprise = (beliefs * (beliefs.clamp(min=1e-12).log() - prior)).sum(dim=1)
        open_bound = (beliefs * likelihoods).sum(dim=1) - surprise
        bound = torch.where(known, given, open_bound) - self.kl_weight * kl_divergence(mean, log_variance).sum(dim=1)
        n_words = 2 * len(batch.rows) + len(batch.pairs.words)
        loss: Tensor = -self.weight * bound.sum() / n_words
        return loss

    def _infer(self, vectors: Tensor, pairs: NounPairs) -> Tuple[Tensor, Tensor]:
        found: Tuple[Tensor, Tensor] = self.posterior(F.gelu(self.reduce(read_tokens(vectors, pairs))))
        return found

    def _likelihoods(self, latents: Tensor, batch: LabelledPairs, like: Tensor) -> Tensor:
        """log p(words | label, z) of each pair under each label. *Shape:* (n, n_labels)"""
        words = as_tensor(as_buckets(batch.words, self.buckets), like)
        every = torch.arange(len(latents), device=like.device)
        total = latents.new_zeros((len(latents), len(self.label)))
        pairs = batch.pairs
        asked = ((every, pairs.heads), (every, pairs.tails), (as_tensor(pairs.owners, like), pairs.words))
        for layer, (owners, rows) in zip(self.hidden, asked, strict=True):
            states = self.norm(F.gelu(layer(latents).unsqueeze(1) + self.label))
            scores = F.log_softmax(self.words(states), dim=2)
            total = total.index_add(0, owners, scores[owners, :, words[as_tensor(rows, like)]])
        return total

    def with_labels(self, n_labels: int) -> None:
        """Know more labels, the new ones as likely to give a word as "no relation"."""
        n_new = n_labels - len(self.label)
        if n_new > 0:
            self.label = nn.Parameter(torch.cat([self.label.data, self.label.data[:1].expand(n_new, -1)]))
