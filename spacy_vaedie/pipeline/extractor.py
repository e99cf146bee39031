"""`extractor`: relations between spans, from token vectors and the dependency parse."""

from collections import defaultdict
from itertools import islice
from math import isclose
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Optimizer, set_dropout_rate, to_numpy

from ..errors import Errors, Warnings, check_range
from ..lang.polarity import PolarityReader
from ..models.candidates import CandidateFunction, Candidates, pair_spans
from ..models.pair_features import type_buckets
from ..models.relations import PairClassifier, resize, set_prior, split_pairs
from ..tokens import Argument, Relation, align_regions, align_relations, annotated_regions
from ..tokens.dependency import has_parse, read_evidence, read_parse
from .explanation import Explainer
from .network_pipe import NetworkPipe
from .prior import rule_prior

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
@misc = "spacy-vaedie.EntityPairs.v1"
max_sentences = 0
max_pairs = 10000
"""
_DEFAULTS = Config().from_str(DEFAULT_EXTRACTOR_CONFIG)

# Target of a pair that nobody annotated, and of one that was annotated as unrelated.
UNKNOWN, UNRELATED = -1, 0

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
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
    scorer: Optional[Callable[..., Dict[str, Any]]],
) -> "Extractor":
    """Make an `extractor`.

    model (Model[Tuple[List[Doc], List[Candidates]], Floats3d]): Scores the labels of candidate pairs.
    candidates (Callable[[Doc], Candidates]): Proposes pairs of spans.
    threshold (float): Probability from which on a relation is set.
    rule_weight (float): What a relation of a rule that stands on the Doc adds to the log-odds of its label.
    scorer (Optional[Callable]): Scores relations.
    """
    settings = {"threshold": threshold, "rule_weight": rule_weight}
    return Extractor(nlp.vocab, model, name, candidates=candidates, scorer=scorer, **settings)


class Extractor(Explainer, NetworkPipe):
    """Sets `doc._.relations`. It scores each candidate pair over all labels and "no relation", which exclude each
    other, and keeps the best label of a pair where its probability reaches the threshold.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: PairClassifier,
        name: str = "extractor",
        *,
        candidates: CandidateFunction,
        threshold: float = 0.5,
        rule_weight: float = 0.0,
        scorer: Optional[Callable[..., Dict[str, Any]]] = None,
    ) -> None:
        check_range(name, 0.0, rule_weight=rule_weight)
        self.rule_weight = rule_weight
        self.vocab = vocab
        self.model = model
        self.name = name
        self.candidates = candidates
        self.scorer = scorer
        self.cfg: Dict[str, Any] = {"labels": [], "threshold": None}
        self._configured_threshold = _check_threshold(threshold)
        self._warned = set()

    @property
    def labels(self) -> Tuple[str, ...]:
        """The labels that can be predicted."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> List[str]:
        """The labels in the form that `spacy init labels` writes and `initialize` takes."""
        return list(self.cfg["labels"])

    @property
    def threshold(self) -> float:
        """Probability from which on a relation is set. A value that was set in Python is saved with the pipe, and
        holds until a config brings another one than the pipe was made with (as `spacy find-threshold` does)."""
        changed = self.cfg["threshold"]
        if isinstance(changed, dict):
            # JSON gives a number back with its last digit changed.
            holds = isclose(changed["configured"], self._configured_threshold)
            return float(changed["value"]) if holds else self._configured_threshold
        # `spacy find-threshold` writes a bare number.
        return self._configured_threshold if changed is None else float(changed)

    @threshold.setter
    def threshold(self, value: float) -> None:
        self.cfg["threshold"] = {"value": _check_threshold(value), "configured": self._configured_threshold}

    def add_label(self, label: str) -> int:
        """Add a label, also to a trained model, which keeps what it knows.

        label (str): The label.
        RETURNS (int): 1 where it is new, 0 where it was there.
        RAISES (ValueError): VE204 for anything but a non-empty string.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.VE204.format(label=label))
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        resize(self.model, len(self.labels) + 1)
        return 1

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Score the candidate pairs of a batch.

        docs (Iterable[Doc]): The batch, parsed and with spans.
        RETURNS (List[Prediction]): For each Doc its candidates and the probabilities of "no relation" and the labels.
            *Shape:* (n_pairs, n_labels + 1)
        RAISES (ValueError): VE101 where the pipe was not initialized, VE202 for a Doc with candidates and no parse.
        """
        self._check_built()
        docs = list(docs)
        candidates = self._propose(docs)
        probabilities = [np.zeros((0, len(self.labels) + 1), dtype="float32") for _ in docs]
        filled = [i for i, item in enumerate(candidates) if len(item.pairs)]
        if filled:
            found = [candidates[i] for i in filled]
            batch = [docs[i] for i in filled]
            logits = to_numpy(self.model.predict((batch, found))) + self._rule_prior(batch, found)
            for i, rows in zip(filled, split_pairs(softmax(logits).mean(axis=0), found), strict=True):
                probabilities[i] = rows
        return list(zip(candidates, probabilities, strict=True))

    def set_annotations(self, docs: Iterable[Doc], predictions: Sequence[Prediction]) -> None:
        """Write the relations.

        docs (Iterable[Doc]): The batch.
        predictions (Sequence[Prediction]): What `predict` gave.
        """
        for doc, (candidates, probabilities) in zip(docs, predictions, strict=True):
            doc._.relations = self._decide(doc, candidates, probabilities)

    def _rule_prior(self, docs: Sequence[Doc], candidates: Sequence[Candidates]) -> Floats:
        """What the rules before this pipe add to the logits. The network learns what they leave to say."""
        if not self.rule_weight:
            return np.zeros((1, 1), dtype="float32")

        def tell(key: str, reason: str) -> None:
            self._warn_once(Warnings.VW206.format(name=self.name, reason=reason), "rule", key)

        return self.rule_weight * rule_prior(docs, candidates, self.labels, tell)

    def _decide(self, doc: Doc, candidates: Candidates, probabilities: Floats) -> List[Relation]:
        if not len(candidates.pairs) or not self.labels:
            return []
        best = probabilities[:, 1:].argmax(axis=1)
        scores = probabilities[np.arange(len(best)), best + 1]
        kept = np.flatnonzero(scores >= self.threshold)
        if not len(kept):
            return []
        parse, polarity = read_parse([doc]), PolarityReader(doc)
        relations = []
        for row in kept:
            head, tail = (self._argument(doc, candidates, span) for span in candidates.pairs[row])
            evidence = read_evidence(doc, (head.start, head.end), (tail.start, tail.end), parse)
            relations.append(
                Relation(
                    head=head,
                    tail=tail,
                    label=self.labels[best[row]],
                    score=float(scores[row]),
                    provenance="model",
                    evidence=evidence,
                    polarity=polarity.read(evidence.tokens),
                )
            )
        return relations

    def _argument(self, doc: Doc, candidates: Candidates, span: int) -> Argument:
        start, end = candidates.spans[span]
        # Not the pipe's own strings: one that was sourced in memory has never seen the labels of its new pipeline.
        return Argument(int(start), int(end), doc.vocab.strings[int(candidates.labels[span])])

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch. Pairs of unannotated Docs take no part in the loss, but their token vectors still get
        a gradient of zero, since other components may wait for it.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout rate.
        sgd (Optional[Optimizer]): Optimizer, None where the caller calls `finish_update`.
        losses (Optional[Dict[str, float]]): Record to add the loss to.
        RETURNS (Dict[str, float]): The record.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE202 for a Doc with candidates and no parse.
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
        candidates = self._propose(docs)
        logits, backprop = self.model.begin_update((docs, candidates))
        scores = to_numpy(logits) + self._rule_prior(docs, candidates)
        loss, gradient = self.get_loss(examples, (candidates, scores))
        backprop(self.model.ops.asarray3f(gradient))
        losses[self.name] += loss
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Tuple[List[Candidates], Floats]) -> Tuple[float, Floats]:
        """Cross-entropy over "no relation" and the labels, averaged over annotated pairs and the model's heads.

        examples (Iterable[Example]): The batch.
        scores (Tuple[List[Candidates], Floats]): The candidates of each Doc, and the logits of all of them. *Shape:*
            (n_heads, n_pairs, n_labels + 1)
        RETURNS (Tuple[float, Floats]): The loss, and its gradient. *Shape:* as the logits
        """
        candidates, logits = scores
        pairs = zip(examples, candidates, strict=True)
        targets = np.concatenate([self._targets(example, item) for example, item in pairs])
        known = np.flatnonzero(targets != UNKNOWN)
        gradient = np.zeros_like(logits)
        if not len(known):
            return 0.0, gradient
        probabilities = softmax(logits[:, known])
        rows = np.arange(len(known))
        likelihoods = probabilities[:, rows, targets[known]]
        probabilities[:, rows, targets[known]] -= 1.0
        gradient[:, known] = probabilities / len(known)
        return float(-np.log(np.maximum(likelihoods, 1e-12)).mean()), gradient

    def _targets(self, example: Example, candidates: Candidates, tell: Optional[Callable[..., None]] = None) -> Ints:
        """The label of each pair, one more than its place among the labels. What cannot be learned is told, by a
        warning unless `tell` is given. *Shape:* (n_pairs,)"""
        tell = self._warn_once if tell is None else tell
        targets = np.full(len(candidates.pairs), UNKNOWN, dtype="int64")
        doc, reference = example.predicted, example.reference
        relations = reference._.relations
        if relations is None:
            return targets
        offsets = candidates.offsets()
        for start, end in align_regions(annotated_regions(reference), reference, doc):
            inside = (offsets[:, [0, 2]] >= start).all(axis=1) & (offsets[:, [1, 3]] <= end).all(axis=1)
            targets[inside] = UNRELATED
        rows: Dict[Tuple[int, ...], List[int]] = defaultdict(list)
        for i, row in enumerate(offsets.tolist()):
            rows[tuple(row)].append(i)
        n_missed = n_misaligned = 0
        for relation in align_relations(relations, reference, doc):
            if relation is None:
                n_misaligned += 1
                continue
            found = rows[(relation.head.start, relation.head.end, relation.tail.start, relation.tail.end)]
            n_missed += not found
            for i in self._with_labels(found, candidates, relation):
                targets[i] = self._target(relation.label, int(targets[i]), tell)
        if n_misaligned:
            tell(Warnings.VW205.format(n=n_misaligned), "misaligned")
        if n_missed:
            tell(Warnings.VW202.format(n=n_missed), "missed")
        return targets

    def _with_labels(self, rows: List[int], candidates: Candidates, relation: Relation) -> List[int]:
        """Of several pairs of the same tokens, those with the argument labels of the relation, or all of them where
        none has those."""
        if len(rows) < 2:
            return rows
        labels = [relation.head.label, relation.tail.label]
        names = [[self.vocab.strings[int(i)] for i in candidates.labels[candidates.pairs[row]]] for row in rows]
        return [row for row, found in zip(rows, names, strict=True) if found == labels] or rows

    def _target(self, label: str, present: int, tell: Callable[..., None]) -> int:
        """What a pair becomes when one more relation is found for it."""
        if label not in self.labels:
            tell(Warnings.VW201.format(label=label, name=self.name), "label", label)
            return UNKNOWN if present <= UNRELATED else present
        target = self.labels.index(label) + 1
        if present <= UNRELATED:
            return target
        if target != present:
            labels = f"{self.labels[present - 1]}, {label}"
            tell(Warnings.VW203.format(labels=labels, name=self.name), "several", present, target)
        return present

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
        RAISES (ValueError): VE201 where there are no labels, VE204 for one that is no label.
        """
        validate_get_examples(get_examples, "Extractor.initialize")
        if labels is None:
            labels, reason = self._find_labels(get_examples)
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
        self._set_prior(get_examples)

    def _set_prior(self, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Let the model start from the frequencies of the labels for each two types of spans."""
        buckets, targets = [np.zeros(0, dtype="int64")], [np.zeros(0, dtype="int64")]
        for example in get_examples():
            if annotated_regions(example.reference):
                example, candidates = self._annotated_pairs(example)
                # The updates warn about what they meet.
                found = self._targets(example, candidates, lambda *_: None)
                buckets.append(type_buckets(candidates)[found != UNKNOWN])
                targets.append(found[found != UNKNOWN])
        set_prior(self.model, np.concatenate(buckets), np.concatenate(targets))

    def _annotated_pairs(self, example: Example) -> Tuple[Example, Candidates]:
        """The candidates of the predicted Doc, or those of the reference, if the components that find the spans have
        not run yet."""
        reference = example.reference
        for doc in (example.predicted, reference):
            try:
                candidates = self.candidates(doc)
            except ValueError:
                continue
            if len(candidates.pairs):
                return Example(doc, reference), candidates
        return example, pair_spans(example.predicted, [], 0, 1)

    def _find_labels(self, get_examples: Callable[[], Iterable[Example]]) -> Tuple[List[str], str]:
        found: Set[str] = set()
        n_docs = n_annotated = 0
        for example in get_examples():
            relations = example.reference._.relations
            n_docs += 1
            n_annotated += relations is not None
            found.update(relation.label for relation in relations or [])
        return sorted(found), f"of {n_docs} documents, {n_annotated} are annotated, and none holds a relation"

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score the relations, and how many of them were candidates at all.

        examples (Iterable[Example]): Examples with predicted relations.
        RETURNS (Dict[str, Any]): The scores, see `spacy_vaedie.scorer.score_relations`.
        """
        if self.scorer is None:
            return {}
        return self.scorer(examples, candidates=lambda doc: self.candidates(doc).offsets(), **kwargs)

    def _propose(self, docs: Sequence[Doc]) -> List[Candidates]:
        candidates = [self.candidates(doc) for doc in docs]
        for doc, item in zip(docs, candidates, strict=True):
            if len(item.pairs) and not has_parse(doc):
                raise ValueError(Errors.VE202.format(text=doc.text[:60]))
        return candidates


def softmax(logits: Floats) -> Floats:
    """Probabilities over the last axis. *Shape:* (..., n_labels + 1)"""
    exp: Floats = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = exp / exp.sum(axis=-1, keepdims=True)
    return probabilities


def _check_threshold(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(Errors.VE206.format(value=value))
    return float(value)
