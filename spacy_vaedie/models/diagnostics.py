"""What tells a good posterior from a collapsed one, and how likely held-out text is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc
from spacy.util import minibatch
from thinc.api import to_numpy

from .decoders import BAG
from .objectives import Objective
from .vae import VAE, Evaluation, VAEBatch, word_rows

Floats = NDArray[np.float32]

# Variance of a dimension's mean over the data from which on it counts as active.
ACTIVE_VARIANCE = 0.01
# Rows among which the mutual information is estimated; it is at most the logarithm of this.
MI_BATCH = 128
# Docs in one forward pass.
BATCH_SIZE = 64
# Corruption and samples must not change from one evaluation to the next.
SEED = 0


@dataclass(frozen=True, eq=False)
class Measurement:
    """What a VAE says about a corpus.

    n_docs (int), n_tokens (int), n_unknown (int): Texts, tokens, and tokens but white space whose word is not in the
        vocabulary.
    n_predictions (int): What the figures of the bound are averages over. 0 where a decoder that counts only the words
        that it knows knows none: then there are no such figures.
    bound (Dict[str, float]): `loss`, `reconstruction`, `kl` and `doc_kl`, of corrupted text, in nats a prediction: a
        token, for a recurrent decoder also the end of a text, for a bag of words the words that it knows.
    mean (Floats), log_variance (Floats): Posterior of each token. *Shape:* (n_tokens, latent_width)
    doc_mean (Floats), doc_log_variance (Floats): Posterior of each text. *Shape:* (n_docs, doc_latent_width)
    log_likelihood (Optional[Floats]): Importance-weighted bound of each text, in nats, None where it was not asked
        for. *Shape:* (n_evaluated,)
    units (Optional[Floats]): How many predictions that is a sum of. *Shape:* (n_evaluated,)
    """

    n_docs: int
    n_tokens: int
    n_unknown: int
    n_predictions: int
    bound: Dict[str, float]
    mean: Floats
    log_variance: Floats
    doc_mean: Floats
    doc_log_variance: Floats
    log_likelihood: Optional[Floats] = None
    units: Optional[Floats] = None

    @property
    def nll(self) -> Optional[float]:
        """Negative log-likelihood of a text on average, in nats; by its importance-weighted bound."""
        if self.log_likelihood is None or not self.n_predictions:
            return None
        return float(-self.log_likelihood.mean())

    @property
    def perplexity(self) -> Optional[float]:
        """Perplexity a prediction."""
        if self.log_likelihood is None or self.units is None or not self.n_predictions:
            return None
        return float(np.exp(-self.log_likelihood.sum() / max(float(self.units.sum()), 1.0)))


def measure(
    vae: VAE,
    docs: Iterable[Doc],
    objective: Objective,
    importance: Optional[Evaluation] = None,
    max_evaluated: int = 0,
) -> Measurement:
    """Measure a corpus, with the same corruption and samples each time.

    vae (Model[VAEBatch, Posterior]): The model.
    docs (Iterable[Doc]): The corpus. Empty Docs are left out.
    objective (Objective): Settings of the bound.
    importance (Optional[Evaluation]): Settings of the importance-weighted bound, None to leave it out.
    max_evaluated (int): Docs whose importance-weighted bound is taken, about; 0 for all.
    RETURNS (Measurement): What was measured. All figures are 0 where there is no text.
    """
    sums = dict.fromkeys(("loss", "reconstruction", "kl", "doc_kl"), 0.0)
    arrays: Dict[str, List[Floats]] = {
        name: [] for name in ("mean", "log_variance", "doc_mean", "doc_log_variance", "log_likelihood", "units")
    }
    n_docs = n_tokens = n_unknown = n_predictions = 0
    n_units = 0.0
    for batch in minibatch((doc for doc in docs if len(doc)), BATCH_SIZE):
        wanted = importance if importance is not None and (not max_evaluated or n_docs < max_evaluated) else None
        outputs = vae.predict(VAEBatch(batch, objective=objective, importance=wanted))
        size = sum(len(doc) for doc in batch)
        n_docs, n_tokens = n_docs + len(batch), n_tokens + size
        is_space = np.concatenate([doc.to_array([IS_SPACE]).reshape(-1) for doc in batch]) > 0
        unknown = word_rows(vae.attrs["vocabulary"], batch) == 0
        n_unknown += int((unknown & ~is_space).sum())
        n_predictions += int((~unknown).sum()) if vae.attrs["decoder"] == BAG else size
        n_units += float(outputs["n_units"])
        for name in sums:
            sums[name] += float(outputs[name]) * float(outputs["n_units"])
        for name, parts in arrays.items():
            if name in outputs:
                parts.append(to_numpy(outputs[name]))
    joined = {name: np.concatenate(parts) for name, parts in arrays.items() if parts}
    for name in ("mean", "log_variance", "doc_mean", "doc_log_variance"):
        joined.setdefault(name, np.zeros((0, 1), dtype="float32"))
    bound = {name: value / max(n_units, 1.0) for name, value in sums.items()}
    return Measurement(n_docs, n_tokens, n_unknown, n_predictions, bound=bound, **joined)


def active_units(means: Floats) -> int:
    """Count the latent dimensions whose mean varies with the text (Burda et al. 2016, section 5.2).

    means (Floats): Posterior means over a corpus. *Shape:* (n, latent_width)
    RETURNS (int): Dimensions with a variance of at least 0.01.
    """
    return int((means.var(axis=0) >= ACTIVE_VARIANCE).sum()) if len(means) else 0


def kl_per_dimension(means: Floats, log_variances: Floats) -> Floats:
    """KL(q || p) of each dimension from the standard normal prior, on average over a corpus, in nats.

    means (Floats), log_variances (Floats): Posterior over a corpus. *Shape:* (n, latent_width)
    RETURNS (Floats): *Shape:* (latent_width,)
    """
    if not len(means):
        return np.zeros(means.shape[1], dtype="float32")
    kl: Floats = 0.5 * (means**2 + np.exp(log_variances) - 1.0 - log_variances).mean(axis=0)
    return kl


def mutual_information(
    means: Floats, log_variances: Floats, batch_size: int = MI_BATCH, max_batches: int = 20
) -> float:
    """Mutual information of text and latent, I = E[log q(z|x) - log 1/B sum_j q(z|x_j)] with one sample a text, over
    random batches of B rows (Hoffman and Johnson 2016; He et al. 2019). It cannot exceed log B.

    means (Floats), log_variances (Floats): Posterior over a corpus. *Shape:* (n, latent_width)
    batch_size (int): Rows of a batch, B.
    max_batches (int): At most this many batches are looked at.
    RETURNS (float): Nats. 0 for less than two rows.
    """
    n_rows = len(means)
    if n_rows < 2 or not means.shape[1]:
        return 0.0
    random = np.random.default_rng(SEED)
    order = random.permutation(n_rows)
    size = min(batch_size, n_rows)
    found = []
    for start in range(0, min(n_rows - size + 1, size * max_batches), size):
        rows = order[start : start + size]
        mean, log_variance = means[rows].astype("float64"), log_variances[rows].astype("float64")
        z = mean + np.exp(0.5 * log_variance) * random.standard_normal(mean.shape)
        # Squares of z_i against every Gaussian j, without an array of i, j and the dimensions.
        precision = np.exp(-log_variance)
        squares = (z**2) @ precision.T - 2 * z @ (mean * precision).T + (mean**2 * precision).sum(axis=1)
        densities = -0.5 * (squares + log_variance.sum(axis=1))
        mixture = np.logaddexp.reduce(densities, axis=1) - np.log(size)
        found.append(float((np.diagonal(densities) - mixture).mean()))
    return float(np.mean(found))
