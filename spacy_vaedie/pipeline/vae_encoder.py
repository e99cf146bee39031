"""`vae_encoder`: latents of tokens and texts, learned from raw text."""

from collections import Counter
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

import numpy as np
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Optimizer, set_dropout_rate, to_numpy
from thinc.types import Floats2d

from ..errors import Errors, Warnings, check_range
from ..models.diagnostics import SEED, Measurement, active_units, measure, mutual_information
from ..models.embed import split_rows
from ..models.listeners import make_replaceable
from ..models.novelty import Novelty
from ..models.objectives import FINAL_STEP, ImportanceWeighted, TrainingObjective
from ..models.vae import VAE, Evaluation, Posterior, VAEBatch, token_gradients, token_vectors
from ..tokens import Latents
from ..tokens.dependency import has_parse
from ..tokens.latents import check_span_pooling
from ..tokens.similarity import SimilarityFunction
from .generation import Generator
from .network_pipe import MAX_LOSS, SHOWN, longest_text
from .novelty import NoveltyPipe
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

[model.decoder]
@architectures = "spacy-vaedie.WordDecoder.v1"
width = 192

[objective]
@misc = "spacy-vaedie.ELBO.v1"

[objective.kl_weight]
@schedules = "spacy-vaedie.AnnealedKL.v1"
weight = 0.003
warmup_steps = 500

