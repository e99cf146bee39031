"""SpERT's JSON: a list of texts with tokens, entities and relations between places in the list of entities."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Tuple

from ...errors import Errors
from ..files import MAX_BYTES
from .annotation import Annotation, ConversionReport
from .json_items import read_json_items
from .records import Record


def read_spert(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read a list of objects with `tokens`, `entities` (`start`, first token; `end`, last token exclusive; `type`) and
    `relations` (`head` and `tail`, places in `entities`; `type`).

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest text.
    YIELDS (Annotation): The texts, named by their `orig_id`, or else by their place in the list, counted from 1, with
        the tokens of the file. A text without `relations` is not annotated with them.
    RAISES (ValueError): VE303 for a text that is not in this format, VE304 for an empty file, VE341 for a text that is
        too long.
    """
    for line, value in read_json_items(path, max_bytes):
        report.docs_read += 1
        record = Record(path, line, value)
        doc_id = str(value.get("orig_id", report.docs_read))
        words = record.get("tokens", list)
        if not all(isinstance(word, str) and word for word in words):
            record.fail(f"text {doc_id}: the field 'tokens' must hold texts that are not empty")
        spans: List[Tuple[int, int, str]] = []
        for item in record.items("entities"):
            start, end, label = item.get("start", int), item.get("end", int), item.get("type", str)
            if not 0 <= start < end <= len(words):
                item.fail(f"text {doc_id}: entity {label!r}, tokens {start} to {end}, is not in {len(words)} tokens")
            spans.append((start, end, label))
        relations = _read_relations(record, len(spans), doc_id, report) if "relations" in value else None
        yield Annotation.from_words(doc_id, words, spans, relations)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _read_relations(record: Record, n_spans: int, doc_id: str, report: ConversionReport) -> List[Tuple[int, int, str]]:
    relations = []
    for item in record.items("relations"):
        head, tail, label = item.get("head", int), item.get("tail", int), item.get("type", str)
        if not label:
            item.fail("the field 'relations.type' is empty")
        if 0 <= head < n_spans and 0 <= tail < n_spans:
            relations.append((head, tail, label))
        else:
            which = "tail" if 0 <= head < n_spans else "head"
            report.lose_relation(doc_id, label, f"no entity for its {which}")
    return relations
