"""Prodigy's `rel.manual`: texts with spans and relations, a JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from ...errors import Errors
from ...tokens.relation import POLARITIES
from ..files import MAX_BYTES, read_jsonl
from .annotation import Annotation, ConversionReport
from .records import Record


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
