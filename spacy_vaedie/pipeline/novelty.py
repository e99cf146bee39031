"""Novelty of texts, as `vae_encoder` measures it: what it keeps of the training text, and when it is calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import minibatch

from ..errors import Errors
from ..models.embed import listens
from ..models.novelty import MIN_TEXTS, CalibratedNovelty, Novelty, TextFeatures, read_features
from ..models.vae import VAE
from ..tokens import Latents
from ..training.examples import predicted_copy
from .network_pipe import NetworkPipe

# Training texts that a pipe is calibrated on: enough for the covariances of the default widths.
SAMPLE_SIZE = 1000
BATCH_SIZE = 64


class TextSample:
    """Some of the texts that pass by: those with the smallest checksums. So it is the same sample whatever the order,
    each text is in it once, and it is as good as a random one. It is kept in memory alone: neither saved nor pickled.

    size (int): How many texts to keep.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._docs: Dict[int, Doc] = {}
        self._largest = -1

    def add(self, docs: Iterable[Doc]) -> None:
        """Look at some texts.

        docs (Iterable[Doc]): The texts. Copies are kept, with their parse and nothing else.
        """
        for doc in docs:
            key = crc32(doc.text.encode("utf8", "surrogatepass"))
            full = len(self._docs) >= self.size
            if not len(doc) or key in self._docs or (full and key > self._largest):
                continue
            self._docs[key] = predicted_copy(doc, entities=False)
            if full:
                del self._docs[self._largest]
            self._largest = max(self._docs)

    @property
    def docs(self) -> List[Doc]:
        """The texts, in an order that has nothing to do with what they say. Not to be changed."""
        return [self._docs[key] for key in sorted(self._docs)]

    def __getstate__(self) -> Dict[str, Any]:
        return {"size": self.size, "_docs": {}, "_largest": -1}


