"""What of a raw corpus is read to choose texts from it: uncertainty, novelty, and a point for each text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Any, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..errors import Errors
from ..tokens import Latents
from ..training.examples import predicted_copy
from ..training.text_keys import text_key
from .raw_docs import BATCH_SIZE, annotate, entity_writers
from .uncertainty import check_measure, pair_uncertainty

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# Rows of a matrix of distances that are in memory at a time.
_BLOCK = 1000


@dataclass(frozen=True, eq=False)
class TextScores:
    """The texts that may be chosen, each once.

    rows (Ints): Place of each text among all of them, counted from 0. *Shape:* (n,)
    uncertainty (Array): From 0 to 1, NaN for a text without candidate pairs, or where nobody asked. *Shape:* (n,)
    novelty (Array): From 0 to 1, NaN where it is not known. *Shape:* (n,)
    points (Array): Where each text is, for clusters; NaN as for `uncertainty`. *Shape:* (n, width)
    n_texts (int): How many texts there were.
    n_excluded (int): Those that are left out since they are labelled already.
    n_repeated (int): Those that are left out since they came before.
    n_without_pairs (Optional[int]): Those among the rest that have no candidate pair, None where nobody asked.
    """

    rows: Ints
    uncertainty: Array
    novelty: Array
    points: Array
    n_texts: int
    n_excluded: int
    n_repeated: int
    n_without_pairs: Optional[int] = None


def find_extractor(nlp: Language, model: str) -> Any:
    """Find the extractor of a pipeline.

    nlp (Language): The pipeline.
    model (str): What the pipeline is called, for the error.
    RETURNS (Extractor): The first one.
    RAISES (ValueError): VE402 where there is none.
    """
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory == "extractor":
            return nlp.get_pipe(name)
    names = ", ".join(nlp.pipe_names) or "none"
    raise ValueError(Errors.VE402.format(model=model, what="can be unsure about relations", names=names))


@dataclass(frozen=True, eq=False)
class TextScorer:
    """Scores texts one batch at a time.

    The uncertainty of a text is that of its least sure candidate pair (see `pair_uncertainty`): one pair to decide is
    reason enough to show a text to somebody, and a sum would prefer long texts. The point of a text is made of the
    latents of this pair: the averages over the span that comes first, the text between, and the other span. Clusters of
    these agree better with what is annotated than clusters of whole texts' latents (docs/selection.md), which are taken
    where no extractor is given.

    nlp (Language): The pipeline. What it needs of it runs: all components up to the extractor or encoder.
    encoder (Optional[VAEEncoder]): Its encoder, None for no novelty and no points.
    extractor (Optional[Extractor]): Its extractor, None for no uncertainty.
    measure (str): Measure of uncertainty.
    given_entities (bool): Whether the Docs come with their entities and spans, so that nothing looks for others.
    RAISES (ValueError): VE005 for an unknown measure.
    """

    nlp: Language
    encoder: Optional[Any] = None
    extractor: Optional[Any] = None
    measure: str = "margin"
    given_entities: bool = False

    def __post_init__(self) -> None:
        check_measure(self.measure)

    def copy(self, doc: Doc) -> Doc:
        """RETURNS (Doc): A Doc to annotate, so that what stands on the other one stays, and helps nobody."""
        return predicted_copy(doc, entities=self.given_entities)

    def score(
        self, docs: Iterable[Doc], *, excluded: AbstractSet[bytes] = frozenset(), labelled: Iterable[Doc] = ()
    ) -> TextScores:
        """Score texts, read as a stream: what is kept are their scores and points.

        docs (Iterable[Doc]): The texts.
        excluded (AbstractSet[bytes]): Keys of texts that are left out, see `text_key`.
        labelled (Iterable[Doc]): Labelled texts. They are left out, too, and where there are any, the novelty of a text
            is how far its point is from the nearest of theirs (as in core-sets, Sener and Savarese 2018), as the share
            of the texts that are nearer. Without, it is what the encoder says, `doc._.novelty`.
        RETURNS (TextScores): The scores.
        RAISES (ValueError): VE101 where a pipe was not initialized, VE202 for a Doc without a parse.
        """
        keys, known = self._read_labelled(labelled)
        keys |= excluded
        seen: Set[bytes] = set()
        rows: List[int] = []
        found: List[Tuple[float, float, Array]] = []
        n_texts = n_excluded = 0
        for batch in minibatch(docs, BATCH_SIZE):
            fresh: List[Doc] = []
            for row, doc in enumerate(batch, start=n_texts):
                key = text_key(doc.text)
                n_excluded += key in keys
                if key not in keys and key not in seen:
                    seen.add(key)
                    rows.append(row)
                    fresh.append(self.copy(doc))
            n_texts += len(batch)
            found.extend(self._score(fresh))
        points = _stack([point for _, _, point in found])
        uncertainty, novelty = np.array([item[:2] for item in found], dtype="float64").reshape(-1, 2).T
        return TextScores(
            rows=np.array(rows, dtype="int64"),
            uncertainty=uncertainty,
            novelty=_distance_ranks(points, known) if len(known) else novelty,
            points=points,
            n_texts=n_texts,
            n_excluded=n_excluded,
            n_repeated=n_texts - n_excluded - len(rows),
            n_without_pairs=None if self.extractor is None else int(np.isnan(uncertainty).sum()),
        )

    def _read_labelled(self, docs: Iterable[Doc]) -> Tuple[Set[bytes], Array]:
        """Keys of labelled texts, and the points of all of their pairs."""
        keys: Set[bytes] = set()
        points: List[Array] = []
        for batch in minibatch(docs, BATCH_SIZE):
            keys.update(text_key(doc.text) for doc in batch)
            if self.encoder is None:
                continue
            for latents, (candidates, _) in self._read([self.copy(doc) for doc in batch]):
                if self.extractor is None:
                    points.append(_text_point(latents))
                else:
                    points.extend(_pair_point(latents, pair) for pair in candidates.one_way().offsets())
        return keys, _stack(points)

    def _score(self, docs: List[Doc]) -> Iterator[Tuple[float, float, Array]]:
        """Uncertainty, novelty and point of each text."""
        for latents, (candidates, probabilities) in self._read(docs):
            uncertainty, pair = np.nan, None
            if self.extractor is not None and len(candidates.pairs):
                unsure = pair_uncertainty(probabilities, self.extractor.labelling, self.measure)
                uncertainty, pair = float(unsure.max()), candidates.offsets()[int(unsure.argmax())]
            if latents is None:
                yield uncertainty, np.nan, np.zeros(0)
                continue
            point = _text_point(latents) if self.extractor is None else _pair_point(latents, pair)
            yield uncertainty, np.nan if latents.novelty is None else latents.novelty, point

    def _read(self, docs: Sequence[Doc]) -> Iterator[Tuple[Any, Any]]:
        """What encoder and extractor say about each Doc: its latents, None without an encoder, and its candidates with
        their probabilities, None twice without an extractor."""
        if not docs or (self.encoder is None and self.extractor is None):
            return ((None, (None, None)) for _ in docs)
        annotate(self.nlp, docs, disable=self._disabled())
        latents = [None] * len(docs) if self.encoder is None else [doc._.latents for doc in docs]
        found = [(None, None)] * len(docs) if self.extractor is None else self.extractor.predict(docs)
        return zip(latents, found, strict=True)

    def _disabled(self) -> List[str]:
        """The extractor, which is asked by itself, what comes after both, and what looks for entities."""
        names = self.nlp.pipe_names
        needed = [pipe.name for pipe in (self.encoder, self.extractor) if pipe is not None]
        later = names[max(map(names.index, needed)) + 1 :]
        asked = [] if self.extractor is None else [self.extractor.name]
        return [*asked, *later, *(entity_writers(self.nlp) if self.given_entities else ())]


def _text_point(latents: Latents) -> Array:
    """The mean of the text's latent. *Shape:* (doc_latent_width,)"""
    return latents.doc_mean.astype("float64")


