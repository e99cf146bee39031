"""`extractor`: relations between spans, from token vectors and the dependency parse."""

from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Optimizer, set_dropout_rate, to_numpy

from ..errors import Errors
from ..models.calibration import apply_calibration
from ..models.candidates import CandidateFunction, Candidates, pair_spans
from ..models.constraints import LabelSchema, allowed_labels, check_schema, resolve
from ..models.direction import BOTH, ONE, check_directions, find_partners, keep_surer, tie
from ..models.gates import PairFinder
from ..models.labelling import AnyLabel, OneLabel
from ..models.relations import PairClassifier, resize, set_prior, split_pairs
from ..models.unlabelled import UnlabelledTerm
from ..tokens import Relation
from .calibration import check_threshold
from .relation_maker import make_relations
from .rule_bonus import RuledPipe
from .survey import Survey, find_labels
from .targets import TargetReader, Targets
from .unlabelled import UnlabelledLearning

DEFAULT_EXTRACTOR_CONFIG = """
[model]
@architectures = "spacy-vaedie.PairClassifier.v2"
width = 192
n_heads = 3

[model.parts]

[model.parts.arguments]
@architectures = "spacy-vaedie.Arguments.v1"

[model.parts.between]
@architectures = "spacy-vaedie.TextBetween.v1"

[model.parts.path]
@architectures = "spacy-vaedie.PathConvolution.v1"
width = 192
buckets = 512

[model.parts.context]
@architectures = "spacy-vaedie.ContextConvolution.v1"
width = 192
position_width = 16

[model.parts.lexical]
@architectures = "spacy-vaedie.LexicalFeatures.v1"
width = 64
buckets = 16384

[model.tok2vec]
@architectures = "spacy-vaedie.LatentListener.v1"
upstream = "vae_encoder"

[candidates]
@misc = "spacy-vaedie.EntityPairs.v2"
max_sentences = 0
max_path = 0
types = null
max_pairs = 10000
"""
_DEFAULTS = Config().from_str(DEFAULT_EXTRACTOR_CONFIG)

Floats = NDArray[np.float32]
Prediction = Tuple[Candidates, Floats]


@Language.factory(
    "extractor",
    assigns=["doc._.relations"],
    requires=["token.dep", "token.head"],
    default_config={
        "model": _DEFAULTS["model"],
        "candidates": _DEFAULTS["candidates"],
        "threshold": 0.5,
        "rule_weight": 0.0,
        "label_thresholds": None,
        "multi_label": False,
        "directions": BOTH,
        "schema": None,
        "gold_candidates": False,
        "unlabelled": None,
        "scorer": {"@scorers": "spacy-vaedie.relation_scorer.v1"},
    },
    default_score_weights={
        "rels_f": 1.0,
        "rels_p": 0.0,
        "rels_r": 0.0,
        "rels_macro_f": None,
        "rels_macro_p": None,
        "rels_macro_r": None,
        "rels_boundaries_f": None,
        "rels_boundaries_p": None,
        "rels_boundaries_r": None,
        "rels_candidate_recall": None,
        "rels_dropped_pairs": None,
        "rels_per_type": None,
        "rels_polarity_accuracy": None,
    },
)
def make_extractor(
    nlp: Language,
    name: str,
    model: PairClassifier,
    candidates: CandidateFunction,
    threshold: float,
    rule_weight: float,
    label_thresholds: Optional[Dict[str, float]],
    multi_label: bool,
    directions: str,
    schema: Optional[LabelSchema],
    gold_candidates: bool,
    # spaCy checks types before the blocks of a dictionary are resolved.
    unlabelled: Optional[Dict[str, Any]],
    scorer: Optional[Callable[..., Dict[str, Any]]],
) -> "Extractor":
    """Make an `extractor`.

    model (Model[Tuple[List[Doc], List[Candidates]], Floats3d]): Scores the labels of candidate pairs.
    candidates (Callable[[Doc], Candidates]): Proposes pairs of spans.
    threshold (float): Probability from which on a relation is set.
    rule_weight (float): What a relation of a rule that stands on the Doc adds to the log-odds of its label.
    label_thresholds (Optional[Dict[str, float]]): Thresholds of single labels, in place of it and of tuned ones.
    multi_label (bool): Whether a pair may have several labels.
    directions (str): `one` where a relation between two spans goes one way, so that what speaks for one order speaks
        against the other; `both` where each order is a question of its own.
    schema (Optional[LabelSchema]): What the labels say, None for nothing.
    gold_candidates (bool): Whether to learn from the pairs of annotated spans, too, where an earlier component predicts
        spans in training (`annotating_components`).
    unlabelled (Optional[Dict[str, Optional[UnlabelledTerm]]]): Terms of the loss for pairs that are not annotated.
    scorer (Optional[Callable]): Scores relations.
    RAISES (ValueError): VE107 for a block of `unlabelled` that is no such term, for a generative term in the model
        or one direction where a pair may have several labels, and for other directions.
    """
    return Extractor(
        nlp.vocab,
        model,
        name,
        candidates=candidates,
        threshold=threshold,
        rule_weight=rule_weight,
        label_thresholds=label_thresholds,
        multi_label=multi_label,
        directions=directions,
        schema=schema,
        gold_candidates=gold_candidates,
        unlabelled=unlabelled,
        scorer=scorer,
    )


