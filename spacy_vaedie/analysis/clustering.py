"""Clusters of pairs by what tells relations apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors, check_range
from .pairs import Pair, Pairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PATH, LATENTS, TYPES = BLOCKS = ("path", "latents", "types")
NOISE = -1
# Hashed features of a path, and what they are reduced to.
BUCKETS, PATH_WIDTH = 2**16, 64
# What all blocks together are reduced to: distances in many dimensions tell dense from thin no more.
WIDTH = 15
# Spans of other types are of other kinds, which no likeness of words makes up for.
TYPES_WEIGHT = 2.0
# Pairs of a cluster, at least: a share of all pairs, within bounds.
MIN_SHARE, MIN_SIZE, MAX_MIN_SIZE = 0.02, 5, 100
MIN_SAMPLES = 5
SEED = 0


@dataclass(frozen=True, eq=False)
class Clustering:
    """Which cluster each pair is in.

    labels (Ints): Numbers of the clusters, the largest one 0, and `NOISE` for a pair that is in none.
        *Shape:* (n_pairs,)
    scores (Floats): How sure that is, from 0 to 1. *Shape:* (n_pairs,)
    """

    labels: Ints
    scores: Floats

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=NOISE)) + 1

    def named(self) -> List[Optional[int]]:
        """RETURNS (List[Optional[int]]): The cluster of each pair, None for one that is in none."""
        return [None if label == NOISE else int(label) for label in self.labels]


def cluster_pairs(
    pairs: Pairs, *, by: Sequence[str] = BLOCKS, min_size: int = 0, n_clusters: int = 0, fine: bool = False
) -> Clustering:
    """Cluster pairs with HDBSCAN, or with k-means where their number is known.

    pairs (Pairs): The pairs.
    by (Sequence[str]): What they are told apart by, see `build_blocks`.
    min_size (int): Pairs of a cluster of HDBSCAN, at least; 0 for 2 percent of all, but from 5 to 100.
    n_clusters (int): Number of clusters of k-means, 0 for HDBSCAN.
    fine (bool): Take the smallest clusters that HDBSCAN finds in one another, not those that last longest: many, of one
        thing each, with more pairs left out.
    RETURNS (Clustering): The clusters.
    RAISES (ValueError): VE005 for an unknown part, VE107 for a number out of range, VE532 where no pair is in a
        cluster.
    """
    from sklearn.cluster import HDBSCAN, KMeans

    check_range("discover", 0, min_size=min_size, n_clusters=n_clusters)
    size = max(min_size or min(max(round(MIN_SHARE * len(pairs)), MIN_SIZE), MAX_MIN_SIZE), 2)
    if len(pairs) < max(size, n_clusters, MIN_SAMPLES):
        raise ValueError(Errors.VE532.format(n=len(pairs), size=max(size, n_clusters, MIN_SAMPLES)))
    vectors = build_vectors(pairs, by)
    if n_clusters:
        labels = KMeans(n_clusters, n_init=10, random_state=SEED).fit_predict(vectors)
        scores = np.ones(len(labels))
    else:
        method = "leaf" if fine else "eom"
        finder = HDBSCAN(min_cluster_size=size, min_samples=MIN_SAMPLES, cluster_selection_method=method, copy=True)
        found = finder.fit(vectors)
        labels, scores = found.labels_, np.nan_to_num(found.probabilities_)
    if (labels < 0).all():
        raise ValueError(Errors.VE532.format(n=len(pairs), size=size))
    return Clustering(_by_size(labels), scores)


def build_vectors(pairs: Pairs, by: Sequence[str] = BLOCKS) -> Floats:
    """What pairs are told apart by, as vectors.

    pairs (Pairs): The pairs.
    by (Sequence[str]): Parts, see `build_blocks`.
    RETURNS (Floats): Their principal components. *Shape:* (n_pairs, at most `WIDTH`)
    RAISES (ValueError): VE005 for an unknown part, or none.
    """
    from sklearn.decomposition import PCA

    blocks = np.concatenate(build_blocks(pairs, by), axis=1)
    vectors: Floats = PCA(min(WIDTH, *blocks.shape), random_state=SEED).fit_transform(blocks)
    return vectors


def build_blocks(pairs: Pairs, by: Sequence[str] = BLOCKS) -> List[Floats]:
    """What pairs are told apart by, each part scaled to the same variance (`types` to four times that).

    pairs (Pairs): The pairs.
    by (Sequence[str]): `path`: dependency labels and lemmas of the path. `latents`: latents and hidden states of head
        and tail, and those of the path. `types`: the types of head and tail.
    RETURNS (List[Floats]): The blocks. *Shape:* (n_pairs, width) each
    RAISES (ValueError): VE005 for an unknown part, or none.
    """
    from sklearn.preprocessing import normalize

    unknown = [name for name in by if name not in BLOCKS]
    if unknown or not by:
        value = ",".join(by)
        raise ValueError(Errors.VE005.format(value=value, what="list of what to cluster by", options=", ".join(BLOCKS)))
    # Rows of length 1, so that distances are those of directions.
    blocks: List[Floats] = []
    if PATH in by:
        blocks.append(_scale(normalize(_hash_paths(pairs.pairs))))
    if LATENTS in by:
        for latents in (pairs.arguments, pairs.path):
            centred = latents.astype("float64") - latents.mean(axis=0)
            blocks.append(_scale(normalize(centred)))
    if TYPES in by:
        names, numbers = np.unique(pairs.types(), return_inverse=True)
        blocks.append(TYPES_WEIGHT * _scale(np.eye(len(names))[numbers]))
    return blocks


def describe_path(pair: Pair) -> List[str]:
    """The features of a dependency path: the lemmas between the two ends, each by itself and with the step that leads
    there, and each step.

    pair (Pair): The pair.
    RETURNS (List[str]): The features.
    """
    inner, deps = pair.lemmas[1:-1], pair.evidence.deps
    steps = [f"step={dep}" for dep in deps]
    lemmas = [f"lemma={lemma}" for lemma in inner]
    return [*steps, *lemmas, *(f"{dep}={lemma}" for dep, lemma in zip(deps, inner, strict=False))]


def _hash_paths(pairs: Sequence[Pair]) -> Floats:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.feature_extraction.text import TfidfTransformer

    hasher = FeatureHasher(BUCKETS, input_type="string", alternate_sign=False)
    counts = hasher.transform(describe_path(pair) for pair in pairs)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    width = max(min(PATH_WIDTH, len(pairs) - 1), 1)
    # Where all paths are the same, shares of the variance that nobody reads are divided by zero.
    with np.errstate(invalid="ignore"):
        reduced: Floats = TruncatedSVD(width, random_state=SEED).fit_transform(weighted)
    return reduced


def _scale(rows: Floats) -> Floats:
    """Rows around zero whose variance, over all columns, is 1. A block that is the same everywhere becomes zeros."""
    centred = rows - rows.mean(axis=0)
    variance = float((centred**2).sum(axis=1).mean())
    return centred / np.sqrt(variance) if variance > 1e-12 else np.zeros_like(centred)


def _by_size(labels: Ints) -> Ints:
    """The same clusters, numbered from the largest one on."""
    names, counts = np.unique(labels[labels >= 0], return_counts=True)
    order = {int(name): rank for rank, name in enumerate(names[np.argsort(-counts, kind="stable")])}
    return np.array([order.get(int(label), NOISE) for label in labels], dtype="int64")
