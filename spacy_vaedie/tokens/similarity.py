"""Similarity on the latents: `doc._.latent_similarity(other)`, and hooks for spaCy's own `doc.similarity(other)`."""

from __future__ import annotations

from typing import Callable, Union

import numpy as np
from spacy.tokens import Doc, Span, Token
from spacy.util import registry

from ..errors import Errors
from .latents import Floats, Latents, get_latents, pool_tokens

Piece = Union[Doc, Span, Token]
SimilarityFunction = Callable[[Doc], None]


def latent_similarity(piece: Piece, other: Piece) -> float:
    """How similar two pieces of text are. Method `latent_similarity` of `doc._`, `span._` and `token._`.

    Two Docs are compared by their doc latents. Everything else is compared by token latents, which are pooled over a
    span (or the whole Doc) as `doc._.latents.span_pooling` says. It needs nothing but the latents on the Docs, so it
    works on Docs that were saved, or came from a worker.

    piece (Union[Doc, Span, Token]): A piece of text.
    other (Union[Doc, Span, Token]): Another one, of the same Doc or not.
    RETURNS (float): The cosine of the two means, from -1 to 1; 0.0 where one of them is zero and the other is not.
    RAISES (ValueError): VE010 where one has no latents or latents of another width, or is no piece of a Doc. VE011
        for tokens or spans where the decoder of the encoder leaves tokens without latents. VE009 where a span has to be
        pooled in a Doc that was merged from parts that pool in different ways.
    """
    whole = isinstance(piece, Doc) and isinstance(other, Doc)
    first, second = _mean_of(piece, whole), _mean_of(other, whole)
    if first.shape != second.shape:
        reason = f"the latents of one have {len(first)} dimensions and those of the other {len(second)}"
        raise ValueError(Errors.VE010.format(reason=reason))
    if not len(first):
        raise ValueError(Errors.VE011)
    if np.array_equal(first, second):
        return 1.0
    norms = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(np.clip(float(first @ second) / norms, -1.0, 1.0)) if norms else 0.0


def set_similarity_hooks(doc: Doc) -> None:
    """Let `doc.similarity`, `span.similarity` and `token.similarity` of a Doc be `latent_similarity`. Nothing else of
    the Doc is touched, neither its vectors nor `doc.tensor`.

    spaCy carries hooks along in `doc.copy` and pickle, but drops them in `to_bytes`, so also in a DocBin and between
    processes. `doc._.latent_similarity` is there in any case.

    doc (Doc): The Doc.
    """
    for hooks in (doc.user_hooks, doc.user_span_hooks, doc.user_token_hooks):
        hooks["similarity"] = latent_similarity


@registry.misc("spacy-vaedie.LatentSimilarity.v1")
def build_latent_similarity() -> SimilarityFunction:
    """Let spaCy's `similarity` compare latents.

    RETURNS (Callable[[Doc], None]): Sets the hooks of a Doc, see `set_similarity_hooks`.
    """
    return set_similarity_hooks


def _mean_of(piece: Piece, whole: bool) -> Floats:
    """The mean that stands for a piece of text: that of the doc latent, or pooled token latents."""
    if isinstance(piece, Doc):
        latents = _latents_of(piece)
        return latents.doc_mean if whole else pool_tokens(latents, 0, len(piece))
    if isinstance(piece, Span):
        return pool_tokens(_latents_of(piece.doc), piece.start, piece.end)
    if isinstance(piece, Token):
        mean: Floats = _latents_of(piece.doc).mean[piece.i]
        return mean
    raise ValueError(Errors.VE010.format(reason=f"{type(piece).__name__} is neither Doc nor Span nor Token"))


def _latents_of(doc: Doc) -> Latents:
    latents = get_latents(doc)
    if latents is None:
        raise ValueError(Errors.VE010.format(reason=f"the Doc {doc.text[:60]!r} has no latents"))
    return latents
