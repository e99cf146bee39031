"""Docs as tasks for somebody who annotates them, with the relations that a pipeline found filled in."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from spacy.tokens import Doc

from ..tokens import Argument

Task = Dict[str, Any]
# How the tags of a labelling interface of Label Studio are called here.
LABELS_TAG, TEXT_TAG = "label", "text"


def task_spans(doc: Doc, extractor: Optional[Any] = None) -> List[Argument]:
    """The spans between which relations are to be annotated.

    doc (Doc): The Doc.
    extractor (Optional[Extractor]): What pairs them. None for the entities.
    RETURNS (List[Argument]): In text order, each once; with those that the relations of the Doc are between.
    """
    if extractor is None:
        found = {Argument(ent.start, ent.end, ent.label_) for ent in doc.ents}
    else:
        candidates = extractor.propose(doc)
        pairs = zip(candidates.spans.tolist(), candidates.labels.tolist(), strict=True)
        found = {Argument(start, end, doc.vocab.strings[label]) for (start, end), label in pairs}
    found.update(end for relation in doc._.relations or () for end in (relation.head, relation.tail))
    return sorted(found, key=lambda span: (span.start, span.end, span.label))


def prodigy_task(doc: Doc, spans: Sequence[Argument], meta: Mapping[str, Any]) -> Task:
    """A line for Prodigy's `rel.manual`. `spacy vaedie convert --from prodigy` reads it, too.

    doc (Doc): The Doc. Where its relations are None, the task has no `relations`.
    spans (Sequence[Argument]): See `task_spans`.
    meta (Mapping[str, Any]): What else to say; Prodigy shows it below the text.
    RETURNS (Task): `text`, `tokens`, `spans`, `relations` and `meta`.
    """
    tokens = [
        {
            "text": token.text,
            "start": token.idx,
            "end": token.idx + len(token),
            "id": token.i,
            "ws": bool(token.whitespace_),
        }
        for token in doc
    ]
    task: Task = {
        "text": doc.text,
        "tokens": tokens,
        "spans": [_prodigy_span(doc, span) for span in spans],
        "meta": dict(meta),
    }
    if doc._.relations is not None:
        task["relations"] = [
            {
                # Prodigy names a span by its last token, too.
                "head": relation.head.end - 1,
                "child": relation.tail.end - 1,
                "head_span": _prodigy_span(doc, relation.head),
                "child_span": _prodigy_span(doc, relation.tail),
                "label": relation.label,
                "score": round(relation.score, 4),
                **({} if relation.polarity is None else {"polarity": relation.polarity}),
            }
            for relation in doc._.relations
        ]
    return task


def label_studio_task(doc: Doc, spans: Sequence[Argument], meta: Mapping[str, Any]) -> Task:
    """A task with a prediction for Label Studio, whose labelling interface has a `Text` named `text`, `Labels` named
    `label`, and `Relations`.

    doc (Doc): The Doc.
    spans (Sequence[Argument]): See `task_spans`.
    meta (Mapping[str, Any]): What else to say. One minus its `uncertainty` is the score of the prediction, by which
        Label Studio sorts tasks.
    RETURNS (Task): `data`, `predictions` and `meta`.
    """
    ids = {span: f"span-{i}" for i, span in enumerate(spans)}
    result: List[Dict[str, Any]] = [
        {
            "id": ids[span],
            "from_name": LABELS_TAG,
            "to_name": TEXT_TAG,
            "type": "labels",
            "value": {**_characters(doc, span), "text": span.resolve(doc).text, "labels": [span.label]},
        }
        for span in spans
    ]
    result += [
        {
            "type": "relation",
            "from_id": ids[relation.head],
            "to_id": ids[relation.tail],
            "direction": "right",
            "labels": [relation.label],
        }
        for relation in doc._.relations or ()
    ]
    score = {"score": round(1.0 - meta["uncertainty"], 4)} if "uncertainty" in meta else {}
    prediction = {"model_version": "spacy-vaedie", **score, "result": result}
    return {"data": {"text": doc.text}, "predictions": [prediction], "meta": dict(meta)}


TaskMaker = Callable[[Doc, Sequence[Argument], Mapping[str, Any]], Task]
FORMATS: Dict[str, TaskMaker] = {"prodigy": prodigy_task, "label-studio": label_studio_task}


def _characters(doc: Doc, span: Argument) -> Dict[str, int]:
    found = span.resolve(doc)
    return {"start": found.start_char, "end": found.end_char}


def _prodigy_span(doc: Doc, span: Argument) -> Dict[str, Any]:
    return {
        **_characters(doc, span),
        "token_start": span.start,
        "token_end": span.end - 1,
        "label": span.label,
    }
