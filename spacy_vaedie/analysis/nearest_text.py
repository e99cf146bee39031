"""Raw text like that of a task, out of a big corpus of any kind: the documents whose latents are nearest."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappush, heapreplace
from typing import Any, Iterable, List, Optional, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..errors import Errors, Warnings, check_range, warn
from ..models.novelty import TextFeatures, fit_whitening, read_features, whiten
from ..training.text_keys import text_key
from .raw_docs import BATCH_SIZE, parse_bare

Array = NDArray[np.float64]
# Documents of the task whose distance to the others is looked at.
_SAMPLE = 200


@dataclass(frozen=True)
class NearText:
    """A document of the raw corpus.

    text (str): The document.
    distance (float): How far its latents are from those of the task.
    """

    text: str
    distance: float


@dataclass(frozen=True)
class NearTexts:
    """What was found, and what was left out.

    texts (List[NearText]): The documents, nearest first.
    n_read (int): Documents in the raw corpus.
    n_in_task (int): Those that are left out since they are documents of the task, word for word.
    n_repeated (int): Those that are left out since they were kept already.
    task_distance (Optional[float]): How far documents of the task are from its other ones, the median of some, to
        compare with. None where there is one only.
    """

    texts: List[NearText]
    n_read: int
    n_in_task: int
    n_repeated: int
    task_distance: Optional[float]


def nearest_text(
    nlp: Language, encoder: Any, raw: Iterable[Doc], task: Iterable[Doc], n: int, *, neighbours: int = 5
) -> NearTexts:
    """Find the documents that are nearest to those of a task: by the plain distance between the posterior means of two
    texts, averaged over their tokens, after these were rotated and scaled so that the task's own vary alike in all
    directions, whatever their length (`spacy_vaedie.models.novelty.fit_whitening`).

    Both corpora are read as streams: what is kept are the latents and keys of the task, and the `n` texts that are
    nearest so far. spaCy's own table of words grows with each new word.

    nlp (Language): The pipeline. Its components before the encoder run where a Doc has no parse.
    encoder (VAEEncoder): Its encoder.
    raw (Iterable[Doc]): The raw corpus, e.g. from `read_raw_docs`.
    task (Iterable[Doc]): The documents of the task.
    n (int): How many documents to find.
    neighbours (int): The distance of a document is its average distance to so many documents of the task, its nearest
        ones.
    RETURNS (NearTexts): The documents. Of two that are as near, the one that was read first is the nearer one. VW521
        tells where there are fewer than `n`.
    RAISES (ValueError): VE101 where the pipe was not initialized, VE107 for a number below 1, VE114 for a task without
        text, VE521 where no document is left.
    """
    check_range("nearest-text", 1, n=n, neighbours=neighbours)
    known = _Task(nlp, encoder, task)
    kept = _Kept(n)
    n_read = n_repeated = n_fresh = 0
    for batch in minibatch(raw, BATCH_SIZE):
        n_read += len(batch)
        fresh = [doc for doc in batch if text_key(doc.text) not in known.keys]
        n_fresh += len(fresh)
        if fresh:
            pairs = zip(fresh, known.distances(fresh, neighbours), strict=True)
            n_repeated += sum(not kept.offer(doc.text, distance) for doc, distance in pairs)
    n_in_task = n_read - n_fresh
    if not n_fresh:
        reason = f"all {n_read} are documents of the task" if n_read else "there was none"
        raise ValueError(Errors.VE521.format(reason=reason))
    texts = kept.texts()
    if len(texts) < n:
        reason = f"{n_read} were read, {n_in_task} of them are in the task, {n_repeated} are repeated"
        warn(Warnings.VW521.format(n=n, found=len(texts), reason=reason))
    return NearTexts(texts, n_read, n_in_task, n_repeated, known.inner_distance(neighbours))


class _Kept:
    """The nearest texts so far, each once.

    n (int): How many to keep.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._n_offered = 0
        # The farthest one is on top; of equally far ones, that which came last.
        self._heap: List[Tuple[float, int, str]] = []
        self._keys: Set[bytes] = set()

    def offer(self, text: str, distance: float) -> bool:
        """Keep a text where it is near enough. RETURNS (bool): False where it is kept already."""
        key = text_key(text)
        if key in self._keys:
            return False
        self._n_offered += 1
        item = (-distance, -self._n_offered, text)
        if len(self._heap) < self.n:
            heappush(self._heap, item)
            self._keys.add(key)
        elif item > self._heap[0]:
            self._keys.remove(text_key(heapreplace(self._heap, item)[2]))
            self._keys.add(key)
        return True

    def texts(self) -> List[NearText]:
        """RETURNS (List[NearText]): The texts, nearest first."""
        return [NearText(text, -distance) for distance, _, text in sorted(self._heap, reverse=True)]


class _Task:
    """The documents of a task.

    nlp (Language), encoder (VAEEncoder): The pipeline and its encoder.
    docs (Iterable[Doc]): The documents.
    """

    def __init__(self, nlp: Language, encoder: Any, docs: Iterable[Doc]) -> None:
        self.nlp, self.encoder = nlp, encoder
        self.keys: Set[bytes] = set()
        parts: List[TextFeatures] = []
        for batch in minibatch(docs, BATCH_SIZE):
            parts.append(self._read(batch))
            self.keys.update(text_key(doc.text) for doc in batch)
        if not parts:
            raise ValueError(Errors.VE114.format(name=encoder.name))
        features = TextFeatures.concatenate(parts)
        self._state = fit_whitening(features)
        self._known = whiten(self._state, features)

    def distances(self, docs: List[Doc], neighbours: int) -> List[float]:
        """RETURNS (List[float]): Average distance of each Doc to its nearest documents of the task, a dimension."""
        found: List[float] = self._nearest(whiten(self._state, self._read(docs)), neighbours).tolist()
        return found

    def inner_distance(self, neighbours: int) -> Optional[float]:
        """RETURNS (Optional[float]): The same for documents of the task and its other ones, the median of some."""
        n = len(self._known)
        rows = np.linspace(0, n - 1, min(n, _SAMPLE)).astype("int64")
        return None if n < 2 else float(np.median(self._nearest(self._known[rows], neighbours, rows)))

    def _nearest(self, points: Array, neighbours: int, own: Optional[NDArray[np.int64]] = None) -> Array:
        """Average distance to the nearest documents of the task, `own` ones left out. *Shape:* (n,)"""
        from scipy.spatial.distance import cdist

        matrix = cdist(points, self._known)
        if own is not None:
            matrix[np.arange(len(own)), own] = np.inf
        k = min(neighbours, len(self._known) - (own is not None))
        found: Array = np.partition(matrix, k - 1, axis=1)[:, :k].mean(axis=1) / np.sqrt(self._known.shape[1])
        return found

    def _read(self, docs: List[Doc]) -> TextFeatures:
        parse_bare(self.nlp, docs, self.encoder)
        return read_features(self.encoder.model, docs, self.encoder.predict(docs), bounds=False)
