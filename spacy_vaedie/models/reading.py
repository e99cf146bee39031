"""What components that listen to the VAE read while they are trained."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.util import registry

from ..errors import check_range


@dataclass(frozen=True)
class NoisyReading:
    """See `build_noisy_reading`."""

    sampled: bool
    masked: float


@registry.architectures("spacy-vaedie.NoisyReading.v1")
def build_noisy_reading(sampled: bool = True, masked: float = 0.0) -> NoisyReading:
    """Let components that listen be trained on noisy latents: drawn from the posterior in place of its means, read from
    a text of which some words are hidden, or both. Predictions read the means of the clean text, as ever.

    sampled (bool): Whether the latents of tokens are drawn.
    masked (float): Share of the words that are hidden.
    RETURNS (NoisyReading): The description.
    RAISES (ValueError): VE107 for a share that is none.
    """
    check_range("spacy-vaedie.NoisyReading.v1", 0, 1, masked=masked)
    return NoisyReading(sampled, masked)
