"""What the generative model of a `vae_encoder` can do: write, reconstruct, interpolate, and say what it has learned."""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..errors import Errors, check_range
from ..models.decoders import BAG, CAN_NAME_WORDS, CAN_RECONSTRUCT, CAN_WRITE, GRU, WORDS
from ..models.objectives import TrainingObjective
from ..models.vae import VAE
from ..tokens import Latents

Floats = NDArray[np.float32]

# Far above what tells words apart, and what torch takes.
MAX_TEMPERATURE, MAX_SEED = 1e6, 2**63 - 1


class Generator:
    """Text from latents. Mixed into a pipe with a `name`, a `model` and a `predict`.

    All texts come in lower case with spaces between the words, as the decoder knows them.
    """

    name: str
    model: VAE
    objective: TrainingObjective

    def sample(
        self, n: int, *, seed: Optional[int] = None, temperature: float = 1.0, max_length: int = 60
    ) -> List[str]:
        """Write texts from latents that are drawn from the prior. A language model, which was trained without latents,
        writes from zeros.

        n (int): How many.
        seed (Optional[int]): The same one gives the same texts, None for others each time.
        temperature (float): Below 1 for likelier words, 0 for the likeliest word at each place.
        max_length (int): Words after which a text ends in any case.
        RETURNS (List[str]): The texts.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE107 for a number out of range, VE112 where
            the decoder cannot write.
        """
        self._check_can("sample texts", CAN_WRITE)
        check_range("sample", 0, n=n, max_length=max_length)
        check_range("sample", 0, MAX_TEMPERATURE, temperature=temperature)
        check_range("sample", 0, MAX_SEED, seed=0 if seed is None else seed)
        latents = np.random.default_rng(seed).standard_normal((n, self._doc_width)).astype("float32")
        if self.objective.latents == "none":
            latents = np.zeros_like(latents)
        return self._write(latents, max_length, temperature, seed)

    def reconstruct(self, docs: Iterable[Doc], *, max_length: int = 60) -> List[str]:
        """Read the latents of texts, and write the likeliest text for them: what the latents know.

        docs (Iterable[Doc]): The texts, parsed as in training. They are not changed.
        max_length (int): Words after which a text ends in any case.
        RETURNS (List[str]): A text for each. A decoder of words gives a word for each token.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE107 for a negative number of words, VE112
            where the decoder cannot reconstruct, VE117 where the latents say nothing.
        """
        self._check_can("reconstruct texts", CAN_RECONSTRUCT)
        self._check_latents_say("reconstruct texts", CAN_RECONSTRUCT)
        check_range("reconstruct", 0, max_length=max_length)
        docs = list(docs)
        latents: Sequence[Latents] = self.predict(docs)  # type: ignore[attr-defined]
        if self.model.attrs["decoder"] not in CAN_WRITE:
            network = self.model.shims[0].network
            rows = [
                network.reconstruct_tokens(item.mean, np.tile(item.doc_mean, (len(item.mean), 1))) for item in latents
            ]
            return [self._join(row) for row in rows]
        filled = [i for i, doc in enumerate(docs) if len(doc)]
        texts = [""] * len(docs)
        if filled:
            means = np.stack([latents[i].doc_mean for i in filled])
            for i, text in zip(filled, self._write(means, max_length, 0.0), strict=True):
                texts[i] = text
        return texts

    def interpolate(self, doc_a: Doc, doc_b: Doc, *, steps: int = 7, max_length: int = 60) -> List[str]:
        """Write the likeliest texts for latents on the line from one text to another.

        doc_a (Doc), doc_b (Doc): The texts, parsed as in training.
        steps (int): How many texts, those of the two ends included.
        max_length (int): Words after which a text ends in any case.
        RETURNS (List[str]): The texts, the first one for `doc_a`.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE107 for less than one step, or a negative
            number of words, VE112 where the decoder cannot write, VE117 where the latents say nothing, VE119 for an
            empty text.
        """
        self._check_can("interpolate", CAN_WRITE)
        self._check_latents_say("interpolate", CAN_WRITE)
        check_range("interpolate", 1, steps=steps)
        check_range("interpolate", 0, max_length=max_length)
        self._check_filled("interpolate", doc_a, doc_b)
        return self._write(self._line(doc_a, doc_b, steps), max_length, 0.0)

    def nearest(self, doc: Doc, corpus: Iterable[Doc], *, n: int = 5, other: Optional[Doc] = None) -> List[Doc]:
        """Find the texts whose latents are nearest to that of a text, or, with `other`, to the point half way between
        the two: real sentences where `interpolate` writes them.

        doc (Doc): The text.
        corpus (Iterable[Doc]): The texts to choose from, parsed as in training. Empty ones are left out.
        n (int): How many.
        other (Optional[Doc]): A second text.
        RETURNS (List[Doc]): The nearest ones, by Euclidean distance of the posterior means, nearest first.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE107 for a negative number, VE114 for an
            empty corpus, VE117 where the latents say nothing, VE119 for an empty text.
        """
        self._check_built()  # type: ignore[attr-defined]
        self._check_latents_say("find near texts", (WORDS, GRU, BAG))
        check_range("nearest", 0, n=n)
        self._check_filled("find near texts", doc, doc if other is None else other)
        docs = [found for found in corpus if len(found)]
        if not docs:
            raise ValueError(Errors.VE114.format(name=self.name))
        point = self._line(doc, doc if other is None else other, 3)[1]
        means = np.concatenate([self._doc_means(docs[i : i + 64]) for i in range(0, len(docs), 64)])
        order = np.argsort(np.linalg.norm(means - point, axis=1), kind="stable")
        return [docs[i] for i in order[:n]]

    def top_words(self, dim: int, *, n: int = 10) -> List[str]:
        """The words that a dimension of the text's latent stands for.

        dim (int): The dimension, counted from 0.
        n (int): How many words.
        RETURNS (List[str]): The words, first the one that a rise of the dimension makes likelier most.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE107 for a negative number, VE112 where
            dimensions have no words, VE113 where there is no such dimension, VE117 where the latents say nothing.
        """
        self._check_can("name the words of a dimension", CAN_NAME_WORDS)
        self._check_latents_say("name the words of a dimension", CAN_NAME_WORDS)
        if not 0 <= dim < self._doc_width:
            raise ValueError(Errors.VE113.format(name=self.name, dim=dim, width=self._doc_width))
        check_range("top_words", 0, n=n)
        weights = self.model.shims[0].network.dimension_words()[dim]
        return [self.model.attrs["words"][row] for row in np.argsort(-weights, kind="stable")[:n]]

    @property
    def _doc_width(self) -> int:
        return int(self.model.attrs["settings"]["doc_latent_width"])

    def _check_can(self, what: str, decoders: Sequence[str]) -> None:
        self._check_built()  # type: ignore[attr-defined]
        decoder = self.model.attrs["decoder"]
        if decoder not in decoders:
            options = ", ".join(decoders)
            raise ValueError(Errors.VE112.format(name=self.name, what=what, decoder=decoder, options=options))

    def _check_latents_say(self, what: str, decoders: Sequence[str]) -> None:
        if self.objective.latents == "none":
            raise ValueError(Errors.VE117.format(name=self.name, what=what, options=", ".join(decoders)))

    def _check_filled(self, what: str, *docs: Doc) -> None:
        if not all(len(doc) for doc in docs):
            raise ValueError(Errors.VE119.format(name=self.name, what=what))

    def _doc_means(self, docs: Sequence[Doc]) -> Floats:
        return np.stack([item.doc_mean for item in self.predict(docs)])  # type: ignore[attr-defined]

    def _line(self, doc_a: Doc, doc_b: Doc, steps: int) -> Floats:
        start, end = self._doc_means([doc_a, doc_b])
        shares = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
        line: Floats = (1.0 - shares) * start + shares * end
        return line

    def _write(self, latents: Floats, max_length: int, temperature: float, seed: Optional[int] = None) -> List[str]:
        network = self.model.shims[0].network
        rows = network.write(latents, max_length=max_length, temperature=temperature, seed=seed)
        return [self._join(row) for row in rows]

    def _join(self, rows: Iterable[Any]) -> str:
        return " ".join(self.model.attrs["words"][int(row) - 1] for row in rows)
