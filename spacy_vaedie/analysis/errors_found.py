"""The worst errors of a pipeline, with their text and how sure it was."""

from __future__ import annotations

from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from spacy.training import Example
from spacy.util import minibatch

from ..errors import check_range
from ..scorer import ScoredRelation
from ..tokens.storage import TokenOffsets
from ..training.converters.annotation import get_doc_id
from .outcomes import ERROR_KINDS, MISSED, Outcome, TextOutcome

# How likely annotated relations are; those that were no candidates are left out.
GoldScores = Mapping[ScoredRelation, float]
ScoreLabels = Callable[[Collection[ScoredRelation]], GoldScores]
_BATCH_SIZE = 64
# Characters that are shown around a pair of a long text.
_AROUND = 120


def score_labels(pipe: Any, examples: Sequence[Example], relations: Collection[ScoredRelation]) -> Dict[Any, float]:
    """Ask an extractor how likely annotated relations are.

    pipe (Extractor): The extractor.
    examples (Sequence[Example]): All texts, with what the components before it wrote.
    relations (Collection[ScoredRelation]): The relations, in the form in which the extractor says them.
    RETURNS (Dict[ScoredRelation, float]): The calibrated probability of each one that is a candidate, 0 for a label
        that the extractor does not know.
    """
    wanted: Dict[int, List[ScoredRelation]] = {}
    for relation in relations:
        wanted.setdefault(relation.example, []).append(relation)
    columns = {label: i for i, label in enumerate(pipe.labels, start=1)}
    found: Dict[Any, float] = {}
    for batch in minibatch(sorted(wanted), _BATCH_SIZE):
        docs = [examples[index].predicted for index in batch]
        for index, doc, (candidates, probabilities) in zip(batch, docs, pipe.predict(docs), strict=True):
            offsets = TokenOffsets(doc)
            rows: Dict[Any, List[int]] = {}
            for row, (hs, he, ts, te) in enumerate(candidates.offsets().tolist()):
                pair = offsets.starts[hs], offsets.ends[he - 1], offsets.starts[ts], offsets.ends[te - 1]
                rows.setdefault(pair, []).append(row)
            for relation in wanted[index]:
                column = columns.get(relation.label)
                # Spans that have several labels are several candidates.
                scores = [float(probabilities[row, column]) if column else 0.0 for row in rows.get(relation.pair, ())]
                if scores:
                    found[relation] = max(scores)
    return found


def worst_errors(
    texts: Sequence[TextOutcome],
    outcomes: Sequence[Outcome],
    *,
    n_errors: int = 50,
    score: Optional[ScoreLabels] = None,
) -> List[Dict[str, Any]]:
    """Choose the worst errors: the surest of the predictions that are wrong, and of the missed relations those that the
    pipeline held for least likely. Each kind has a place in turn, so that none hides the others.

    texts (Sequence[TextOutcome]): The texts.
    outcomes (Sequence[Outcome]): What became of their relations.
    n_errors (int): How many to choose.
    score (Optional[ScoreLabels]): Says how likely annotated relations are, None where nobody can.
    RETURNS (List[Dict[str, Any]]): By kind, the worst first: `kind`, `index` of the text in the corpus, `document` and
        `doc_id` where the Doc says them, `text` around the pair and at which character of the Doc it starts
        (`text_start`), `gold` and `predicted`: None, or `label`, `score`, `polarity`, `head` and `tail` with `text`,
        `start`, `end` and `label`; `gold_score`: how likely the annotated relation was, None where that is not known;
        `candidate`: whether it was a candidate, None where that is not known.
    RAISES (ValueError): VE107 for a negative number.
    """
    check_range("worst_errors", 0, n_errors=n_errors)
    wrong = {kind: [outcome for outcome in outcomes if outcome.kind == kind] for kind in ERROR_KINDS}
    gold = [outcome.gold for kind in ERROR_KINDS for outcome in wrong[kind] if outcome.gold is not None]
    likely = score(gold) if score is not None and gold and n_errors else None
    by_index = {text.index: text for text in texts}
    chosen = []
    for kind, n in _share({kind: len(found) for kind, found in wrong.items()}, n_errors).items():
        for outcome in sorted(wrong[kind], key=lambda outcome: _badness(outcome, likely))[:n]:
            chosen.append(_describe(outcome, by_index, likely))
    return chosen


def _badness(outcome: Outcome, likely: Optional[GoldScores]) -> Any:
    relation = outcome.predicted or outcome.gold
    assert relation is not None
    if outcome.kind != MISSED:
        return -relation.score, relation.example, relation.pair, relation.label
    # What was no candidate comes last: that is not what the extractor was wrong about.
    score = None if likely is None else likely.get(relation)
    return score is None, score or 0.0, relation.example, relation.pair, relation.label


def _share(available: Mapping[str, int], n: int) -> Dict[str, int]:
    """Give each kind a place in turn until there are n."""
    shares = dict.fromkeys(available, 0)
    while sum(shares.values()) < min(n, sum(available.values())):
        for kind in shares:
            if shares[kind] < available[kind] and sum(shares.values()) < n:
                shares[kind] += 1
    return shares


def _describe(outcome: Outcome, texts: Mapping[int, TextOutcome], likely: Optional[GoldScores]) -> Dict[str, Any]:
    gold, predicted = outcome.gold, outcome.predicted
    pairs = [relation for relation in (gold, predicted) if relation is not None]
    text = texts[pairs[0].example]
    reference = text.example.reference
    first = min(min(relation.pair) for relation in pairs)
    last = max(max(relation.pair) for relation in pairs)
    start, end = _cut(reference.text, first, last)
    name = text.document
    return {
        "kind": outcome.kind,
        "index": text.index,
        "document": name[1] if isinstance(name, tuple) and name[0] == "document" else None,
        "doc_id": get_doc_id(reference),
        "text": reference.text[start:end],
        "text_start": start,
        "gold": _side(gold, reference.text),
        "predicted": _side(predicted, reference.text),
        "gold_score": None if gold is None or likely is None else likely.get(gold),
        "candidate": None if gold is None or likely is None else gold in likely,
    }


def _cut(text: str, first: int, last: int) -> Tuple[int, int]:
    """Where to cut a text around some characters: between words, where there are any."""
    start, end = max(0, first - _AROUND), min(len(text), last + _AROUND)
    if start:
        found = text.find(" ", start, first)
        start = start if found < 0 else found + 1
    if end < len(text):
        found = text.rfind(" ", last, end)
        end = end if found < 0 else found
    return start, end


def _side(relation: Optional[ScoredRelation], text: str) -> Optional[Dict[str, Any]]:
    if relation is None:
        return None
    bounds = relation.pair[:2], relation.pair[2:]
    head, tail = (
        {"text": text[start:end], "start": start, "end": end, "label": label}
        for (start, end), label in zip(bounds, relation.arguments, strict=True)
    )
    return {
        "label": relation.label,
        "score": relation.score,
        "polarity": relation.polarity,
        "head": head,
        "tail": tail,
    }
