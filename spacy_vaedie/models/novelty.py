"""How novel a text is, next to the text that an encoder was trained on: raw scores, and their percentiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, List, Mapping, Protocol, Sequence, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import registry

from ..errors import check_range
from ..tokens import Latents
from ..tokens.dependency import read_parse
from .embed import embed_docs
from .vae import VAE, word_rows

Array = NDArray[np.float64]
State = Dict[str, Array]

# A word is reconstructed while one in so many tokens of its text is hidden, about as many as in training.
N_PASSES = 4
# Fewer training texts than this say nothing about the next one.
MIN_TEXTS = 4
# One in so many training texts is kept apart from those that a choice is fitted to: texts that it has seen are less
# novel than new ones of the same kind.
HELD_OUT = 4


@dataclass(frozen=True, eq=False)
class TextFeatures:
    """What is read of texts to say how novel they are. No text is empty.

    means (Array): Average of the tokens' posterior means; where tokens have no latents, the mean of the text's.
        *Shape:* (n_texts, latent_width)
    bounds (Array): Reconstruction and KL divergence, in nats a token. *Shape:* (n_texts, 2)
    lengths (Array): Tokens. *Shape:* (n_texts,)
    """

    means: Array
    bounds: Array
    lengths: Array

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> TextFeatures:
        """Read what `to_arrays` gave."""
        return cls(*(np.asarray(arrays[name], dtype="float64") for name in ("means", "bounds", "lengths")))

    def to_arrays(self) -> Dict[str, NDArray[np.float32]]:
        """RETURNS (Dict[str, NDArray[np.float32]]): The arrays, small enough to be saved with a pipe."""
        return {name: array.astype("float32") for name, array in vars(self).items()}

    @classmethod
    def concatenate(cls, parts: Sequence[TextFeatures]) -> TextFeatures:
        """RETURNS (TextFeatures): The texts of all parts, one behind the other."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("means", "bounds", "lengths"))
        )

    def take(self, rows: NDArray[Any]) -> TextFeatures:
        """RETURNS (TextFeatures): Some of the texts."""
        return TextFeatures(self.means[rows], self.bounds[rows], self.lengths[rows])


# A config may say null, so confection asks what a value is an instance of.
@runtime_checkable
class Novelty(Protocol):
    """A way to measure novelty: fitted to training texts, then it scores others. The score of a text depends on that
    text alone, and must not grow or fall with its mere length."""

    # Whether it reads the bound, which takes passes of the network of its own.
    reads_bounds: ClassVar[bool]

    def fit(self, texts: TextFeatures) -> State:
        """RETURNS (State): What it learns from training texts."""

    def score(self, state: State, texts: TextFeatures) -> Array:
        """RETURNS (Array): Larger where a text is more novel. *Shape:* (n_texts,)"""


@dataclass(frozen=True)
class BoundNovelty:
    """Minus the evidence lower bound a token, with a weight of the KL divergence.

    kl_weight (float): Weight of the KL divergence.
    """

    reads_bounds: ClassVar[bool] = True
    kl_weight: float

    def fit(self, texts: TextFeatures) -> State:
        """Nothing has to be learned."""
        return {}

    def score(self, state: State, texts: TextFeatures) -> Array:
        """RETURNS (Array): Nats a token. *Shape:* (n_texts,)"""
        found: Array = texts.bounds @ np.array([1.0, self.kl_weight])
        return found


@dataclass(frozen=True)
class MahalanobisNovelty:
    """Distance to the average training text of the same length, in standard deviations of such texts."""

    reads_bounds: ClassVar[bool] = False

    def fit(self, texts: TextFeatures) -> State:
        """See `fit_whitening`."""
        return fit_whitening(texts)

    def score(self, state: State, texts: TextFeatures) -> Array:
        """RETURNS (Array): Root of the mean squared deviation, about 1 for a training text. *Shape:* (n_texts,)"""
        found: Array = np.sqrt(np.mean(whiten(state, texts) ** 2, axis=1))
        return found


