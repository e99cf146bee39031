"""What can be chosen for the generative model. Each function gives a plain description; the network is built from it
when its dimensions are known (see `network/decoders.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict

from spacy.util import registry

from ..errors import Errors, check_range

WORDS, GRU = "spacy-vaedie.WordDecoder.v1", "spacy-vaedie.GRUDecoder.v1"
BAG = "spacy-vaedie.BagOfWordsDecoder.v1"
# Which decoders can do what, for the errors that name them.
CAN_WRITE = (GRU,)
CAN_RECONSTRUCT = (WORDS, GRU)
CAN_NAME_WORDS = (BAG,)


@dataclass(frozen=True)
class DecoderConfig:
    """A generative model before it is built.

    name (str): Its registered name.
    kind (str): Its name among the networks.
    reads_tokens (bool): Whether it reads the latents of tokens. One that does not leaves them untrained, so there are
        none.
    wants_frequencies (bool): Whether it starts from the frequencies of the words.
    settings (Dict[str, Any]): Settings of the network, of types that JSON knows.
    """

    name: str
    kind: str
    reads_tokens: bool = False
    wants_frequencies: bool = False
    settings: Dict[str, Any] = field(default_factory=dict)


@registry.architectures("spacy-vaedie.WordDecoder.v1")
def build_word_decoder(width: int = 192) -> DecoderConfig:
    """p(x_t | z_t, z_d): each word from its own latent and that of the text, independent of the other words.

    width (int): Width of the hidden layer.
    RETURNS (DecoderConfig): The description.
    RAISES (ValueError): VE107 for a width below 1.
    """
    check_range(WORDS, 1, width=width)
    return DecoderConfig(WORDS, "words", reads_tokens=True, settings={"width": width})


@registry.architectures("spacy-vaedie.GRUDecoder.v1")
def build_gru_decoder(width: int = 256, embed_width: int = 128, word_dropout: float = 0.3) -> DecoderConfig:
    """p(x_t | x_<t, z_d): a recurrent language model that reads the text's latent at every step (Bowman et al. 2016).
    It can write texts. There are no latents of tokens with it.

    width (int): Width of the recurrent state.
    embed_width (int): Width of the words' embedding, shared by input and output.
    word_dropout (float): Share of the words that it does not see of what it has written, in training. The more are
        hidden, the more it asks the latent.
    RETURNS (DecoderConfig): The description.
    RAISES (ValueError): VE107 for a width below 1 or a share that is none.
    """
    check_range(GRU, 1, width=width, embed_width=embed_width)
    check_range(GRU, 0, 1, word_dropout=word_dropout)
    settings = {"width": width, "embed_width": embed_width, "word_dropout": word_dropout}
    return DecoderConfig(GRU, "gru", settings=settings)


@registry.architectures("spacy-vaedie.BagOfWordsDecoder.v1")
def build_bag_of_words_decoder() -> DecoderConfig:
    """p(w | z_d): the words of a text without their order, as a topic model. Each dimension of the text's latent is a
    topic: it makes some words likelier than they are on average (see `network/decoders.py`). There are no latents
    of tokens with it, and words outside of the vocabulary do not count.

    RETURNS (DecoderConfig): The description.
    """
    return DecoderConfig(BAG, "bag", wants_frequencies=True)


@dataclass(frozen=True)
class MeanNormConfig:
    """Batch normalisation of the means.

    scale (float): Standard deviation of each dimension's mean over the data.
    """

    scale: float


@registry.architectures("spacy-vaedie.BatchNormMeans.v1")
def build_batch_norm_means(scale: float = 0.5) -> MeanNormConfig:
    """Normalise each dimension's posterior mean over the batch to a fixed standard deviation, with a learned shift. The
    KL divergence cannot vanish then: it stays above scale^2 / 2 a dimension (Zhu et al. 2020, "A Batch Normalized
    Inference Network Keeps the KL Vanishing Away").

    scale (float): Standard deviation of each dimension, gamma in the paper.
    RETURNS (MeanNormConfig): The description.
    RAISES (ValueError): VE107 for a scale that is not above 0.
    """
    if scale <= 0:
        owner = "spacy-vaedie.BatchNormMeans.v1"
        raise ValueError(Errors.VE107.format(setting="scale", value=scale, must="above 0", owner=owner))
    return MeanNormConfig(scale)
