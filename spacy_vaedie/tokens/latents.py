"""The latents of a Doc: `doc._.latents`, and the getters `doc._.latent`, `span._.latent`, `token._.latent`."""

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


@dataclass(frozen=True, eq=False)
class Latents:
    """The approximate posterior of a Doc: a Gaussian for each token, q(z_t|x), and one for the text, q(z_d|x).
    Float32 NumPy arrays, whatever device the model runs on.

    mean (Floats): Means of the tokens. *Shape:* (n_tokens, latent_width)
    log_variance (Floats): Log-variances of the tokens. *Shape:* (n_tokens, latent_width)
    hidden (Floats): Hidden states that the posterior was read from. *Shape:* (n_tokens, hidden_width)
    doc_mean (Floats): Mean of the whole text. *Shape:* (doc_latent_width,)
    doc_log_variance (Floats): Log-variance of the whole text. *Shape:* (doc_latent_width,)
    """

    mean: Floats
    log_variance: Floats
    hidden: Floats
    doc_mean: Floats
    doc_log_variance: Floats

    @property
    def vectors(self) -> Floats:
        """What listeners read: means beside hidden states. *Shape:* (n_tokens, latent_width + hidden_width)"""
        return np.concatenate([self.mean, self.hidden], axis=1)


def get_latents(doc: Doc) -> Optional[Latents]:
    """The latents of a Doc. Getter of `doc._.latents`.

    The latents of a merged Doc are those of its parts: token rows one below the other, and the doc latent the Gaussian
    with the mean and variance of the parts' mixture, weighted by their tokens. None where a part has no latents.

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
        return Latents(**{name: parts[0][name] for name in _ARRAYS})
    doc_mean, doc_log_variance = _mix(parts)
    return Latents(
        mean=np.concatenate([part["mean"] for part in parts]),
        log_variance=np.concatenate([part["log_variance"] for part in parts]),
        hidden=np.concatenate([part["hidden"] for part in parts]),
        doc_mean=doc_mean,
        doc_log_variance=doc_log_variance,
    )


def set_latents(doc: Doc, latents: Optional[Latents]) -> None:
    """Set or, with None, remove the latents of a Doc. Setter of `doc._.latents`.

    doc (Doc): The Doc.
    latents (Optional[Latents]): The latents, one row a token.
    RAISES (ValueError): VE004 for anything else.
    """
    if latents is None:
        write_entry(doc, _STORED, None)
        return
    if not isinstance(latents, Latents) or any(len(getattr(latents, name)) != len(doc) for name in _ROWS):
        raise ValueError(Errors.VE004.format(value=type(latents).__name__, n_tokens=len(doc)))
    stored: Dict[str, Any] = {name: np.asarray(getattr(latents, name), dtype="float32") for name in _ARRAYS}
    stored["starts"] = np.array([token.idx for token in doc], dtype="int32")
    write_entry(doc, _STORED, stored)


def doc_latent(doc: Doc) -> Optional[Floats]:
    """Getter of `doc._.latent`: the mean of q(z_d|x). *Shape:* (doc_latent_width,)"""
    latents = get_latents(doc)
    return None if latents is None else latents.doc_mean


def span_latent(span: Span) -> Optional[Floats]:
    """Getter of `span._.latent`: the average of its tokens' means, zeros for an empty span. *Shape:* (latent_width,)"""
    latents = get_latents(span.doc)
    return None if latents is None else latents.mean[span.start : span.end].sum(axis=0) / np.float32(max(len(span), 1))


def token_latent(token: Token) -> Optional[Floats]:
    """Getter of `token._.latent`: the mean of q(z_t|x). *Shape:* (latent_width,)"""
    latents = get_latents(token.doc)
    return None if latents is None else latents.mean[token.i]


def _cut(entry: Entry, n_chars: int) -> Dict[str, Any]:
    """The stored arrays of one entry, with the rows of tokens that lie outside of the Doc left out."""
    base, _, stored = entry
    part = {name: np.asarray(stored[name]) for name in (*_ARRAYS, "starts")}
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
