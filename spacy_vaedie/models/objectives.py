"""What the autoencoder is trained and evaluated by. Each is a registered piece of the config; the sums themselves are
taken in `network/objective.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Protocol

from spacy.util import registry

from ..errors import check_range

# Steps from which on every schedule has come to its end.
FINAL_STEP = 2**31


@dataclass(frozen=True)
class Objective:
    """Settings of the evidence lower bound for one batch.

    kl_weight (float): Weight of the KL divergence.
    free_bits (float): Nats that each latent dimension may cost for nothing.
    seed (Optional[int]): Seed of corruption and samples, None to go on with the global one.
    latents (str): `sampled` from the posterior, `mean` for its means, `none` for zeros that cost nothing.
    """

    kl_weight: float
    free_bits: float
    seed: Optional[int] = None
    latents: str = "sampled"


class TrainingObjective(Protocol):
    """What `vae_encoder` is trained by."""

    @property
    def latents(self) -> str:
        """Where the decoder's latents come from in the end: `sampled` or `none`."""

    @property
    def reset_step(self) -> int:
        """Number of updates after which the decoder gets new weights, 0 for never."""

    def at(self, step: int, seed: Optional[int] = None) -> Objective:
        """RETURNS (Objective): The settings after a number of updates."""


@dataclass(frozen=True)
class FreeBits:
    """Nats that each latent dimension may cost for nothing, see `free_bits`."""

    nats: float


@dataclass(frozen=True)
class AutoencoderWarmup:
    """Updates without noise and KL, see `autoencoder_warmup`."""

    steps: int
    reset_decoder: bool


@dataclass(frozen=True)
class ELBO:
    """The evidence lower bound, see `elbo`."""

    kl_weight: Callable[[int], float]
    free_bits: Optional[FreeBits] = None
    warmup: Optional[AutoencoderWarmup] = None

    latents = "sampled"

    @property
    def reset_step(self) -> int:
        """Number of updates after which the decoder gets new weights, 0 for never."""
        return self.warmup.steps if self.warmup is not None and self.warmup.reset_decoder else 0

    def at(self, step: int, seed: Optional[int] = None) -> Objective:
        """RETURNS (Objective): The settings after a number of updates."""
        n_warmup = 0 if self.warmup is None else self.warmup.steps
        if step < n_warmup:
            return Objective(kl_weight=0.0, free_bits=0.0, seed=seed, latents="mean")
        nats = 0.0 if self.free_bits is None else self.free_bits.nats
        return Objective(kl_weight=self.kl_weight(step - n_warmup), free_bits=nats, seed=seed)


@dataclass(frozen=True)
class LanguageModel:
    """No latents at all, see `language_model`."""

    latents = "none"
    reset_step = 0

    def at(self, step: int, seed: Optional[int] = None) -> Objective:
        """RETURNS (Objective): The settings after a number of updates."""
        return Objective(kl_weight=0.0, free_bits=0.0, seed=seed, latents="none")


@dataclass(frozen=True)
class ImportanceWeighted:
    """How held-out text is evaluated, see `importance_weighted`."""

    samples: int
    max_docs: int


@registry.misc("spacy-vaedie.ELBO.v1")
def elbo(
    kl_weight: Callable[[int], float],
    free_bits: Optional[FreeBits] = None,
    warmup: Optional[AutoencoderWarmup] = None,
) -> ELBO:
    """The evidence lower bound, log p(x) >= E_q[log p(x|z)] - beta KL(q(z|x) || p(z)) (Kingma and Welling 2014; beta
    as in Higgins et al. 2017).

    kl_weight (Callable[[int], float]): Beta, by the number of updates so far.
    free_bits (Optional[FreeBits]): What each dimension may cost for nothing.
    warmup (Optional[AutoencoderWarmup]): Updates as a plain autoencoder before the bound.
    RETURNS (ELBO): The objective.
    """
    return ELBO(kl_weight, free_bits, warmup)


@registry.misc("spacy-vaedie.LanguageModel.v1")
def language_model() -> LanguageModel:
    """Train the decoder alone, with latents of zero: a plain language model, which a VAE is compared with.

    RETURNS (LanguageModel): The objective.
    """
    return LanguageModel()


@registry.misc("spacy-vaedie.FreeBits.v1")
def free_bits(nats: float = 0.25) -> FreeBits:
    """Let each latent dimension cost some nats for nothing, on average over a batch, so that it is not pushed down to
    the prior before it says something (Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive
    Flow", section C.8).

    nats (float): Nats a dimension, 0.25 to 0.5 are usual.
    RETURNS (FreeBits): The setting.
    RAISES (ValueError): VE107 for a negative number.
    """
    check_range("spacy-vaedie.FreeBits.v1", 0, nats=nats)
    return FreeBits(nats)


@registry.misc("spacy-vaedie.AutoencoderWarmup.v1")
def autoencoder_warmup(steps: int = 500, reset_decoder: bool = True) -> AutoencoderWarmup:
    """Train as a plain autoencoder first: no noise, no KL. Then give the decoder new weights, so that it has to start
    from what the encoder says (Li et al. 2019, "A Surprisingly Effective Fix for Deep Latent Variable Modeling of
    Text"). Schedules of the KL weight start after it.

    steps (int): Updates as an autoencoder.
    reset_decoder (bool): Whether the decoder starts anew after them.
    RETURNS (AutoencoderWarmup): The setting.
    RAISES (ValueError): VE107 for a negative number.
    """
    check_range("spacy-vaedie.AutoencoderWarmup.v1", 0, steps=steps)
    return AutoencoderWarmup(steps, reset_decoder)


@registry.misc("spacy-vaedie.ImportanceWeighted.v1")
def importance_weighted(samples: int = 50, max_docs: int = 500) -> ImportanceWeighted:
    """Evaluate held-out text by the importance-weighted bound (Burda et al. 2016), which comes the closer to the
    likelihood the more samples are drawn.

    samples (int): How often the latents of each text are drawn.
    max_docs (int): At most this many held-out texts are evaluated, the first ones. 0 for all.
    RETURNS (ImportanceWeighted): The setting.
    RAISES (ValueError): VE107 for less than one sample, or a negative number of texts.
    """
    owner = "spacy-vaedie.ImportanceWeighted.v1"
    check_range(owner, 1, samples=samples)
    check_range(owner, 0, max_docs=max_docs)
    return ImportanceWeighted(samples, max_docs)