@dataclass(frozen=True)
class NeighbourNovelty:
    """Distance to the nearest training texts, in the space in which the Mahalanobis distance is the plain one.

    k (int): How many nearest texts are averaged over.
    """

    reads_bounds: ClassVar[bool] = False
    k: int

    def fit(self, texts: TextFeatures) -> State:
        """See `fit_whitening`. The training texts are kept, too."""
        state = fit_whitening(texts)
        return {**state, "texts": whiten(state, texts)}

    def score(self, state: State, texts: TextFeatures) -> Array:
        """RETURNS (Array): Mean distance a dimension. *Shape:* (n_texts,)"""
        # Imported where it is used: spaCy loads this module whenever it makes a pipeline. scikit-learn's neighbours run
        # in threads, which hang a forked worker.
        from scipy.spatial.distance import cdist

        known = state["texts"]
        k = min(self.k, len(known))
        nearest = np.partition(cdist(whiten(state, texts), known), k - 1, axis=1)[:, :k]
        found: Array = nearest.mean(axis=1) / np.sqrt(known.shape[1])
        return found


def fit_whitening(texts: TextFeatures) -> State:
    """Learn how the means of training texts vary, depending on their length.

    The average over n tokens varies from text to text, by some covariance A, and by chance within a text, by B/n: a
    model with random effects. Both are fitted by least squares to the outer products of the deviations from what is
    expected at that length, and shrunk together towards equal variances (Ledoit and Wolf 2004).

    texts (TextFeatures): Training texts.
    RETURNS (State): `expected` means by length, *Shape:* (2, width); `rotation` in whose directions A and B vary
        apart, *Shape:* (width, width); `between`, the share of A in a direction for a text of `length` tokens,
        *Shape:* (width,)
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    lengths, inverse = texts.lengths, 1.0 / texts.lengths
    expected = np.linalg.lstsq(_by_length(lengths), texts.means, rcond=None)[0]
    deviation = texts.means - _by_length(lengths) @ expected
    # Long texts tell more, each being measured more exactly.
    root = np.sqrt(lengths)[:, None]
    weights = np.linalg.pinv(np.stack([np.ones_like(inverse), inverse], axis=1) * root) * root.T
    between, within = (_clip_eigenvalues((deviation * row[:, None]).T @ deviation) for row in weights)
    typical = float(inverse.mean())
    total = between + typical * within
    share = ledoit_wolf_shrinkage(deviation, assume_centered=True) if len(deviation) > 1 else 1.0
    spread = max(float(np.trace(total)) / len(total), 1e-8)
    values, vectors = np.linalg.eigh((1.0 - share) * total + share * spread * np.eye(len(total)))
    rotation = vectors / np.sqrt(np.maximum(values, 1e-4 * spread))
    shares, turn = np.linalg.eigh(rotation.T @ between @ rotation)
    return {
        "expected": expected,
        "rotation": rotation @ turn,
        "between": shares.clip(0.0, 1.0),
        "length": np.array(1.0 / typical),
    }


def whiten(state: State, texts: TextFeatures) -> Array:
    """Deviations from what is expected at a length, in standard deviations.

    state (State): What `fit_whitening` gave.
    texts (TextFeatures): Some texts.
    RETURNS (Array): *Shape:* (n_texts, width)
    """
    deviation = (texts.means - _by_length(texts.lengths) @ state["expected"]) @ state["rotation"]
    between = state["between"]
    variance = between + (1.0 - between) * (state["length"] / texts.lengths)[:, None]
    whitened: Array = deviation / np.sqrt(variance)
    return whitened


@dataclass(frozen=True, eq=False)
class CalibratedNovelty:
    """A way to measure novelty, fitted, with the scores of training texts that it was not fitted to.

    novelty (Novelty): The way.
    state (State): What it learned.
    reference (Array): Sorted raw scores. *Shape:* (n_reference,)
    """

    novelty: Novelty
    state: State
    reference: Array

    @classmethod
    def fit(cls, novelty: Novelty, texts: TextFeatures) -> CalibratedNovelty:
        """Fit to three quarters of the training texts, and calibrate on the rest.

        novelty (Novelty): The way.
        texts (TextFeatures): At least `MIN_TEXTS` training texts, in no order.
        """
        is_reference = np.arange(len(texts.lengths)) % HELD_OUT == HELD_OUT - 1
        state = novelty.fit(texts.take(~is_reference))
        return cls(novelty, state, np.sort(novelty.score(state, texts.take(is_reference))))

    def score(self, texts: TextFeatures) -> Array:
        """RETURNS (Array): Raw scores. *Shape:* (n_texts,)"""
        return self.novelty.score(self.state, texts)

    def percentile(self, texts: TextFeatures) -> Array:
        """RETURNS (Array): Share of the training texts that are less novel, from 0 to 1. *Shape:* (n_texts,)"""
        found: Array = np.searchsorted(self.reference, self.score(texts)) / len(self.reference)
        return found


@registry.misc("spacy-vaedie.BoundNovelty.v1")
def build_bound_novelty(kl_weight: float = 0.1) -> Novelty:
    """Measure novelty by the evidence lower bound a token: how badly the words are predicted from what stands around
    them. Each word is hidden once; this takes four more passes over each text.

    kl_weight (float): Weight of the KL divergence.
    RETURNS (Novelty): The way to measure.
    RAISES (ValueError): VE107 for a negative weight.
    """
    check_range("spacy-vaedie.BoundNovelty.v1", 0, kl_weight=kl_weight)
    return BoundNovelty(kl_weight)


@registry.misc("spacy-vaedie.MahalanobisNovelty.v1")
def build_mahalanobis_novelty() -> Novelty:
    """Measure novelty by the distance of the text's posterior means to the average training text.

    RETURNS (Novelty): The way to measure.
    """
    return MahalanobisNovelty()


@registry.misc("spacy-vaedie.NeighbourNovelty.v1")
def build_neighbour_novelty(k: int = 20) -> Novelty:
    """Measure novelty by the distance of the text's posterior means to those of the nearest training texts.

    k (int): How many nearest texts are averaged over.
    RETURNS (Novelty): The way to measure.
    RAISES (ValueError): VE107 for a number below 1.
    """
    check_range("spacy-vaedie.NeighbourNovelty.v1", 1, k=k)
    return NeighbourNovelty(k)


def read_features(model: VAE, docs: Sequence[Doc], latents: Sequence[Latents], *, bounds: bool) -> TextFeatures:
    """Read what novelty is measured on.

    model (VAE): The model.
    docs (Sequence[Doc]): At least one Doc, none of them empty.
    latents (Sequence[Latents]): The latents of each.
    bounds (bool): Whether the bound is wanted; zeros stand in its place otherwise.
    RETURNS (TextFeatures): The features.
    """
    # Each text by itself, so that its sums do not depend on the others.
    means = np.stack(
        [
            item.mean.mean(axis=0, dtype="float64") if item.mean.shape[1] else item.doc_mean.astype("float64")
            for item in latents
        ]
    )
    lengths = np.array([len(doc) for doc in docs])
    found = np.zeros((len(docs), 2))
    if bounds:
        parts = np.split(_token_bounds(model, list(docs)), np.cumsum(lengths)[:-1])
        found = np.stack([part.mean(axis=0, dtype="float64") for part in parts])
    return TextFeatures(means, found, lengths.astype("float64"))


def _token_bounds(model: VAE, docs: List[Doc]) -> NDArray[np.float32]:
    """Reconstruction and KL divergence of each token. *Shape:* (n_tokens, 2)"""
    from .network.token_bound import token_bound

    words, syntax, _ = embed_docs(model.layers[0], model.layers[1], docs, False)
    targets = word_rows(model.attrs["vocabulary"], docs)
    network = model.shims[0].network
    bounds: NDArray[np.float32] = token_bound(network, words, syntax, read_parse(docs), targets, n_passes=N_PASSES)
    return bounds


def _by_length(lengths: Array) -> Array:
    """What the expectation of a mean is a linear function of. *Shape:* (n_texts, 2)"""
    return np.stack([np.ones_like(lengths), np.log(lengths)], axis=1)


def _clip_eigenvalues(matrix: Array) -> Array:
    """The nearest matrix that is a covariance. *Shape:* (width, width)"""
    values, vectors = np.linalg.eigh(matrix)
    return cast(Array, (vectors * values.clip(min=0.0)) @ vectors.T)