def _pair_point(latents: Latents, pair: Optional[Ints]) -> Array:
    """What the latents say about a pair, whichever of its spans is the head: averages over the first span, the text
    between, of which there may be none, and the second span. NaN for no pair. A VAE whose tokens have no latents says
    the same about all pairs of a text. *Shape:* (3 * latent_width,), or (doc_latent_width,) where tokens have none"""
    width = latents.mean.shape[1]
    if pair is None:
        return np.full(3 * width or len(latents.doc_mean), np.nan)
    if not width:
        return _text_point(latents)
    (start, end), (other_start, other_end) = sorted([tuple(pair[:2]), tuple(pair[2:])])
    spans = ((start, end), (end, other_start), (other_start, other_end))
    return np.concatenate([_average(latents.mean[first:last]) for first, last in spans])


def _average(rows: NDArray[np.float32]) -> Array:
    """Zeros, the mean of the prior, for no rows. *Shape:* (width,)"""
    return rows.mean(axis=0, dtype="float64") if len(rows) else np.zeros(rows.shape[1])


def _stack(points: List[Array]) -> Array:
    return np.stack(points) if points else np.zeros((0, 0))


def _distance_ranks(points: Array, known: Array) -> Array:
    """How far each point is from the nearest known one, as the share of the points that are nearer; NaN for points that
    are NaN. *Shape:* (n,)"""
    from scipy.spatial.distance import cdist
    from scipy.stats import rankdata

    ranks = np.full(len(points), np.nan)
    there = np.flatnonzero(~np.isnan(points).any(axis=1))
    if not len(there):
        return ranks
    nearest = [cdist(points[there[i : i + _BLOCK]], known).min(axis=1) for i in range(0, len(there), _BLOCK)]
    ranks[there] = (rankdata(np.concatenate(nearest)) - 1) / max(len(there) - 1, 1)
    return ranks
