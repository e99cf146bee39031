"""The variational autoencoder and its objective, the evidence lower bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...tokens.dependency import Parse
from .decoders import TokenDecoder
from .encoder import Graph, ParseEncoder, Posterior, pool_docs, sample


@dataclass(frozen=True)
class Bound:
    """What the evidence lower bound of a batch is computed from.

    targets (Any): Row of each token's word in the vocabulary, 0 for an unknown one. *Shape:* (n_tokens,)
    kl_weight (float): Weight of the KL divergence (beta of Higgins et al. 2017); 1 gives the bound itself.
    free_bits (float): Nats that each dimension may cost for nothing (Kingma et al. 2016).
    seed (Optional[int]): Seed of corruption and samples, for a figure that is the same each time.
    """

    targets: Any
    kl_weight: float
    free_bits: float
    seed: Optional[int] = None


class VAENetwork(nn.Module):
    """Inference model q(z_t|x), q(z_d|x) and generative model p(x_t|z_t, z_d).

    The input is corrupted, the targets are not: a denoising bound (Im et al. 2017). Some tokens are chosen; most of
    them are hidden behind a mask, the rest stays as it is, so that the posterior of a visible word is trained too.
    Reconstruction and KL are taken at the chosen tokens only, which keeps the softmax small and estimates the bound
    of all tokens without bias.

    word_width (int): Width of the words' embedding, the part that the mask hides.
    syntax_width (int): Width of the embedded parts of speech and dependency labels, which stay visible.
    n_words (int): Size of the vocabulary.
    latent_width (int), doc_latent_width (int): Dimensions of the two latents.
    corruption (float): Share of the tokens that are chosen.
    masked (float): Share of the chosen tokens that are hidden.
    encoder (int): Settings of the ParseEncoder.
    """

    def __init__(
        self,
        *,
        word_width: int,
        syntax_width: int,
        n_words: int,
        latent_width: int,
        doc_latent_width: int,
        corruption: float,
        masked: float,
        **encoder: int,
    ) -> None:
        super().__init__()
        width = encoder["width"]
        self.corruption, self.masked = corruption, masked
        self.encoder = ParseEncoder(word_width + syntax_width, **encoder)
        self.posterior = Posterior(width, latent_width)
        self.doc_posterior = Posterior(width, doc_latent_width)
        self.decoder = TokenDecoder(latent_width, doc_latent_width, width, n_words)
        self.mask = nn.Parameter(torch.zeros(word_width))

    def forward(
        self,
        words: Tensor,
        syntax: Tensor,
        parse: Parse,
        *,
        dropout: float = 0.0,
        read: bool = True,
        bound: Optional[Bound] = None,
    ) -> Dict[str, Tensor]:
        """Read the posterior from the clean text, compute the bound from a corrupted one, or both.

        words (Tensor): *Shape:* (n_tokens, word_width)
        syntax (Tensor): *Shape:* (n_tokens, syntax_width)
        parse (Parse): The batch.
        dropout (float): Dropout rate.
        read (bool): Whether the posterior is wanted.
        bound (Optional[Bound]): Settings of the bound, None where it is not wanted.
        RETURNS (Dict[str, Tensor]): The posterior as `mean`, `log_variance`, `hidden`, `doc_mean`,
            `doc_log_variance`; the bound as `loss`, `reconstruction`, `kl` and `doc_kl`, all in nats a token.
        """
        graph = Graph(parse, words.device)
        outputs: Dict[str, Tensor] = {}
        if read:
            hidden, token, doc = self._infer(words, syntax, graph, dropout)
            outputs.update(
                hidden=hidden, mean=token[0], log_variance=token[1], doc_mean=doc[0], doc_log_variance=doc[1]
            )
        if bound is not None:
            outputs.update(self._bound(words, syntax, graph, dropout, bound))
        return outputs

    def _infer(
        self, words: Tensor, syntax: Tensor, graph: Graph, dropout: float
    ) -> Tuple[Tensor, Tuple[Tensor, Tensor], Tuple[Tensor, Tensor]]:
        hidden = self.encoder(torch.cat([words, syntax], dim=1), graph, dropout)
        return hidden, self.posterior(hidden), self.doc_posterior(pool_docs(hidden, graph))

    def _bound(self, words: Tensor, syntax: Tensor, graph: Graph, dropout: float, bound: Bound) -> Dict[str, Tensor]:
        generator = None
        if bound.seed is not None:
            generator = torch.Generator(device=words.device).manual_seed(bound.seed)
        chosen, hidden_words = choose_tokens(len(words), self.corruption, self.masked, words.device, generator)
        corrupted = torch.where(hidden_words.unsqueeze(1), self.mask, words)
        _, (mean, log_variance), (doc_mean, doc_log_variance) = self._infer(corrupted, syntax, graph, dropout)
        z = sample(mean[chosen], log_variance[chosen], generator)
        z_doc = sample(doc_mean, doc_log_variance, generator)[graph.doc_index[chosen]]
        targets = torch.as_tensor(bound.targets, device=words.device)[chosen]
        reconstruction = F.cross_entropy(self.decoder(z, z_doc), targets)
        kl = kl_divergence(mean[chosen], log_variance[chosen]).mean(dim=0)
        # The text's latent is paid for once, by all of its tokens together.
        filled = graph.doc_lengths > 0
        doc_share = filled.sum() / max(len(words), 1)
        doc_kl = kl_divergence(doc_mean[filled], doc_log_variance[filled]).mean(dim=0)
        penalty = floor_kl(kl, bound.free_bits) + floor_kl(doc_kl, bound.free_bits) * doc_share
        return {
            "loss": reconstruction + bound.kl_weight * penalty,
            "reconstruction": reconstruction.detach(),
            "kl": kl.sum().detach(),
            "doc_kl": (doc_kl.sum() * doc_share).detach(),
        }


def choose_tokens(
    n_tokens: int,
    corruption: float,
    masked: float,
    device: torch.device,
    generator: Optional[torch.Generator] = None,
) -> Tuple[Tensor, Tensor]:
    """Choose tokens to reconstruct, at least one.

    n_tokens (int): Tokens of the batch.
    corruption (float): Share of them that are chosen.
    masked (float): Share of the chosen ones that are hidden.
    device (torch.device): Where the network lies.
    generator (Optional[torch.Generator]): Source of random numbers.
    RETURNS (Tuple[Tensor, Tensor]): Rows of the chosen tokens, *Shape:* (n_chosen,), and whether each token is
        hidden, *Shape:* (n_tokens,)
    """
    draws = torch.rand((2, n_tokens), generator=generator, device=device)
    is_chosen = draws[0] < corruption
    is_chosen[draws[0].argmin()] = True
    return is_chosen.nonzero().squeeze(1), is_chosen & (draws[1] < masked)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q || p) of a diagonal Gaussian from the standard normal prior, in nats a dimension (Kingma and Welling 2014,
    appendix B). *Shape:* (n, latent_width)
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance)


def floor_kl(kl: Tensor, free_bits: float) -> Tensor:
    """Sum the KL over the dimensions, none of them counted as less than `free_bits` (Kingma et al. 2016).

    kl (Tensor): Mean KL of each dimension over a batch. *Shape:* (latent_width,)
    free_bits (float): Nats a dimension.
    RETURNS (Tensor): *Shape:* ()
    """
    return kl.clamp(min=free_bits).sum()
