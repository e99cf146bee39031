"""The variational autoencoder as a Thinc model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import LOWER
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d, FloatsXd

from ..errors import check_range
from ..tokens.dependency import read_parse
from .decoders import DecoderConfig, MeanNormConfig, build_word_decoder
from .embed import embed_docs, initialize_embed, split_rows, syntax_embed
from .noun_pairs import PairTermConfig, draw_noun_pairs
from .objectives import Objective
from .reading import NoisyReading

Posterior = Dict[str, FloatsXd]


@dataclass(frozen=True)
class Evaluation:
    """Settings of the importance-weighted bound for one batch.

    samples (int): How often the latents are drawn.
    seed (int): Seed of the samples.
    latents (str): As in `Objective`.
    """

    samples: int
    seed: int = 0
    latents: str = "sampled"


@dataclass(frozen=True)
class VAEBatch:
    """Input of the model: what is wanted of which Docs.

    docs (List[Doc]): The batch.
    read (bool): Whether the posterior of the clean text is wanted.
    objective (Optional[Objective]): Settings of the bound, None where it is not wanted.
    importance (Optional[Evaluation]): Settings of the importance-weighted bound, None where it is not wanted.
    """

    docs: List[Doc]
    read: bool = True
    objective: Optional[Objective] = None
    importance: Optional[Evaluation] = None


VAE: TypeAlias = Model[VAEBatch, Posterior]


@registry.architectures("spacy-vaedie.VAE.v1")
def build_vae(
    embed: Model[List[Doc], List[Floats2d]],
    width: int = 192,
    latent_width: int = 96,
    doc_latent_width: int = 32,
    window_layers: int = 2,
    parse_layers: int = 2,
    maxout_pieces: int = 3,
    syntax_width: int = 64,
    corruption: float = 0.3,
    masked: float = 0.8,
    decoder: Optional[DecoderConfig] = None,
    normalize_means: Optional[MeanNormConfig] = None,
    pairs: Optional[PairTermConfig] = None,
    reading: Optional[NoisyReading] = None,
) -> VAE:
    """A variational autoencoder over parsed text, with a latent for each token and one for the text.

    embed (Model[List[Doc], List[Floats2d]]): Embeds words; any such layer of spaCy's registry.
    width (int): Width of the hidden states.
    latent_width (int): Dimensions of a token's latent.
    doc_latent_width (int): Dimensions of the text's latent.
    window_layers (int): Layers that read the neighbours.
    parse_layers (int): Layers that read head and children.
    maxout_pieces (int): Pieces of each maxout layer.
    syntax_width (int): Width of the embedded part of speech and dependency label.
    corruption (float): Share of the tokens that are chosen in training, those that are reconstructed where the decoder
        reads the latents of tokens.
    masked (float): Share of the chosen ones that the encoder does not see.
    decoder (Optional[DecoderConfig]): The generative model, None for `spacy-vaedie.WordDecoder.v1`. With one that
        explains the whole text by its latent, there are no latents of tokens.
    normalize_means (Optional[MeanNormConfig]): Batch normalisation of the means, None to leave them as they are.
    pairs (Optional[PairTermConfig]): A term for pairs of nouns beside that for the words, None for none.
    reading (Optional[NoisyReading]): What components that listen read while they are trained, None for what they read
        in prediction, too.
    RETURNS (Model[VAEBatch, Posterior]): The model. Its outputs are those of `VAENetwork.forward`.
    RAISES (ValueError): VE107 for a width or share that is out of range.
    """
    from .network.objective import VAENetwork
    from .network.shim import NetworkShim

    owner = "spacy-vaedie.VAE.v1"
    check_range(owner, 1, width=width, latent_width=latent_width, doc_latent_width=doc_latent_width)
    check_range(owner, 0, window_layers=window_layers, parse_layers=parse_layers)
    check_range(owner, 0, 1, corruption=corruption, masked=masked)
    decoder = build_word_decoder(width) if decoder is None else decoder
    latent_width = latent_width if decoder.reads_tokens else 0
    return Model(
        "vae",
        forward,
        init=init,
        layers=[embed, syntax_embed(syntax_width)],
        dims={"nO": latent_width + width},
        shims=[NetworkShim(VAENetwork)],
        attrs={
            "dropout_rate": 0.0,
            "decoder": decoder.name,
            "vocabulary": np.zeros(0, dtype="uint64"),
            "words": [],
            "frequencies": [],
            "wants_frequencies": decoder.wants_frequencies,
            "pairs_per_doc": 0 if pairs is None else pairs.per_doc,
            "reading": {} if reading is None else vars(reading),
            "settings": {
                "latent_width": latent_width,
                "doc_latent_width": doc_latent_width,
                "corruption": corruption,
                "masked": masked,
                "width": width,
                "window_layers": window_layers,
                "parse_layers": parse_layers,
                "pieces": maxout_pieces,
                "decoder": {"kind": decoder.kind, **decoder.settings},
                "mean_scale": None if normalize_means is None else normalize_means.scale,
                "pairs": None if pairs is None else pairs.network_settings,
            },
        },
    )


def init(model: VAE, X: Optional[VAEBatch] = None, Y: Optional[Any] = None) -> None:
    """Build the network when the width of the embedding and the vocabulary are known."""
    if X is not None:
        word_width, syntax_width = initialize_embed(model.layers[0], model.layers[1], X.docs)
        settings = dict(model.attrs["settings"])
        if model.attrs["wants_frequencies"]:
            settings["decoder"] = {**settings["decoder"], "frequencies": model.attrs["frequencies"]}
        n_words = len(model.attrs["vocabulary"]) + 1
        model.shims[0].build(word_width=word_width, syntax_width=syntax_width, n_words=n_words, **settings)


def forward(
    model: VAE, batch: VAEBatch, is_train: bool
) -> Tuple[Posterior, Callable[[Mapping[str, FloatsXd]], List[Doc]]]:
    """Run the network, see `VAENetwork.forward`. The callback takes gradients of some outputs by name."""
    from .network.objective import Bound, Importance

    words, syntax, bp_embed = embed_docs(model.layers[0], model.layers[1], batch.docs, is_train)
    parse = read_parse(batch.docs)
    bound = importance = None
    if batch.objective is not None or batch.importance is not None:
        targets = word_rows(model.attrs["vocabulary"], batch.docs)
        # Figures of held-out text are those of its words alone.
        per_doc = model.attrs["pairs_per_doc"] if is_train else 0
        pairs = draw_noun_pairs(parse, per_doc, np.random) if per_doc else None
        bound = None if batch.objective is None else Bound(targets, **vars(batch.objective), pairs=pairs)
        importance = None if batch.importance is None else Importance(targets, **vars(batch.importance))
    outputs, bp_network = model.shims[0].run(
        [words, syntax],
        parse,
        dropout=model.attrs["dropout_rate"] if is_train else 0.0,
        read=batch.read,
        noise=NoisyReading(**model.attrs["reading"]) if is_train and model.attrs["reading"] else None,
        bound=bound,
        importance=importance,
        is_train=is_train,
    )

    def backprop(d_outputs: Mapping[str, FloatsXd]) -> List[Doc]:
        bp_embed(*bp_network(d_outputs))
        return []

    return outputs, backprop


def token_vectors(model: VAE, posterior: Posterior, docs: List[Doc]) -> List[Floats2d]:
    """What listeners read: means beside hidden states.

    model (Model[VAEBatch, Posterior]): The model.
    posterior (Posterior): Its outputs.
    docs (List[Doc]): The batch.
    RETURNS (List[Floats2d]): *Shape:* (n_tokens, latent_width + width) for each Doc
    """
    rows = model.ops.xp.concatenate([posterior["mean"], posterior["hidden"]], axis=1)
    return split_rows(rows, [len(doc) for doc in docs])


def token_gradients(model: VAE, d_vectors: List[Floats2d]) -> Dict[str, FloatsXd]:
    """The way back of `token_vectors`.

    model (Model[VAEBatch, Posterior]): The model.
    d_vectors (List[Floats2d]): *Shape:* (n_tokens, latent_width + width) for each Doc
    RETURNS (Dict[str, FloatsXd]): Gradients by the name of the output.
    """
    rows = model.ops.xp.concatenate(d_vectors)
    latent_width = model.attrs["settings"]["latent_width"]
    gradients = {"hidden": model.ops.xp.ascontiguousarray(rows[:, latent_width:])}
    if latent_width:
        gradients["mean"] = model.ops.xp.ascontiguousarray(rows[:, :latent_width])
    return gradients


def word_rows(vocabulary: NDArray[np.uint64], docs: List[Doc]) -> NDArray[np.int64]:
    """Look words up.

    vocabulary (NDArray[np.uint64]): Sorted hashes of the lower-case words that the decoder knows.
    docs (List[Doc]): The batch.
    RETURNS (NDArray[np.int64]): Row of each token's word, 0 for an unknown one. *Shape:* (n_tokens,)
    """
    words = np.concatenate([doc.to_array(LOWER).reshape(-1) for doc in docs])
    if not len(vocabulary):
        return np.zeros(len(words), dtype="int64")
    rows = np.searchsorted(vocabulary, words).clip(max=len(vocabulary) - 1)
    return np.where(vocabulary[rows] == words, rows + 1, 0)
