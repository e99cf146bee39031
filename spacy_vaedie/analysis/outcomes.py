"""What a pipeline made of annotated relations: which it found, missed, invented, or called something else."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Dict, Hashable, Iterable, List, Optional, Sequence, Set, Tuple

from spacy.training import Example

from ..scorer import Canonical, ScoredRelation, read_gold, read_predicted
from ..training.converters.annotation import META

NONE = "none"
RIGHT, ARGUMENTS, LABEL, DIRECTION, SPURIOUS, MISSED = "right", "arguments", "label", "direction", "spurious", "missed"
ERROR_KINDS = (SPURIOUS, MISSED, LABEL, DIRECTION, ARGUMENTS)


@dataclass(frozen=True, eq=False)
class TextOutcome:
    """An annotated text with what was predicted.

    index (int): Which text of the corpus it is, those that are not annotated counted.
    example (Example): The text.
    gold (Set[ScoredRelation]): What is annotated.
    predicted (Set[ScoredRelation]): What is predicted.
    """

    index: int
    example: Example
    gold: Set[ScoredRelation]
    predicted: Set[ScoredRelation]

    @property
    def document(self) -> Hashable:
        """What the text is a part of: texts with the same `meta.doc` are one document, others are one each."""
        meta = self.example.reference.user_data.get(META)
        name = meta.get("doc") if isinstance(meta, dict) else None
        return ("text", self.index) if name is None else ("document", str(name))


@dataclass(frozen=True)
class Outcome:
    """What became of a relation.

    kind (str): `right`; `arguments`: the spans and the label are right, the labels of the spans are not; `label`: the
        spans are right, the label is not; `direction`: head and tail changed places; `spurious`: nothing like it is
        annotated; `missed`: nothing like it is predicted.
    gold (Optional[ScoredRelation]): The annotated relation, None for a spurious one.
    predicted (Optional[ScoredRelation]): The predicted relation, None for a missed one.
    """

    kind: str
    gold: Optional[ScoredRelation]
    predicted: Optional[ScoredRelation]


def read_outcomes(examples: Iterable[Example], canonical: Optional[Canonical] = None) -> List[TextOutcome]:
    """Read the annotated texts among some, as the scorer reads them.

    examples (Iterable[Example]): Predicted and annotated Docs.
    canonical (Optional[Canonical]): See `spacy_vaedie.scorer.score_relations`.
    RETURNS (List[TextOutcome]): Those that are annotated.
    RAISES (ValueError): VE401 where the two Docs of an example have different texts.
    """
    texts = []
    for index, example in enumerate(examples):
        gold = read_gold(index, example, canonical)
        if gold is not None:
            texts.append(TextOutcome(index, example, gold, read_predicted(index, example, canonical)))
    return texts


def match_relations(text: TextOutcome) -> List[Outcome]:
    """Say what became of each relation of a text. Every annotated and every predicted one stands in one outcome; of
    several that fit one, the surest prediction comes first.

    text (TextOutcome): The text.
    RETURNS (List[Outcome]): The outcomes.
    """
    said = {relation: relation for relation in text.predicted}
    outcomes = [Outcome(RIGHT, relation, said[relation]) for relation in _in_order(text.gold & text.predicted)]
    gold = _in_order(text.gold - text.predicted)
    predicted = sorted(_in_order(text.predicted - text.gold), key=lambda relation: -relation.score)
    rules: Sequence[Tuple[str, Callable[[ScoredRelation], Any], Callable[[ScoredRelation], Any]]] = (
        (ARGUMENTS, lambda gold: (gold.pair, gold.label), lambda found: (found.pair, found.label)),
        (LABEL, lambda gold: gold.pair, lambda found: found.pair),
        (DIRECTION, lambda gold: (gold.pair, gold.label), lambda found: (found.pair[2:] + found.pair[:2], found.label)),
    )
    for kind, gold_key, found_key in rules:
        waiting: Dict[Any, Deque[ScoredRelation]] = defaultdict(deque)
        for relation in gold:
            waiting[gold_key(relation)].append(relation)
        rest = []
        for relation in predicted:
            fitting = waiting.get(found_key(relation))
            if fitting:
                outcomes.append(Outcome(kind, fitting.popleft(), relation))
            else:
                rest.append(relation)
        gold, predicted = _in_order({relation for left in waiting.values() for relation in left}), rest
    outcomes.extend(Outcome(SPURIOUS, None, relation) for relation in predicted)
    outcomes.extend(Outcome(MISSED, relation, None) for relation in gold)
    return outcomes


def count_confusion(outcomes: Iterable[Outcome], labels: Sequence[str]) -> List[List[int]]:
    """Count which label was predicted for which. The spans have to be right, their labels do not.

    outcomes (Iterable[Outcome]): The outcomes.
    labels (Sequence[str]): All labels.
    RETURNS (List[List[int]]): A row for each annotated label, a column for each predicted one, and a last one of both
        for "no relation". A relation in the wrong direction counts as a missed and a spurious one.
    """
    cells: Counter[Tuple[int, int]] = Counter()
    places, none = {label: i for i, label in enumerate(labels)}, len(labels)
    for outcome in outcomes:
        row = none if outcome.gold is None else places[outcome.gold.label]
        column = none if outcome.predicted is None else places[outcome.predicted.label]
        if outcome.kind == DIRECTION:
            cells[row, none] += 1
            cells[none, column] += 1
        else:
            cells[row, column] += 1
    return [[cells[row, column] for column in range(none + 1)] for row in range(none + 1)]


def labels_of(texts: Iterable[TextOutcome]) -> List[str]:
    """RETURNS (List[str]): All labels that are annotated or predicted, sorted."""
    return sorted({relation.label for text in texts for relation in text.gold | text.predicted})


def _in_order(relations: Set[ScoredRelation]) -> List[ScoredRelation]:
    return sorted(relations, key=lambda relation: (relation.example, relation.pair, relation.label, relation.arguments))