class Extractor(RuledPipe):
    """Sets `doc._.relations`. It scores each candidate pair over all labels and "no relation". Either they exclude each
    other, and the likeliest label of a pair is kept where its probability reaches its own threshold, otherwise none; or
    each label stands for itself, and all of them are kept that reach theirs. A schema says which relations fit
    together."""

    def __init__(
        self,
        vocab: Vocab,
        model: PairClassifier,
        name: str = "extractor",
        *,
        candidates: CandidateFunction,
        threshold: float = 0.5,
        rule_weight: float = 0.0,
        label_thresholds: Optional[Dict[str, float]] = None,
        multi_label: bool = False,
        directions: str = BOTH,
        schema: Optional[LabelSchema] = None,
        gold_candidates: bool = False,
        unlabelled: Optional[Dict[str, Optional[UnlabelledTerm]]] = None,
        scorer: Optional[Callable[..., Dict[str, Any]]] = None,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.rule_weight = rule_weight
        self.candidates = candidates
        self.gold_candidates = gold_candidates
        self.unlabelled = UnlabelledLearning(name, unlabelled)
        self.scorer = scorer
        self.schema = check_schema(schema, name)
        self.labelling = AnyLabel() if multi_label else OneLabel()
        self.directions = check_directions(directions, multi_label, name)
        if multi_label and model.attrs["pairs_of_term"]:
            must = "left out: it sums over labels that exclude each other, which those of `multi_label` do not"
            raise ValueError(Errors.VE107.format(setting="term", value="set", must=must, owner=name))
        self.cfg: Dict[str, Any] = {
            "labels": [],
            "threshold": None,
            "label_thresholds": None,
            "calibration": None,
            "type_pairs": None,
        }
        self._configured_threshold = check_threshold(threshold)
        self._configured_label_thresholds = {
            label: check_threshold(value) for label, value in (label_thresholds or {}).items()
        }
        self._warned = set()

    @property
    def label_data(self) -> List[str]:
        """The labels in the form that `spacy init labels` writes and `initialize` takes."""
        return list(self.cfg["labels"])

    def add_label(self, label: str) -> int:
        """Add a label, also to a trained model, which keeps what it knows.

        label (str): The label.
        RETURNS (int): 1 where it is new, 0 where it was there.
        RAISES (ValueError): VE204 for anything but a non-empty string, VE223 for the inverse of another label.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.VE204.format(label=label))
        if label in self.schema.inverse:
            other = self.schema.inverse[label]
            raise ValueError(Errors.VE223.format(label=label, name=self.name, other=other))
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        resize(self.model, len(self.labels) + 1)
        return 1

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Score the candidate pairs of a batch.

        docs (Iterable[Doc]): The batch, parsed and with spans.
        RETURNS (List[Prediction]): For each Doc its candidates and the calibrated probabilities of "no relation" and
            the labels. *Shape:* (n_pairs, n_labels + 1)
        RAISES (ValueError): VE101 where the pipe was not initialized, VE202 for a Doc with candidates and no parse.
        """
        return [
            (candidates, self._calibrated(probabilities))
            for candidates, probabilities in self._predict_uncalibrated(list(docs))
        ]

    def _predict_uncalibrated(self, docs: Sequence[Doc]) -> List[Prediction]:
        self._check_built()
        candidates = self._propose(docs)
        probabilities = [np.zeros((0, len(self.labels) + 1), dtype="float32") for _ in docs]
        filled = [i for i, item in enumerate(candidates) if len(item.pairs)]
        if filled:
            found = [candidates[i] for i in filled]
            batch = [docs[i] for i in filled]
            logits = to_numpy(self.model.predict((batch, found))) + self._rule_bonus(batch, found)
            for i, rows in zip(filled, split_pairs(self._average(logits, found), found), strict=True):
                probabilities[i] = rows
        return list(zip(candidates, probabilities, strict=True))

    def _average(self, logits: Floats, candidates: Sequence[Candidates]) -> Floats:
        """Probabilities as the networks give them. *Shape:* (n_pairs, n_labels + 1)"""
        scores, _ = self._fit_together(logits, candidates)
        averaged: Floats = self.labelling.probabilities(scores).mean(axis=0)
        return averaged

    def _calibrated(self, probabilities: Floats) -> Floats:
        return apply_calibration(self.cfg.get("calibration"), probabilities, self.labels, self.labelling)

    def _judge(self, logits: Floats, candidates: Sequence[Candidates]) -> Floats:
        return self._calibrated(self._average(logits, candidates))

    def set_annotations(self, docs: Iterable[Doc], predictions: Sequence[Prediction]) -> None:
        """Write the relations, in place of those that stand on the Docs. Where those are of rules that count
        for nothing (`rule_weight`), this is told once (VW207).

        docs (Iterable[Doc]): The batch.
        predictions (Sequence[Prediction]): What `predict` gave.
        """
        for doc, (candidates, probabilities) in zip(docs, predictions, strict=True):
            self._tell_lost_rules(doc)
            doc._.relations = self._decide(doc, candidates, probabilities)

    def _decide(self, doc: Doc, candidates: Candidates, probabilities: Floats) -> List[Relation]:
        if not len(candidates.pairs) or not self.labels:
            return []
        chosen = self.labelling.choose(probabilities, self._label_threshold_array())
        if self.directions == ONE:
            chosen = keep_surer(chosen, probabilities, find_partners([candidates]))
        relations = make_relations(doc, candidates, probabilities, chosen, self.labels)
        return resolve(relations, self.schema).kept if self.schema.labels else relations

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch. Pairs of unannotated Docs take part by the terms of `unlabelled` alone; their token
        vectors get a gradient in any case, since other components may wait for it.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout rate.
        sgd (Optional[Optimizer]): Optimizer, None where the caller calls `finish_update`.
        losses (Optional[Dict[str, float]]): Record to add the loss to.
        RETURNS (Dict[str, float]): The record.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE110 where the loss is no number any more, VE202
            for a Doc with candidates and no parse.
        """
        self._check_built()
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "Extractor.update")
        set_dropout_rate(self.model, drop)
        docs = [example.predicted for example in examples]
        if not any(len(doc) for doc in docs):
            return losses
        self._begin_update(docs)
        candidates = self._propose_for(examples)
        bonus = self._rule_bonus(docs, candidates)
        taught = self.unlabelled.ask(self.model, (docs, candidates))
        targets = self._read_targets(examples, candidates)
        logits, backprop = self.model.begin_update((docs, candidates, targets))
        scores, bp_scores = self._fit_together(to_numpy(logits) + bonus, candidates)
        loss, gradient = self.labelling.loss(scores, targets)
        if taught is not None:
            beliefs = self._average(taught + bonus, candidates)
            more, part = self.unlabelled.loss(self.labelling, scores, beliefs, targets)
            loss, gradient = loss + more, gradient + part
        self._check_loss(loss, docs)
        backprop(self.model.ops.asarray3f(bp_scores(gradient)))
        losses[self.name] += loss
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Tuple[List[Candidates], Floats]) -> Tuple[float, Floats]:
        """Cross-entropy over "no relation" and the labels, averaged over annotated pairs and the model's heads. What
        the schema forbids has no probability, and is not learned.

        examples (Iterable[Example]): The batch.
        scores (Tuple[List[Candidates], Floats]): The candidates of each Doc, and the logits of all of them. *Shape:*
            (n_heads, n_pairs, n_labels + 1)
        RETURNS (Tuple[float, Floats]): The loss, and its gradient. *Shape:* as the logits
        """
        candidates, logits = scores
        fitting, bp_fitting = self._fit_together(logits, candidates)
        loss, gradient = self.labelling.loss(fitting, self._read_targets(examples, candidates))
        return loss, bp_fitting(gradient)

    def _read_targets(self, examples: Iterable[Example], candidates: Sequence[Candidates]) -> Targets:
        reader = self._target_reader()
        pairs = zip(examples, candidates, strict=True)
        return np.concatenate([reader.read(example, item, self._warn_once) for example, item in pairs])

    def finish_update(self, sgd: Optimizer) -> None:
        """Let the optimizer change the weights.

        sgd (Optimizer): The optimizer.
        RAISES (ValueError): VE111 where a gradient is no number any more, VE226 where there are terms for pairs that
            are not annotated and the optimizer keeps no averages.
        """
        super().finish_update(sgd)
        self.unlabelled.finish_update(sgd, self._warn_once)

    def _target_reader(self) -> TargetReader:
        return TargetReader(self.name, self.labels, isinstance(self.labelling, AnyLabel), self.schema)

    def _fit_together(
        self, logits: Floats, candidates: Sequence[Candidates]
    ) -> Tuple[Floats, Callable[[Floats], Floats]]:
        """The logits, with minus infinity for what the schema forbids, and those of both orders of a pair tied where it
        has one direction; and the way back. *Shape:* (n_heads, n_pairs, n_labels + 1)"""
        masks = [allowed_labels(self.schema, self.labels, item) for item in candidates]
        known = [mask for mask in masks if mask is not None]
        allowed = np.where(np.concatenate(known), logits, -np.inf).astype(logits.dtype) if known else logits
        if self.directions == ONE:
            return tie(allowed, find_partners(candidates))
        return allowed, lambda gradient: gradient

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Sequence[str]] = None,
    ) -> None:
        """Find the labels, and build the network.

        get_examples (Callable[[], Iterable[Example]]): Gives the training data; all of it is read once where no labels
            are given.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Sequence[str]]): The labels, e.g. as `spacy init labels` wrote them.
        RAISES (ValueError): VE201 where there are no labels, VE204 for one that is no label, VE223 for one that the
            schema calls an inverse, VE224 where everything that is annotated contradicts the types of a label.
        """
        validate_get_examples(get_examples, "Extractor.initialize")
        self._forget_calibration()
        self.unlabelled.reset()
        self.cfg["type_pairs"] = None
        if labels is None:
            labels, reason = find_labels(get_examples(), self.schema)
        else:
            reason = "the list of labels is empty"
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise ValueError(Errors.VE201.format(name=self.name, reason=reason))
        resize(self.model, len(self.labels) + 1)
        predicted = (example.predicted for example in get_examples())
        docs = list(islice((doc for doc in predicted if len(doc)), 10))
        # The spans may come from components that have not run yet, so that the real candidates cannot be asked for.
        self.model.initialize(X=(docs, [pair_spans(doc, [], 0, 1) for doc in docs]))
        self._survey(get_examples())

    def _survey(self, examples: Iterable[Example]) -> None:
        """Look at all that is annotated: whether it keeps to the schema, which types go together, and how frequent the
        labels are between them, which the model starts from."""
        survey = Survey(self._target_reader(), self.propose, self.directions)
        for example in examples:
            survey.add(example)
        survey.report(self._configured_label_thresholds)
        if isinstance(self.candidates, PairFinder) and self.candidates.learns_types:
            # Where nothing is annotated yet, everything may pass.
            self.cfg["type_pairs"] = survey.type_pairs or None
        set_prior(self.model, *survey.frequencies())

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score the relations, and how many of them were candidates at all. `rels_dropped_pairs` is how many pairs of
        the annotated texts the cap has left out.

        examples (Iterable[Example]): Examples with predicted relations.
        RETURNS (Dict[str, Any]): The scores, see `spacy_vaedie.scorer.score_relations`.
        """
        if self.scorer is None:
            return {}
        if self.schema.symmetric or self.schema.inverse:
            kwargs["canonical"] = self.schema.canonical
        dropped: List[int] = []

        def offsets(doc: Doc) -> NDArray[np.int64]:
            found = self.propose(doc)
            dropped.append(found.dropped)
            return found.offsets()

        scores = self.scorer(examples, candidates=offsets, **kwargs)
        return {**scores, "rels_dropped_pairs": sum(dropped) if dropped else None}
