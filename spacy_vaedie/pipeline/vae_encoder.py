"""`vae_encoder`: latents of tokens and texts, learned from raw text."""

from collections import Counter
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import Config, Optimizer, set_dropout_rate, to_numpy
from thinc.types import Floats2d

from ..errors import Errors, Warnings
from ..models.diagnostics import active_units
from ..models.embed import split_rows
from ..models.listeners import make_replaceable
from ..models.vae import VAE, Objective, Posterior, VAEBatch, token_gradients, token_vectors
from ..tokens import Latents
from ..tokens.dependency import has_parse
from .network_pipe import NetworkPipe
from .upstream import GradientSum, Upstream

DEFAULT_VAE_CONFIG = """
[model]
@architectures = "spacy-vaedie.VAE.v1"
width = 192
latent_width = 96
doc_latent_width = 32
window_layers = 2
parse_layers = 2
maxout_pieces = 3
syntax_width = 64
corruption = 0.3
masked = 0.8

[model.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 128
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false

[kl_weight]
@schedules = "spacy-vaedie.AnnealedKL.v1"
weight = 0.003
warmup_steps = 500
"""
_DEFAULTS = Config().from_str(DEFAULT_VAE_CONFIG)

# Docs in one forward pass where the caller sets no batch.
BATCH_SIZE = 64
# Scores must not change by chance, nor with the KL weight: they take the weight that the annealing ends with.
SCORE_SEED = 0
SCORE_STEP = 2**31


@Language.factory(
    "vae_encoder",
    assigns=["doc._.latents", "doc._.latent", "span._.latent", "token._.latent"],
    default_config={
        "model": _DEFAULTS["model"],
        "kl_weight": _DEFAULTS["kl_weight"],
        "free_bits": 0.25,
        "max_words": 10000,
        "min_count": 1,
    },
    default_score_weights={
        "vae_score": 1.0,
        "vae_active_units": 0.0,
        "vae_reconstruction": None,
        "vae_kl": None,
        "vae_doc_kl": None,
        "vae_doc_active_units": None,
    },
)
def make_vae_encoder(
    nlp: Language,
    name: str,
    model: VAE,
    kl_weight: Callable[[int], float],
    free_bits: float,
    max_words: int,
    min_count: int,
) -> "VAEEncoder":
    """Make a `vae_encoder`.

    model (Model[VAEBatch, Posterior]): The variational autoencoder.
    kl_weight (Callable[[int], float]): Weight of the KL divergence, step by step.
    free_bits (float): Nats that each latent dimension may cost for nothing.
    max_words (int): Size of the decoder's vocabulary.
    min_count (int): How often a word must occur in the training text to be in it.
    """
    return VAEEncoder(
        nlp.vocab, model, name, kl_weight=kl_weight, free_bits=free_bits, max_words=max_words, min_count=min_count
    )


