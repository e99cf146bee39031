"""What is right and wrong with the relations of a pipeline: scores with intervals, confusion, parts, errors."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.training import Example

from ..models.constraints import LabelSchema
from ..scorer import Canonical, score_relations
from .errors_found import ScoreLabels, worst_errors
from .outcomes import (
    ERROR_KINDS,
    NONE,
    TextOutcome,
    count_confusion,
    labels_of,
    match_relations,
    read_outcomes,
)
from .significance import count_documents, find_intervals
from .slices import NamePair, score_slices


def evaluate_examples(
    examples: Iterable[Example],
    *,
    canonical: Optional[Canonical] = None,
    seen: Optional[Set[NamePair]] = None,
    score: Optional[ScoreLabels] = None,
    n_bootstrap: int = 1000,
    n_errors: int = 50,
    seed: int = 0,
) -> Dict[str, Any]:
    """Evaluate `doc._.relations` of predicted Docs against the annotated ones. Everything counts every annotated
    relation, as `spacy_vaedie.scorer.score_relations` does, whose scores are among the keys.

    examples (Iterable[Example]): Predicted and annotated Docs.
    canonical (Optional[Canonical]): The one way to say a fact, see `score_relations` and `find_canonical`.
    seen (Optional[Set[NamePair]]): Which names are related in the training data: see `slices.seen_pairs`.
    score (Optional[ScoreLabels]): Says how likely annotated relations are: see `errors_found.score_labels`.
    n_bootstrap (int): Number of resamples of the documents for the intervals, 0 for none.
    n_errors (int): How many errors to show.
    seed (int): For the resamples.
    RETURNS (Dict[str, Any]): The `rels_*` scores, and the keys of docs/evaluate.md: `n_docs`, `n_unannotated`,
        `counts`, `labels`, `confusion`, `intervals`, `slices`, `error_kinds` and `errors`.
    RAISES (ValueError): VE401 where the two Docs of an example have different texts, VE107 for a negative number.
    """
    examples = list(examples)
    texts = read_outcomes(examples, canonical)
    outcomes = [outcome for text in texts for outcome in match_relations(text)]
    intervals = find_intervals(count_documents(texts), n_bootstrap=n_bootstrap, seed=seed)
    labels = labels_of(texts)
    kinds = Counter(outcome.kind for outcome in outcomes)
    return {
        **score_relations(examples, canonical=canonical),
        "n_docs": len(texts),
        "n_unannotated": len(examples) - len(texts),
        "counts": {
            "n_documents": len({text.document for text in texts}),
            "n_gold": sum(len(text.gold) for text in texts),
            "n_predicted": sum(len(text.predicted) for text in texts),
            "n_right": sum(len(text.gold & text.predicted) for text in texts),
        },
        "labels": _score_labels(texts, labels, None if intervals is None else intervals["labels"]),
        "confusion": {"labels": [*labels, NONE], "matrix": count_confusion(outcomes, labels)},
        "intervals": None if intervals is None else {key: intervals[key] for key in intervals if key != "labels"},
        "slices": score_slices(texts, seen),
        "error_kinds": {kind: kinds[kind] for kind in ERROR_KINDS},
        "errors": worst_errors(texts, outcomes, n_errors=n_errors, score=score),
    }


def run_pipeline(
    nlp: Language, examples: Iterable[Example], disable: Sequence[str] = ()
) -> Tuple[List[Example], Dict[str, Any]]:
    """Run a pipeline over examples and score it, as `nlp.evaluate` does, and keep what it predicted.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): The examples, which are not changed.
    disable (Sequence[str]): Components that do not run and are not scored.
    RETURNS (Tuple[List[Example], Dict[str, Any]]): New Examples with the predicted Docs and the same references, and
        the `rels_*` scores of the pipeline's components.
    """
    examples = list(examples)
    with nlp.select_pipes(disable=list(disable)):
        docs = nlp.pipe(example.predicted.copy() for example in examples)
        found = [Example(doc, example.reference) for doc, example in zip(docs, examples, strict=True)]
        scores = Scorer(nlp=nlp).score(found)
    return found, {name: score for name, score in scores.items() if name.startswith("rels_")}


def find_canonical(nlp: Language) -> Optional[Canonical]:
    """Find how the relations of a pipeline are said: by the schema of the last component that scores them.

    nlp (Language): The pipeline.
    RETURNS (Optional[Canonical]): Brings a relation into its one form, None where each is said as it is.
    """
    schemas = [pipe.schema for _, pipe in nlp.pipeline if isinstance(getattr(pipe, "schema", None), LabelSchema)]
    return schemas[-1].canonical if schemas and (schemas[-1].symmetric or schemas[-1].inverse) else None


def _score_labels(
    texts: Sequence[TextOutcome], labels: Sequence[str], intervals: Optional[Dict[str, Any]]
) -> Dict[str, Dict[str, Any]]:
    counts = count_documents(texts, labels)
    sums = counts.rows.sum(axis=0)
    scores = counts.by_label(sums[None])[0]
    found = {}
    for i, label in enumerate(labels):
        right, spurious, missed = (int(value) for value in sums[3 * i : 3 * i + 3])
        found[label] = {
            **dict(zip("prf", scores[i].tolist(), strict=True)),
            "n_gold": right + missed,
            "n_predicted": right + spurious,
            "n_right": right,
            "f_interval": None if intervals is None else intervals[label],
        }
    return found
