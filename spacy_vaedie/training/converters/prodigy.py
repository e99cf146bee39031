"""Prodigy's `rel.manual`: texts with spans and relations, a JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from spacy.tokens import Doc

from ...errors import Errors
from ...tokens import Argument
from ...tokens.relation import POLARITIES
from ..files import MAX_BYTES, read_jsonl
from .annotation import Annotation, ConversionReport
from .records import Record
from .tasks import Task, characters


def read_prodigy(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read the JSONL that Prodigy's recipe `rel.manual` saves.

    A line without `relations` is not annotated with relations. The tokens of the file are kept where it gives them.
    Texts that the annotator rejected or ignored are counted and left out.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The texts, named by the number of their line, with `meta` as it stands in the file.
    RAISES (ValueError): VE303 for a line that is not in this format, VE304 for an empty file.
    """
    for line, value in read_jsonl(path, max_bytes):
        record = Record(path, line, value)
        answer = value.get("answer", "accept")
        if answer != "accept":
            report.docs_rejected += 1
            continue
        report.docs_read += 1
        yield _parse(record, report)
    if not report.docs_read + report.docs_rejected:
        raise ValueError(Errors.VE304.format(path=path))


def _parse(record: Record, report: ConversionReport) -> Annotation:
    text = record.get("text", str)
    tokens = record.items("tokens") if record.value.get("tokens") else []
    words = [token.get("text", str) for token in tokens]
    spaces = [bool(token.value.get("ws", True)) for token in tokens]
    if tokens and "".join(w + " " * s for w, s in zip(words, spaces, strict=True)).rstrip() != text.rstrip():
        record.fail("the fields 'tokens' and 'text' do not hold the same text")
    has_spans = record.value.get("spans") is not None
    spans = record.items("spans") if has_spans else []
    offsets = [(span.get("start", int), span.get("end", int), span.get("label", str)) for span in spans]
    relations = _parse_relations(record, spans, report) if "relations" in record.value else None
    return Annotation(
        doc_id=str(record.line),
        text=text,
        spans=offsets,
        relations=None if relations is None else [relation[:3] for relation in relations],
        polarities=[relation[3] for relation in relations or ()],
        words=words or None,
        spaces=spaces or None,
        meta=record.get("meta", dict) if "meta" in record.value else {},
    )


def _parse_relations(
    record: Record, spans: List[Record], report: ConversionReport
) -> List[Tuple[int, int, str, Optional[str]]]:
    """Head, tail, label and polarity."""
    relations = []
    for relation in record.items("relations"):
        label = relation.get("label", str)
        polarity = relation.get("polarity", str) if "polarity" in relation.value else None
        if polarity is not None and polarity not in POLARITIES:
            relation.fail(f"the field 'relations.polarity' is '{polarity}', but must be one of {', '.join(POLARITIES)}")
        head, tail = (_find_span(relation, key, spans) for key in ("head", "child"))
        if head is None or tail is None:
            end = "head" if head is None else "child"
            report.lose_relation(str(record.line), label, f"no span for its {end}")
        else:
            relations.append((head, tail, label, polarity))
    return relations


def _find_span(relation: Record, key: str, spans: List[Record]) -> Optional[int]:
    """The span that one end of a relation names: by characters in newer files, else by its last token."""
    if relation.value.get(f"{key}_span") is not None:
        named = Record(relation.path, relation.line, relation.get(f"{key}_span", dict), f"relations.{key}_span.")
        offsets = (named.get("start", int), named.get("end", int))
        found = [i for i, span in enumerate(spans) if (span.get("start", int), span.get("end", int)) == offsets]
        # One span may be there under several labels.
        labelled = [i for i in found if spans[i].value.get("label") == named.value.get("label")]
        return next(iter(labelled or found), None)
    last = relation.get(key, int)
    return _index([span.get("token_end", int) for span in spans], last)


def _index(values: List[Any], wanted: Any) -> Optional[int]:
    return values.index(wanted) if wanted in values else None


def prodigy_task(doc: Doc, spans: Sequence[Argument], meta: Mapping[str, Any]) -> Task:
    """A line for Prodigy's `rel.manual`. `spacy vaedie convert --from prodigy` reads it, too.

    doc (Doc): The Doc. Where its relations are None, the task has no `relations`.
    spans (Sequence[Argument]): See `doc_spans`.
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
        "spans": [_task_span(doc, span) for span in spans],
        "meta": dict(meta),
    }
    if doc._.relations is not None:
        task["relations"] = [
            {
                # Prodigy names a span by its last token, too.
                "head": relation.head.end - 1,
                "child": relation.tail.end - 1,
                "head_span": _task_span(doc, relation.head),
                "child_span": _task_span(doc, relation.tail),
                "label": relation.label,
                "score": round(relation.score, 4),
                **({} if relation.polarity is None else {"polarity": relation.polarity}),
            }
            for relation in doc._.relations
        ]
    return task


def _task_span(doc: Doc, span: Argument) -> Dict[str, Any]:
    return {
        **characters(doc, span),
        "token_start": span.start,
        "token_end": span.end - 1,
        "label": span.label,
    }
