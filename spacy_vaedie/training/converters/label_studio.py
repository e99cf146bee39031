"""Label Studio: tasks with a text, its labelled regions and the relations between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from spacy.tokens import Doc

from ...errors import Errors
from ...tokens import Argument
from ...tokens.relation import POLARITIES
from ..files import MAX_BYTES
from .annotation import META, NO_LABEL, NO_SPAN, OTHER_TEXT, OUTSIDE, REPEATED, Annotation, ConversionReport, get_doc_id
from .json_items import read_json_items
from .offsets import Utf16, same_text
from .records import Record
from .tasks import Task, characters

# How the tags of a labelling interface of Label Studio are called here.
LABELS_TAG, TEXT_TAG = "label", "text"
_ANNOTATED = "relations_annotated"


def read_label_studio(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read the JSON export of Label Studio (not JSON-MIN, which has no relations).

    Offsets count UTF-16 code units, as browsers do. Where the text of a region does not stand there, but does where
    characters are counted, as scripts in Python do, that is taken. A relation with the direction `left` goes the other
    way; `bi` is read as it stands in the file. One with several labels becomes several.

    Of several annotations of one task, the one that is marked as ground truth is read, or else the first that was not
    cancelled. A task of which all are cancelled is counted as rejected; one without any is not annotated.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest task.
    YIELDS (Annotation): The texts, named by `doc_id` in their `data`, or else by the `id` of the task.
    RAISES (ValueError): VE303 for a task that is not in this format, VE304 for an empty file, VE341 for a task that is
        too long.
    """
    for line, value in read_json_items(path, max_bytes):
        record = Record(path, line, value)
        annotations = record.items("annotations") if record.value.get("annotations") else []
        valid = [item for item in annotations if not item.value.get("was_cancelled")]
        if annotations and not valid:
            report.docs_rejected += 1
            continue
        report.docs_read += 1
        if len(valid) > 1:
            report.ignored["further annotations of a task"] += len(valid) - 1
        best = sorted(valid, key=lambda item: not item.value.get("ground_truth"))
        yield _parse(record, best[0] if best else None, report)
    if not report.docs_read + report.docs_rejected:
        raise ValueError(Errors.VE304.format(path=path))


def _parse(record: Record, chosen: Optional[Record], report: ConversionReport) -> Annotation:
    data = Record(record.path, record.line, record.get("data", dict), "data.")
    text = data.get(_text_key(data), str)
    doc_id = str(data.value.get("doc_id", record.value.get("id", report.docs_read + report.docs_rejected)))
    meta = record.get("meta", dict) if record.value.get("meta") is not None else {}
    if chosen is None:
        return Annotation(doc_id, text, meta=meta, spans_annotated=False)
    spans: List[Tuple[int, int, str]] = []
    places: Dict[str, int] = {}
    items = chosen.items("result")
    for item in items:
        if item.value.get("type") != "relation":
            _read_region(item, doc_id, text, spans, places, report)
    relations: List[Tuple[int, int, str]] = []
    polarities: List[Optional[str]] = []
    for item in items:
        if item.value.get("type") == "relation":
            found = _read_relation(item, doc_id, places, report)
            relations += found
            polarities += [_polarity(item)] * len(found)
    annotated = bool(relations) or data.value.get(_ANNOTATED) is not False
    return Annotation(doc_id, text, spans, relations if annotated else None, meta=meta, polarities=polarities)


def _text_key(data: Record) -> str:
    """The field of the text: `text`, or the only one that holds a text."""
    texts = [key for key, value in data.value.items() if isinstance(value, str) and key != "doc_id"]
    return texts[0] if "text" not in data.value and len(texts) == 1 else "text"


def _read_region(
    item: Record,
    doc_id: str,
    text: str,
    spans: List[Tuple[int, int, str]],
    places: Dict[str, int],
    report: ConversionReport,
) -> None:
    """Add the spans of a region, one a label, and where the first of them stands under its id."""
    value = item.value.get("value")
    kind = item.value.get("type")
    labels = value.get(kind) if isinstance(value, dict) and isinstance(kind, str) else None
    if not isinstance(labels, list) or not {"start", "end"} <= set(value or ()):
        report.ignored["results without a span"] += 1
        return
    region = Record(item.path, item.line, value, "value.")
    if not all(isinstance(label, str) for label in labels):
        region.fail(f"the field 'value.{kind}' must be a list of texts")
    given, name = region.value.get("text"), item.value.get("id")
    offsets = (region.get("start", int), region.get("end", int))
    place = _find_text(text, offsets, given if isinstance(given, str) else None)
    for label in labels or [""]:
        words = f"span {given!r} ({label}, offsets {offsets[0]} to {offsets[1]})"
        if isinstance(place, str):
            reason = f"{words} is outside of the text" if place == OUTSIDE else f"{words} has another text there"
            report.lose_span(doc_id, reason, place)
        elif name in places and spans[places[name]][:2] != place:
            report.lose_span(doc_id, f"{words} has the id of another one, {name!r}", REPEATED)
        else:
            if isinstance(name, str):
                places.setdefault(name, len(spans))
            spans.append((*place, label))


