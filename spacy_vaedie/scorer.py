"""Scores of relations, and the official score of SemEval-2010 Task 8."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import (
    Any,
    Callable,
    DefaultDict,
    Dict,
    Hashable,
    Iterable,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import numpy as np
from numpy.typing import NDArray
from spacy import registry
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from .errors import Errors
from .tokens import Relation, annotated_regions
from .training.files import read_lines

Pairs = NDArray[np.integer[Any]]
Canonical = Callable[[Relation], Relation]
OTHER = "Other"


@dataclass(frozen=True)
class ScoredRelation:
    """What makes a relation of a corpus the same as another one. Its polarity and its score do not.

    example (int): Which text of the corpus it is in.
    pair (Tuple[int, int, int, int]): First and last character (exclusive) of the head, and those of the tail.
    arguments (Tuple[str, str]): Labels of the two spans.
    label (str): Its label.
    polarity (Optional[str]): Its polarity, None where nobody decided.
    score (float): How sure the pipeline is, 1.0 where it was annotated.
    """

    example: int
    pair: Tuple[int, int, int, int]
    arguments: Tuple[str, str]
    label: str
    polarity: Optional[str] = field(default=None, compare=False)
    score: float = field(default=1.0, compare=False)


@dataclass(frozen=True)
class SemEvalScore:
    """Scores of SemEval-2010 Task 8, all from 0 to 1.

    macro_f1_official (float): The official score: F1 averaged over the relations of the key, `Other` left out. A
        wrong direction is an error.
    micro_f1_directed (float): F1 over all directed relations at once, `Other` left out.
    per_relation (Dict[str, Dict[str, float]]): Precision, recall and F1 (`p`, `r`, `f`) behind the official score.
    """

    macro_f1_official: float
    micro_f1_directed: float
    per_relation: Dict[str, Dict[str, float]]


@dataclass(frozen=True)
class BCubedScore:
    """Scores of clusters, from 0 to 1.

    precision (float): Share of an item's cluster that has the item's label, averaged over the items.
    recall (float): Share of the items with the item's label that are in its cluster, averaged over the items.
    f1 (float): Their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


@registry.scorers("spacy-vaedie.relation_scorer.v1")
def make_relation_scorer() -> Callable[..., Dict[str, Any]]:
    """Build the scorer of components that write `doc._.relations`.

    RETURNS (Callable[..., Dict[str, Any]]): `relation_score`.
    """
    return relation_score


def relation_score(
    examples: Iterable[Example],
    *,
    candidates: Optional[Callable[[Doc], Pairs]] = None,
    canonical: Optional[Canonical] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    """`score_relations` with the signature of a spaCy scorer: settings that other scorers read are passed over.

    examples (Iterable[Example]): Predicted and annotated Docs.
    candidates (Optional[Callable[[Doc], Pairs]]), canonical (Optional[Canonical]): See `score_relations`.
    RETURNS (Dict[str, Any]): The scores.
    """
    return score_relations(examples, candidates=candidates, canonical=canonical)


def score_relations(
    examples: Iterable[Example],
    *,
    candidates: Optional[Callable[[Doc], Pairs]] = None,
    canonical: Optional[Canonical] = None,
) -> Dict[str, Any]:
    """Score `doc._.relations` of the predicted Docs against the annotated ones.

    Every annotated relation counts, also one whose entities were never predicted. A Doc that was not annotated
    (`doc._.relations` is None) is left out, and so are predictions outside of the annotated parts of a merged Doc.
    Spans are compared by their characters, so the two Docs may be tokenized differently.

    * rels_p/r/f: both spans with their labels, and the label of the relation
    * rels_macro_p/r/f: the same, averaged over the labels that were annotated
    * rels_per_type: the same for each label
    * rels_boundaries_p/r/f: the labels of the spans do not count
    * rels_polarity_accuracy: share of the relations that were found (both spans with their labels, and the label) whose
      polarity is the annotated one, None where no polarity was annotated. In the other scores it does not count
    * rels_candidate_recall: share of the annotated relations whose ordered pair of spans is a candidate, None where
      no relation was annotated (only with `candidates`)

    examples (Iterable[Example]): Predicted and annotated Docs.
    candidates (Optional[Callable[[Doc], Pairs]]): Gives the candidate pairs of a predicted Doc as token offsets: head
        start, head end, tail start, tail end (ends exclusive). *Shape:* (n_pairs, 4)
    canonical (Optional[Canonical]): Brings a relation into the one way to say the fact, so that a symmetric one counts
        in either direction. None where each relation says something of its own.
    RETURNS (Dict[str, Any]): The scores, from 0 to 1. All of them are None where no Doc was annotated.
    RAISES (ValueError): VE401 where the two Docs of an example have different texts, VE205 where the candidates have
        another shape.
    """
    gold: Set[ScoredRelation] = set()
    predicted: Set[ScoredRelation] = set()
    reached: Set[Tuple[int, Tuple[int, int, int, int]]] = set()
    annotated = False
    for i, example in enumerate(examples):
        found = read_gold(i, example, canonical)
        if found is None:
            continue
        annotated = True
        gold |= found
        predicted |= read_predicted(i, example, canonical)
        if candidates is not None:
            reached.update((i, pair) for pair in _read_candidates(candidates, example.predicted))
    scores = _score_sets(predicted, gold, annotated)
    if candidates is not None:
        n_reached = sum((relation.example, relation.pair) in reached for relation in gold)
        scores["rels_candidate_recall"] = n_reached / len(gold) if gold else None
    return scores


def read_answers(path: Union[str, Path]) -> Dict[str, str]:
    """Read an answer file of SemEval-2010 Task 8: an ID, a tab and a label a line, spaces in labels do not count.

    path (Union[str, Path]): The file.
    RETURNS (Dict[str, str]): The label of each ID.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE303 for a line without a label and for an ID that was there before, VE304 for an empty file.
    """
    answers: Dict[str, str] = {}
    for number, line in read_lines(Path(path)):
        if not line.strip():
            continue
        identifier, *label = line.split()
        if not label:
            raise ValueError(Errors.VE303.format(path=path, line=number, reason="there is an ID, but no label"))
        if identifier in answers:
            reason = f"the ID '{identifier}' was there before; leave one of the two lines out"
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason))
        answers[identifier] = "".join(label)
    if not answers:
        raise ValueError(Errors.VE304.format(path=path))
    return answers


