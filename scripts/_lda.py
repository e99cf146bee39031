"""The baseline of topic models: latent Dirichlet allocation by scikit-learn, with a bound like that of a VAE."""

from __future__ import annotations

from itertools import product
from typing import Any, Dict, List, Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, logsumexp
from sklearn.decomposition import LatentDirichletAllocation

Floats = NDArray[np.float64]

# What the tuned baseline is chosen from, by the perplexity of the dev set: priors first, then how long and how.
PRIORS = [{"doc_topic_prior": alpha, "topic_word_prior": eta} for alpha, eta in product((0.1, 0.3, 1.0), (0.01, 0.1))]
SCHEDULES: List[Dict[str, Any]] = [
    {"max_iter": 30},
    {"max_iter": 100},
    {"max_iter": 30, "learning_method": "online", "batch_size": 128},
]
# Updates of the variational posterior of held-out documents.
INFERENCE_STEPS = 100
# Below any probability, to take logarithms.
_TINY = 1e-300


def fit_lda(counts: Any, n_topics: int, seed: int, settings: Dict[str, Any]) -> LatentDirichletAllocation:
    """Fit a model.

    counts (Any): Words of the training documents, a sparse matrix. *Shape:* (n_docs, n_words)
    n_topics (int): Number of topics.
    seed (int): Seed of the start.
    settings (Dict[str, Any]): What differs from scikit-learn's defaults.
    RETURNS (LatentDirichletAllocation): The model.
    """
    return LatentDirichletAllocation(n_topics, random_state=seed, **settings).fit(counts)


def tune_lda(train: Any, dev: Any, n_topics: int, seed: int) -> Dict[str, Any]:
    """Choose the settings with the lowest perplexity of the dev set, that is with the best bound.

    train (Any), dev (Any): Words of the documents, sparse matrices. *Shape:* (n_docs, n_words)
    n_topics (int): Number of topics.
    seed (int): Seed of the start.
    RETURNS (Dict[str, Any]): The settings.
    """

    def perplexity(settings: Dict[str, Any]) -> float:
        bound, _ = lda_bounds(fit_lda(train, n_topics, seed, settings), dev)
        return float(np.exp(-bound.sum() / dev.sum()))

    tried: List[Tuple[float, Dict[str, Any]]] = [(perplexity({}), {})]
    tried += [(perplexity(settings), settings) for settings in PRIORS]
    best = min(tried, key=lambda item: item[0])
    others = [{**best[1], **schedule} for schedule in SCHEDULES]
    return min([best, *((perplexity(settings), settings) for settings in others)], key=lambda item: item[0])[1]


def topic_words(model: LatentDirichletAllocation) -> Floats:
    """RETURNS (Floats): Distribution of words of each topic, the mean of its posterior. *Shape:* (n_topics, n_words)"""
    components: Floats = model.components_
    return components / components.sum(axis=1, keepdims=True)


def lda_bounds(model: LatentDirichletAllocation, counts: Any, samples: int = 0) -> Tuple[Floats, Floats]:
    """Evidence lower bound of documents, log p(w) >= E_q[log p(w, theta, z)] - E_q[log q(theta, z)] with the topics
    given (Blei et al. 2003, equation 15), as that of a VAE has the decoder given. scikit-learn's own `perplexity` takes
    the cost of the topics, too, and so comes out several times higher on a small test set.

    model (LatentDirichletAllocation): The model.
    counts (Any): Words of the documents, a sparse matrix. *Shape:* (n_docs, n_words)
    samples (int): Samples of the importance-weighted bound, an even number, 0 to leave it out.
    RETURNS (Tuple[Floats, Floats]): The bound of each document, in nats, and the importance-weighted one, which is
        empty where it was not asked for. *Shape:* (n_docs,)
    """
    words = np.asarray(counts.todense())
    topics, alpha = topic_words(model), model.doc_topic_prior_
    gamma = np.full((len(words), len(topics)), alpha) + words.sum(axis=1, keepdims=True) / len(topics)
    for _ in range(INFERENCE_STEPS):
        weights = np.exp(_expected_log(gamma))
        gamma = alpha + weights * ((words / (weights @ topics + _TINY)) @ topics.T)
    log_theta = _expected_log(gamma)
    prior, posterior = np.full_like(gamma, alpha), gamma
    bound = _log_likelihood(words, log_theta, topics)
    bound = bound + _log_density(prior, log_theta) - _log_density(posterior, log_theta)
    random = np.random.default_rng(0)
    weighted: List[Floats] = []
    for i in range(samples):
        # Half of the samples come from the prior, or weights would have no bound (Hesterberg 1995).
        draws = np.maximum(random.standard_gamma((prior, posterior)[i % 2]), _TINY)
        draws = np.log(draws) - np.log(draws.sum(axis=1, keepdims=True))
        density = _log_density(prior, draws)
        mixture = np.logaddexp(density, _log_density(posterior, draws)) - np.log(2)
        weighted.append(_log_likelihood(words, draws, topics) + density - mixture)
    return bound, logsumexp(weighted, axis=0) - np.log(samples) if samples else np.zeros(0)


def _log_likelihood(words: Floats, log_theta: Floats, topics: Floats) -> Floats:
    found: Floats = (words * np.log(np.exp(log_theta) @ topics + _TINY)).sum(axis=1)
    return found


def _log_density(gamma: Floats, log_theta: Floats) -> Floats:
    """Logarithm of a Dirichlet density, or its mean where `log_theta` is one. *Shape:* (n_docs, n_topics), (n_docs,)"""
    found: Floats = gammaln(gamma.sum(axis=1)) + ((gamma - 1.0) * log_theta - gammaln(gamma)).sum(axis=1)
    return found


def _expected_log(gamma: Floats) -> Floats:
    """E[log theta] of a Dirichlet distribution. *Shape:* (n_docs, n_topics)"""
    expected: Floats = digamma(gamma) - digamma(gamma.sum(axis=1, keepdims=True))
    return expected