def _find_text(text: str, offsets: Tuple[int, int], given: Optional[str]) -> Any:
    """First and last character, or the kind of reason why there are none."""
    utf16 = Utf16(text)
    start, end = utf16.character(offsets[0]), utf16.character(offsets[1])
    inside = start is not None and end is not None
    if inside and (given is None or same_text(text[start:end], given)):
        return start, end
    if given is not None and 0 <= offsets[0] < offsets[1] <= len(text) and same_text(text[slice(*offsets)], given):
        return offsets
    return OTHER_TEXT if inside else OUTSIDE


def _read_relation(
    item: Record, doc_id: str, places: Mapping[str, int], report: ConversionReport
) -> List[Tuple[int, int, str]]:
    ends = [item.get("from_id", str), item.get("to_id", str)]
    if item.value.get("direction") == "left":
        ends.reverse()
    labels = item.get("labels", list) if item.value.get("labels") is not None else []
    if not labels:
        report.lose_relation(doc_id, "", f"it has no label (from {ends[0]} to {ends[1]})", NO_LABEL)
    relations = []
    for label in labels:
        if not isinstance(label, str) or not label:
            item.fail("the field 'labels' must be a list of texts that are not empty")
        missing = [end for end in ends if end not in places]
        if missing:
            end = "head" if missing[0] == ends[0] else "tail"
            report.lose_relation(doc_id, label, f"no span for its {end} ({missing[0]})", NO_SPAN)
        else:
            relations.append((places[ends[0]], places[ends[1]], label))
    return relations


def _polarity(item: Record) -> Optional[str]:
    polarity = item.value.get("polarity")
    if polarity is not None and polarity not in POLARITIES:
        item.fail(f"the field 'polarity' is {polarity!r}, but must be one of {', '.join(POLARITIES)}")
    return None if polarity is None else str(polarity)


def label_studio_task(doc: Doc, spans: Sequence[Argument], meta: Mapping[str, Any]) -> Task:
    """A task with a prediction for Label Studio, whose labelling interface has a `Text` named `text`, `Labels` named
    `label`, and `Relations`.

    doc (Doc): The Doc.
    spans (Sequence[Argument]): See `doc_spans`.
    meta (Mapping[str, Any]): What else to say. One minus its `uncertainty` is the score of the prediction, by which
        Label Studio sorts tasks.
    RETURNS (Task): `data`, `predictions` and `meta`. Offsets count UTF-16 code units.
    """
    score = {"score": round(1.0 - meta["uncertainty"], 4)} if "uncertainty" in meta else {}
    prediction = {"model_version": "spacy-vaedie", **score, "result": _results(doc, spans)}
    return {"data": {"text": doc.text}, "predictions": [prediction], "meta": dict(meta)}


def label_studio_annotation(doc: Doc, spans: Sequence[Argument]) -> Task:
    """A task that is annotated. `spacy vaedie convert --from label-studio` reads it back.

    doc (Doc): The Doc. Where its relations are None, the task says so; without spans, too, it has no annotation.
    spans (Sequence[Argument]): See `doc_spans`.
    RETURNS (Task): `data`, `annotations` and `meta`.
    """
    data: Dict[str, Any] = {"text": doc.text}
    if (doc_id := get_doc_id(doc)) is not None:
        data["doc_id"] = doc_id
    if doc._.relations is None:
        data[_ANNOTATED] = False
    empty = doc._.relations is None and not spans
    annotations = [] if empty else [{"result": _results(doc, spans)}]
    return {"data": data, "annotations": annotations, "meta": dict(doc.user_data.get(META, {}))}


def _results(doc: Doc, spans: Sequence[Argument]) -> List[Dict[str, Any]]:
    """Regions and relations."""
    utf16 = Utf16(doc.text)
    ids = {span: f"span-{i}" for i, span in enumerate(spans)}
    regions = [
        {
            "id": ids[span],
            "from_name": LABELS_TAG,
            "to_name": TEXT_TAG,
            "type": "labels",
            "value": {
                **{key: utf16.units(offset) for key, offset in characters(doc, span).items()},
                "text": span.resolve(doc).text,
                "labels": [span.label],
            },
        }
        for span in spans
    ]
    return regions + [
        {
            "type": "relation",
            "from_id": ids[relation.head],
            "to_id": ids[relation.tail],
            "direction": "right",
            "labels": [relation.label],
            **({} if relation.polarity is None else {"polarity": relation.polarity}),
        }
        for relation in doc._.relations or ()
    ]