class NoveltyPipe(NetworkPipe):
    """Measures novelty with the latents that a pipe predicts. Mixed into a pipe whose model is a VAE.

    The pipe remembers some of the texts that it is trained on. When it is saved after training, it reads their features
    with the weights that are saved, and those features are saved with it. They count for these weights only: a pipe
    whose weights have changed since says nothing about novelty until it is saved or `calibrate` is called.
    """

    model: VAE
    novelty: Optional[Novelty]
    _texts: TextSample

    def _start_novelty(self, novelty: Optional[Novelty]) -> None:
        """To be called when the pipe is made, and whenever its network is made anew."""
        self.novelty = novelty
        self.model.attrs["novelty"] = {}
        self._texts = TextSample(SAMPLE_SIZE)
        # What was fitted, and the choice and features that it was fitted to.
        self._fitted: Tuple[Any, Any, Optional[CalibratedNovelty]] = (None, None, None)

    def calibrate(self, docs: Optional[Iterable[Doc]] = None) -> None:
        """Learn what is not novel. Training followed by saving does this by itself.

        docs (Optional[Iterable[Doc]]): Texts that are not novel, parsed as in training. None for those that the pipe
            remembers from training.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE116 where there are too few texts.
        """
        self._check_built()
        found = [doc for doc in (self._texts.docs if docs is None else docs) if len(doc)]
        if len(found) < MIN_TEXTS:
            where = "it was trained on since it was loaded" if docs is None else "it was given"
            raise ValueError(self._unknown(f"there are {len(found)} texts that {where}"))
        # Other choices than the configured one can be compared later, so everything is read.
        features = self._read(found, bounds=True)
        self.model.attrs["novelty"] = {"weights": checksum(self.model), **features.to_arrays()}

    def novelty_scores(self, docs: Iterable[Doc], novelty: Optional[Novelty] = None) -> NDArray[np.float64]:
        """How novel texts are, as a raw score. Raw scores tell texts apart that are all more novel than any training
        text, whose `doc._.novelty` is 1.0.

        docs (Iterable[Doc]): Docs, parsed as in training.
        novelty (Optional[Novelty]): The way to measure, None for that of the config.
        RETURNS (NDArray[np.float64]): Larger where a text is more novel, NaN for an empty one. *Shape:* (n_docs,)
        RAISES (ValueError): VE101 where the pipe was not initialized, VE116 where it was not calibrated.
        """
        self._check_built()
        choice = self.novelty if novelty is None else novelty
        if choice is None:
            raise ValueError(self._unknown("`novelty` is null in its config"))
        calibrated = self._calibrated(choice)
        if calibrated is None:
            raise ValueError(self._unknown("it was not calibrated since its weights were changed"))
        docs = list(docs)
        filled = [i for i, doc in enumerate(docs) if len(doc)]
        scores = np.full(len(docs), np.nan)
        if filled:
            features = self._read([docs[i] for i in filled], bounds=choice.reads_bounds)
            scores[filled] = calibrated.score(features)
        return scores

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the pipe to disk. It is calibrated before, where it was trained since.

        path (Union[str, Path]): The folder.
        exclude (Iterable[str]): Names of parts to leave out.
        """
        self._calibrate_if_stale(exclude)
        super().to_disk(path, exclude=exclude)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Save the pipe to bytes. It is calibrated before, where it was trained since.

        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (bytes): The pipe.
        """
        self._calibrate_if_stale(exclude)
        data: bytes = super().to_bytes(exclude=exclude)
        return data

    def _remember(self, docs: Sequence[Doc]) -> None:
        """Keep some of the texts that the pipe is trained on. Not where its embedding listens to another component: a
        copy of a text has not what that component wrote."""
        if self.novelty is not None and not listens(self.model.layers[0]):
            self._texts.add(docs)

    def _with_novelty(self, docs: Sequence[Doc], latents: List[Latents]) -> List[Latents]:
        """The same latents, with the novelty of each text where it is known."""
        calibrated = None if self.novelty is None else self._calibrated(self.novelty)
        filled = [i for i, doc in enumerate(docs) if len(doc)]
        if calibrated is None or not filled:
            return latents
        bounds = calibrated.novelty.reads_bounds
        features = read_features(self.model, [docs[i] for i in filled], [latents[i] for i in filled], bounds=bounds)
        found = list(latents)
        for i, value in zip(filled, calibrated.percentile(features), strict=True):
            found[i] = replace(latents[i], novelty=float(value))
        return found

    def _calibrated(self, novelty: Novelty) -> Optional[CalibratedNovelty]:
        """A choice, fitted, or None where nothing is known for the present weights."""
        known = self.model.attrs.get("novelty")
        if not known or known["weights"] != checksum(self.model):
            return None
        if self._fitted[0] != novelty or self._fitted[1] is not known:
            self._fitted = (novelty, known, CalibratedNovelty.fit(novelty, TextFeatures.from_arrays(known)))
        return self._fitted[2]

    def _calibrate_if_stale(self, exclude: Iterable[str]) -> None:
        if self.novelty is None or "model" in exclude or len(self._texts.docs) < MIN_TEXTS:
            return
        known = self.model.attrs.get("novelty")
        if not known or known["weights"] != checksum(self.model):
            self.calibrate()

    def _read(self, docs: List[Doc], *, bounds: bool) -> TextFeatures:
        parts = []
        for batch in minibatch(docs, BATCH_SIZE):
            parts.append(read_features(self.model, batch, self.predict(batch), bounds=bounds))
        return TextFeatures.concatenate(parts)

    def _unknown(self, reason: str) -> str:
        return Errors.VE116.format(name=self.name, reason=reason, n=MIN_TEXTS)


def checksum(model: VAE) -> int:
    """Tell weights apart, by the small ones: an update changes them all.

    model (VAE): A model that was built.
    RETURNS (int): A checksum of the network's biases and other vectors.
    """
    found = 0
    for _, weights in model.shims[0].network.named_parameters():
        if weights.ndim == 1:
            found = crc32(weights.detach().cpu().numpy().tobytes(), found)
    return found
