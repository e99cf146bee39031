"""Scores of parts of the relations: by path, by distance, by whether the pair was seen in training, by polarity."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Optional, Sequence, Set

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..scorer import ScoredRelation
from ..tokens.dependency import has_parse
from ..tokens.relation import POLARITIES
from ..tokens.storage import TokenOffsets
from ..training.files import find_files, read_docbin
from .outcomes import NONE, TextOutcome
from .pair_measures import DISTANCE_BINS, PATH_BINS, UNKNOWN, PairMeasure, measure_pairs

NamePair = FrozenSet[str]
SEEN, UNSEEN = "seen", "unseen"


def read_seen_pairs(path: Path, vocab: Vocab) -> Set[NamePair]:
    """Read which names are related in annotated texts.

    path (Path): A .spacy file, or a folder with them.
    vocab (Vocab): For its Docs.
    RETURNS (Set[NamePair]): The texts of head and tail, without case and direction.
    RAISES (ValueError), (FileNotFoundError): As `spacy-vaedie.RelationCorpus.v1`, but for texts without annotation.
    """
    return seen_pairs(doc for file in find_files(path, [".spacy"]) for doc in read_docbin(file, vocab))


def seen_pairs(docs: Iterable[Doc]) -> Set[NamePair]:
    """RETURNS (Set[NamePair]): Which names are related in these Docs: see `read_seen_pairs`."""
    return {
        name_pair(relation.head.resolve(doc).text, relation.tail.resolve(doc).text)
        for doc in docs
        for relation in doc._.relations or ()
    }


def score_slices(texts: Sequence[TextOutcome], seen: Optional[Set[NamePair]] = None) -> Dict[str, Any]:
    """Score parts of the relations. Path and distance are measured on the annotated Doc, or on the predicted one where
    only that is parsed.

    texts (Sequence[TextOutcome]): The texts.
    seen (Optional[Set[NamePair]]): Which names are related in the training data, None where that is not known.
    RETURNS (Dict[str, Any]): `path_length` and `distance`, for each bin that has relations a row with `bin`, `n_gold`,
        `n_predicted`, `n_right`, `p`, `r` and `f`, None for a score that nothing counts in; `pairs`, the same for
        `seen` and `unseen`, None without `seen`; `polarity`, for each annotated polarity a row with `bin`, `n_gold`,
        `n_right`, `r` and `polarity_accuracy`, the share of the found ones that have it, None where no polarity is
        annotated.
    """
    measures: Dict[ScoredRelation, PairMeasure] = {}
    for text in texts:
        measures.update(_measure(text))

    def path_bin(relation: ScoredRelation, _: TextOutcome) -> str:
        return measures[relation].path_bin if relation in measures else UNKNOWN

    def distance_bin(relation: ScoredRelation, _: TextOutcome) -> str:
        return measures[relation].distance_bin if relation in measures else UNKNOWN

    def seen_bin(relation: ScoredRelation, text: TextOutcome) -> str:
        words = text.example.reference.text
        start, end, other_start, other_end = relation.pair
        return SEEN if name_pair(words[start:end], words[other_start:other_end]) in (seen or ()) else UNSEEN

    return {
        "path_length": _count_bins(texts, path_bin, PATH_BINS),
        "distance": _count_bins(texts, distance_bin, [*DISTANCE_BINS, UNKNOWN]),
        "pairs": None if seen is None else _count_bins(texts, seen_bin, [SEEN, UNSEEN]),
        "polarity": _score_polarities(texts),
    }


def name_pair(head: str, tail: str) -> NamePair:
    """RETURNS (NamePair): The names of a relation, without case, direction and the amount of white space."""
    return frozenset(" ".join(name.lower().split()) for name in (head, tail))


def _measure(text: TextOutcome) -> Dict[ScoredRelation, PairMeasure]:
    reference, predicted = text.example.reference, text.example.predicted
    doc = predicted if has_parse(predicted) and not has_parse(reference) else reference
    offsets = TokenOffsets(doc)
    relations, pairs = [], []
    for relation in text.gold | text.predicted:
        head, tail = offsets.span(*relation.pair[:2]), offsets.span(*relation.pair[2:])
        if head is not None and tail is not None:
            relations.append(relation)
            pairs.append((*head, *tail))
    return dict(zip(relations, measure_pairs(doc, pairs), strict=True))


def _count_bins(
    texts: Sequence[TextOutcome], bin_of: Callable[[ScoredRelation, TextOutcome], str], bins: Sequence[str]
) -> List[Dict[str, Any]]:
    gold: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for text in texts:
        gold.update(bin_of(relation, text) for relation in text.gold)
        predicted.update(bin_of(relation, text) for relation in text.predicted)
        right.update(bin_of(relation, text) for relation in text.gold & text.predicted)
    return [_row(name, gold[name], predicted[name], right[name]) for name in bins if gold[name] or predicted[name]]


def _row(name: str, n_gold: int, n_predicted: int, n_right: int) -> Dict[str, Any]:
    return {
        "bin": name,
        "n_gold": n_gold,
        "n_predicted": n_predicted,
        "n_right": n_right,
        "p": n_right / n_predicted if n_predicted else None,
        "r": n_right / n_gold if n_gold else None,
        "f": 2 * n_right / (n_gold + n_predicted),
    }


def _score_polarities(texts: Sequence[TextOutcome]) -> Optional[List[Dict[str, Any]]]:
    gold: Counter[str] = Counter()
    found: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    for text in texts:
        said = {relation: relation.polarity for relation in text.predicted}
        for relation in text.gold:
            name = relation.polarity or NONE
            gold[name] += 1
            found[name] += relation in said
            agreed[name] += relation in said and said[relation] == relation.polarity
    if not any(gold[name] for name in POLARITIES):
        return None
    return [
        {
            "bin": name,
            "n_gold": gold[name],
            "n_right": found[name],
            "r": found[name] / gold[name],
            "polarity_accuracy": agreed[name] / found[name] if found[name] and name != NONE else None,
        }
        for name in (*POLARITIES, NONE)
        if gold[name]
    ]
