"""The generative term for pairs of nouns: both nouns, and the words between them, from a latent of the pair."""

from __future__ import annotations

from typing import Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..noun_pairs import NounPairs
from .encoder import Posterior, sample
from .pair_parts import as_tensor, bag


def read_tokens(states: Tensor, pairs: NounPairs) -> Tensor:
    """The states of both tokens of each pair, and the means of those on the path, between and around.

    *Shape:* (n_tokens, width) to (n_pairs, 5 * width)
    """
    ends = [states[as_tensor(rows, states)] for rows in (pairs.heads, pairs.tails)]
    return torch.cat([*ends, *(bag(states, rows, "mean") for rows in pairs.context)], dim=1)


class PairTerm(nn.Module):
    """q(z_p | h) and p(head, tail, words between | z_p), see `spacy-vaedie.PairTerm.v1`.

    n_in (int): Width of the hidden states.
    n_words (int): Size of the vocabulary, the unknown word included.
    width (int): Width of the hidden layers.
    latent_width (int): Dimensions of a pair's latent.
    masked (float): Share of the pairs whose two nouns are hidden.
    weight (float): Weight of the term.
    """

    def __init__(self, *, n_in: int, n_words: int, width: int, latent_width: int, masked: float, weight: float) -> None:
        super().__init__()
        self.masked, self.weight = masked, weight
        self.reduce = nn.Linear(5 * n_in, width)
        self.norm = nn.LayerNorm(width)
        self.posterior = Posterior(width, latent_width)
        self._decoder = {"latent_width": latent_width, "n_words": n_words, "width": width}
        self.reset_decoder()

    def reset_decoder(self) -> None:
        """Give the generative model new weights."""
        self.decoder = PairDecoder(**self._decoder).to(self.norm.weight.device)

    def hide(self, pairs: NounPairs, hidden: Tensor, generator: Optional[torch.Generator]) -> Tensor:
        """Hide the nouns of some pairs, too.

        pairs (NounPairs): The pairs.
        hidden (Tensor): Whether each token is hidden. *Shape:* (n_tokens,)
        generator (Optional[torch.Generator]): Source of random numbers.
        RETURNS (Tensor): *Shape:* (n_tokens,)
        """
        draws = torch.rand(len(pairs.heads), generator=generator, device=hidden.device) < self.masked
        found = hidden.clone()
        for rows in (pairs.heads, pairs.tails):
            found[as_tensor(rows, hidden)[draws]] = True
        return found

    def infer(self, states: Tensor, pairs: NounPairs, dropout: float) -> Tuple[Tensor, Tensor]:
        """Mean and log-variance of each pair's latent. *Shape:* (n_tokens, n_in) to twice (n_pairs, latent_width)"""
        read = F.dropout(read_tokens(states, pairs), dropout, self.training)
        found: Tuple[Tensor, Tensor] = self.posterior(self.norm(F.gelu(self.reduce(read))))
        return found

    def forward(
        self,
        states: Tensor,
        pairs: NounPairs,
        words: Tensor,
        *,
        dropout: float = 0.0,
        sampled: bool = True,
        generator: Optional[torch.Generator] = None,
    ) -> Tuple[Tensor, Tensor, Tensor, int]:
        """Explain the pairs.

        states (Tensor): Hidden states of the corrupted text. *Shape:* (n_tokens, n_in)
        pairs (NounPairs): The pairs.
        words (Tensor): Row of each token's word in the vocabulary. *Shape:* (n_tokens,)
        dropout (float): Dropout rate.
        sampled (bool): Whether latents are drawn; their means are taken otherwise.
        generator (Optional[torch.Generator]): Source of random numbers.
        RETURNS (Tuple[Tensor, Tensor, Tensor, int]): Sum of the words' log-likelihoods, in nats, mean and log-variance
            of the latents, and the number of words.
        """
        mean, log_variance = self.infer(states, pairs, dropout)
        latents = sample(mean, log_variance, generator) if sampled else mean
        likelihoods = self.decoder(latents, pairs, words)
        return likelihoods.sum(), mean, log_variance, len(likelihoods)


class PairDecoder(nn.Module):
    """p(head | z_p) p(tail | z_p) prod_w p(w | z_p): three hidden layers in front of one softmax over the words.

    latent_width (int): Dimensions of a pair's latent.
    n_words (int): Size of the vocabulary, the unknown word included.
    width (int): Width of the hidden layers.
    """

    def __init__(self, *, latent_width: int, n_words: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(latent_width, width) for _ in ("head", "tail", "words"))
        self.norm = nn.LayerNorm(width)
        self.words = nn.Linear(width, n_words)

    def forward(self, latents: Tensor, pairs: NounPairs, words: Tensor) -> Tensor:
        """Log-likelihoods: of the heads, of the tails, and of the words between them.

        latents (Tensor): *Shape:* (n_pairs, latent_width)
        pairs (NounPairs): The pairs.
        words (Tensor): Row of each token's word in the vocabulary. *Shape:* (n_tokens,)
        RETURNS (Tensor): *Shape:* (2 * n_pairs + n_words,)
        """
        every = torch.arange(len(latents), device=latents.device)
        found = []
        asked = ((every, pairs.heads), (every, pairs.tails), (as_tensor(pairs.owners, latents), pairs.words))
        for layer, (owners, rows) in zip(self.hidden, asked, strict=True):
            scores = F.log_softmax(self.words(self.norm(F.gelu(layer(latents)))), dim=1)
            found.append(scores[owners, words[as_tensor(rows, words)]])
        return torch.cat(found)
