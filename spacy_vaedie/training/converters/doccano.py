"""doccano's JSONL: texts with entities and relations, or with labelled spans alone."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from ...errors import Errors
from ..files import MAX_BYTES, read_jsonl
from .annotation import REPEATED, Annotation, ConversionReport
from .records import Record, read_rows


def read_doccano(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read the JSONL export of doccano: objects with `text`, `entities` (`id`, `start_offset`, `end_offset`, `label`)
    and `relations` (`from_id`, `to_id`, `type`), or with `text` and `label` (lists of start, end and label). Offsets
    count characters.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The texts, named by their `id`, or else by the number of their line. One without `relations`
        is not annotated with them.
    RAISES (ValueError): VE303 for a line that is not in this format, VE304 for an empty file, VE341 for a line that is
        too long.
    """
    for line, value in read_jsonl(path, max_bytes):
        report.docs_read += 1
        record = Record(path, line, value)
        doc_id = str(value.get("id", line))
        text = record.get("text", str)
        if "entities" not in value:
            rows = record.get("label", list) if "label" in value else record.get("labels", list)
            yield Annotation(doc_id, text, read_rows(record, "label", rows, 2, doc_id))
            continue
        spans: List[Tuple[int, int, str]] = []
        places: Dict[int, int] = {}
        for item in record.items("entities"):
            span = (item.get("start_offset", int), item.get("end_offset", int), item.get("label", str))
            key = item.get("id", int)
            if key in places:
                name = f"span {text[span[0] : span[1]]!r} ({span[2]}, characters {span[0]} to {span[1]})"
                report.lose_span(doc_id, f"{name} has the id of another one, {key}", REPEATED)
            else:
                places[key] = len(spans)
                spans.append(span)
        yield Annotation(doc_id, text, spans, _read_relations(record, places, doc_id, report))
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _read_relations(
    record: Record, places: Dict[int, int], doc_id: str, report: ConversionReport
) -> Optional[List[Tuple[int, int, str]]]:
    if "relations" not in record.value:
        return None
    relations = []
    for item in record.items("relations"):
        head, tail, label = item.get("from_id", int), item.get("to_id", int), item.get("type", str)
        if not label:
            item.fail("the field 'relations.type' is empty")
        if head in places and tail in places:
            relations.append((places[head], places[tail], label))
        else:
            report.lose_relation(doc_id, label, f"no span for its {'tail' if head in places else 'head'}")
    return relations