def score_semeval(key: Mapping[str, str], proposed: Mapping[str, str]) -> SemEvalScore:
    """Score directed labels, e.g. `Cause-Effect(e1,e2)` or `Other`, as the official scorer of SemEval-2010 Task 8
    does: nine-way, with the direction taken into account.

    key (Mapping[str, str]): The true label of each ID.
    proposed (Mapping[str, str]): The predicted label of each ID. An ID that is missing counts as `Other`.
    RETURNS (SemEvalScore): The scores.
    RAISES (ValueError): VE401 for a predicted ID that is not in the key.
    """
    unknown = sorted(set(proposed) - set(key))
    if unknown:
        reason = f"{len(unknown)} ID(s) are not in the key, first: '{unknown[0]}'. Score the sentences of one test set"
        raise ValueError(Errors.VE401.format(reason=reason))
    counts: DefaultDict[str, PRFScore] = defaultdict(PRFScore)
    for identifier, label in key.items():
        answer = proposed.get(identifier, OTHER)
        if answer == label:
            counts[_base(label)].tp += 1
        else:
            counts[_base(answer)].fp += 1
            counts[_base(label)].fn += 1
    relations = sorted({_base(label) for label in key.values()} - {OTHER})
    micro = sum((count for relation, count in counts.items() if relation != OTHER), PRFScore())
    return SemEvalScore(
        macro_f1_official=_mean([counts[relation].fscore for relation in relations]),
        micro_f1_directed=micro.fscore,
        per_relation={relation: counts[relation].to_dict() for relation in relations},
    )


def score_b_cubed(clusters: Sequence[Optional[Hashable]], labels: Sequence[Hashable]) -> BCubedScore:
    """Score clusters against labels by B-cubed (Bagga and Baldwin 1998), each item with the same weight.

    clusters (Sequence[Optional[Hashable]]): The cluster of each item, None for one that is in none and so stands alone.
    labels (Sequence[Hashable]): The true label of each item.
    RETURNS (BCubedScore): The scores.
    RAISES (ValueError): VE401 where there is no item, or not one cluster for each label.
    """
    if len(clusters) != len(labels) or not labels:
        reason = f"there are {len(clusters)} clustered item(s) and {len(labels)} label(s)"
        raise ValueError(Errors.VE401.format(reason=reason))
    # Marked, so that no name of a cluster is taken for the place of an item that stands alone.
    named = [("alone", i) if cluster is None else ("cluster", cluster) for i, cluster in enumerate(clusters)]
    sizes, totals = Counter(named), Counter(labels)
    shared = Counter(zip(named, labels, strict=True))
    precision = sum(n * n / sizes[cluster] for (cluster, _), n in shared.items()) / len(labels)
    recall = sum(n * n / totals[label] for (_, label), n in shared.items()) / len(labels)
    return BCubedScore(precision, recall, 2 * precision * recall / (precision + recall))


