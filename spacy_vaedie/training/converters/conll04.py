"""CoNLL04 in its unified form: a JSON list of texts with tokens, entities and relations."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Tuple

from ...errors import Errors
from ..files import MAX_BYTES
from .annotation import Annotation, ConversionReport
from .json_items import read_json_items
from .records import Record, join_spans, read_rows


def read_conll04(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read entities and relations from a list of objects with `tokens`, `entities` (first token, last token exclusive,
    label) and `relations` (first and last token of the head, the same of the tail, label).

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest text.
    YIELDS (Annotation): The texts, named by their place in the list, counted from 1, with the tokens of the file. A
        text without `relations` is not annotated with them.
    RAISES (ValueError): VE303 for a text that is not in this format, VE304 for an empty file.
    """
    for line, value in read_json_items(path, max_bytes):
        report.docs_read += 1
        yield _parse(Record(path, line, value), str(report.docs_read), report)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _parse(record: Record, doc_id: str, report: ConversionReport) -> Annotation:
    words = record.get("tokens", list)
    if not all(isinstance(word, str) and word for word in words):
        record.fail(f"text {doc_id}: the field 'tokens' must hold texts that are not empty")
    entities: List[Tuple[int, int, str]] = read_rows(record, "entities", record.get("entities", list), 2, doc_id)
    for start, end, label in entities:
        if not 0 <= start < end <= len(words):
            record.fail(f"text {doc_id}: entity {label!r}, tokens {start} to {end}, is not in {len(words)} tokens")
    if "relations" not in record.value:
        return Annotation.from_words(doc_id, words, entities)
    rows = read_rows(record, "relations", record.get("relations", list), 4, doc_id)
    places = [(start, end) for start, end, _ in entities]
    return Annotation.from_words(doc_id, words, entities, join_spans(rows, places, doc_id, report))