class VAEEncoder(Upstream, NetworkPipe):
    """Reads the approximate posterior of each text into `doc._.latents`. It learns from raw text alone, by the
    evidence lower bound, and from the gradients of the components that listen to it.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: VAE,
        name: str = "vae_encoder",
        *,
        kl_weight: Callable[[int], float],
        free_bits: float = 0.25,
        max_words: int = 10000,
        min_count: int = 1,
    ) -> None:
        self.vocab = vocab
        self.model = make_replaceable(model)
        self.name = name
        self.kl_weight = kl_weight
        self.free_bits = free_bits
        self.max_words = max_words
        self.min_count = min_count
        self.cfg: Dict[str, Any] = {"step": 0}
        self.listener_map = {}
        self._pending: Optional[GradientSum] = None
        self._warned = set()

    def predict(self, docs: Iterable[Doc]) -> List[Latents]:
        """Infer the latents of a batch. The same text always gives the same latents.

        docs (Iterable[Doc]): The batch.
        RETURNS (List[Latents]): One for each Doc.
        RAISES (ValueError): VE101 where the pipe was not initialized.
        """
        self._check_built()
        docs = list(docs)
        self._check_parse(docs)
        posterior = self.model.predict(VAEBatch(docs))
        arrays = {name: to_numpy(array) for name, array in posterior.items()}
        lengths = [len(doc) for doc in docs]
        rows = zip(*(split_rows(arrays[name], lengths) for name in ("mean", "log_variance", "hidden")), strict=True)
        return [
            # Copies, so that one Doc does not keep the arrays of a whole batch alive.
            Latents(mean.copy(), log_variance.copy(), hidden.copy(), doc_mean.copy(), doc_log_variance.copy())
            for (mean, log_variance, hidden), doc_mean, doc_log_variance in zip(
                rows, arrays["doc_mean"], arrays["doc_log_variance"], strict=True
            )
        ]

    def set_annotations(self, docs: Iterable[Doc], latents: Sequence[Latents]) -> None:
        """Write the latents, and doc.tensor where a stock listener needs it.

        docs (Iterable[Doc]): The batch.
        latents (Sequence[Latents]): What `predict` gave.
        """
        for doc, doc_latents in zip(docs, latents, strict=True):
            doc._.latents = doc_latents
            if self.writes_tensor:
                doc.tensor = self.model.ops.asarray2f(doc_latents.vectors)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch: take a step on the evidence lower bound, and hand token vectors to the listeners, whose
        gradients follow.

        examples (Iterable[Example]): The batch. Only the text and parse of the predicted Docs are read.
        drop (float): Dropout rate.
        sgd (Optional[Optimizer]): Optimizer, None where the caller calls `finish_update`.
        losses (Optional[Dict[str, float]]): Record to add the loss to, in nats a token.
        RETURNS (Dict[str, float]): The record.
        RAISES (ValueError): VE101 where the pipe was not initialized.
        """
        self._check_built()
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "VAEEncoder.update")
        if self._pending is not None:
            self._pending.flush()
        docs = [example.predicted for example in examples]
        self._check_parse(docs)
        set_dropout_rate(self.model, drop)
        has_tokens = any(len(doc) for doc in docs)
        objective = self._objective(self.cfg["step"]) if has_tokens else None
        outputs, backprop = self.model.begin_update(VAEBatch(docs, read=bool(self.listeners), objective=objective))
        if has_tokens:
            losses[self.name] += float(outputs["loss"])
            self.cfg["step"] += 1
        if self.listeners:
            self._send(docs, outputs, backprop)
        elif has_tokens:
            backprop({})
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def _send(self, docs: List[Doc], outputs: Posterior, backprop: Callable[[Posterior], Any]) -> None:
        def finish(gradient: List[Floats2d]) -> None:
            backprop(token_gradients(self.model, gradient))
            self.reset_listeners()
            self._pending = None

        vectors = token_vectors(self.model, outputs, docs)
        self._pending = GradientSum(vectors, len(self.listeners), finish)
        for listener in self.listeners:
            listener.receive(listener.get_batch_id(docs), vectors, self._pending.add)

    def _objective(self, step: int, seed: Optional[int] = None) -> Objective:
        return Objective(kl_weight=self.kl_weight(step), free_bits=self.free_bits, seed=seed)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
    ) -> None:
        """Build the vocabulary from the training text, and the network.

        get_examples (Callable[[], Iterable[Example]]): Gives the training text; all of it is read once.
        nlp (Optional[Language]): The pipeline.
        RAISES (ValueError): VE105 where there are no words.
        """
        validate_get_examples(get_examples, "VAEEncoder.initialize")
        counts: Counter[int] = Counter()
        for example in get_examples():
            counts.update(token.lower for token in example.predicted if not token.is_space)
        words = [word for word, count in counts.most_common(self.max_words) if count >= self.min_count]
        if not words:
            raise ValueError(Errors.VE105.format(name=self.name, min_count=self.min_count))
        self.model.attrs["vocabulary"] = np.array(sorted(words), dtype="uint64")
        self.cfg["step"] = 0
        docs = (example.predicted for example in get_examples())
        self.model.initialize(X=VAEBatch(list(islice((doc for doc in docs if len(doc)), 10))))

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Measure the bound on held-out text, with the same corruption and samples each time.

        examples (Iterable[Example]): Held-out text, parsed as in training.
        RETURNS (Dict[str, Any]): `vae_reconstruction`, `vae_kl` and `vae_doc_kl` in nats a token; `vae_score`, the
            geometric mean of a word's likelihood under the weighted bound, from 0 to 1; `vae_active_units` and
            `vae_doc_active_units`, the share of latent dimensions in use.
        RAISES (ValueError): VE101 where the pipe was not initialized.
        """
        self._check_built()
        docs = [example.predicted for example in examples if len(example.predicted)]
        if not docs:
            return {}
        sums = dict.fromkeys(("loss", "reconstruction", "kl", "doc_kl"), 0.0)
        means: Dict[str, List[Any]] = {"mean": [], "doc_mean": []}
        n_tokens = 0
        for batch in minibatch(docs, BATCH_SIZE):
            outputs = self.model.predict(VAEBatch(batch, objective=self._objective(SCORE_STEP, SCORE_SEED)))
            size = sum(len(doc) for doc in batch)
            n_tokens += size
            for name in sums:
                sums[name] += float(outputs[name]) * size
            for name in means:
                means[name].append(to_numpy(outputs[name]))
        active = {name: active_units(np.concatenate(rows)) for name, rows in means.items()}
        width = means["mean"][0].shape[1]
        if active["mean"] < width / 2 and n_tokens > width:
            self._warn_once(Warnings.VW102.format(name=self.name, active=active["mean"], width=width), "collapse")
        return {
            "vae_score": float(np.exp(-sums["loss"] / n_tokens)),
            "vae_reconstruction": sums["reconstruction"] / n_tokens,
            "vae_kl": sums["kl"] / n_tokens,
            "vae_doc_kl": sums["doc_kl"] / n_tokens,
            "vae_active_units": active["mean"] / width,
            "vae_doc_active_units": active["doc_mean"] / means["doc_mean"][0].shape[1],
        }

    def _check_parse(self, docs: Iterable[Doc]) -> None:
        if not all(has_parse(doc) for doc in docs):
            self._warn_once(Warnings.VW101.format(name=self.name), "parse")
