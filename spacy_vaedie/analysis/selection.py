"""Which texts to label next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors, Warnings, check_range, warn
from .inspection import find_encoder
from .raw_docs import annotate, entity_writers
from .text_scores import TextScorer, TextScores, find_extractor

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

TERMS = ("uncertainty", "novelty", "diversity")
RANDOM = "random"
# A cluster is looked for among so many candidates for each text that is chosen.
POOL = 10
# k-means takes no weights of zero only.
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Choice:
    """The texts that are chosen, the first one first.

    places (Ints): Their places in the arrays of the `TextScores`. *Shape:* (n,)
    score (Optional[Array]): Uncertainty times novelty, None where neither counted. *Shape:* (n,)
    cluster (Optional[Ints]): Number of the cluster of each, None without diversity. *Shape:* (n,)
    """

    places: Ints
    score: Optional[Array] = None
    cluster: Optional[Ints] = None


@dataclass(frozen=True, eq=False)
class Selection:
    """The texts to label next, and what became of the others.

    docs (List[Doc]): The texts as the pipeline annotates them, the first one first.
    meta (List[Dict[str, Any]]): For each of them `row`, its place among the raw texts, counted from 0, `by`, the terms,
        and what is known of `score`, `uncertainty`, `novelty` and `cluster`.
    scores (TextScores): What was read of all texts.
    """

    docs: List[Doc]
    meta: List[Dict[str, Any]]
    scores: TextScores


def check_terms(by: Sequence[str]) -> Tuple[str, ...]:
    """Check what texts are chosen by.

    by (Sequence[str]): Any of `TERMS`, or `RANDOM` alone.
    RETURNS (Tuple[str, ...]): The same, each once, in the order of `TERMS`.
    RAISES (ValueError): VE005 for anything else.
    """
    if tuple(by) == (RANDOM,):
        return (RANDOM,)
    if not by or not set(by) <= set(TERMS):
        options = f"{', '.join(TERMS)}, any of them with commas in between; {RANDOM}, alone"
        raise ValueError(Errors.VE005.format(value=",".join(by), what="way to choose texts", options=options))
    return tuple(term for term in TERMS if term in by)


def needs_extractor(by: Sequence[str]) -> bool:
    """RETURNS (bool): Whether texts cannot be chosen so without an `extractor`."""
    return "uncertainty" in by


def choose_texts(scores: TextScores, n: int, *, by: Sequence[str] = TERMS, seed: int = 0, pool: int = POOL) -> Choice:
    """Choose texts by their scores.

    Uncertainty and novelty, where they count, are multiplied. With diversity the `pool * n` best texts are clustered
    by k-means on their points, with the scores as weights, into as many clusters as texts are chosen, and the best of
    each cluster is taken in turn (as in Zhdanov 2019, Diverse mini-batch active learning); where nothing else counts,
    all texts are clustered, and the best is the one in the middle. `random` is the baseline to compare with.

    scores (TextScores): See `TextScorer.score`.
    n (int): How many texts to choose.
    by (Sequence[str]): Any of `TERMS`, or `RANDOM` alone. With `uncertainty`, texts without pairs are not chosen.
    seed (int): For k-means and for `random`; the same one gives the same choice.
    pool (int): How many of the best texts are clustered, for each one that is chosen.
    RETURNS (Choice): The texts, fewer where there are not so many.
    RAISES (ValueError): VE005 for unknown terms, VE107 for a number below 1.
    """
    by = check_terms(by)
    check_range("select", 1, n=n, pool=pool)
    places = np.arange(len(scores.rows))
    if by == (RANDOM,):
        return Choice(np.random.default_rng(seed).permutation(places)[:n])
    terms = [getattr(scores, term) for term in by if term != "diversity"]
    needed = [scores.uncertainty[:, None]] if needs_extractor(by) else []
    needed += [scores.points] if "diversity" in by else []
    there = ~np.isnan(np.hstack([np.zeros((len(places), 0)), *needed])).any(axis=1)
    places = places[there]
    score = np.prod([np.nan_to_num(term[there]) for term in terms], axis=0) if terms else None
    if score is not None:
        order = np.argsort(-score, kind="stable")
        places, score = places[order], score[order]
    if "diversity" not in by:
        return Choice(places[:n], None if score is None else score[:n])
    if score is not None:
        places, score = places[: pool * n], score[: pool * n]
    order, cluster = _spread(scores.points[places], score, n, seed)
    return Choice(places[order], None if score is None else score[order], cluster[order])


def _spread(points: Array, score: Optional[Array], n: int, seed: int) -> Tuple[Ints, Ints]:
    """Which points to take, the best of each cluster in turn, and the cluster of each point."""
    from sklearn.cluster import KMeans

    if not len(points):
        return np.zeros(0, dtype="int64"), np.zeros(0, dtype="int64")
    n_clusters = min(n, len(np.unique(points, axis=0)))
    found = KMeans(n_clusters, n_init=1, random_state=seed)
    cluster = found.fit_predict(points, sample_weight=None if score is None else np.maximum(score, _LEAST))
    best = score if score is not None else -np.linalg.norm(points - found.cluster_centers_[cluster], axis=1)
    order = np.argsort(-best, kind="stable")
    turns = np.zeros(len(points), dtype="int64")
    taken = np.zeros(n_clusters, dtype="int64")
    for place in order:
        turns[place] = taken[cluster[place]]
        taken[cluster[place]] += 1
    return np.lexsort([np.arange(len(points)), -best, turns])[:n], cluster.astype("int64")


def select_texts(
    nlp: Language,
    read: Callable[[], Iterable[Doc]],
    n: int,
    *,
    by: Sequence[str] = TERMS,
    seed: int = 0,
    pool: int = POOL,
    measure: str = "margin",
    excluded: AbstractSet[bytes] = frozenset(),
    labelled: Iterable[Doc] = (),
    given_entities: bool = False,
    model: str = "nlp",
) -> Selection:
    """Select the texts to label next, and annotate them. The texts are read twice, so that only the scores of all and
    the Docs of the chosen ones are in memory.

    nlp (Language): The pipeline, with a `vae_encoder` for novelty and diversity and an `extractor` for uncertainty.
    read (Callable[[], Iterable[Doc]]): Reads the texts, in the same order each time. The Docs are not changed.
    n (int): How many texts to select.
    by (Sequence[str]), seed (int), pool (int): See `choose_texts`.
    measure (str), given_entities (bool): See `TextScorer`.
    excluded (AbstractSet[bytes]), labelled (Iterable[Doc]): See `TextScorer.score`.
    model (str): What the pipeline is called, for errors.
    RETURNS (Selection): The texts. VW521 tells where there are fewer than `n`.
    RAISES (ValueError): As `choose_texts` and `TextScorer.score`; VE402 without an extractor that is needed, VE503
        without an encoder; VE521 where all texts are labelled, VE522 where the novelty is to count and is not known,
        VE523 where the uncertainty is to count and no text has a pair.
    """
    by = check_terms(by)
    encoder = find_encoder(nlp, model) if "novelty" in by or "diversity" in by else None
    extractor = find_extractor(nlp, model) if needs_extractor(by) else None
    scorer = TextScorer(nlp, encoder, extractor, measure, given_entities)
    scores = scorer.score(read(), excluded=excluded, labelled=labelled)
    _check_scores(scores, scorer, by)
    choice = choose_texts(scores, n, by=by, seed=seed, pool=pool)
    if len(choice.places) < n:
        reason = (
            f"{scores.n_texts} were read, {scores.n_excluded} of them are labelled, {scores.n_repeated} are repeated, "
            f"{scores.n_without_pairs or 0} have no pair of spans"
        )
        warn(Warnings.VW521.format(n=n, found=len(choice.places), reason=reason))
    docs = [scorer.copy(doc) for doc in _pick(read(), scores.rows[choice.places].tolist())]
    meta = [_describe(scores, choice, i, by) for i in range(len(docs))]
    annotate(nlp, docs, disable=entity_writers(nlp) if given_entities else ())
    return Selection(docs, meta, scores)


def _check_scores(scores: TextScores, scorer: TextScorer, by: Sequence[str]) -> None:
    if not len(scores.rows):
        reason = f"all {scores.n_texts} are labelled already" if scores.n_texts else "there was none"
        raise ValueError(Errors.VE521.format(reason=reason))
    if needs_extractor(by) and np.isnan(scores.uncertainty).all():
        name = getattr(scorer.extractor, "name", "extractor")
        raise ValueError(Errors.VE523.format(n=len(scores.rows), name=name))
    if "novelty" in by and np.isnan(scores.novelty).all():
        others = " and ".join(term for term in TERMS if term in by and term != "novelty") or "something else"
        name = getattr(scorer.encoder, "name", "vae_encoder")
        raise ValueError(Errors.VE522.format(name=name, others=others))


def _pick(docs: Iterable[Doc], rows: Sequence[int]) -> List[Doc]:
    wanted, last = set(rows), max(rows)
    found: Dict[int, Doc] = {}
    for row, doc in enumerate(docs):
        if row in wanted:
            found[row] = doc
        if row == last:
            break
    return [found[row] for row in rows]


def _describe(scores: TextScores, choice: Choice, index: int, by: Sequence[str]) -> Dict[str, Any]:
    place = choice.places[index]
    numbers = {
        "score": None if choice.score is None else choice.score[index],
        "uncertainty": scores.uncertainty[place],
        "novelty": scores.novelty[place],
    }
    known = {name: round(float(value), 4) for name, value in numbers.items() if value is not None and value == value}
    cluster = {} if choice.cluster is None else {"cluster": int(choice.cluster[index])}
    return {"row": int(scores.rows[place]), "by": ",".join(by), **known, **cluster}
