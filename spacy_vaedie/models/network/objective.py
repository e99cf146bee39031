"""The variational autoencoder and its objective, the evidence lower bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn

from ...tokens.dependency import Parse
from ..noun_pairs import NounPairs
from ..reading import NoisyReading
from .decoders import BagOfWordsDecoder, Decoder, GRUDecoder, Sample, WordDecoder, build_decoder
from .encoder import Graph, ParseEncoder, Posterior, pool_docs, sample
from .pair_term import PairTerm

Gaussian = Tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Bound:
    """What the evidence lower bound of a batch is computed from.

    targets (Any): Row of each token's word in the vocabulary, 0 for an unknown one. *Shape:* (n_tokens,)
    kl_weight (float): Weight of the KL divergence (beta of Higgins et al. 2017); 1 gives the bound itself.
    free_bits (float): Nats that each dimension may cost for nothing (Kingma et al. 2016).
    seed (Optional[int]): Seed of corruption and samples, for a figure that is the same each time.
    latents (str): `sampled`: drawn from the posterior. `mean`: its means, as in an autoencoder without noise. `none`:
        zeros, at no cost, so that the decoder is a plain language model.
    pairs (Optional[NounPairs]): What the term for pairs explains, None to leave it out.
    """

    targets: Any
    kl_weight: float
    free_bits: float
    seed: Optional[int] = None
    latents: str = "sampled"
    pairs: Optional[NounPairs] = None


@dataclass(frozen=True)
class Importance:
    """What the importance-weighted bound of a batch is computed from.

    targets (Any): Row of each token's word in the vocabulary, 0 for an unknown one. *Shape:* (n_tokens,)
    samples (int): How often the latents are drawn.
    seed (int): Seed of the samples.
    latents (str): As in `Bound`.
    """

    targets: Any
    samples: int
    seed: int
    latents: str = "sampled"


class VAENetwork(nn.Module):
    """Inference model q(z_t|x), q(z_d|x) and generative model p(x|z).

    The input may be corrupted, the targets are not: a denoising bound (Im et al. 2017). Some tokens are chosen; most of
    them are hidden behind a mask, the rest stays as it is, so that the posterior of a visible word is trained too.
    A decoder that reads the tokens' latents reconstructs the chosen tokens only, and their KL is taken there, which
    keeps the softmax small and estimates the bound of all tokens without bias. The other decoders reconstruct the whole
    text from its latent; then there are no latents of tokens.

    word_width (int): Width of the words' embedding, the part that the mask hides.
    syntax_width (int): Width of the embedded parts of speech and dependency labels, which stay visible.
    n_words (int): Size of the vocabulary.
    latent_width (int), doc_latent_width (int): Dimensions of the two latents, 0 for no latents of tokens.
    corruption (float): Share of the tokens that are chosen.
    masked (float): Share of the chosen tokens that are hidden.
    decoder (Dict[str, Any]): Name of the decoder as `kind`, and its settings.
    mean_scale (Optional[float]): See `Posterior`.
    pairs (Optional[Dict[str, Any]]): Settings of the `PairTerm`, None for a network without one.
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
        decoder: Dict[str, Any],
        mean_scale: Optional[float] = None,
        pairs: Optional[Dict[str, Any]] = None,
        **encoder: int,
    ) -> None:
        super().__init__()
        width = encoder["width"]
        self.corruption, self.masked = corruption, masked
        self.latent_width, self.doc_latent_width, self.n_words = latent_width, doc_latent_width, n_words
        self.encoder = ParseEncoder(word_width + syntax_width, **encoder)
        self.posterior = Posterior(width, latent_width, mean_scale) if latent_width else None
        self.doc_posterior = Posterior(width, doc_latent_width, mean_scale)
        self._decoder = decoder
        self.decoder = self._new_decoder()
        self.mask = nn.Parameter(torch.zeros(word_width))
        self.pairs = None if pairs is None else PairTerm(n_in=width, n_words=n_words, **pairs)

    def _new_decoder(self) -> Decoder:
        settings = {name: value for name, value in self._decoder.items() if name != "kind"}
        return build_decoder(
            self._decoder["kind"],
            settings,
            self.latent_width,
            doc_latent_width=self.doc_latent_width,
            n_words=self.n_words,
        )

    def reset_decoder(self) -> None:
        """Give the decoder new weights."""
        device = self.mask.device
        self.decoder = self._new_decoder().to(device)
        if self.pairs is not None:
            self.pairs.reset_decoder()

    def forward(
        self,
        words: Tensor,
        syntax: Tensor,
        parse: Parse,
        *,
        dropout: float = 0.0,
        read: bool = True,
        noise: Optional[NoisyReading] = None,
        bound: Optional[Bound] = None,
        importance: Optional[Importance] = None,
    ) -> Dict[str, Tensor]:
        """Read the posterior from the clean text, compute the bound from a corrupted one, or both.

        words (Tensor): *Shape:* (n_tokens, word_width)
        syntax (Tensor): *Shape:* (n_tokens, syntax_width)
        parse (Parse): The batch.
        dropout (float): Dropout rate.
        read (bool): Whether the posterior is wanted.
        noise (Optional[NoisyReading]): What is done to it; `mean` is a sample then. None to leave it clean.
        bound (Optional[Bound]): Settings of the bound, None where it is not wanted.
        importance (Optional[Importance]): Settings of the importance-weighted bound, None where it is not wanted.
        RETURNS (Dict[str, Tensor]): The posterior as `mean`, `log_variance`, `hidden`, `doc_mean`,
            `doc_log_variance`; the bound as `loss`, `reconstruction`, `kl` and `doc_kl`, all in nats a prediction
            (a token, but for what `Decoder.units` says), and the number of predictions as `n_units`; the
            importance-weighted bound of each text as `log_likelihood`, in nats, and as `units` what it is a sum over.
        """
        graph = Graph(parse, words.device)
        outputs: Dict[str, Tensor] = {}
        if read:
            seen = words if noise is None else self._hide(words, noise.masked)
            hidden, token, doc = self.infer(seen, syntax, graph, dropout)
            mean = sample(*token, None) if noise is not None and noise.sampled else token[0]
            outputs.update(hidden=hidden, mean=mean, log_variance=token[1], doc_mean=doc[0], doc_log_variance=doc[1])
        if bound is not None:
            outputs.update(self._bound(words, syntax, graph, dropout, bound))
        if importance is not None:
            outputs.update(self._importance(words, syntax, graph, importance))
        return outputs

    def infer(self, words: Tensor, syntax: Tensor, graph: Graph, dropout: float) -> Tuple[Tensor, Gaussian, Gaussian]:
        """Hidden states, and mean and log-variance of the tokens' and of the texts' latents."""
        hidden = self.encoder(torch.cat([words, syntax], dim=1), graph, dropout)
        nothing = hidden.new_zeros((len(hidden), 0))
        token = (nothing, nothing) if self.posterior is None else self.posterior(hidden)
        return hidden, token, self.doc_posterior(pool_docs(hidden, graph))

    def _hide(self, words: Tensor, share: float) -> Tensor:
        hidden = torch.rand((len(words), 1), device=words.device) < share
        return torch.where(hidden, self.mask, words)

    def _bound(self, words: Tensor, syntax: Tensor, graph: Graph, dropout: float, bound: Bound) -> Dict[str, Tensor]:
        targets = torch.as_tensor(bound.targets, device=words.device)
        generator = None
        if bound.seed is not None:
            generator = torch.Generator(device=words.device).manual_seed(bound.seed)
        chosen, hidden_words = choose_tokens(len(words), self.corruption, self.masked, words.device, generator)
        rows = chosen if self.decoder.reads_tokens else torch.arange(len(words), device=words.device)
        units = self.decoder.units(targets, graph)
        n_units, n_explained = units.sum().clamp(min=1), units[rows].sum().clamp(min=1)
        if bound.latents == "none":
            latents = self._no_latents(words, graph, rows)
            reconstruction = -self.decoder(targets, latents, graph, rows, dropout).sum() / n_explained
            zero = torch.zeros_like(reconstruction.detach())
            found = {"loss": reconstruction, "reconstruction": reconstruction.detach(), "kl": zero, "doc_kl": zero}
            return {**found, "n_units": n_units}
        if self.pairs is not None and bound.pairs is not None:
            hidden_words = self.pairs.hide(bound.pairs, hidden_words, generator)
        corrupted = torch.where(hidden_words.unsqueeze(1), self.mask, words)
        states, (mean, log_variance), doc = self.infer(corrupted, syntax, graph, dropout)
        token = (mean[rows], log_variance[rows])
        latents = self._draw(token, doc, generator) if bound.latents == "sampled" else Sample(token[0], doc[0])
        reconstruction = -self.decoder(targets, latents, graph, rows, dropout).sum() / n_explained
        kl = kl_divergence(*token).mean(dim=0)
        # The text's latent is paid for once, by all of its tokens together.
        filled = graph.doc_lengths > 0
        doc_share = filled.sum() / n_units
        doc_kl = kl_divergence(doc[0][filled], doc[1][filled]).mean(dim=0)
        penalty = floor_kl(kl, bound.free_bits) + floor_kl(doc_kl, bound.free_bits) * doc_share
        return {
            "loss": reconstruction
            + bound.kl_weight * penalty
            + self._pair_loss(states, targets, bound, dropout, generator),
            "reconstruction": reconstruction.detach(),
            "kl": kl.sum().detach(),
            "doc_kl": (doc_kl.sum() * doc_share).detach(),
            "n_units": n_units,
        }

    def _pair_loss(
        self, states: Tensor, targets: Tensor, bound: Bound, dropout: float, generator: Optional[torch.Generator]
    ) -> Tensor:
        """The negative bound of the pairs, in nats a prediction, weighted. 0 where there is none."""
        if self.pairs is None or bound.pairs is None or not len(bound.pairs.heads):
            return states.new_zeros(())
        sampled = bound.latents == "sampled"
        likelihood, mean, log_variance, n_words = self.pairs(
            states, bound.pairs, targets, dropout=dropout, sampled=sampled, generator=generator
        )
        kl = floor_kl(kl_divergence(mean, log_variance).mean(dim=0), bound.free_bits)
        loss: Tensor = self.pairs.weight * (bound.kl_weight * kl * len(mean) - likelihood) / n_words
        return loss

    def _importance(self, words: Tensor, syntax: Tensor, graph: Graph, importance: Importance) -> Dict[str, Tensor]:
        """log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x) of each clean text (Burda et al. 2016, equation 8)."""
        targets = torch.as_tensor(importance.targets, device=words.device)
        generator = torch.Generator(device=words.device).manual_seed(importance.seed)
        rows = torch.arange(len(words), device=words.device)
        units = graph.sum_docs(self.decoder.units(targets, graph).to(words.dtype))
        if importance.latents == "none":
            latents = self._no_latents(words, graph, rows)
            return {"log_likelihood": graph.sum_docs(self.decoder(targets, latents, graph, rows)), "units": units}
        _, token, doc = self.infer(words, syntax, graph, 0.0)
        weights = []
        for _ in range(importance.samples):
            latents = self._draw(token, doc, generator)
            weight = self.decoder(targets, latents, graph, rows)
            if latents.tokens is not None:
                weight = weight + log_ratio(latents.tokens, *token)
            weights.append(graph.sum_docs(weight) + log_ratio(latents.docs, *doc))
        log_likelihood = torch.logsumexp(torch.stack(weights), dim=0) - math.log(importance.samples)
        return {"log_likelihood": torch.where(graph.doc_lengths > 0, log_likelihood, 0.0), "units": units}

    def _draw(self, token: Gaussian, doc: Gaussian, generator: Optional[torch.Generator]) -> Sample:
        tokens = sample(*token, generator) if self.decoder.reads_tokens else None
        return Sample(tokens, sample(*doc, generator))

    def _no_latents(self, words: Tensor, graph: Graph, rows: Tensor) -> Sample:
        return Sample(
            words.new_zeros((len(rows), self.latent_width)), words.new_zeros((graph.n_docs, self.doc_latent_width))
        )

    @torch.no_grad()
    def write(self, docs: Any, *, max_length: int, temperature: float, seed: Optional[int] = None) -> List[List[int]]:
        """Write texts from latents, see `GRUDecoder.generate`.

        docs (Any): *Shape:* (n, doc_latent_width)
        RETURNS (List[List[int]]): Rows of the words of each text.
        """
        assert isinstance(self.decoder, GRUDecoder)
        self.eval()
        latents = torch.as_tensor(docs, device=self.mask.device)
        generator = None if seed is None else torch.Generator(device=latents.device).manual_seed(seed)
        return self.decoder.generate(latents, max_length, temperature, generator)

    @torch.no_grad()
    def reconstruct_tokens(self, tokens: Any, docs: Any) -> Any:
        """The most likely word of each token that is not the unknown one.

        tokens (Any): Latents. *Shape:* (n_tokens, latent_width)
        docs (Any): Latent of each token's text. *Shape:* (n_tokens, doc_latent_width)
        RETURNS (Any): Rows of the words, as NumPy. *Shape:* (n_tokens,)
        """
        assert isinstance(self.decoder, WordDecoder)
        self.eval()
        device = self.mask.device
        logits = self.decoder.logits(torch.as_tensor(tokens, device=device), torch.as_tensor(docs, device=device))
        return (logits[:, 1:].argmax(dim=1) + 1).cpu().numpy()

    @torch.no_grad()
    def dimension_words(self) -> Any:
        """See `BagOfWordsDecoder.dimension_words`. RETURNS (Any): NumPy. *Shape:* (doc_latent_width, n_words - 1)"""
        assert isinstance(self.decoder, BagOfWordsDecoder)
        return self.decoder.dimension_words().cpu().numpy()


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


def log_ratio(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log p(z) - log q(z) of a standard normal prior and a diagonal Gaussian. *Shape:* (n, latent_width) to (n,)"""
    squares = (z - mean) ** 2 / log_variance.exp()
    return 0.5 * (squares + log_variance - z**2).sum(dim=1)


def floor_kl(kl: Tensor, free_bits: float) -> Tensor:
    """Sum the KL over the dimensions, none of them counted as less than `free_bits` (Kingma et al. 2016).

    kl (Tensor): Mean KL of each dimension over a batch. *Shape:* (latent_width,)
    free_bits (float): Nats a dimension.
    RETURNS (Tensor): *Shape:* ()
    """
    return kl.clamp(min=free_bits).sum()