def _base(label: str) -> str:
    """RETURNS (str): The label without its direction."""
    return label.split("(")[0]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _scored(i: int, relation: Relation, doc: Doc, canonical: Optional[Canonical]) -> ScoredRelation:
    relation = relation if canonical is None else canonical(relation)
    head, tail = relation.head.resolve(doc), relation.tail.resolve(doc)
    return ScoredRelation(
        example=i,
        pair=(head.start_char, head.end_char, tail.start_char, tail.end_char),
        arguments=(relation.head.label, relation.tail.label),
        label=relation.label,
        polarity=relation.polarity,
        score=relation.score,
    )


def read_gold(i: int, example: Example, canonical: Optional[Canonical]) -> Optional[Set[ScoredRelation]]:
    """Read what is annotated in a text, in the form in which it is scored.

    i (int): Which text of the corpus it is.
    example (Example): The text.
    canonical (Optional[Canonical]): See `score_relations`.
    RETURNS (Optional[Set[ScoredRelation]]): The relations, None where the text is not annotated.
    """
    relations = example.reference._.relations
    if relations is None:
        return None
    return {_scored(i, relation, example.reference, canonical) for relation in relations}


def read_predicted(i: int, example: Example, canonical: Optional[Canonical]) -> Set[ScoredRelation]:
    """Read what is predicted for a text, in the form in which it is scored.

    i (int), example (Example), canonical (Optional[Canonical]): See `read_gold`.
    RETURNS (Set[ScoredRelation]): The relations with both arguments in one annotated part of the reference.
    RAISES (ValueError): VE401 where the two Docs have different texts.
    """
    doc, reference = example.predicted, example.reference
    if doc.text != reference.text:
        reason = f"the predicted text {doc.text[:40]!r} is not the annotated one, {reference.text[:40]!r}"
        raise ValueError(Errors.VE401.format(reason=reason))
    regions = [reference[start:end] for start, end in annotated_regions(reference)]
    scored = {_scored(i, relation, doc, canonical) for relation in doc._.relations or []}
    return {
        relation
        for relation in scored
        if any(min(relation.pair) >= part.start_char and max(relation.pair) <= part.end_char for part in regions)
    }


def _read_candidates(candidates: Callable[[Doc], Pairs], doc: Doc) -> Set[Tuple[int, int, int, int]]:
    """RETURNS (Set[Tuple[int, int, int, int]]): The candidate pairs as character offsets."""
    pairs = np.asarray(candidates(doc))
    if pairs.ndim != 2 or pairs.shape[1] != 4:
        raise ValueError(Errors.VE205.format(shape=pairs.shape))
    starts = [token.idx for token in doc]
    ends = [token.idx + len(token) for token in doc]
    return {(starts[hs], ends[he - 1], starts[ts], ends[te - 1]) for hs, he, ts, te in pairs.tolist()}


def _score_sets(predicted: Set[ScoredRelation], gold: Set[ScoredRelation], annotated: bool) -> Dict[str, Any]:
    """All scores but candidate recall, each of them None where nothing was annotated."""
    if not annotated:
        kinds = ("rels", "rels_macro", "rels_boundaries")
        nothing = {f"{kind}_{which}": None for kind in kinds for which in "prf"}
        return {**nothing, "rels_per_type": None, "rels_polarity_accuracy": None}
    per_type: Dict[str, PRFScore] = {}
    for label in sorted({relation.label for relation in gold | predicted}):
        per_type[label] = PRFScore()
        per_type[label].score_set(
            {relation for relation in predicted if relation.label == label},
            {relation for relation in gold if relation.label == label},
        )
    strict, boundaries = PRFScore(), PRFScore()
    strict.score_set(predicted, gold)
    boundaries.score_set(without_arguments(predicted), without_arguments(gold))
    gold_types = [per_type[label].to_dict() for label in sorted({relation.label for relation in gold})]
    scores: Dict[str, Any] = {}
    for which in "prf":
        scores[f"rels_{which}"] = strict.to_dict()[which]
        scores[f"rels_macro_{which}"] = _mean([score[which] for score in gold_types])
        scores[f"rels_boundaries_{which}"] = boundaries.to_dict()[which]
    scores["rels_per_type"] = {label: score.to_dict() for label, score in per_type.items()}
    scores["rels_polarity_accuracy"] = _score_polarity(predicted, gold)
    return scores


def _score_polarity(predicted: Set[ScoredRelation], gold: Set[ScoredRelation]) -> Optional[float]:
    said = {relation: relation.polarity for relation in predicted}
    right = [said[relation] == relation.polarity for relation in gold if relation.polarity and relation in said]
    return _mean(right) if right else None


def without_arguments(relations: Set[ScoredRelation]) -> Set[ScoredRelation]:
    """RETURNS (Set[ScoredRelation]): The relations without the labels of their spans, as `boundaries` compares them."""
    return {replace(relation, arguments=("", "")) for relation in relations}
