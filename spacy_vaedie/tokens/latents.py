"""The latents of a Doc: `doc._.latents`, and the getters `doc._.latent`, `doc._.novelty`, `span._.latent`,
`token._.latent`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, Token

from ..errors import Errors
from .storage import Entry, read_entries, write_entry

Floats = NDArray[np.float32]
_STORED = "vaedie_latents"
_ROWS = ("mean", "log_variance", "hidden")
_ARRAYS = (*_ROWS, "doc_mean", "doc_log_variance")
_VALUES = ("span_pooling", "novelty")
# How the latent of a span is pooled from those of its tokens.
SPAN_POOLINGS = ("mean", "product")


@dataclass(frozen=True, eq=False)
class Latents:
    """The approximate posterior of a Doc: a Gaussian for each token, q(z_t|x), and one for the text, q(z_d|x).
    Float32 NumPy arrays, whatever device the model runs on.

    mean (Floats): Means of the tokens. *Shape:* (n_tokens, latent_width)
    log_variance (Floats): Log-variances of the tokens. *Shape:* (n_tokens, latent_width)
    hidden (Floats): Hidden states that the posterior was read from. *Shape:* (n_tokens, hidden_width)
    doc_mean (Floats): Mean of the whole text. *Shape:* (doc_latent_width,)
    doc_log_variance (Floats): Log-variance of the whole text. *Shape:* (doc_latent_width,)
    span_pooling (Optional[str]): How `span._.latent` pools the Gaussians of its tokens: `mean`, the average of their
        means, or `product`, the mean of their product, in which certain tokens weigh more. None where the Doc was
        merged from parts that differ.
    novelty (Optional[float]): Share of the training texts that are less novel than this text, from 0 to 1. None where
        the encoder was not calibrated.
    """

    mean: Floats
    log_variance: Floats
    hidden: Floats
    doc_mean: Floats
    doc_log_variance: Floats
    span_pooling: Optional[str] = "mean"
    novelty: Optional[float] = None

    @property
    def vectors(self) -> Floats:
        """What listeners read: means beside hidden states. *Shape:* (n_tokens, latent_width + hidden_width)"""
        return np.concatenate([self.mean, self.hidden], axis=1)


def get_latents(doc: Doc) -> Optional[Latents]:
    """The latents of a Doc. Getter of `doc._.latents`.

    The latents of a merged Doc are those of its parts: token rows one below the other, and the doc latent the Gaussian
    with the mean and variance of the parts' mixture, weighted by their tokens. None where a part has no latents. Their
    `span_pooling` is that of the parts, None where these differ; their `novelty` is the average of the parts, weighted
    by their tokens, None where a part has none.

    doc (Doc): The Doc.
    RETURNS (Optional[Latents]): The latents, None where no encoder wrote them.
    RAISES (ValueError): VE003 where tokens were merged or split since they were written.
    """
    entries = read_entries(doc, _STORED)
    if not entries:
        return None
    starts = np.array([token.idx for token in doc], dtype="int32")
    covered = np.zeros(len(starts), dtype=bool)
    for start, end, _ in entries:
        covered |= (starts >= start) & (starts < end)
    if not covered.all():
        return None
    parts = [_cut(entry, len(doc.text)) for entry in entries]
    if not np.array_equal(np.concatenate([part["starts"] for part in parts]), starts):
        raise ValueError(Errors.VE003)
    if len(parts) == 1:
        return Latents(**{name: parts[0][name] for name in (*_ARRAYS, *_VALUES)})
    doc_mean, doc_log_variance = _mix(parts)
    # An empty part has no spans to pool, and nothing that could be novel.
    filled = [part for part in parts if len(part["starts"])] or parts
    poolings = {part["span_pooling"] for part in filled}
    novelty = [part["novelty"] for part in filled]
    return Latents(
        mean=np.concatenate([part["mean"] for part in parts]),
        log_variance=np.concatenate([part["log_variance"] for part in parts]),
        hidden=np.concatenate([part["hidden"] for part in parts]),
        doc_mean=doc_mean,
        doc_log_variance=doc_log_variance,
        span_pooling=poolings.pop() if len(poolings) == 1 else None,
        novelty=None if None in novelty else _average(novelty, [len(part["starts"]) for part in filled]),
    )


def set_latents(doc: Doc, latents: Optional[Latents]) -> None:
    """Set or, with None, remove the latents of a Doc. Setter of `doc._.latents`.

    doc (Doc): The Doc.
    latents (Optional[Latents]): The latents, one row a token.
    RAISES (ValueError): VE004 for anything else, VE005 for an unknown `span_pooling`.
    """
    if latents is None:
        write_entry(doc, _STORED, None)
        return
    if not isinstance(latents, Latents) or any(len(getattr(latents, name)) != len(doc) for name in _ROWS):
        raise ValueError(Errors.VE004.format(value=type(latents).__name__, n_tokens=len(doc)))
    stored: Dict[str, Any] = {name: np.asarray(getattr(latents, name), dtype="float32") for name in _ARRAYS}
    stored["starts"] = np.array([token.idx for token in doc], dtype="int32")
    stored["span_pooling"] = None if latents.span_pooling is None else check_span_pooling(latents.span_pooling)
    stored["novelty"] = None if latents.novelty is None else float(latents.novelty)
    write_entry(doc, _STORED, stored)


def doc_latent(doc: Doc) -> Optional[Floats]:
    """Getter of `doc._.latent`: the mean of q(z_d|x). *Shape:* (doc_latent_width,)"""
    latents = get_latents(doc)
    return None if latents is None else latents.doc_mean


def doc_novelty(doc: Doc) -> Optional[float]:
    """Getter of `doc._.novelty`: share of the training texts that are less novel, from 0 to 1."""
    latents = get_latents(doc)
    return None if latents is None else latents.novelty


def span_latent(span: Span) -> Optional[Floats]:
    """Getter of `span._.latent`: the latents of its tokens, pooled as `doc._.latents.span_pooling` says; zeros, the
    mean of the prior, for an empty span. *Shape:* (latent_width,)

    RAISES (ValueError): VE009 where the Doc was merged from parts that pool in different ways.
    """
    latents = get_latents(span.doc)
    return None if latents is None else pool_tokens(latents, span.start, span.end)


def pool_tokens(latents: Latents, start: int, end: int) -> Floats:
    """Pool the Gaussians of some tokens.

    The product of Gaussians is a Gaussian whose mean is the average of theirs, weighted by their precisions 1/variance
    (Hinton 2002, section 2).

    latents (Latents): The latents of the Doc.
    start (int), end (int): First and last token (exclusive).
    RETURNS (Floats): The mean of what they are pooled to, zeros for no tokens. *Shape:* (latent_width,)
    RAISES (ValueError): VE009 where the Doc was merged from parts that pool in different ways.
    """
    means, log_precision = latents.mean[start:end], -latents.log_variance[start:end]
    if latents.span_pooling is None:
        raise ValueError(Errors.VE009.format(options=" or ".join(map(repr, SPAN_POOLINGS))))
    if not len(means):
        return np.zeros(latents.mean.shape[1], dtype="float32")
    weights = np.ones_like(means)
    if latents.span_pooling == "product":
        # The largest weight is 1, so that none overflows.
        weights = np.exp(log_precision - log_precision.max(axis=0))
    pooled: Floats = (weights * means).sum(axis=0) / weights.sum(axis=0)
    return pooled


def check_span_pooling(value: str) -> str:
    """Check the name of a way to pool.

    value (str): The name.
    RETURNS (str): The same name.
    RAISES (ValueError): VE005 for an unknown one.
    """
    if value not in SPAN_POOLINGS:
        options = ", ".join(SPAN_POOLINGS)
        raise ValueError(Errors.VE005.format(value=value, what="value of 'span_pooling'", options=options))
    return value


def token_latent(token: Token) -> Optional[Floats]:
    """Getter of `token._.latent`: the mean of q(z_t|x). *Shape:* (latent_width,)"""
    latents = get_latents(token.doc)
    return None if latents is None else latents.mean[token.i]


def _cut(entry: Entry, n_chars: int) -> Dict[str, Any]:
    """What is stored in one entry, with the rows of tokens that lie outside of the Doc left out."""
    base, _, stored = entry
    part: Dict[str, Any] = {name: np.asarray(stored[name]) for name in (*_ARRAYS, "starts")}
    # Docs that were saved before there was a choice have no such keys.
    part["span_pooling"] = stored.get("span_pooling", "mean")
    part["novelty"] = stored.get("novelty")
    part["starts"] = part["starts"] + base
    inside = (part["starts"] >= 0) & (part["starts"] < n_chars)
    for name in (*_ROWS, "starts"):
        part[name] = part[name][inside]
    return part


def _mix(parts: List[Dict[str, Any]]) -> Tuple[Floats, Floats]:
    """Mean and log-variance of a mixture of Gaussians, by matching its first two moments."""
    weights = np.array([len(part["starts"]) for part in parts], dtype="float32")
    weights = (weights / max(float(weights.sum()), 1.0))[:, None]
    means = np.stack([part["doc_mean"] for part in parts])
    variances = np.exp(np.stack([part["doc_log_variance"] for part in parts]))
    mean = (weights * means).sum(axis=0)
    variance = (weights * (variances + means**2)).sum(axis=0) - mean**2
    return mean, np.log(np.maximum(variance, 1e-12))


def _average(values: List[float], weights: List[int]) -> Optional[float]:
    """An average, None where all weights are zero."""
    return float(np.average(values, weights=weights)) if sum(weights) else None