[objective.free_bits]
@misc = "spacy-vaedie.FreeBits.v1"
nats = 0.25
"""
_DEFAULTS = Config().from_str(DEFAULT_VAE_CONFIG)

# Mutual information below which, and share of active units below which, a posterior counts as collapsed.
COLLAPSED_NATS, COLLAPSED_SHARE = 0.1, 0.5
# What it takes to judge that: an encoder that has just begun says nothing yet, and a few rows vary by chance.
JUDGED_UPDATES, JUDGED_ROWS = 100, 10


@Language.factory(
    "vae_encoder",
    assigns=["doc._.latents", "doc._.latent", "doc._.novelty", "span._.latent", "token._.latent"],
    default_config={
        "model": _DEFAULTS["model"],
        "objective": _DEFAULTS["objective"],
        "evaluation": None,
        "max_words": 10000,
        "min_count": 1,
        "span_pooling": "mean",
        "similarity": None,
        "novelty": {"@misc": "spacy-vaedie.NeighbourNovelty.v1"},
    },
    default_score_weights={
        "vae_score": 1.0,
        "vae_reconstruction": 0.0,
        "vae_kl": 0.0,
        "vae_doc_kl": None,
        "vae_active_units": 0.0,
        "vae_doc_active_units": None,
        "vae_mutual_information": 0.0,
        "vae_unknown": None,
        "vae_nll": None,
        "vae_perplexity": None,
        "vae_likelihood": None,
    },
)
def make_vae_encoder(
    nlp: Language,
    name: str,
    model: VAE,
    objective: TrainingObjective,
    evaluation: Optional[ImportanceWeighted],
    max_words: int,
    min_count: int,
    span_pooling: str,
    similarity: Optional[SimilarityFunction],
    novelty: Optional[Novelty],
) -> "VAEEncoder":
    """Make a `vae_encoder`.

    model (Model[VAEBatch, Posterior]): The variational autoencoder.
    objective (TrainingObjective): What it is trained by.
    evaluation (Optional[ImportanceWeighted]): How held-out text is evaluated, None for the bound alone.
    max_words (int): Size of the decoder's vocabulary.
    min_count (int): How often a word must occur in the training text to be in it.
    span_pooling (str): How `span._.latent` pools the latents of its tokens: `mean` or `product`.
    similarity (Optional[Callable[[Doc], None]]): Sets the hooks of each Doc, so that `doc.similarity` compares latents;
        None to leave spaCy's own.
    novelty (Optional[Novelty]): How `doc._.novelty` is measured, None not to measure it.
    RAISES (ValueError): VE005 for an unknown `span_pooling`, VE107 for a size or count that is out of range.
    """
    return VAEEncoder(
        nlp.vocab,
        model,
        name,
        objective=objective,
        evaluation=evaluation,
        max_words=max_words,
        min_count=min_count,
        span_pooling=span_pooling,
        similarity=similarity,
        novelty=novelty,
    )


class VAEEncoder(Upstream, Generator, NoveltyPipe):
    """Reads the approximate posterior of each text into `doc._.latents`. It learns from raw text alone, by the
    evidence lower bound, and from the gradients of the components that listen to it.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: VAE,
        name: str = "vae_encoder",
        *,
        objective: TrainingObjective,
        evaluation: Optional[ImportanceWeighted] = None,
        max_words: int = 10000,
        min_count: int = 1,
        span_pooling: str = "mean",
        similarity: Optional[SimilarityFunction] = None,
        novelty: Optional[Novelty] = None,
    ) -> None:
        check_range("vae_encoder", 1, max_words=max_words)
        check_range("vae_encoder", 0, min_count=min_count)
        self.vocab = vocab
        self.model = make_replaceable(model)
        self.name = name
        self.objective = objective
        self.evaluation = evaluation
        self.max_words = max_words
        self.min_count = min_count
        self.span_pooling = check_span_pooling(span_pooling)
        self.similarity = similarity
        self.cfg: Dict[str, Any] = {"step": 0, "unknown": None}
        self.listener_map = {}
        self._pending: Optional[GradientSum] = None
        # Whether a batch has left gradients that no update has taken yet.
        self._has_learned = False
        self._warned = set()
        self._start_novelty(novelty)

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
        latents = [
            # Copies, so that one Doc does not keep the arrays of a whole batch alive.
            Latents(
                mean.copy(),
                log_variance.copy(),
                hidden.copy(),
                doc_mean.copy(),
                doc_log_variance.copy(),
                span_pooling=self.span_pooling,
            )
            for (mean, log_variance, hidden), doc_mean, doc_log_variance in zip(
                rows, arrays["doc_mean"], arrays["doc_log_variance"], strict=True
            )
        ]
        return self._with_novelty(docs, latents)

    def set_annotations(self, docs: Iterable[Doc], latents: Sequence[Latents]) -> None:
        """Write the latents, and doc.tensor where a stock listener needs it.

        docs (Iterable[Doc]): The batch.
        latents (Sequence[Latents]): What `predict` gave.
        """
        for doc, doc_latents in zip(docs, latents, strict=True):
            doc._.latents = doc_latents
            if self.similarity is not None:
                self.similarity(doc)
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
        losses (Optional[Dict[str, float]]): Record to add the loss to, in nats a prediction.
        RETURNS (Dict[str, float]): The record.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE110 where the loss is no number any more; the
            last update is undone then.
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
        self._begin_update(docs)
        has_tokens = any(len(doc) for doc in docs)
        if has_tokens:
            self._reset_decoder()
        objective = self.objective.at(self.cfg["step"]) if has_tokens else None
        outputs, backprop = self.model.begin_update(VAEBatch(docs, read=bool(self.listeners), objective=objective))
        if has_tokens:
            loss = float(outputs["loss"])
            self._check_loss(loss, docs)
            losses[self.name] += loss
            self._remember(docs)
            self._has_learned = True
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

    def finish_update(self, sgd: Optimizer) -> None:
        """Let the optimizer change the weights, and count the update: one for all batches whose gradients it takes.

        sgd (Optimizer): The optimizer.
        RAISES (ValueError): VE111 where a gradient is no number any more; the last update is undone then.
        """
        super().finish_update(sgd)
        self.cfg["step"] += self._has_learned
        self._has_learned = False

    def _reset_decoder(self) -> None:
        """After the warm-up, let the decoder start anew, and the optimizer with it. Once, before the first batch whose
        gradients the update takes."""
        if self.objective.reset_step and self.cfg["step"] == self.objective.reset_step and not self._has_learned:
            shim = self.model.shims[0]
            shim.network.reset_decoder()
            shim.replace(shim.network, **shim.dims)

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
        counts: Counter[str] = Counter()
        for example in get_examples():
            counts.update(token.lower_ for token in example.predicted if not token.is_space)
        words = [word for word, count in counts.most_common(self.max_words) if count >= self.min_count]
        if not words:
            raise ValueError(Errors.VE105.format(name=self.name, min_count=self.min_count))
        words.sort(key=get_string_id)
        self.model.attrs["words"] = words
        self.model.attrs["frequencies"] = [counts[word] for word in words]
        self.model.attrs["vocabulary"] = np.array([get_string_id(word) for word in words], dtype="uint64")
        self.cfg["unknown"] = 1.0 - sum(counts[word] for word in words) / counts.total()
        self.cfg["step"], self._has_learned = 0, False
        self._start_novelty(self.novelty)
        docs = (example.predicted for example in get_examples())
        self.model.initialize(X=VAEBatch(list(islice((doc for doc in docs if len(doc)), 10))))

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Measure the bound on held-out text, with the same corruption and samples each time.

        examples (Iterable[Example]): Held-out text, parsed as in training.
        RETURNS (Dict[str, Any]): `vae_reconstruction`, `vae_kl` and `vae_doc_kl` in nats a prediction; `vae_score`, the
            geometric mean of a word's likelihood under the weighted bound, from 0 to 1; `vae_active_units` and
            `vae_doc_active_units`, the share of latent dimensions in use; `vae_mutual_information` of the texts and
            their latents, in nats, at most the logarithm of the batch of 128; `vae_unknown`, the share of tokens that
            the decoder does not know. With `evaluation` also `vae_nll` in nats a text, `vae_perplexity` a prediction,
            and `vae_likelihood`, one by the perplexity, all by the importance-weighted bound.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE115 where the bound is no number;
            the last update is undone then.
        """
        self._check_built()
        importance, max_docs = None, 0
        if self.evaluation is not None:
            max_docs = self.evaluation.max_docs
            importance = Evaluation(self.evaluation.samples, SEED, self.objective.latents)
        docs = [example.predicted for example in examples]
        found = measure(self.model, docs, self.objective.at(FINAL_STEP, SEED), importance, max_docs)
        if not found.n_docs:
            return {}
        if not abs(found.bound["loss"]) <= MAX_LOSS:
            # spaCy cannot save such a score, and says nothing of its cause.
            text, loss = longest_text(docs)[:SHOWN], found.bound["loss"]
            message = Errors.VE115.format(name=self.name, loss=loss, step=self.cfg["step"], text=text)
            self._undo_last_update()
            raise ValueError(message)
        scores: Dict[str, Any] = {
            "vae_score": float(np.exp(-found.bound["loss"])),
            "vae_reconstruction": found.bound["reconstruction"],
            "vae_kl": found.bound["kl"],
            "vae_doc_kl": found.bound["doc_kl"],
            "vae_active_units": active_units(found.mean) / max(found.mean.shape[1], 1),
            "vae_doc_active_units": active_units(found.doc_mean) / found.doc_mean.shape[1],
            "vae_mutual_information": mutual_information(found.doc_mean, found.doc_log_variance),
            "vae_unknown": found.n_unknown / found.n_tokens,
        }
        if found.perplexity is not None:
            perplexity = found.perplexity
            scores.update(vae_nll=found.nll, vae_perplexity=perplexity, vae_likelihood=1.0 / perplexity)
        self._warn_of_collapse(found)
        return scores

    def _warn_of_collapse(self, found: Measurement) -> None:
        """Tell where the latents of a level say nothing: once, and again where they have said something since."""
        if self.objective.latents == "none" or self.cfg["step"] < JUDGED_UPDATES:
            return
        levels = {
            "token": (found.mean, found.log_variance),
            "text": (found.doc_mean, found.doc_log_variance),
        }
        for level, (means, log_variances) in levels.items():
            active, width = active_units(means), means.shape[1]
            if len(means) < JUDGED_ROWS or not width:
                continue
            nats = mutual_information(means, log_variances)
            # Where the decoder has latents of tokens to read, that of the text is left with little to say.
            is_beside = level == "text" and found.mean.shape[1] > 0
            if active < (1 if is_beside else width * COLLAPSED_SHARE) or nats < COLLAPSED_NATS:
                message = Warnings.VW102.format(name=self.name, active=active, width=width, level=level, nats=nats)
                self._warn_once(message, "collapse", level)
            else:
                self._warned.discard(("collapse", level))

    def _check_parse(self, docs: Iterable[Doc]) -> None:
        if self.model.attrs["settings"]["parse_layers"] and not all(has_parse(doc) for doc in docs):
            self._warn_once(Warnings.VW101.format(name=self.name), "parse")
